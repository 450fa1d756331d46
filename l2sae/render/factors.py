"""What varies between faces: pose, shape, hair, colour, light. All numbers of a face are drawn before any pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2sae.render import palette
from l2sae.render.draws import Array, Draws
from l2sae.render.head import BLEMISHES
from l2sae.render.occluders import LOCKS

UNIFORMS = 320  # numbers reserved for the factors of one face


@dataclass(frozen=True)
class HairStyle:
    """Geometry of a cut, in units of half a head's height; weights are for the two groups of :func:`sample`."""

    weights: tuple[float, float]
    length: float = 0.12  # where the sides end: 0 is eye level, 1 the chin
    top: float = 0.10  # volume above the skull
    side: float = 0.04  # volume beside it
    temple: float = 0.60  # half width of the bare forehead
    line: float = -0.60  # height of the hairline
    flare: float = -0.10  # widening of the sides on the way down
    fall: float = 0.3  # strands: 0 brushed back, 1 falling from the parting
    curl: float = 0.0  # 0 straight, 1 tight curls
    jag: float = 0.02  # raggedness of the edges
    soft: float = 0.0  # width of the fade at the edges
    density: float = 1.0
    ears: float = 1.0  # 1: the ears show
    bun: float = 0.0


STYLES: dict[str, HairStyle] = {
    "bald": HairStyle((0.06, 0.01), density=0.0),
    "receding": HairStyle((0.09, 0.0), top=0.02, line=-0.98, temple=0.63, side=0.04),
    "buzz": HairStyle((0.13, 0.02), top=0.015, side=0.0, temple=0.655, soft=0.05, density=0.85, jag=0.008),
    "short": HairStyle((0.22, 0.07), top=0.09, side=0.03, temple=0.66, jag=0.014),
    "side_part": HairStyle((0.20, 0.06), top=0.13, side=0.04, fall=0.8, temple=0.65, jag=0.014),
    "quiff": HairStyle((0.10, 0.02), top=0.18, side=0.01, fall=0.0, jag=0.03, temple=0.665),
    "short_curls": HairStyle((0.10, 0.07), top=0.14, side=0.09, curl=0.8, jag=0.05),
    "afro": HairStyle((0.04, 0.08), length=0.35, top=0.32, side=0.30, curl=1.0, jag=0.05, flare=-0.2, ears=0.0),
    "bob": HairStyle((0.01, 0.17), length=0.75, top=0.13, side=0.14, temple=0.58, flare=0.06, fall=1.0, ears=0.0),
    "long_straight": HairStyle((0.02, 0.20), length=1.7, top=0.10, side=0.10, temple=0.58, flare=0.08,
        fall=1.0, ears=0.0),
    "long_wavy": HairStyle((0.02, 0.16), length=1.6, top=0.15, side=0.17, temple=0.58, flare=0.14,
        fall=1.0, curl=0.4, jag=0.04, ears=0.0),
    "tied_back": HairStyle((0.01, 0.14), top=0.05, side=0.02, line=-0.66, jag=0.008),
}  # fmt: skip
STYLE_NAMES = tuple(STYLES)
FRINGES = ("none", "straight", "swept", "parted")


def _pick(colours: Array, draws: Draws, weights: Sequence[float] | Array | None = None) -> Array:
    return colours[draws.choice(weights if weights is not None else [1.0] * len(colours))]


def _jitter(colour: Array, draws: Draws, brightness: float, tint: float) -> Array:
    """Linear colours with a random gain, and a smaller one in each channel."""
    gain = np.exp(draws.normal(0, brightness))
    tints = np.stack([np.exp(draws.normal(0, tint)) for _ in range(3)], axis=1)
    return np.clip(palette.linear(colour) * gain[:, None] * tints, 0.004, 0.95)


