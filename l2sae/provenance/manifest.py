"""Signed manifests (C2PA): written into a picture's bytes, read back, and verified. Works without a network."""

import io
import json
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import c2pa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from l2sae.pictures.writing import FORMATS
from l2sae.provenance.export_errors import ProvenanceError
from l2sae.provenance.keys import Credentials
from l2sae.provenance.manifest_boxes import has_manifest_box, mime_of
from l2sae.provenance.manifest_report import LABEL, Verification, read_report

_PARENT = {"label": "original", "title": "Original photo", "relationship": "parentOf"}
NO_MARK = "none"  # what manifest and log call the watermark of a picture that carries none
ANCHORS_VARIABLE = "L2SAE_TRUST_ANCHORS"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MIME_TYPES = {ending: kind.mime for ending, kind in FORMATS.items()}


def sign(
    encoded: bytes,
    mime: str,
    facts: Mapping[str, Any],
    credentials: Credentials,
    source: bytes | None = None,
    tsa_url: str | None = None,
) -> bytes:
    """Put a signed manifest into the bytes of a picture of one of the `FORMATS`.

    Args:
        encoded: the picture file's bytes.
        mime: its type, e.g. ``image/png``.
        facts: what the manifest says of the edit; ``original_sha256`` names the ingredient.
        credentials: from `load_credentials`.
        source: the bytes of the picture file that was edited; if it has a manifest, that becomes part of this one.
        tsa_url: a time-stamp authority (RFC 3161), which is asked to state when the manifest was signed; None: no
            network is used.

    Raises:
        ProvenanceError: certificate and key do not fit, or do not suit C2PA; or the authority cannot be reached.
    """
    quiet = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signed = io.BytesIO()
    try:
        chain, key = credentials.chain.encode(), credentials.private_key.encode()
        info = c2pa.C2paSignerInfo(_algorithm(key), chain, key, tsa_url.encode() if tsa_url else None)
        parent = _readable(source)
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_definition(mime, facts, parent is None), c2pa.Context(quiet)) as builder,
        ):
            if parent is not None:
                builder.add_ingredient(_PARENT, mime_of(parent), io.BytesIO(parent))
            builder.sign(signer, mime, io.BytesIO(encoded), signed)
    except (c2pa.C2paError, ValueError, TypeError) as error:
        check = f", and that {tsa_url} can be reached" if tsa_url else ""
        raise ProvenanceError(f"cannot sign the manifest: {error}; check the certificate and its key{check}") from None
    return signed.getvalue()


def _readable(source: bytes | None) -> bytes | None:
    """The source's bytes if they hold a manifest that can be read; one that cannot is no history."""
    if source is None or not has_manifest_box(source):
        return None
    try:
        with c2pa.Reader(mime_of(source) or "image/png", io.BytesIO(source)):
            return source
    except c2pa.C2paError:
        return None


def verify(path: str | Path, trust_anchors: str | Path | None = None) -> Verification:
    """Check the manifest of a picture file against the file's bytes.

    Args:
        path: of one of the `FORMATS`.
        trust_anchors: PEM file of the certificate authorities to trust; or its text; else the file that
            L2SAE_TRUST_ANCHORS names; else nobody is trusted.

    Raises:
        ProvenanceError: no such file, or no readable trust anchors.
    """
    path = Path(path).expanduser()
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot read the picture: {error.strerror}") from None
    anchors = _read_anchors(trust_anchors or os.environ.get(ANCHORS_VARIABLE))
    settings = {"trust": {"trust_anchors": anchors}} if anchors else {"verify": {"verify_trust": True}}
    mime = mime_of(encoded) or MIME_TYPES.get(path.suffix.lower(), "image/png")
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with c2pa.Reader(mime, io.BytesIO(encoded), context=context) as reader:
            state, report = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        return Verification("tampered" if has_manifest_box(encoded) else "none", reasons=(str(error),))
    return read_report(state, report)


def _definition(mime: str, facts: Mapping[str, Any], plain_source: bool) -> dict[str, Any]:
    """What the manifest states, in the terms of C2PA 2.2; facts that are None are left out.

    A source without a manifest (``plain_source``) is an ingredient by its digest alone.
    """
    agent = {"name": "l2sae", "version": metadata.version("l2sae")}
    photo = _PARENT | {"format": "application/octet-stream"}
    digest = f"urn:sha256:{facts.get('original_sha256') or 'unknown'}"
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
        "ingredients": [photo | {"instance_id": digest}] if plain_source else [],
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


def _read_anchors(anchors: str | Path | None) -> str | None:
    if anchors is None or (isinstance(anchors, str) and anchors.startswith("-----BEGIN")):
        return anchors
    try:
        text = Path(anchors).expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvenanceError(f"{anchors}: cannot read the trust anchors: {error}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ProvenanceError(f"{anchors}: no certificate in it: give a PEM file of those to trust")
    return text
