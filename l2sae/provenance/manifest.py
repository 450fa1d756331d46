"""Signed manifests (C2PA): written into a picture's bytes, read back, and verified. Works without a network."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import c2pa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from l2sae.provenance.export_errors import ProvenanceError
from l2sae.provenance.keys import DEVELOPMENT_NAME, Credentials

LABEL = "org.l2sae.edit"
NO_MARK = "none"  # what manifest and log call the watermark of a picture that carries none
ANCHORS_VARIABLE = "L2SAE_TRUST_ANCHORS"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MIME_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_BOXES = (b"jumb", b"caBX", b"C2PA", b"c2pa")  # traces of a manifest that cannot be read any more

Status = Literal["trusted", "valid", "tampered", "stripped"]


@dataclass(frozen=True)
class Verification:
    """What a picture's manifest says.

    Attributes:
        status: ``trusted`` (intact, and signed under a trust anchor), ``valid`` (intact, but the signer is
            not known), ``tampered`` (changed since it was signed), or ``stripped`` (without a manifest).
        signer: common name in the signer's certificate.
        development: signed with a development certificate, which anyone can make.
        facts: what the manifest says of the edit: digests, share of pixels changed, purpose.
        reasons: codes of the C2PA specification for what did not hold.
    """

    status: Status
    signer: str | None = None
    development: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def sign(encoded: bytes, mime: str, facts: Mapping[str, Any], credentials: Credentials) -> bytes:
    """Put a signed manifest into the bytes of a PNG, JPEG or WebP picture.

    Args:
        encoded: the picture file's bytes.
        mime: its type, e.g. ``image/png``.
        facts: what the manifest says of the edit; ``original_sha256`` names the ingredient.
        credentials: from `load_credentials`.

    Raises:
        ProvenanceError: certificate and key do not fit, or do not suit C2PA.
    """
    quiet = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signed = io.BytesIO()
    try:
        chain, key = credentials.chain.encode(), credentials.private_key.encode()
        info = c2pa.C2paSignerInfo(_algorithm(key), chain, key, None)  # no time-stamp server: works offline
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_definition(mime, facts), c2pa.Context(quiet)) as builder,
        ):
            builder.sign(signer, mime, io.BytesIO(encoded), signed)
    except (c2pa.C2paError, ValueError, TypeError) as error:
        raise ProvenanceError(f"cannot sign the manifest: {error}; check the certificate and its key") from None
    return signed.getvalue()


def verify(path: str | Path, trust_anchors: str | Path | None = None) -> Verification:
    """Check the manifest of a picture file against the file's bytes.

    Args:
        path: PNG, JPEG or WebP.
        trust_anchors: PEM file of the certificate authorities to trust; or its text; else the file that
            L2SAE_TRUST_ANCHORS names; else nobody is trusted.

    Raises:
        ProvenanceError: no such file, or no readable trust anchors.
    """
    path = Path(path)
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot read the picture: {error.strerror}") from None
    anchors = _read_anchors(trust_anchors or os.environ.get(ANCHORS_VARIABLE))
    settings = {"trust": {"trust_anchors": anchors}} if anchors else {"verify": {"verify_trust": True}}
    mime = _mime_of(encoded) or MIME_TYPES.get(path.suffix.lower(), "image/png")
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with c2pa.Reader(mime, io.BytesIO(encoded), context=context) as reader:
            state, report = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        traces = any(box in encoded for box in _BOXES)  # a manifest was here, or what holds it is broken
        return Verification("tampered" if traces else "stripped", reasons=(str(error),))
    return _read_report(state, report)


def _read_report(state: str | None, report: Mapping[str, Any]) -> Verification:
    active = report["manifests"][report["active_manifest"]]
    assertions = {one["label"]: one.get("data", {}) for one in active.get("assertions", [])}
    signer = active.get("signature_info", {}).get("common_name")
    status: Status = {"Trusted": "trusted", "Valid": "valid"}.get(state or "", "tampered")  # type: ignore[assignment]
    reasons = tuple(dict.fromkeys(one["code"] for one in report.get("validation_status", [])))
    return Verification(status, signer, signer == DEVELOPMENT_NAME, assertions.get(LABEL, {}), reasons)


def _definition(mime: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest states, in the terms of C2PA 2.2; facts that are None are left out."""
    agent = {"name": "l2sae", "version": metadata.version("l2sae")}
    original = facts.get("original_sha256")
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["original"]}},
        {"action": "c2pa.color_adjustments", "softwareAgent": agent, "digitalSourceType": COMPOSITE},
        {"action": "c2pa.edited", "softwareAgent": agent, "digitalSourceType": COMPOSITE},
    ]
    if facts.get("watermark", NO_MARK) != NO_MARK:
        actions.append({"action": "c2pa.watermarked.unbound", "softwareAgent": agent})
    return {
        "claim_generator_info": [agent],
        "title": "Edited picture",
        "format": mime,
        "ingredients": [
            {
                "label": "original",
                "title": "Original photo",
                "format": "application/octet-stream",
                "relationship": "parentOf",
                "instance_id": f"urn:sha256:{original}" if original else "urn:sha256:unknown",
            }
        ],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": LABEL, "data": {name: value for name, value in facts.items() if value is not None}},
        ],
    }


def _algorithm(key: bytes) -> c2pa.C2paSigningAlg:
    """The signing algorithm that a private key (PEM) is for."""
    private = serialization.load_pem_private_key(key, password=None)
    if isinstance(private, rsa.RSAPrivateKey):
        return c2pa.C2paSigningAlg.PS256
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return c2pa.C2paSigningAlg.ED25519
    if isinstance(private, ec.EllipticCurvePrivateKey):
        sizes = {256: c2pa.C2paSigningAlg.ES256, 384: c2pa.C2paSigningAlg.ES384, 521: c2pa.C2paSigningAlg.ES512}
        return sizes[private.curve.key_size]
    raise ValueError("the private key is neither RSA, Ed25519 nor on a NIST curve")


def _mime_of(encoded: bytes) -> str | None:
    if encoded.startswith(b"\x89PNG"):
        return "image/png"
    if encoded.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP" else None


def _read_anchors(anchors: str | Path | None) -> str | None:
    if anchors is None or (isinstance(anchors, str) and anchors.startswith("-----BEGIN")):
        return anchors
    try:
        return Path(anchors).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvenanceError(f"{anchors}: cannot read the trust anchors: {error}") from None
