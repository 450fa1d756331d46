"""Label schemes: which part of a face an id or a colour of a label map stands for, and how parts make up ROIs.

Part names are those of CelebAMask-HQ; ``l_eye`` is the subject's left eye, so it lies on the image's right, and
``l_lip`` is the lower lip. A scheme that annotates a pair as one part uses a group name (``eyes``, ``brows``,
``ears``, ``lips``), which stands for its members wherever a ROI lists them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2sae.rois import Roi, roi_labels

BACKGROUND = "background"
CELEBAMASK_PARTS = (  # in id order, which is also the official paint order: a later part covers an earlier one
    BACKGROUND, "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
_SHOWN = 8  # names in a message
_BISENET_PARTS = (
    BACKGROUND, "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r",
    "nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
)  # fmt: skip
_LAPA_PARTS = (  # LaPa and HELEN say left for the viewer's left, which is the subject's right
    BACKGROUND, "skin", "r_brow", "l_brow", "r_eye", "l_eye", "nose", "u_lip", "mouth", "l_lip", "hair",
)  # fmt: skip
_FASSEG_COLOURS = {
    "ff0000": BACKGROUND, "ffff00": "skin", "7f0000": "hair", "0000ff": "eyes", "00ffff": "nose", "00ff00": "lips",
}  # fmt: skip

GROUPS = {
    "eyes": ("l_eye", "r_eye"),
    "brows": ("l_brow", "r_brow"),
    "ears": ("l_ear", "r_ear"),
    "lips": ("u_lip", "l_lip"),
}
_MIRROR = {left: right for pair in ("eyes", "brows", "ears") for left, right in (GROUPS[pair], GROUPS[pair][::-1])}

OFF_PALETTE = 48.0  # RGB distance beyond which a pixel is no longer a rounding or compression of a scheme colour
_STRAY_COLOUR_SHARE = 0.01  # one exact colour off the palette over this share of a mask is a part, not anti-aliasing
_OFF_PALETTE_SHARE = 0.25  # anti-aliased borders never cover this much of a mask

Colour = tuple[int, int, int]


class SchemeError(ValueError):
    """A label scheme is unknown, malformed, or lacks the parts that a ROI needs."""


class MaskError(ValueError):
    """A label map does not follow its scheme; the message names the ids or colours found."""


@dataclass(frozen=True)
class Scheme:
    """A label scheme, by id (``ids``) or by colour (``colours``); exactly one of the two is filled."""

    name: str
    ids: Mapping[int, str]
    colours: Mapping[Colour, str]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the annotated parts, background left out, in the scheme's order."""
        named = dict.fromkeys((self.ids or self.colours).values())
        return tuple(part for part in named if part != BACKGROUND)

    def to_json(self) -> dict[str, str]:
        """Map each id or ``#rrggbb`` colour to its part, for the manifest."""
        if self.ids:
            return {str(key): part for key, part in self.ids.items()}
        return {_hex(key): part for key, part in self.colours.items()}


def get_scheme(given: str | Mapping[str | int, str]) -> Scheme:
    """Look up a scheme by name, or build one from a mapping of id, or of ``"#rrggbb"`` colour, to part.

    Raises:
        SchemeError: unknown name, keys that are neither ids nor colours, or both kinds mixed.
    """
    if isinstance(given, str):
        if given not in SCHEMES:
            raise SchemeError(f"data.scheme: no scheme named {given!r}; there are: {', '.join(SCHEMES)}, or give a map")
        return SCHEMES[given]
    if not given:
        raise SchemeError("data.scheme: the map is empty; give id or '#rrggbb' colour -> part")
    keys = {key: _parse_key(key) for key in given}
    ids = {key: given[raw] for raw, key in keys.items() if isinstance(key, int)}
    colours = {key: given[raw] for raw, key in keys.items() if not isinstance(key, int)}
    if ids and colours:
        raise SchemeError(
            f"data.scheme: ids ({', '.join(map(str, ids))}) and colours ({', '.join(map(_hex, colours))}) are mixed; "
            "use one kind, and quote colours ('#000000'): YAML reads 000000 as a number"
        )
    if len(ids or colours) != len(given):
        raise SchemeError("data.scheme: an id or colour is given twice")
    return Scheme("custom", ids, colours)


def part_rois(scheme: Scheme, rois: Sequence[Roi]) -> dict[str, int]:
    """Map each part of ``scheme`` to the id of the ROI that it belongs to; parts of no ROI map to 0.

    Raises:
        SchemeError: a ROI finds none of its parts in the scheme, lists a part that nobody knows, or shares a part
            with another ROI; the message names the ROI and the parts there are.
    """
    owner = dict.fromkeys((BACKGROUND, *scheme.parts), 0)
    names = {number: name for name, number in roi_labels(rois).items()}
    known = {*CELEBAMASK_PARTS, *GROUPS, *scheme.parts}
    available = f"the parts of scheme {scheme.name} are: {', '.join(scheme.parts)}"
    for number, roi in enumerate(rois, start=1):
        if unknown := [part for part in roi.parts if part not in known]:
            raise SchemeError(f"rois: {roi.name}: unknown part {', '.join(unknown)}; {available}")
        found = [part for part in scheme.parts if any(_covers(part, wanted) for wanted in roi.parts)]
        if not found:
            raise SchemeError(f"rois: {roi.name}: none of its parts ({', '.join(roi.parts)}) occurs; {available}")
        for part in found:
            if owner[part]:
                raise SchemeError(
                    f"rois: {names[owner[part]]} and {roi.name} both claim the part {part} of scheme {scheme.name}"
                )
            owner[part] = number
    return owner


