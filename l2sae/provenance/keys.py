"""Where keys live, and the development certificate that is made on first use."""

import datetime
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from l2sae.provenance.export_errors import ProvenanceError

HOME_VARIABLE = "L2SAE_HOME"
CERTIFICATE_VARIABLE = "L2SAE_CERTIFICATE"
KEY_VARIABLE = "L2SAE_PRIVATE_KEY"
DEVELOPMENT_NAME = "L2SAE development certificate (untrusted)"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
YEARS = 5
RENEWAL_DAYS = 180  # before a development certificate expires, another one takes its place
_FOLDER, _CHAIN, _KEY, _ROOT = "development", "chain.pem", "key.pem", "root.pem"


@dataclass(frozen=True)
class Credentials:
    """What signs a manifest: the certificate chain, leaf first, and the leaf's private key (P-256), both PEM."""

    chain: str
    private_key: str = field(repr=False)
    development: bool = False


def home_folder(home: str | Path | None = None) -> Path:
    """The folder of keys and log, made if absent: ``home``, else L2SAE_HOME, else one in the user's data folder."""
    given = home or os.environ.get(HOME_VARIABLE)
    folder = Path(given).expanduser() if given else platformdirs.user_data_path("l2sae", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ProvenanceError(f"{folder}: cannot make it: {error.strerror}; set {HOME_VARIABLE}") from None
    return folder


def load_credentials(
    certificate: str | Path | None = None, private_key: str | Path | None = None, home: str | Path | None = None
) -> Credentials:
    """Credentials from PEM files, by parameter or L2SAE_CERTIFICATE and L2SAE_PRIVATE_KEY; else development ones.

    Raises:
        ProvenanceError: only one of the two is given, or a file cannot be read.
    """
    certificate = certificate or os.environ.get(CERTIFICATE_VARIABLE)
    private_key = private_key or os.environ.get(KEY_VARIABLE)
    if (certificate is None) != (private_key is None):
        raise ProvenanceError(f"give both a certificate and its key ({CERTIFICATE_VARIABLE}, {KEY_VARIABLE}), or none")
    if certificate is not None and private_key is not None:
        return Credentials(_read(Path(certificate).expanduser()), _read(Path(private_key).expanduser()))
    folder = _development_folder(home_folder(home))
    return Credentials(_read(folder / _CHAIN), _read(folder / _KEY), development=True)


def development_root(home: str | Path | None = None) -> str:
    """The development CA's certificates, PEM. Whoever takes them as trust anchors trusts this machine's exports.

    Earlier certificates, which have been renewed since, are among them, so that older exports stay trusted.
    """
    return _read(_development_folder(home_folder(home)) / _ROOT)


def _development_folder(home: Path) -> Path:
    """The folder of the development CA, made whole or not at all; one that is about to expire is made anew."""
    folder = home / _FOLDER
    with FileLock(home / f"{_FOLDER}.lock", mode=0o600):
        _finish_renewal(folder)
        if not folder.exists() or _expires_soon(folder / _CHAIN):
            earlier = _read(folder / _ROOT) if folder.exists() else ""
            partial = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}-", dir=home))  # mkdtemp: for this user alone
            try:
                for name, text in _make_development().items():
                    _write_private(partial / name, text + (earlier if name == _ROOT else ""))
                if folder.exists():
                    folder.rename(_set_aside(folder))
                partial.rename(folder)
                shutil.rmtree(_set_aside(folder), ignore_errors=True)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.expiring")


def _finish_renewal(folder: Path) -> None:
    """Undo a renewal that was cut off between the two names: the earlier keys come back, and are renewed again."""
    if _set_aside(folder).exists() and not folder.exists():
        _set_aside(folder).rename(folder)
    shutil.rmtree(_set_aside(folder), ignore_errors=True)


def _expires_soon(chain: Path) -> bool:
    leaf = x509.load_pem_x509_certificate(_read(chain).encode())
    left = leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left < datetime.timedelta(days=RENEWAL_DAYS)


def _make_development() -> dict[str, str]:
    """A root and a leaf below it; the root's key is thrown away, so that it never signs anything else."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = _name("L2SAE development CA (untrusted)"), _name(DEVELOPMENT_NAME)
    root = (
        certificate_builder(root_name, root_key, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        certificate_builder(leaf_name, leaf_key, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    root_pem, leaf_pem = (one.public_bytes(serialization.Encoding.PEM).decode() for one in (root, leaf))
    return {_CHAIN: leaf_pem + root_pem, _ROOT: root_pem, _KEY: key.decode()}


def certificate_builder(
    subject: x509.Name, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey
) -> x509.CertificateBuilder:
    """What every certificate says, valid from an hour ago for `YEARS`; its purposes and the signature are to come."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    parts = {NameOID.ORGANIZATION_NAME: "L2SAE development", NameOID.COMMON_NAME: common}
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


def _usage(certificates: bool) -> x509.KeyUsage:
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    rest = dict.fromkeys((*unused, "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates, **rest)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvenanceError(f"{path}: cannot read this PEM file: {error}") from None
