"""Assigning faces to train, val and test so that adding files moves no other face."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from l2sae.data.listing import SPLITS, Entry
from l2sae.params import SplitFolders, SplitRatios

HELD_OUT = 0.1  # share of train that becomes val where a source declares none


def unit_hash(name: str) -> float:
    """A number in [0, 1) from the last component of a face's name: equal everywhere, for ever."""
    stem = PurePosixPath(name).name
    return int.from_bytes(hashlib.sha256(stem.encode("utf-8")).digest()[:8], "big") / 2**64


def split_by_ratio(name: str, ratios: SplitRatios) -> str:
    """The split of a face by the hash of its name."""
    position, end, chosen = unit_hash(name), 0.0, "train"
    for split in SPLITS:
        if share := getattr(ratios, split):
            end += share
            chosen = split
            if position < end:
                break
    return chosen


def assign_splits(entries: Sequence[Entry], split: SplitRatios | SplitFolders | str) -> dict[str, list[Entry]]:
    """Sort entries into splits, in their order: as declared by the source, or by ratios; groups stay together there.

    Where the source declares no ``val``, a tenth of train (at least one face) is held out by the hash of the names.
    """
    chosen: dict[str, list[Entry]] = {name: [] for name in SPLITS}
    for entry in entries:
        ratios = split if isinstance(split, SplitRatios) else None
        name = split_by_ratio(entry.group or entry.name, ratios) if ratios else entry.split or "train"
        chosen[name].append(entry)
    if not isinstance(split, SplitRatios) and not chosen["val"] and len(chosen["train"]) > 1:
        train = chosen["train"]
        first = min(train, key=lambda entry: unit_hash(entry.name))
        held = {entry.name for entry in train if unit_hash(entry.name) < HELD_OUT} or {first.name}
        chosen["val"] = [entry for entry in train if entry.name in held]
        chosen["train"] = [entry for entry in train if entry.name not in held]
    return chosen


def hold_out_next(splits: dict[str, list[Entry]], split: SplitRatios | SplitFolders | str) -> Entry | None:
    """Move one more face from train to a held-out ``val`` whose faces all proved unusable, and return it.

    None where ``val`` is not held out (declared by the source, or by ratios), or train has one face left.
    """
    declared = any(entry.split == "val" for entry in splits["val"])
    if isinstance(split, SplitRatios) or declared or len(splits["train"]) < 2:
        return None
    chosen = min(splits["train"], key=lambda entry: unit_hash(entry.name))
    splits["train"].remove(chosen)
    splits["val"].append(chosen)
    return chosen


def contiguous_counts(count: int, ratios: SplitRatios) -> dict[str, int]:
    """Faces in each split when ``count`` faces are cut into ranges in the order train, val, test."""
    ends = [0]
    total = 0.0
    for split in SPLITS:
        total += getattr(ratios, split)
        ends.append(round(min(total, 1.0) * count))
    return {split: ends[i + 1] - ends[i] for i, split in enumerate(SPLITS)}
