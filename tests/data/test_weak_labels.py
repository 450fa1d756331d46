"""Landmarks, position and colour part a face into its regions."""

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.weak_labels import jaw_line, position_prior, weak_labels

IDS = {name: number for number, name in enumerate(CELEBAMASK_PARTS)}
SIZE = 128


def landmarks() -> NDArray[np.float64]:
    """68 points of a schematic frontal face at 128 pixels: eyes at 58, chin at 104."""
    angle = np.linspace(0, np.pi, 17)
    jaw = np.stack([64 - 28 * np.cos(angle), 60 + 44 * np.sin(angle)], axis=-1)
    brows = [(x, 50.0) for x in (43, 46, 49, 52, 55)] + [(x, 50.0) for x in (73, 76, 79, 82, 85)]
    nose = [(64, y) for y in (58, 64, 70, 75)] + [(x, 79.0) for x in (58, 61, 64, 67, 70)]
    eye = np.array([(-6, 0), (-2, -3), (2, -3), (6, 0), (2, 3), (-2, 3)])
    eyes = np.concatenate([np.add(eye, (50, 58)), np.add(eye, (78, 58))])
    turn = np.linspace(np.pi, 3 * np.pi, 13)[:-1]
    outer = np.stack([64 + 12 * np.cos(turn), 90 + 5 * np.sin(turn)], axis=-1)
    turn = np.linspace(np.pi, 3 * np.pi, 9)[:-1]
    inner = np.stack([64 + 9 * np.cos(turn), 90 + 1.5 * np.sin(turn)], axis=-1)
    return np.concatenate([jaw, brows, nose, eyes, outer, inner]).astype(np.float64)


def picture(hair: tuple[int, int, int] | None, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int_]]:
    """A schematic face with noise, and what is there: 1 hair, 2 skin, 3 clothes, 0 background."""
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


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("hair", [(60, 40, 30), (205, 175, 130), (150, 150, 150)], ids=["brown", "blond", "grey"])
def test_hair_skin_and_clothes_are_told_apart(hair: tuple[int, int, int]) -> None:
    shown, truth = picture(hair)
    labels = weak_labels(shown, landmarks())
    head = np.arange(SIZE)[:, None] < 104
    skin = np.isin(labels.parts, [IDS[p] for p in CELEBAMASK_PARTS if p not in ("background", "hair", "cloth")])
    assert iou((labels.parts == IDS["hair"]) & head, (truth == 1) & head) > 0.8
    assert iou(skin & head, (truth == 2) & head) > 0.85
    assert not (labels.parts == IDS["hair"])[118:].any()
    assert labels.confidence > 0.65


def test_a_bald_head_has_no_hair_but_brows() -> None:
    shown, _ = picture(None)
    labels = weak_labels(shown, landmarks())
    assert (labels.parts == IDS["hair"]).mean() < 0.02
    assert (labels.parts == IDS["l_brow"]).any()


def test_features_lie_where_the_landmarks_are() -> None:
    parts = weak_labels(picture((60, 40, 30))[0], landmarks()).parts
    for name, (x, y) in {
        "r_eye": (50, 58),
        "l_eye": (78, 58),
        "nose": (64, 72),
        "mouth": (64, 90),
        "u_lip": (64, 86),
    }.items():
        assert parts[y, x] == IDS[name], name
    assert parts[93, 64] == IDS["l_lip"]
    assert parts[51, 49] == IDS["r_brow"]


def test_grey_pictures_are_labelled_too() -> None:
    shown, truth = picture((60, 40, 30))
    grey = shown.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    assert iou(weak_labels(grey, landmarks()).parts == IDS["hair"], truth == 1) > 0.7


def test_a_featureless_picture_gets_little_confidence() -> None:
    clear = weak_labels(picture((60, 40, 30))[0], landmarks()).confidence
    noise = np.random.default_rng(1).integers(100, 140, (SIZE, SIZE, 3)).astype(np.uint8)
    assert weak_labels(noise, landmarks()).confidence < clear - 0.1


def test_unknown_pixels_get_no_label() -> None:
    known = np.ones((SIZE, SIZE), bool)
    known[:30] = False
    parts = weak_labels(picture((60, 40, 30))[0], landmarks(), known).parts
    assert not parts[:30].any()
    assert parts[30:].any()


def test_the_prior_is_a_probability_and_knows_above_from_below() -> None:
    prior = position_prior(landmarks(), (SIZE, SIZE))
    assert np.allclose(prior.sum(axis=0), 1)
    assert prior[:, 20, 64].argmax() == 0
    assert prior[:, 75, 50].argmax() == 1
    assert prior[:, 125, 10].argmax() == 2
    assert prior[:, 5, 5].argmax() == 3
    assert jaw_line(landmarks(), np.array([64.0]))[0] == pytest.approx(104)
