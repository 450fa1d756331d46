"""The one way by which pictures leave: policy, watermark, manifest, audit log, and only then the file."""

import contextlib
import functools
import getpass
import hashlib
import io
import os
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing.recipe import Recipe
from l2sae.editing.recipe_fields import digest_picture
from l2sae.pictures.errors import EditError, PictureWarning
from l2sae.pictures.files import check_outputs, is_full, move_into_place, partial_file, path_of
from l2sae.pictures.metadata import Metadata
from l2sae.pictures.reading import load_picture
from l2sae.pictures.writing import QUALITY, check_storable, encode, format_of, storable
from l2sae.provenance.audit import AuditLog, Entry
from l2sae.provenance.export_errors import MarkError, ProvenanceError
from l2sae.provenance.fingerprint import digest_recipe, digest_text, perceptual_hash
from l2sae.provenance.keys import CERTIFICATE_VARIABLE, KEY_VARIABLE, Credentials, home_folder, load_credentials
from l2sae.provenance.manifest import NO_MARK, sign
from l2sae.provenance.manifest_boxes import has_manifest_box
from l2sae.provenance.mark import Watermark
from l2sae.provenance.pattern_mark import make_mark
from l2sae.provenance.policy import DEFAULT_FILE, Policy, load_policy

LOG_FILE = "audit.jsonl"

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Export:
    """An exported file.

    Attributes:
        path: where it is.
        entry: its line in the audit log.
        bits_matched: how many bits of the mark it carries; None without a mark.
        recipe: of the edit, if it was given.
        unmarked_reason: why it carries no mark; None where it carries one.
    """

    path: Path
    entry: Entry
    bits_matched: int | None
    recipe: Recipe | None
    unmarked_reason: str | None = None

    @property
    def marked(self) -> bool:
        """Whether the file carries the watermark."""
        return self.unmarked_reason is None


def kept_files() -> list[Path]:
    """Files that nothing written may replace: keys, the log, and the policy of the working folder."""
    folder = home_folder()
    named = [os.environ.get(name) for name in (CERTIFICATE_VARIABLE, KEY_VARIABLE)]
    return [
        folder / LOG_FILE,
        *folder.glob("development/*"),
        Path(DEFAULT_FILE),
        *(path_of(one) for one in named if one),
    ]


@dataclass(frozen=True)
class _Encoded:
    """A picture file's bytes, the mark that was found in them and its matching bits, or why there is none."""

    encoded: bytes
    mark: str | None = None
    bits: int | None = None
    unmarked_reason: str | None = None


