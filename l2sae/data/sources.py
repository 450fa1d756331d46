"""Where labelled faces lie on disk: each importer lists photos with their masks, and what it leaves out and why.

Importers look at names only; `l2sae.data.decode` reads the files. Layouts follow the data sets' own documentation.
"""

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from l2sae.data import webmorph
from l2sae.data.schemes import CELEBAMASK_PARTS, SCHEMES, Scheme, get_scheme
from l2sae.data.walk_folder import Skipped, walk
from l2sae.params import DataParams, SplitFolders

SPLITS = ("train", "val", "test")
PORTRAIT_DIGESTS = Path(__file__).with_name("portraits.sha256")
PORTRAITS_HOWTO = (
    "get the portraits with: git clone --depth 1 --filter=blob:none --sparse https://github.com/unitedstates/images; "
    "git -C images sparse-checkout set congress/225x275; then move images/congress/225x275 to data/portraits, "
    "or name it with data.root"
)
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
_IMAGE_ROLE = r"images?|imgs?|rgb|photos?|pictures?"
_LABEL_ROLE = r"labels?|masks?|annotations?|annos?|segmentations?|segs?|gt|parsing"
_ROLE = re.compile(rf"(?:(?P<prefix>.*)[_\-. ])?(?:(?P<image>{_IMAGE_ROLE})|(?P<label>{_LABEL_ROLE}))", re.IGNORECASE)
_CELEBA_MASK = re.compile(rf"(?P<index>\d{{5}})_(?P<part>{'|'.join(CELEBAMASK_PARTS[1:])})\.png")
_CELEBA_TRAIN_END, _CELEBA_VAL_END = 162770, 182637  # last CelebA numbers of the official splits


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
        soft: the masks are a strength for each class, of which the strongest wins, instead of layers.
        group: faces of one group, such as photos of one person, go to the same split; None: the face by itself.
        template: a file of points that outline the face's parts.
        attributes: what is stated of the person.
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


def list_source(data: DataParams) -> tuple[Listing, Scheme]:
    """List the faces of ``data.source`` below ``data.root`` in a stable order, and the scheme of their masks.

    Raises:
        SourceError: the folder or its layout is not there, or the source or split cannot be served.
        SchemeError: ``data.scheme`` is unknown or malformed.
    """
    root = Path(data.root or "")
    if not root.is_dir():
        raise SourceError(f"data.root: no folder {root}; {SOURCES[data.source].howto}")
    source = SOURCES[data.source]
    own_scheme = source.scheme
    if own_scheme and data.scheme not in (None, own_scheme):
        raise SourceError(f"data.scheme: {data.source} is labelled by the scheme {own_scheme}; leave data.scheme null")
    if data.source != "label_map" and isinstance(data.split, SplitFolders):
        raise SourceError(f"data.split: {data.source} takes official or ratios, not folders")
    if own_scheme is None and data.scheme is None:
        known = ", ".join(SCHEMES)
        raise SourceError(f"data.scheme: say what the masks' ids or colours mean: {known}, or a map of id or colour")
    scheme = get_scheme(own_scheme or data.scheme or {})
    listing = source.list_files(root, data)
    if not listing.entries:
        why = f"; {_commonest(listing.skipped)}" if listing.skipped else ""
        what = "photo" if source.labelled_here else f"photo with a mask in the layout of {data.source}"
        raise SourceError(f"data.root: {root}: found no {what}{why}")
    return listing, scheme


def _commonest(skipped: Sequence[Skipped]) -> str:
    return "; ".join(f"{item.file}: {item.reason}" for item in skipped[:3])


# --- any label-map folder -------------------------------------------------------------------------------------------


def _label_map(root: Path, data: DataParams) -> Listing:
    """Photo folders with a label folder beside them; see `find_pairs` for the names."""
    if data.split == "official":
        raise SourceError("data.split: a label-map folder has no official split; give folders or ratios")
    listing = Listing()
    if isinstance(data.split, SplitFolders):
        given: list[tuple[str | None, str]] = [
            (split, folder) for split in SPLITS for folder in getattr(data.split, split)
        ]
    else:
        given = [(None, ".")]
    for declared, folder in given:
        for photos, labels in find_pairs(root, folder):
            _list_pair(listing, root, photos, labels, declared)
    return listing


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


def _list_pair(listing: Listing, root: Path, photos: Path, labels: Path, split: str | None) -> None:
    """Match the photos and masks of two folders by relative path and stem."""
    pictures = _pictures(photos, listing)
    masks = _pictures(labels, listing)
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


def _pictures(folder: Path, listing: Listing) -> dict[Path, Path]:
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


# --- CelebAMask-HQ --------------------------------------------------------------------------------------------------


