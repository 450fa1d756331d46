"""Provenance: policy, watermark, signed manifest and audit log of every export; inspection of any picture."""

from l2sae.provenance.audit import AuditLog, Entry, LogCheck
from l2sae.provenance.errors import MarkError, PolicyError, ProvenanceError
from l2sae.provenance.exporting import Export, check_destination, export
from l2sae.provenance.fingerprint import digest_recipe, perceptual_hash
from l2sae.provenance.inspection import Inspection, inspect
from l2sae.provenance.keys import Credentials, development_root, load_credentials
from l2sae.provenance.localiser import Localiser, LocaliserError, load_localiser
from l2sae.provenance.manifest import Verification, verify
from l2sae.provenance.policy import Policy, load_policy
from l2sae.provenance.watermark import Detection, RivaGan, Watermark, detection_threshold

__all__ = [
    "AuditLog",
    "Credentials",
    "Detection",
    "Entry",
    "Export",
    "Inspection",
    "Localiser",
    "LocaliserError",
    "LogCheck",
    "MarkError",
    "Policy",
    "PolicyError",
    "ProvenanceError",
    "RivaGan",
    "Verification",
    "Watermark",
    "check_destination",
    "detection_threshold",
    "development_root",
    "digest_recipe",
    "export",
    "inspect",
    "load_credentials",
    "load_localiser",
    "load_policy",
    "perceptual_hash",
    "verify",
]
