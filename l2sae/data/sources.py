"""The sources of labelled faces: one importer for each layout of folders, and what each data set says of itself.

Layouts follow the data sets' own documentation.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from l2sae.data import webmorph
from l2sae.data.listing import SPLITS, Entry, Listing, MaskFile, SourceError, find_pairs, list_pair, need, pictures_in
from l2sae.data.schemes import CELEBAMASK_PARTS, SCHEMES, Scheme, get_scheme
from l2sae.data.walk_folder import Skipped, walk
from l2sae.params import DataParams, SplitFolders

PORTRAIT_DIGESTS = Path(__file__).with_name("portraits.sha256")
PORTRAITS_HOWTO = (
    "get the portraits with: git clone --depth 1 --filter=blob:none --sparse https://github.com/unitedstates/images; "
    "git -C images sparse-checkout set congress/225x275; then move images/congress/225x275 to data/portraits, "
    "or name it with data.root"
)
_CELEBA_MASK = re.compile(rf"(?P<index>\d{{5}})_(?P<part>{'|'.join(CELEBAMASK_PARTS[1:])})\.png")
_CELEBA_TRAIN_END, _CELEBA_VAL_END = 162770, 182637  # last CelebA numbers of the official splits


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
            list_pair(listing, root, photos, labels, declared)
    return listing


# --- CelebAMask-HQ --------------------------------------------------------------------------------------------------


def _celebamask_hq(root: Path, data: DataParams) -> Listing:
    """The official layout: one photo an index, one mask file a present part, split by the CelebA mapping file."""
    if (root / "CelebAMask-HQ").is_dir():
        root = root / "CelebAMask-HQ"
    listing = Listing()
    photos = root / "CelebA-HQ-img"
    need(photos, root / "CelebAMask-HQ-mask-anno")
    splits = _celeba_splits(root / "CelebA-HQ-to-CelebA-mapping.txt") if data.split == "official" else None
    masks = _celeba_masks(root / "CelebAMask-HQ-mask-anno", listing)
    pictures = {int(key.name): path for key, path in pictures_in(photos, listing).items() if key.name.isdecimal()}
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
    need(path)
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
        need(root / split / "images", root / split / "labels")
        declared = split if data.split == "official" else None
        list_pair(listing, root, root / split / "images", root / split / "labels", declared)
    return listing


def _helen(root: Path, data: DataParams) -> Listing:
    """Both layouts: ``{train,test}/{x}_image.jpg`` with ``{x}_label.png``, and one map a class with list files."""
    official = data.split == "official"
    if (root / "exemplars.txt").is_file() or (root / "images").is_dir():
        return _helen_class_maps(root, official)
    listing = Listing()
    for split in ("train", "test"):
        need(root / split)
        pictures = pictures_in(root / split, listing)
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
    need(root / "images", root / "labels")
    splits: dict[str, str] = {}
    for split, name in zip(SPLITS, ("exemplars.txt", "tuning.txt", "testing.txt"), strict=True) if official else ():
        need(root / name)
        lines = (root / name).read_text(encoding="utf-8").replace(",", " ").split("\n")
        splits |= {line.split()[-1]: split for line in lines if line.split()}
    listing = Listing()
    parts = list(SCHEMES["helen"].ids.values())
    for key, photo in pictures_in(root / "images", listing).items():
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
    for key, path in pictures_in(root, listing).items():
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