def _celebamask_hq(root: Path, data: DataParams) -> Listing:
    """The official layout: one photo an index, one mask file a present part, split by the CelebA mapping file."""
    if (root / "CelebAMask-HQ").is_dir():
        root = root / "CelebAMask-HQ"
    listing = Listing()
    photos = root / "CelebA-HQ-img"
    _need(photos, root / "CelebAMask-HQ-mask-anno")
    splits = _celeba_splits(root / "CelebA-HQ-to-CelebA-mapping.txt") if data.split == "official" else None
    masks = _celeba_masks(root / "CelebAMask-HQ-mask-anno", listing)
    pictures = {int(key.name): path for key, path in _pictures(photos, listing).items() if key.name.isdecimal()}
    for index, photo in sorted(pictures.items()):
        files = masks.pop(index, {})
        if not files:
            listing.skipped.append(Skipped(photo, "photo without mask"))
        elif splits is not None and index not in splits:
            listing.skipped.append(Skipped(photo, "not in the mapping file, so of no official split"))
        else:
            ordered = tuple(MaskFile(files[part], part) for part in CELEBAMASK_PARTS if part in files)
            listing.entries.append(Entry(str(index), photo, ordered, splits[index] if splits else None))
    for files in masks.values():
        listing.skipped.append(Skipped(next(iter(files.values())), "mask without photo"))
    return listing


def _celeba_masks(folder: Path, listing: Listing) -> dict[int, dict[str, Path]]:
    masks: dict[int, dict[str, Path]] = {}
    files, skipped = walk(folder, lambda name: bool(_CELEBA_MASK.fullmatch(name)), "not a part of CelebAMask-HQ")
    listing.skipped += skipped
    for path in files:
        if match := _CELEBA_MASK.fullmatch(path.name):
            masks.setdefault(int(match["index"]), {})[match["part"]] = path
    return masks


def _celeba_splits(path: Path) -> dict[int, str]:
    """Index -> split from the columns ``idx orig_idx orig_file``, with or without a header row."""
    _need(path)
    splits = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split()
        if not columns or (number == 1 and not columns[0].isdecimal()):
            continue
        if len(columns) != 3 or not columns[0].isdecimal() or not Path(columns[2]).stem.isdecimal():
            raise SourceError(f"{path}: line {number}: expected 'idx orig_idx orig_file', got {line!r}")
        original = int(Path(columns[2]).stem)
        late = "val" if original <= _CELEBA_VAL_END else "test"
        splits[int(columns[0])] = "train" if original <= _CELEBA_TRAIN_END else late
    return splits


# --- LaPa and HELEN -------------------------------------------------------------------------------------------------


def _lapa(root: Path, data: DataParams) -> Listing:
    """``{train,val,test}/{images,labels}``."""
    if (root / "LaPa").is_dir():
        root = root / "LaPa"
    listing = Listing()
    for split in SPLITS:
        _need(root / split / "images", root / split / "labels")
        declared = split if data.split == "official" else None
        _list_pair(listing, root, root / split / "images", root / split / "labels", declared)
    return listing


def _helen(root: Path, data: DataParams) -> Listing:
    """Both layouts: ``{train,test}/{x}_image.jpg`` with ``{x}_label.png``, and one map a class with list files."""
    official = data.split == "official"
    if (root / "exemplars.txt").is_file() or (root / "images").is_dir():
        return _helen_class_maps(root, official)
    listing = Listing()
    for split in ("train", "test"):
        _need(root / split)
        pictures = _pictures(root / split, listing)
        for key, path in pictures.items():
            stem, _, kind = key.name.rpartition("_")
            label = pictures.get(key.with_name(f"{stem}_label"))
            if kind == "image" and label:
                name = key.with_name(stem).as_posix()
                entry = Entry(f"{split}/{name}", path, (MaskFile(label),), split if official else None)
                listing.entries.append(entry)
            elif kind == "image":
                listing.skipped.append(Skipped(path, "photo without mask"))
            elif kind != "label":
                listing.skipped.append(Skipped(path, "stray file: neither _image nor _label", bad=False))
            elif key.with_name(f"{stem}_image") not in pictures:
                listing.skipped.append(Skipped(path, "mask without photo"))
    return listing


def _helen_class_maps(root: Path, official: bool) -> Listing:
    _need(root / "images", root / "labels")
    splits: dict[str, str] = {}
    for split, name in zip(SPLITS, ("exemplars.txt", "tuning.txt", "testing.txt"), strict=True) if official else ():
        _need(root / name)
        lines = (root / name).read_text(encoding="utf-8").replace(",", " ").split("\n")
        splits |= {line.split()[-1]: split for line in lines if line.split()}
    listing = Listing()
    parts = list(SCHEMES["helen"].ids.values())
    for key, photo in _pictures(root / "images", listing).items():
        files = [root / "labels" / key.name / f"{key.name}_lbl{index:02d}.png" for index in range(len(parts))]
        if absent := [path for path in files if not path.is_file()]:
            listing.skipped.append(Skipped(photo, f"photo without mask: {absent[0].name} is missing"))
        elif official and key.name not in splits:
            listing.skipped.append(Skipped(photo, "in none of the list files, so of no official split"))
        else:
            masks = tuple(MaskFile(path, part) for path, part in zip(files, parts, strict=True))
            listing.entries.append(Entry(key.name, photo, masks, splits.get(key.name), soft=True))
    return listing