def export(
    picture: Picture,
    path: str | Path,
    *,
    purpose: str,
    recipe: Recipe | None = None,
    original: Picture | None = None,
    matte: Picture | None = None,
    policy: str | Path | Policy | None = None,
    consent: str | None = None,
    unmarked: bool = False,
    quality: int = QUALITY,
    overwrite: bool = False,
    icc_profile: bytes | None = None,
    metadata: Metadata | None = None,
    flatten: bool = False,
    watermark: Watermark | None = None,
    credentials: Credentials | None = None,
    log: AuditLog | None = None,
    home: str | Path | None = None,
    export_id: str | None = None,
    source: str | Path | None = None,
) -> Export:
    """Write a picture that is marked, signed and logged; if any of that fails, no file appears.

    A picture that cannot carry the mark (tiny, flat, or too strongly compressed) goes out without it, signed and logged
    as unmarked with the reason, unless the policy says ``mark_required``.

    Args:
        picture: (H, W, 3) uint8, or (H, W, 4) whose alpha is kept.
        path: ends in one of `l2sae.pictures.writing.FORMATS`.
        purpose: one that the policy allows.
        recipe: of the edit; its result has to be ``picture``.
        original: the photo that was edited, of the same size, for the share of pixels changed.
        matte: (H, W) uint8, where it was edited; its digest is recorded.
        policy: a file or `Policy`; None is ``policy.yaml`` of the working folder, or the shipped one.
        consent: a reference to the consent of the person shown; its digest is recorded.
        unmarked: leave the watermark out. The policy has to allow it, and manifest and log say so.
        quality: of JPEG and WebP, 1 to 100.
        overwrite: replace an existing file.
        icc_profile: colour profile of the picture.
        metadata: of the photo, for the file: see `l2sae.pictures.metadata`.
        flatten: lay transparency over white, with a `PictureWarning`, where the kind of file holds none; otherwise
            that is an error.
        watermark: None takes the one that the policy names (``mark``).
        credentials: from `load_credentials`; None takes those of the environment, or development ones.
        log: the audit log; None is ``audit.jsonl`` in ``home``.
        home: folder of keys and log; None takes L2SAE_HOME or the user's data folder.
        export_id: 32 hexadecimal digits that name the export in manifest and log; None draws them. An export that was
            cut off can be made again under its id: the line that it left in the log stays the only one, and a second
            line is written only where the file's bytes differ.
        source: the file of the photo that was edited. Its manifest, if any, becomes part of the export's, so that
            `inspect` can tell the history. None takes the recipe's file, as long as it still holds that photo.

    Returns:
        Where the file is, and its line in the log.

    Raises:
        PolicyError: the policy forbids it.
        MarkError: the picture cannot carry the mark, and the policy requires it.
        ProvenanceError: the file exists, or a step failed.
    """
    path, rules, user = path_of(path), load_policy(policy), current_user()
    check_outputs([*([] if recipe is None else recipe.files), *([] if source is None else [source])], [path])
    check_destination(path, overwrite)
    rules.check(purpose, consent, recipe, unmarked, user)
    _check_picture(picture, path, quality, recipe, flatten)
    facts = _describe(picture, recipe, original, matte) | {"purpose": purpose, "policy_sha256": rules.digest}
    folder = home_folder(home)
    credentials = credentials or load_credentials(home=folder)
    mark = None if unmarked else watermark or make_mark(rules.mark)
    written = _mark(_stored(picture, path), path, mark, quality, icc_profile, metadata)
    if written.unmarked_reason and rules.mark_required:
        raise MarkError(f"{path}: policy, mark_required: {written.unmarked_reason}")
    facts |= {"export": export_id or uuid.uuid4().hex, "watermark": written.mark or NO_MARK}
    facts |= {"unmarked_reason": written.unmarked_reason}
    parent = _read_source(source, recipe)
    encoded = sign(written.encoded, format_of(path).mime, facts, credentials, parent, rules.tsa_url)
    record = {
        "event": "export" if written.mark else "unmarked export",
        **facts,
        "watermark_bits": written.bits,
        "file_sha256": hashlib.sha256(encoded).hexdigest(),
        "perceptual_hash": perceptual_hash(picture[..., :3]),
        "consent_sha256": digest_text(consent) if consent else None,
        "user_sha256": digest_text(user),
        "delete_by": rules.delete_by(datetime.now(UTC).date()).isoformat(),
        "development_key": credentials.development,
    }
    entry = _publish(encoded, path, overwrite, log or AuditLog(folder / LOG_FILE), record, export_id)
    return Export(path, entry, written.bits, recipe, written.unmarked_reason)


def check_destination(path: Path, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before any work is done for it."""
    try:
        format_of(path)
    except EditError as error:
        raise ProvenanceError(str(error)) from None
    if path.exists() and not overwrite:
        raise ProvenanceError(f"{path} exists: give another name, or overwrite=True")
    if not path.parent.is_dir():
        raise ProvenanceError(f"{path.parent}: no such folder")


def current_user() -> str:
    """The name by which the policy knows who exports."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"


def _stored(picture: Picture, path: Path) -> Picture:
    """The picture as the file can hold it; what it cannot is said."""
    stored, note = storable(picture, path)
    if note is not None:
        warnings.warn(note, PictureWarning, stacklevel=3)
    return stored


def _check_picture(picture: Picture, path: Path, quality: int, recipe: Recipe | None, flatten: bool) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4):
        raise ProvenanceError(f"picture {picture.shape} of {picture.dtype}: give uint8 (H, W, 3) or (H, W, 4)")
    if picture.shape[2] == 4 and not format_of(path).alpha and not flatten:
        raise ProvenanceError(f"{path}: JPEG has no transparency: export a .png, or picture[..., :3]")
    check_storable(path, *picture.shape[:2])
    if not 1 <= quality <= 100:
        raise ProvenanceError(f"quality={quality}: give 1 to 100")
    if recipe is not None and recipe.result_sha256 != digest_picture(picture[..., :3]):
        raise ProvenanceError("recipe: its result is another picture: export what session.render() or replay() returns")


