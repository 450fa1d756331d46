"""A schematic face at 128 pixels: eyes at 58, chin at 104, and the outlines of its parts."""

import numpy as np
from numpy.typing import NDArray

from l2sae.data.outlines import Outlines

SIZE = 128


def ellipse(x: float, y: float, half_width: float, half_height: float) -> NDArray[np.float64]:
    """The outline of an ellipse, clockwise from its right end, (40, 2)."""
    turn = np.linspace(0, 2 * np.pi, 41)[:-1]
    return np.stack([x + half_width * np.cos(turn), y + half_height * np.sin(turn)], axis=-1)


def outlines() -> Outlines:
    """Outlines of a frontal face whose hairline is not known."""
    features = {
        "r_brow": ellipse(49, 50, 7, 2), "l_brow": ellipse(79, 50, 7, 2), "nose": ellipse(64, 72, 6, 9),
        "r_eye": ellipse(50, 58, 6, 3), "l_eye": ellipse(78, 58, 6, 3), "u_lip": ellipse(64, 87, 12, 2.5),
        "l_lip": ellipse(64, 93, 12, 2.5), "mouth": ellipse(64, 90, 9, 1.5),
    }  # fmt: skip
    return Outlines(features, ellipse(64, 70, 28, 34.5), False, {})


def template() -> NDArray[np.float64]:
    """The same face as the points of a template, (189, 2)."""
    points = np.zeros((189, 2))

    def line(indices: range, outline: NDArray[np.float64], start: float, stop: float) -> None:
        """Put points along a part of an outline; parts of a turn, 0 at its right end, 0.5 at its left."""
        places = (np.linspace(start, stop, len(indices)) * 40).round().astype(int) % 40
        points[indices] = outline[places]

    made = outlines()
    for first, part in ((18, "r_eye"), (23, "l_eye")):
        line(range(first, first + 5), made.features[part], 0.5, 1.0)
        line(range(28 + (first - 18) * 3 // 5, 31 + (first - 18) * 3 // 5), made.features[part], 0.4, 0.1)
    for first, low, part in ((71, 83, "r_brow"), (77, 85, "l_brow")):
        line(range(first, first + 6), made.features[part], 0.5, 1.0)
        line(range(low, low + 2), made.features[part], 0.35, 0.15)
    lips = ellipse(64, 90, 13, 6)
    line(range(87, 94), lips, 0.5, 1.0)
    line(range(104, 109), lips, 0.42, 0.08)
    line(range(94, 99), ellipse(64, 90, 10, 2), 0.55, 0.95)
    line(range(99, 104), ellipse(64, 90, 10, 2), 0.45, 0.05)
    nose = made.features["nose"]
    line(range(50, 53), nose, 0.7, 0.6)
    line(range(61, 65), nose, 0.55, 0.35)
    line(range(56, 59), nose, 0.8, 0.9)
    line(range(66, 70), nose, 0.95, 1.15)
    points[55] = nose[10]
    face = made.face
    points[109], points[110], points[111] = face[20], face[19], face[18]
    points[112], points[113], points[114] = face[0], face[1], face[2]
    line(range(134, 145), face, 0.55, 0.95)
    line(range(125, 134), face, 0.4, 0.1)
    line(range(115, 120), ellipse(36, 66, 5, 9), 0.75, 0.25)
    line(range(120, 125), ellipse(92, 66, 5, 9), 0.75, 1.25)
    return points


def picture(hair: tuple[int, int, int] | None, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int_]]:
    """The face with noise, and what is there: 1 hair, 2 skin, 3 clothes, 0 background."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    truth = np.zeros((SIZE, SIZE), int)
    if hair:
        truth[np.hypot((x - 64) / 36, (y - 56) / 44) < 1] = 1
    truth[y > 112] = 3
    truth[(abs(x - 64) < 16) & (y > 60) & (y < 118)] = 2
    truth[np.hypot((x - 64) / 28, (y - 70) / 35) < 1] = 2
    colours = np.array([(110, 140, 170), hair or (0, 0, 0), (200, 150, 125), (30, 30, 40)])
    spread = np.array([2, 12, 4, 4])[truth][..., None]  # hair has texture
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE, 1)) * spread
    return (colours[truth] + noise).clip(0, 255).astype(np.uint8), truth