# --- photos without labels ------------------------------------------------------------------------------------------


def _photos(root: Path, data: DataParams) -> Listing:
    """Any folder of photos; `l2sae.data.photos` finds and labels their faces."""
    if data.split == "official":
        raise SourceError(f"data.split: {data.source} has no official split; give ratios")
    listing = Listing()
    pinned = portrait_digests() if data.source == "portraits" else None
    for key, path in _pictures(root, listing).items():
        if pinned is not None and path.name not in pinned:
            listing.skipped.append(Skipped(path, "not one of the pinned portraits", bad=False))
        else:
            accepted = {path: (pinned[path.name],)} if pinned is not None else {}
            listing.entries.append(Entry(key.as_posix(), path, (), pinned=accepted))
    return listing


def _webmorph(root: Path, data: DataParams) -> Listing:
    """Folders of the Face Research Lab sets, in ``root`` or in its ``inst``; templates beside the photos."""
    if data.split == "official":
        raise SourceError("data.split: webmorph has no official split; give ratios")
    base = root / "inst" if (root / "inst").is_dir() else root
    folders = [base / name for name in webmorph.FOLDERS if (base / name).is_dir()]
    if not folders:
        raise SourceError(f"data.root: {root}: none of the folders {', '.join(webmorph.FOLDERS)}; {webmorph.HOWTO}")
    listing, stated = Listing(), webmorph.read_attributes(root)
    for folder in folders:
        files, skipped = walk(folder, webmorph.names_a_file, "neither photo nor template")
        listing.skipped += skipped
        for photo in [path for path in files if path.suffix == ".jpg"]:
            if not (pinned := webmorph.pinned_files(photo)):
                listing.skipped.append(Skipped(photo, "not one of the pinned photos", bad=False))
                continue
            person, template = webmorph.person_of(photo), photo.with_suffix(".tem")
            entry = Entry(f"{folder.name}/{photo.stem}", photo, (), group=person, pinned=pinned)
            known = template if template in files else None
            listing.entries.append(replace(entry, template=known, attributes=stated.get(person, {})))
    return listing


@functools.cache
def portrait_digests() -> dict[str, str]:
    """File name -> sha256 of the portraits that the preset ``portraits`` is made of."""
    lines = PORTRAIT_DIGESTS.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _need(*paths: Path) -> None:
    for path in paths:
        if not path.exists():
            raise SourceError(f"data.root: {path} is missing; the source's official layout has it")


@dataclass(frozen=True)
class Source:
    """One source of labelled faces: how its files are found, and what its data set says of itself.

    Attributes:
        list_files: lists the faces below a folder.
        licence: what the manifest says of the terms.
        scheme: of its masks; None leaves that to ``data.scheme``.
        labels: who made them: ``human``, ``template`` (people's points, the rest by a program) or ``weak``.
        howto: what to do where its folder is absent.
    """

    list_files: Callable[[Path, DataParams], Listing]
    licence: str
    scheme: str | None = "celebamask"  # whose parts the labels made here have, too
    labels: str = "human"
    howto: str = "give the folder that holds the data set"

    @property
    def labelled_here(self) -> bool:
        """Whether the labels, at least those of hair, are made by `l2sae.data.photos`."""
        return self.labels != "human"


SOURCES = {
    "label_map": Source(_label_map, "Unknown to this package: the terms of the folder's owner apply.", None),
    "celebamask_hq": Source(
        _celebamask_hq, "CelebAMask-HQ: non-commercial research and education only; no redistribution."
    ),
    "lapa": Source(_lapa, "LaPa: the terms of its publishers apply; read them where you obtained it.", "lapa"),
    "helen": Source(_helen, "HELEN: the terms of its publishers apply; read them where you obtained it.", "helen"),
    "portraits": Source(
        _photos,
        "Works of the Government Printing Office in the public domain; repository unitedstates/images, CC0.",
        labels="weak",
        howto=PORTRAITS_HOWTO,
    ),
    "photos": Source(_photos, "Unknown to this package: the terms of the photos' owners apply.", labels="weak"),
    "webmorph": Source(_webmorph, webmorph.LICENCE, labels="template", howto=webmorph.HOWTO),
}
"""Every source of photos, by its name in ``data.source``."""


def relative(path: Path, root: Path) -> str:
    """``path`` as seen from ``root``, with forward slashes: what a manifest may hold on any machine."""
    return Path(os.path.relpath(path, root)).as_posix()