def _pose(d: Draws, p: dict[str, Array]) -> None:
    """Most faces are framed as face crops, with the chin near the lower edge; a fifth also shows neck and clothes."""
    turned = d.chance(0.15)
    p["yaw"] = np.clip(d.normal(0, np.where(turned > 0, 20.0, 6.0)), -45, 45)
    p["pitch"] = np.clip(d.normal(0, 5.0), -18, 18)
    p["roll"] = np.clip(d.normal(0, 3.5), -22, 22)
    height = np.interp(d.unit(), [0, 0.2, 1], [0.5, 0.78, 0.94])
    p["head_height"] = height
    loose = np.maximum(0.78 - height, 0)
    p["centre_x"] = d.normal(0, 0.025 + 0.25 * loose)
    p["centre_y"] = d.normal(np.minimum(0.94 - height, 0.16) - 0.6 * loose, 0.025 + 0.15 * loose)


def _shape(d: Draws, p: dict[str, Array], group: Array) -> None:
    p["head_width"] = d.normal(0.735 - 0.015 * group, 0.032)
    p["jaw_power"] = d.uniform(1.85 - 0.1 * group, 2.45 - 0.25 * group)
    p["jaw_length"] = d.normal(1.0, 0.035)
    p["skull_power"] = d.uniform(2.1, 2.6)
    p["asymmetry"] = d.normal(0, 0.012)
    p["ear_size"] = d.normal(0.21, 0.02)
    p["ear_out"] = d.uniform(-0.01, 0.055)
    p["neck_width"] = d.normal(0.50 - 0.10 * group, 0.035)
    p["eye_gap"] = d.normal(0.315, 0.014)
    p["eye_level"] = d.normal(-0.03, 0.025)
    p["eye_width"] = d.normal(0.168, 0.011)
    p["eye_open"] = d.normal(0.40 + 0.05 * group, 0.07)
    p["eye_tilt"] = d.normal(0.06, 0.06)
    p["lid_fold"] = d.uniform(0, 1)
    p["gaze_x"] = d.normal(0, 0.10)
    p["gaze_y"] = d.normal(0, 0.05)
    p["iris_radius"] = d.uniform(0.36, 0.43)
    p["brow_height"] = d.normal(1.30 + 0.12 * group, 0.12)
    p["brow_thick"] = d.normal(0.33 - 0.05 * group, 0.05)
    p["brow_arch"] = d.uniform(0.05, 0.45)
    p["brow_slope"] = d.normal(0.0, 0.10)
    p["brow_density"] = d.uniform(0.45, 0.95)
    p["nose_width"] = d.normal(0.172, 0.020)
    p["nose_bridge"] = d.normal(0.060, 0.008)
    p["nose_end"] = d.normal(0.415, 0.030)
    p["nose_lift"] = d.uniform(0.06, 0.20)
    p["nostril"] = d.uniform(0.3, 0.9)
    p["cheek"] = d.uniform(0.3, 1.2)
    p["mouth_level"] = p["nose_end"] + d.normal(0.205, 0.018)
    p["mouth_width"] = d.normal(0.262, 0.022)
    p["lip_upper"] = d.normal(0.070 + 0.008 * group, 0.013)
    p["lip_lower"] = d.normal(0.094 + 0.008 * group, 0.015)
    p["cupid"] = d.uniform(0.0, 0.4)
    expression = d.choice([0.5, 0.2, 0.2, 0.1])  # neutral, smile, broad smile with teeth, open
    p["smile"] = np.array([0.0, 0.6, 1.0, 0.2])[expression] * d.uniform(0.6, 1.1) + d.normal(0, 0.08)
    opening = np.array([0.0, 0.0, 1.0, 0.8])[expression]
    p["mouth_open"] = opening * d.uniform(0.05, 0.13)
    p["teeth"] = np.where(expression == 2, 1.0, d.chance(0.4) * opening)
    p["mouth_width"] = p["mouth_width"] * (1 + 0.16 * np.clip(p["smile"], 0, 1.2))
    p["age"] = d.uniform(0, 1)


