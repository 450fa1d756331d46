"""What a source of photos lists: faces with their masks, and what is left out and why.

Folders are listed by the names of their files alone; `l2sae.data.decode` reads them.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from l2sae.data.walk_folder import Skipped, walk

SPLITS = ("train", "val", "test")
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
_IMAGE_ROLE = r"images?|imgs?|rgb|photos?|pictures?"
_LABEL_ROLE = r"labels?|masks?|annotations?|annos?|segmentations?|segs?|gt|parsing"
_ROLE = re.compile(rf"(?:(?P<prefix>.*)[_\-. ])?(?:(?P<image>{_IMAGE_ROLE})|(?P<label>{_LABEL_ROLE}))", re.IGNORECASE)


class SourceError(ValueError):
    """A data set's folder does not hold what its source promises."""


@dataclass(frozen=True)
class MaskFile:
    """A mask: a whole label map (``part`` None), or the pixels of one part."""

    path: Path
    part: str | None = None


@dataclass(frozen=True)
class Entry:
    """One face: its name (unique, stable), photo, masks in paint order, and the split that the source declares.

    Attributes:
        soft: each mask holds the strength of a class, and the strongest wins; otherwise masks are layers.
        group: faces of one group, such as photos of one person, go to the same split; None: the face by itself.
        template: a file of points that outline the face's parts.
        attributes: what the data set states of the person.
        pinned: file -> its accepted sha256; empty: any.
    """

    name: str
    photo: Path
    masks: tuple[MaskFile, ...]
    split: str | None = None
    soft: bool = False
    group: str | None = None
    template: Path | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    pinned: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Listing:
    """What an importer found."""

    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def find_pairs(root: Path, given: str) -> list[tuple[Path, Path]]:
    """Pairs of (photo folder, label folder) that ``given`` stands for below ``root``.

    A pair is two folders side by side whose names differ only in their role: ``images`` and ``labels``, ``Train_RGB``
    and ``Train_Labels``, ``photos`` and ``masks``; letter case does not count. ``given`` is a folder that holds
    pairs at any depth, the common prefix of a pair (``Train``), the photo folder of one, or a sub-folder of both sides
    (``train`` for ``images/train`` and ``labels/train``).

    Raises:
        SourceError: no pair, or more than one label folder for a photo folder.
    """
    target = root / given
    pairs = _pairs_below(target) if target.is_dir() else []
    if not pairs and target.parent.is_dir():
        beside = _pairs_in(target.parent)
        pairs = [pair for pair in beside if pair[0] == target or _prefix(pair[0]) == target.name.casefold()]
    if not pairs:
        both = [(photos / given, labels / given) for photos, labels in _pairs_in(root)]
        pairs = [pair for pair in both if pair[0].is_dir() and pair[1].is_dir()]
    if not pairs:
        raise SourceError(
            f"data.root, data.split: {target}: found no photo folder with a label folder beside it; "
            "expected names like images and labels, or Train_RGB and Train_Labels"
        )
    return pairs


def _pairs_below(folder: Path) -> list[tuple[Path, Path]]:
    pairs = _pairs_in(folder)
    taken = {side for pair in pairs for side in pair}
    for child in _folders(folder):
        if child not in taken:
            pairs += _pairs_below(child)
    return pairs


def _pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Pairs among the direct sub-folders of ``folder``."""
    pairs = []
    labels: dict[str, list[Path]] = {}
    children = [(child, match) for child in _folders(folder) if (match := _ROLE.fullmatch(child.name))]
    for child, match in children:
        if match["label"]:
            labels.setdefault(_prefix(child), []).append(child)
    for child, match in children:
        found = labels.get(_prefix(child), []) if match["image"] else []
        if len(found) > 1:
            names = ", ".join(item.name for item in found)
            raise SourceError(f"data.root: {child} has several label folders beside it: {names}; keep one")
        pairs += [(child, label) for label in found]
    return pairs


def _prefix(folder: Path) -> str:
    match = _ROLE.fullmatch(folder.name)
    return ((match["prefix"] if match else folder.name) or "").casefold()


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def list_pair(listing: Listing, root: Path, photos: Path, labels: Path, split: str | None) -> None:
    """Match the photos and masks of two folders by relative path and stem."""
    pictures = pictures_in(photos, listing)
    masks = pictures_in(labels, listing)
    unlabelled: dict[Path, int] = {}
    for key, photo in pictures.items():
        if key in masks:
            name = photo.relative_to(root).with_suffix("").as_posix()
            listing.entries.append(Entry(name, photo, (MaskFile(masks[key]),), split))
        elif key.parent != Path() and not (labels / key.parent).is_dir():
            unlabelled[photo.parent] = unlabelled.get(photo.parent, 0) + 1
        else:
            listing.skipped.append(Skipped(photo, "photo without mask"))
    for folder, count in unlabelled.items():
        listing.skipped.append(Skipped(folder, f"folder without masks: {count} photos", bad=False))
    for key, mask in masks.items():
        if key not in pictures:
            listing.skipped.append(Skipped(mask, "mask without photo"))


def pictures_in(folder: Path, listing: Listing) -> dict[Path, Path]:
    """Relative path without suffix -> file, for the pictures below ``folder``; the rest is recorded as skipped."""
    found: dict[Path, Path] = {}
    files, skipped = walk(folder, _names_a_picture, "not a picture")
    listing.skipped += skipped
    for path in files:
        key = path.relative_to(folder).with_suffix("")
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            listing.skipped.append(Skipped(path, "symbolic link out of the folder"))
        elif key in found:
            listing.skipped.append(Skipped(path, f"same name as {found[key].name}"))
        else:
            found[key] = path
    return found


def _names_a_picture(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _PICTURES


def need(*paths: Path) -> None:
    """Raise `SourceError` for the first of ``paths`` that is not there."""
    for path in paths:
        if not path.exists():
            raise SourceError(f"data.root: {path} is missing; the source's official layout has it")


def relative(path: Path, root: Path) -> str:
    """``path`` as seen from ``root``, with forward slashes: what a manifest may hold on any machine."""
    return Path(os.path.relpath(path, root)).as_posix()