def _describe(
    picture: Picture, recipe: Recipe | None, original: Picture | None, matte: Picture | None
) -> dict[str, Any]:
    """What manifest and log say of an edit: digests and the share of pixels changed; None where it is not known."""
    changed = None
    if original is not None:
        if original.shape != picture.shape:
            raise ProvenanceError(f"original {original.shape}: needs the picture's shape, {picture.shape}")
        planes = np.moveaxis(original != picture, 2, 0)  # any(axis=2) takes five times as long
        changed = round(float(functools.reduce(np.logical_or, planes).mean()), 6)
    source = recipe.photo.sha256 if recipe else None
    if source is None and original is not None:
        source = digest_picture(original[..., :3])
    return {
        "original_sha256": source,
        "recipe_sha256": digest_recipe(recipe) if recipe else None,
        "model_sha256": recipe.model_sha256 if recipe else None,
        "result_sha256": digest_picture(picture[..., :3]),
        "matte_sha256": digest_picture(matte) if matte is not None else None,
        "changed_share": changed,
    }


def _read_source(source: str | Path | None, recipe: Recipe | None) -> bytes | None:
    """The bytes of the photo's file, if it has a manifest; the recipe's only if it still is the photo of the recipe."""
    named = source or (recipe.photo.path if recipe else None)
    if named is None or not (path := path_of(named)).is_file():
        return None
    encoded = path.read_bytes()
    if not has_manifest_box(encoded):
        return None
    if source is None and recipe is not None and digest_picture(load_picture(path).pixels) != recipe.photo.sha256:
        return None
    return encoded


def _mark(
    picture: Picture,
    path: Path,
    watermark: Watermark | None,
    quality: int,
    icc_profile: bytes | None,
    metadata: Metadata | None,
) -> _Encoded:
    """The picture file's bytes, marked; without the mark where there is to be none, or where it does not hold."""
    plain = functools.partial(encode, picture, path, quality, icc_profile, metadata)
    if watermark is None:
        return _Encoded(plain(), unmarked_reason="no mark was asked for")
    shown = np.concatenate([watermark.embed(picture[..., :3]), picture[..., 3:]], axis=2)
    encoded = encode(shown, path, quality, icc_profile, metadata)
    with Image.open(io.BytesIO(encoded)) as written:
        found = watermark.detect(np.asarray(written.convert("RGB")))
    if found.marked:
        return _Encoded(encoded, watermark.name, found.bits_matched)
    reason = f"the watermark does not hold in this picture ({found.evidence}); a larger one or a higher quality may"
    return _Encoded(plain(), unmarked_reason=f"{reason} carry it")


def _publish(
    encoded: bytes, path: Path, overwrite: bool, log: AuditLog, record: Mapping[str, Any], export_id: str | None
) -> Entry:
    """Log the export, then let the file appear, whole; a file that cannot is logged as withdrawn."""
    with contextlib.ExitStack() as stack:
        try:
            partial = stack.enter_context(partial_file(path, encoded))
        except OSError as error:
            if is_full(error):
                raise
            raise ProvenanceError(f"{path}: cannot write there: {error.strerror}") from None
        entry = log.append(record, export_id)
        if entry.record.get("file_sha256") != record["file_sha256"]:  # an attempt that ended before its file appeared
            entry = log.append({**record, "event": f"repeated {record['event']}"})
        try:
            move_into_place(partial, path, overwrite)
        except OSError as error:
            log.append({"event": "withdrawn", "export": record["export"]})
            reason = "it exists now" if isinstance(error, FileExistsError) else error.strerror
            raise ProvenanceError(f"{path}: cannot be written: {reason}; the log says so") from None
        return entry
