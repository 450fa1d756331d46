from .audit import AuditLog, Entry, LogCheck
from .blind_mark import BlindWatermark
from .detector.localiser import Localiser, LocaliserError, load_localiser
from .export_errors import MarkError, PolicyError, ProvenanceError
from .exporting import Export, check_destination, export
from .exporting_session import EditSession
from .fingerprint import digest_recipe, perceptual_hash
from .inspection import Inspection, inspect
from .keys import Credentials, development_root, load_credentials
from .manifest import verify
from .manifest_report import HistoryStep, Verification
from .mark import Detection, RivaGan, Watermark, detection_threshold
from .pattern_mark import PatternMark, known_marks, make_mark
from .policy import Policy, load_policy

__all__ = [
    "AuditLog",
    "BlindWatermark",
    "Credentials",
    "Detection",
    "EditSession",
    "Entry",
    "Export",
    "HistoryStep",
    "Inspection",
    "Localiser",
    "LocaliserError",
    "LogCheck",
    "MarkError",
    "PatternMark",
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
    "known_marks",
    "load_credentials",
    "load_localiser",
    "load_policy",
    "make_mark",
    "perceptual_hash",
    "verify",
]
