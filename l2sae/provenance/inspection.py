"""What can be said of a picture file: its manifest, its watermark, the audit log, and where it looks edited."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l2sae.pictures.errors import EditError
from l2sae.pictures.reading import load_picture
from l2sae.provenance.audit import AuditLog, Entry
from l2sae.provenance.detector.localiser import MIN_SIDE, load_for_photos
from l2sae.provenance.exporting import LOG_FILE
from l2sae.provenance.fingerprint import digest_file
from l2sae.provenance.keys import home_folder
from l2sae.provenance.manifest import verify
from l2sae.provenance.manifest_report import Verification
from l2sae.provenance.mark import Detection, Watermark
from l2sae.provenance.pattern_mark import known_marks

Localiser = Callable[[NDArray[np.uint8]], tuple[float, NDArray[np.floating]]]
EDITED = 0.5  # heat from which a pixel counts as edited

_MANIFEST_SAYS = {
    "trusted": "The manifest is intact and signed by {signer}, who is trusted.",
    "valid": "The manifest is intact and signed by {signer}; whether that is who it says is not known.",
    "development": "The manifest is intact and signed with a certificate that anyone can make: {signer}.",
    "expired": "The manifest is intact; the certificate of {signer} has expired; no trusted authority states the time.",
    "tampered": "The file was changed after it was signed, or its manifest is damaged: do not rely on the manifest.",
    "none": "There is no manifest: there was none, or it was removed.",
}


@dataclass(frozen=True)
class Inspection:
    """What was found of a picture.

    Attributes:
        manifest: from `verify`.
        watermark: the mark that was found, or that the default one was not; None where a damaged file cannot be read.
        others: the findings for the other marks that this package knows.
        exact: lines of the log on this very file, newest first.
        similar: other lines on pictures that look like it.
        heat: where it looks edited, (H, W) in [0, 1], if a localiser was given.
        score: how edited it looks as a whole, in [0, 1], likewise.
        reported_from: the score from which the localiser's finding is worth a sentence.
    """

    manifest: Verification
    watermark: Detection | None
    exact: tuple[Entry, ...] = ()
    similar: tuple[Entry, ...] = ()
    heat: NDArray[np.floating] | None = None
    score: float | None = None
    others: tuple[Detection, ...] = ()
    reported_from: float = 0.5

    @property
    def looks_edited(self) -> bool:
        """Whether the localiser is sure enough of an edit; False says nothing."""
        return self.score is not None and self.score >= self.reported_from

    @property
    def edited(self) -> bool:
        """Whether anything says that the picture is an export of this package. False does not say that it is not."""
        marked = self.watermark is not None and self.watermark.marked
        return self.manifest.ours or marked or bool(self.exact)

    @property
    def verdict(self) -> str:
        """The findings in plain sentences; that a picture is not edited is never one of them."""
        manifest = self.manifest
        known = "development" if manifest.status == "valid" and manifest.development else manifest.status
        sentences = [_MANIFEST_SAYS[known].format(signer=manifest.signer)]
        if (share := manifest.facts.get("changed_share")) is not None and manifest.intact:
            sentences.append(f"It states that {share:.1%} of the pixels were edited.")
        sentences += self._history_says()
        sentences += [self._watermark_says(), self._log_says()]
        if self.looks_edited and self.heat is not None:
            share = float((self.heat >= EDITED).mean())
            seen = f"{share:.1%} of the pixels for edited (score {self.score:.4g}, {self.reported_from:.4g} needed)"
            sentences.append(f"The localiser takes {seen}, which is a hint and no proof.")
        if not self.edited:
            sentences.append("No mark found; this does not show that the picture is unedited.")
        return " ".join(sentences)

    def _history_says(self) -> list[str]:
        """One sentence for each picture that this one came from, as their manifests have it."""
        said = []
        for step in self.manifest.history[1:]:
            done = ", ".join(action.removeprefix("c2pa.") for action in step.actions) or "nothing stated"
            algorithm = ", by a trained algorithm" if step.generated else ""
            said.append(f"Before: {step.tool} ({done}{algorithm}), signed by {step.signer or 'someone unnamed'}.")
        return said

    def _watermark_says(self) -> str:
        mark = self.watermark
        if mark is None:
            return "The picture itself is damaged and cannot be read."
        count = "; ".join(f"{one.name}: {one.evidence}" for one in (mark, *(() if mark.marked else self.others)))
        return f"The watermark is there ({count})." if mark.marked else f"No watermark was found ({count})."

    def _log_says(self) -> str:
        if self.exact:
            return f"The audit log holds this file: line {self.exact[0].number}, {self.exact[0].time:%Y-%m-%d}."
        if self.similar:
            lines = ", ".join(str(entry.number) for entry in self.similar[:3])
            return f"The audit log holds exports that look like it: line {lines}."
        return "The audit log of this machine does not know it."


def inspect(
    photo: str | Path,
    *,
    log: AuditLog | None = None,
    trust_anchors: str | Path | None = None,
    localiser: Localiser | bool = True,
    watermark: Watermark | None = None,
    home: str | Path | None = None,
) -> Inspection:
    """Find out what a picture file says of itself, and what this machine knows of it.

    Args:
        photo: the file.
        log: the audit log; None is ``audit.jsonl`` in ``home``.
        trust_anchors: PEM file of the certificate authorities to trust, see `verify`.
        localiser: picture (H, W, 3) uint8 -> score in [0, 1] and heat map (H, W) in [0, 1] of where it looks edited.
            True takes that of `l2sae.provenance.detector.localiser.load_for_photos`, False none. Below its threshold
            (0.5 where it has none) the verdict says nothing of edits.
        watermark: the one to look for; None looks for all that exports carry or have carried (`known_marks`).
        home: folder of keys and log; None takes L2SAE_HOME or the user's data folder.

    Returns:
        The findings; ``.verdict`` puts them into words.

    Raises:
        EditError: no such file, or not a picture.
        LocaliserError: the localiser's file cannot be read.
        ProvenanceError: the log or the trust anchors cannot be read.
    """
    manifest = verify(photo, trust_anchors)
    log = log or AuditLog(home_folder(home) / LOG_FILE)
    exact = log.find(digest=digest_file(photo))
    try:
        picture = load_picture(photo).pixels
    except EditError:
        if manifest.status == "none":
            raise
        return Inspection(manifest, None, tuple(exact))
    similar = [entry for entry in log.find(picture=picture) if entry.id not in {one.id for one in exact}]
    watcher = load_for_photos() if localiser is True else localiser
    score, heat = watcher(picture) if watcher and min(picture.shape[:2]) >= MIN_SIDE else (None, None)
    reported_from = float(getattr(watcher, "threshold", EDITED))
    detections = [one.detect(picture) for one in ((watermark,) if watermark else known_marks())]
    found = next((one for one in detections if one.marked), detections[0])
    others = tuple(one for one in detections if one is not found)
    return Inspection(manifest, found, tuple(exact), tuple(similar), heat, score, others, reported_from)
