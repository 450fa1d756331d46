from .audit import AuditLog, Entry, LogCheck
from .blind import BlindWatermark
from .errors import MarkError, PolicyError, ProvenanceError
from .exporting import Export, check_destination, export
from .fingerprint import digest_recipe, perceptual_hash
from .inspection import Inspection, inspect
from .keys import Credentials, development_root, load_credentials
from .localiser import Localiser, LocaliserError, load_localiser
from .manifest import Verification, verify
from .policy import Policy, load_policy
from .watermark import Detection, RivaGan, Watermark, detection_threshold

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