def _hair(d: Draws, p: dict[str, Array], group: Array) -> dict[str, NDArray[Any]]:
    table = np.array([style.weights for style in STYLES.values()])
    style = d.choice(table[:, group.astype(int)].T)
    for name in (
        "length", "top", "side", "temple", "line", "flare", "fall", "curl", "jag", "soft", "density", "ears", "bun",
    ):  # fmt: skip
        p[f"hair_{name}"] = np.array([float(getattr(item, name)) for item in STYLES.values()])[style]
    tied = style == STYLE_NAMES.index("tied_back")
    p["hair_length"] = p["hair_length"] * np.exp(d.normal(0, 0.12)) + d.normal(0, 0.02)
    p["hair_top"] = p["hair_top"] * np.exp(d.normal(0, 0.28))
    p["hair_side"] = p["hair_side"] * np.exp(d.normal(0, 0.3)) + d.uniform(-0.01, 0.02)
    p["hair_temple"] = p["hair_temple"] + d.normal(0, 0.035)
    p["hair_line"] = p["hair_line"] + d.normal(0, 0.06)
    p["hair_recess"] = d.uniform(0, 0.12) * d.chance(0.4) + 0.1 * (p["age"] > 0.6) * (group < 0.5)
    p["hair_part"] = d.normal(0, 0.22)
    p["hair_skew"] = d.normal(0, 0.05)
    p["hair_round"] = d.uniform(0.10, 0.42)
    p["hair_wave"] = d.uniform(0, 1) * (0.03 + 0.10 * p["hair_curl"])
    p["hair_wave_rate"] = d.uniform(4, 9)
    p["hair_phase"] = d.uniform(0, 6.28)
    p |= {f"strand_{name}": p[f"hair_{name}"] for name in ("curl", "wave", "wave_rate")}
    p["hair_grain"] = d.uniform(0.5, 1.1)
    p["hair_gloss"] = d.uniform(0.1, 0.8)
    p["hair_bun"] = tied * d.chance(0.4) * d.uniform(0.15, 0.26)
    p["hair_ears"] = np.where(p["hair_length"] > 0.5, d.chance(0.12), p["hair_ears"])
    able = (p["hair_line"] > -0.75) & (p["hair_density"] > 0.9) & ~tied
    fringe = np.where(able, d.choice([0.45, 0.20, 0.23, 0.12]), 0)
    p["fringe"] = (fringe == 1) * d.uniform(0.15, 0.40)
    p["fringe_swept"] = (fringe == 2) * d.uniform(0.25, 0.6) * np.sign(d.uniform(-1, 1))
    p["fringe_parted"] = (fringe == 3) * d.uniform(0.3, 0.8) + (p["hair_length"] > 0.5) * (fringe == 0) * d.uniform(
        0.0, 0.5
    )
    beard = d.choice([0.52, 0.22, 0.08, 0.05, 0.13]) * (group < 0.5)  # none, stubble, moustache, goatee, full
    p["stubble"] = (beard == 1) * d.uniform(0.12, 0.4) + (group < 0.5) * 0.06
    p["moustache"] = ((beard == 2) | (beard >= 3)) * d.uniform(0.6, 0.95)
    p["goatee"] = (beard == 3) * d.uniform(0.6, 0.95)
    p["full_beard"] = (beard == 4) * d.uniform(0.6, 0.97)
    p["beard_length"] = p["full_beard"] * d.uniform(0.0, 0.2)
    return {
        "hair_style": np.array(STYLE_NAMES)[style],
        "fringe": np.array(FRINGES)[fringe],
        "beard": np.array(["none", "stubble", "moustache", "goatee", "full"])[beard],
    }


