"""A time-stamp authority (RFC 3161) on this machine, whose answers OpenSSL writes."""

import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from l2sae.provenance.keys import certificate_builder

CONFIGURATION = """
[tsa]
serial = {folder}/serial
signer_cert = {folder}/leaf.pem
certs = {folder}/root.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
"""


@contextmanager
def time_authority(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address, and the certificate (PEM) of who vouches for it; ``folder`` takes its keys."""
    folder.mkdir()
    root = _certificates(folder)
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")

    class Authority(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query"]
            reply = subprocess.run([*command, "-out", "reply"], cwd=folder, capture_output=True, check=False)
            assert reply.returncode == 0, reply.stderr
            content = (folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Authority) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", root
        server.shutdown()


def _certificates(folder: Path) -> str:
    """Write key, leaf and root of the authority; the root."""
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Time root", "Time authority")]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    root = certificate_builder(names[0], keys[0], names[0], keys[0]).add_extension(
        x509.BasicConstraints(True, None), critical=True
    )
    root = root.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
    leaf = (
        certificate_builder(names[1], keys[1], names[0], keys[0])
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    )
    signed = [one.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for one in (root, leaf)]
    (folder / "root.pem").write_bytes(signed[0])
    (folder / "leaf.pem").write_bytes(signed[1])
    (folder / "key.pem").write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return signed[0].decode()