def flip_permutation(rois: Sequence[Roi]) -> tuple[int, ...] | None:
    """The ROI ids after a horizontal flip: label ``i`` becomes ``permutation[i]``; 0 stays 0.

    A ROI that holds both sides keeps its id; ROIs of one side (say left and right eye) change places.

    Returns:
        A tuple of ``len(rois) + 1`` ids, or None when a one-sided ROI has no counterpart, so that faces with these
        ROIs cannot be flipped.
    """
    by_parts = {frozenset(roi.parts): number for number, roi in enumerate(rois, start=1)}
    mirrored = [by_parts.get(frozenset(_MIRROR.get(part, part) for part in roi.parts)) for roi in rois]
    if None in mirrored:
        return None
    return (0, *(number for number in mirrored if number is not None))


def map_ids(ids: NDArray[np.integer], scheme: Scheme, owner: Mapping[str, int]) -> NDArray[np.uint8]:
    """Turn a map of scheme ids (H, W) into ROI ids (H, W) uint8. Id 0 is background unless the scheme says otherwise.

    Raises:
        MaskError: an id outside the scheme, or a map of one id only.
    """
    found, inverse = np.unique(ids, return_inverse=True)
    names = {0: BACKGROUND, **scheme.ids}
    if unknown := [int(value) for value in found if int(value) not in names]:
        raise MaskError(f"ids outside scheme {scheme.name}: {_listing(map(str, unknown))}")
    if len(found) == 1:
        raise MaskError(f"mask is all one id: {int(found[0])}")
    table = np.array([owner[names[int(value)]] for value in found], np.uint8)
    return table[inverse].reshape(ids.shape)


def map_colours(colours: NDArray[np.uint8], scheme: Scheme, owner: Mapping[str, int]) -> NDArray[np.uint8]:
    """Turn a colour-coded map (H, W, 3) uint8 into ROI ids (H, W) uint8, by the nearest colour of the scheme.

    Raises:
        MaskError: a colour outside the scheme over more than anti-aliased borders, or a map of one colour only.
    """
    packed = colours.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    found, inverse, counts = np.unique(packed, return_inverse=True, return_counts=True)
    seen = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1).astype(np.float32)
    palette = np.array(list(scheme.colours), np.float32)
    distance = np.linalg.norm(seen[:, None] - palette[None], axis=-1)
    nearest = distance.argmin(axis=1)
    off = distance.min(axis=1) > OFF_PALETTE
    share = np.where(off, counts / counts.sum(), 0)
    if share.max() >= _STRAY_COLOUR_SHARE or share.sum() >= _OFF_PALETTE_SHARE:
        commonest = [_hex(tuple(map(int, seen[i]))) for i in np.argsort(-share, kind="stable") if off[i]]
        raise MaskError(f"colours outside scheme {scheme.name}: {_listing(commonest)}")
    if len(np.unique(nearest)) == 1:
        raise MaskError(f"mask is all one colour: {_hex(list(scheme.colours)[nearest[0]])}")
    table = np.array([owner[part] for part in scheme.colours.values()], np.uint8)
    return table[nearest][inverse].reshape(packed.shape)


def _covers(part: str, wanted: str) -> bool:
    """Whether a scheme's ``part`` is the ``wanted`` one, a group that holds it, or a member of the wanted group."""
    return part == wanted or wanted in GROUPS.get(part, ()) or part in GROUPS.get(wanted, ())


def _parse_key(key: str | int) -> int | Colour:
    if isinstance(key, int) and 0 <= key < 65536:
        return key
    text = str(key)
    if re.fullmatch(r"#?[0-9a-fA-F]{6}", text) and isinstance(key, str):
        code = text.removeprefix("#")
        return (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16))
    if re.fullmatch(r"[0-9]{1,5}", text) and int(text) < 65536:
        return int(text)
    raise SchemeError(f"data.scheme: {key!r} is neither an id (0 to 65535) nor a colour like '#ff0000'; quote colours")


def _hex(colour: Colour | tuple[int, ...]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)


def _listing(names: "map[str] | Sequence[str]") -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


SCHEMES: dict[str, Scheme] = {
    "celebamask": Scheme("celebamask", dict(enumerate(CELEBAMASK_PARTS)), {}),
    "bisenet": Scheme("bisenet", dict(enumerate(_BISENET_PARTS)), {}),
    "lapa": Scheme("lapa", dict(enumerate(_LAPA_PARTS)), {}),
    "helen": Scheme("helen", dict(enumerate(_LAPA_PARTS)), {}),
    "fasseg": Scheme(
        "fasseg",
        {},
        {(int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)): part for code, part in _FASSEG_COLOURS.items()},
    ),
}