def _colours(d: Draws, p: dict[str, Array], group: Array) -> dict[str, NDArray[Any]]:
    tone = d.uniform(0.6, 10.4)
    p["skin"] = palette.skin_albedo(tone) * np.exp(d.normal(0, 0.06))[:, None]
    p["skin"] = p["skin"] * np.stack([np.exp(d.normal(0, 0.03)) for _ in range(3)], axis=1)
    p["ear"] = p["skin"] * np.array([1.02, 0.90, 0.88])
    p["hand_skin"] = p["skin"]
    names = tuple(palette.HAIR_COLOURS)
    weights = np.array([palette.HAIR_COLOURS[name][0] for name in names])
    dark = np.isin(names, ["black", "dark_brown"])
    table = weights * np.where(dark, 1 + 5 * (tone[:, None] > 6.5), 1.0)
    table = table * np.where(np.isin(names, ["grey", "white"]), 0.3 + 3 * (p["age"][:, None] > 0.7), 1.0)
    colour = d.choice(table)
    base = np.array([palette.HAIR_COLOURS[name][1] for name in names])[colour]
    base = np.where((colour == names.index("dyed"))[:, None], _pick(palette.DYES, d), base)
    p["hair"] = _jitter(base, d, 0.16, 0.05)
    p["hair_tip"] = np.exp(d.uniform(-0.1, 0.35) * d.chance(0.5))
    brow = np.where((colour == names.index("dyed"))[:, None], np.array([0.05, 0.035, 0.028]), p["hair"])
    p["brow"] = np.minimum(brow, p["skin"] * 0.75) * np.exp(d.normal(-0.45, 0.25))[:, None]
    p["beard_colour"] = p["stubble_colour"] = np.minimum(brow * 0.9 + 0.002, 0.6)
    p["iris"] = _jitter(_pick(palette.IRISES, d, np.array([3, 3, 2, 1.2, 1, 1, 0.8, 0.8])), d, 0.2, 0.05)
    rosy = np.array([1.0, 0.60, 0.62]) * np.exp(d.normal(-0.12, 0.12))[:, None]
    natural = p["skin"] * rosy * np.array([1.0, 0.92, 0.95])
    painted = d.chance(0.55 * group) * d.uniform(0.35, 0.95)
    p["lip"] = natural + (_jitter(_pick(palette.LIPSTICKS, d), d, 0.2, 0.05) - natural) * painted[:, None]
    p["lip_gloss"] = d.uniform(0.0, 0.25) + 0.25 * painted
    p["liner"] = 0.45 + group * d.uniform(0, 0.5)
    p["shadow_colour"] = _jitter(palette.LIPSTICKS[d.choice([1.0] * 8)] * 0.8, d, 0.3, 0.1)
    p["shadow"] = d.chance(0.25 * group) * d.uniform(0.1, 0.5)
    p["blush"] = d.uniform(0.0, 0.30)
    p["freckles"] = d.chance(0.12) * d.uniform(0.3, 1.0)
    p["mottle"] = d.uniform(0.03, 0.09)
    glasses = d.chance(0.18)
    p["glasses"] = glasses
    p["frame_colour"] = _jitter(_pick(palette.CLOTHES[[0, 2, 4, 7, 12, 13]], d), d, 0.2, 0.05)
    p["frame_thick"] = d.uniform(0.035, 0.11)
    p["lens_width"] = d.uniform(1.2, 1.42)
    p["lens_height"] = d.uniform(0.75, 1.15)
    p["lens_power"] = d.uniform(2.0, 4.5)
    return {"monk_tone": np.clip(np.round(tone), 1, 10).astype(np.int64), "hair_colour": np.array(names)[colour]}


