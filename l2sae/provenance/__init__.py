"""Provenance: policy, watermark, signed manifest and audit log of every export; inspection of any picture.

Names are imported on first use: the localiser, say, is trained where nothing for signing is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2sae.provenance.audit import AuditLog, Entry, LogCheck
    from l2sae.provenance.blind import BlindWatermark
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
    "BlindWatermark",
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

_NAMES = {
    "audit": ("AuditLog", "Entry", "LogCheck"),
    "blind": ("BlindWatermark",),
    "errors": ("MarkError", "PolicyError", "ProvenanceError"),
    "exporting": ("Export", "check_destination", "export"),
    "fingerprint": ("digest_recipe", "perceptual_hash"),
    "inspection": ("Inspection", "inspect"),
    "keys": ("Credentials", "development_root", "load_credentials"),
    "localiser": ("Localiser", "LocaliserError", "load_localiser"),
    "manifest": ("Verification", "verify"),
    "policy": ("Policy", "load_policy"),
    "watermark": ("Detection", "RivaGan", "Watermark", "detection_threshold"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"l2sae.provenance.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'l2sae.provenance' has no attribute {name!r}")