def _light(d: Draws, p: dict[str, Array]) -> None:
    p["light_azimuth"] = np.clip(d.normal(0, 34), -80, 80)
    p["light_elevation"] = d.uniform(5, 60)
    p["light_intensity"] = d.uniform(0.5, 1.05)
    p["ambient"] = 1.02 - p["light_intensity"] * d.uniform(0.68, 0.92)
    p["colour_temperature"] = d.normal(5400, 800)
    # A camera's meter: dark skin gets a longer exposure, though not enough to look like light skin.
    luminance = p["skin"] @ np.array([0.25, 0.65, 0.10])
    p["white"] = np.clip(
        (luminance / 0.35) ** 0.28, 0.4, 1.1
    )  # of eyes and teeth, held back where the exposure is long
    p["gain"] = np.exp(d.normal(0.40, 0.15)) * (luminance / 0.35) ** -0.30
    p["gain"] = np.minimum(p["gain"], 0.95 / (p["hair"] @ np.array([0.25, 0.65, 0.10])))  # white hair keeps its strands
    p["contrast"] = d.uniform(0.0, 0.6)
    p["oil"] = d.uniform(0.02, 0.22)
    warm = np.clip((5400 - p["colour_temperature"]) / 2000, -1.2, 1.2)[:, None]
    p["key_colour"] = np.exp(warm * np.array([0.16, 0.0, -0.24]))
    p["fill_colour"] = np.exp(-0.5 * warm * np.array([0.16, 0.0, -0.24])) * np.array([1.0, 0.97, 0.97])
    p["spark_side"] = np.sin(np.deg2rad(p["light_azimuth"])) + d.normal(0, 0.2)
    p["vignette"] = d.uniform(0, 0.3) * d.chance(0.5)
    p["blur"] = d.uniform(-0.55, 0.12)  # below 0: the sharpening that cameras apply
    p["noise"] = d.uniform(0.0, 0.006)


def _scene(d: Draws, p: dict[str, Array]) -> None:
    p["back_a"] = _jitter(_pick(palette.BACKGROUNDS, d), d, 0.3, 0.06)
    other = _jitter(_pick(palette.BACKGROUNDS, d), d, 0.3, 0.06)
    likeness = d.choice([0.82, 0.1, 0.08])[:, None]  # independent, like the hair, like the skin
    p["back_a"] = np.where(likeness == 1, p["hair"] * 1.2, np.where(likeness == 2, p["skin"] * 0.8, p["back_a"]))
    kind = d.choice([0.40, 0.40, 0.20])  # plain wall, studio gradient, cluttered
    p["back_b"] = np.where((kind == 2)[:, None], other, p["back_a"] * np.exp(d.normal(0, 0.5))[:, None])
    p["back_noise"] = np.array([0.05, 0.12, 0.8])[kind] * d.uniform(0.4, 1.0)
    p["back_slope"] = np.array([0.15, 0.8, 0.4])[kind]
    p["back_angle"] = d.normal(1.57, 0.6)
    room = d.chance(0.2)
    for axis in ("across", "down"):
        p[f"panel_{axis}"] = room * d.chance(0.6) * d.uniform(0.3, 1.0)
        p[f"panel_{axis}_rate"] = np.exp(d.uniform(-1.2, 1.0))
        p[f"panel_{axis}_start"] = d.uniform(0, 1)
        p[f"panel_{axis}_width"] = d.uniform(0.06, 0.44)
    p["panel"] = np.clip(p["back_b"] * np.exp(d.uniform(0.5, 1.4) * np.sign(d.uniform(-1, 1)))[:, None], 0.01, 0.9)
    p["cloth"] = _jitter(_pick(palette.CLOTHES, d), d, 0.25, 0.08)
    p["shirt"] = _jitter(_pick(palette.SHIRTS, d), d, 0.1, 0.04)
    p["tie"] = _jitter(_pick(palette.TIES, d), d, 0.25, 0.08)
    suit = d.chance(0.35)
    p["suit"] = suit
    p["cloth"] = np.where((suit * d.chance(0.85) > 0)[:, None], 0.012 + 0.18 * p["cloth"], p["cloth"])
    p["has_tie"] = suit * d.chance(0.6)
    p["collar_open"] = d.uniform(0.0, 0.35)
    p["shoulder_level"] = d.normal(1.42, 0.07)
    p["shoulder_slope"] = d.uniform(0.22, 0.42)
    p["cloth_stripe"] = d.chance(0.2) * d.uniform(0.05, 0.3)


def _occlusion(d: Draws, p: dict[str, Array]) -> None:
    kind = d.choice([0.835, 0.045, 0.03, 0.03, 0.03, 0.03])
    for index, name in enumerate(OCCLUDERS, start=1):
        p[name] = (kind == index).astype(np.float64)
    p["hat_line"] = d.uniform(-0.66, -0.42)
    p["hat_colour"] = _jitter(_pick(palette.CLOTHES, d), d, 0.25, 0.08)
    side = np.sign(d.uniform(-1, 1))
    p["object_x"], p["object_y"] = side * d.uniform(0.35, 0.75), d.uniform(-0.5, 0.9)
    p["object_width"], p["object_height"] = d.uniform(0.12, 0.35), d.uniform(0.2, 0.6)
    turn = d.uniform(-1.2, 1.2)
    p["sin_object"], p["cos_object"] = np.sin(turn), np.cos(turn)
    p["object_colour"] = _jitter(_pick(palette.CLOTHES, d), d, 0.3, 0.1)

    p["hand_size"] = d.uniform(0.85, 1.05)
    side = np.sign(d.uniform(-1, 1))
    p["hand_x"], p["hand_y"] = side * d.uniform(0.25, 0.72), d.uniform(0.25, 0.95)
    lean = -side * d.uniform(-0.25, 0.95)  # fingers upwards, leaning towards the middle of the face
    p["sin_hand"], p["cos_hand"] = np.sin(lean), np.cos(lean)
    p["hand_side"] = np.where(d.unit() < 0.8, -side, side)  # the thumb is mostly on the inner side
    p["hand_spread"] = d.uniform(0.05, 0.6)
    p["hand_bend"] = d.uniform(0.75, 1.0)

    surgical = d.chance(0.55)
    p["mask_top"] = d.uniform(0.14, 0.30)
    p["mask_width"] = d.uniform(0.50, 0.60)
    p["mask_pleats"] = surgical * d.uniform(0.15, 0.30)
    plain = _jitter(_pick(palette.FACE_MASKS, d), d, 0.1, 0.03)
    cloth = _jitter(_pick(palette.CLOTHES, d), d, 0.25, 0.08)
    p["mask_colour"] = np.where(surgical[:, None] > 0, plain, cloth)

    middle = d.normal(0, 0.3)
    for number in range(LOCKS):
        p[f"lock_{number}_start"] = middle + d.normal(0, 0.14)
        p[f"lock_{number}_slope"] = d.normal(0, 0.18)
        p[f"lock_{number}_curve"] = 0.25 * np.sign(middle) + d.normal(0, 0.12)
        p[f"lock_{number}_length"] = d.uniform(0.6, 1.3)
        p[f"lock_{number}_width"] = d.uniform(0.012, 0.042)


def _likeness(d: Draws, p: dict[str, Array]) -> None:
    """Blemishes, JPEG, and clothes of the hair's colour: a model that met none would not learn to look at shapes."""
    for number in range(BLEMISHES):
        p[f"spot_{number}_u"], p[f"spot_{number}_v"] = d.uniform(-0.5, 0.5), d.uniform(-0.5, 0.8)
        p[f"spot_{number}_mole"] = d.chance(0.15) * d.uniform(0.3, 0.6)
        p[f"spot_{number}_pimple"] = d.chance(0.10) * d.uniform(0.4, 0.9)
    p["spot_size"] = d.uniform(0.016, 0.026)
    p["jpeg"] = d.chance(0.15) * np.round(d.uniform(60, 95))
    alike = d.chance(0.15)[:, None] > 0
    p["cloth"] = np.where(alike, p["hair"] * np.exp(d.normal(-0.1, 0.25))[:, None], p["cloth"])


_SKIN = (
    "skin", "ear", "mottle", "freckles", "blush", "oil", "age", "stubble", "stubble_colour", "shadow", "shadow_colour",
    *(f"spot_{number}_{kind}" for number in range(BLEMISHES) for kind in ("mole", "pimple")),
)  # fmt: skip
_EYE, _BROW, _LIP = ("iris", "liner"), ("brow", "brow_density"), ("lip", "lip_gloss")
STYLE_FACTORS: dict[str, tuple[str, ...]] = {
    "hair": ("hair", "hair_tip", "hair_gloss", "hair_grain", "strand_curl", "strand_wave", "strand_wave_rate"),
    "skin": _SKIN, "neck": _SKIN, "l_ear": _SKIN, "r_ear": _SKIN, "nose": _SKIN,
    "l_eye": _EYE, "r_eye": _EYE, "l_brow": _BROW, "r_brow": _BROW, "u_lip": _LIP, "l_lip": _LIP,
}  # fmt: skip
"""Part -> the factors that are its style, as opposed to shape, light and exposure; other parts have no style."""

OCCLUDERS = ("hat", "object", "hand", "face_mask", "strands")
"""What can be before a face; at most one of them is drawn."""

RECORDED = (
    "yaw", "pitch", "roll", "head_height", "light_azimuth", "light_elevation", "light_intensity", "colour_temperature",
    "mouth_open", "smile", "glasses", "age",
)  # fmt: skip


SETTABLE = (
    "yaw", "pitch", "roll", "head_height", "centre_x", "centre_y",
    "light_azimuth", "light_elevation", "light_intensity", "ambient",
    "glasses", "back_noise", "panel_across", "panel_down", "vignette", "blur", "noise", "jpeg", *OCCLUDERS,
)  # fmt: skip
"""Factors that a caller may set: nothing else that is drawn depends on their values.

An occluder is 1 or 0; those set take the place of the one drawn.
"""


def sample(draws: Draws, given: Mapping[str, float] | None = None) -> tuple[dict[str, Array], dict[str, NDArray[Any]]]:
    """Draw the faces of a batch; ``given`` values, by name, take the place of drawn ones.

    Returns:
        The renderer's parameters, (N,) or (N, 3) for linear colours, angles as ``sin_`` and ``cos_``; and the factors
        to record, (N,) each: angles in degrees, colour temperature in kelvin, ``monk_tone`` 1 to 10, names for hair,
        beard and occlusion.

    Raises:
        ValueError: a factor is given that is not one of :data:`SETTABLE`.
    """
    p: dict[str, Array] = {}
    group = draws.chance(0.5)  # correlates cuts, beards and make-up, as in any photo collection
    _pose(draws, p)
    _shape(draws, p, group)
    recorded = _hair(draws, p, group)
    recorded |= _colours(draws, p, group)
    _light(draws, p)
    _scene(draws, p)
    _occlusion(draws, p)
    _likeness(draws, p)
    if not set(OCCLUDERS).isdisjoint(given or {}):
        p |= {name: np.zeros_like(p[name]) for name in OCCLUDERS}
    for name, value in (given or {}).items():
        if name not in SETTABLE:
            raise ValueError(f"factor {name} cannot be set; those that can: {', '.join(SETTABLE)}")
        p[name] = np.full_like(p[name], value)
    p["strands"] = p["strands"] * (p["hair_density"] > 0.9) * (p["hair_line"] > -0.8)  # of hair that can fall
    recorded |= {name: p[name].copy() for name in RECORDED}
    recorded["glasses"] = p["glasses"] > 0
    recorded["occlusion"] = np.select([p[name] > 0 for name in OCCLUDERS], OCCLUDERS, "none")
    p["scale"] = 2 * p["head_height"] / 2.05
    _add_angles(p)
    return p, recorded


def _add_angles(p: dict[str, Array]) -> None:
    for name in ("yaw", "pitch", "roll", "light_azimuth", "light_elevation"):
        angle = np.deg2rad(p[name])
        p[f"sin_{name}"], p[f"cos_{name}"] = np.sin(angle), np.cos(angle)


def relight(d: Draws, p: dict[str, Array]) -> None:
    """Light the faces ``p`` with hard light from their other side, 35 to 75 degrees off the middle."""
    side = np.where(p["light_azimuth"] > 0, -1.0, 1.0)
    p["light_azimuth"] = side * d.uniform(35, 75)
    p["light_elevation"] = d.uniform(5, 60)
    p["light_intensity"] = d.uniform(0.85, 1.05)
    p["ambient"] = 1.02 - p["light_intensity"] * d.uniform(0.82, 0.92)
    p["spark_side"] = np.sin(np.deg2rad(p["light_azimuth"]))
    _add_angles(p)
