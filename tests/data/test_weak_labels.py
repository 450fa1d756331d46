"""Outlines, a silhouette, position and colour part a face into its regions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from schematic import SIZE, outlines, picture

from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.weak_labels import frame_of, jaw_line, loose_hair, position_prior, weak_labels, with_silhouette

IDS = {name: number for number, name in enumerate(CELEBAMASK_PARTS)}
HAIRS = {"brown": (60, 40, 30), "blond": (205, 175, 130), "grey": (150, 150, 150), "white": (225, 225, 225)}


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def person(truth: NDArray[np.int_]) -> NDArray[np.float32]:
    return np.where(truth > 0, 0.98, 0.02).astype(np.float32)


@pytest.mark.parametrize("hair", HAIRS.values(), ids=HAIRS.keys())
def test_hair_skin_and_clothes_are_told_apart(hair: tuple[int, int, int]) -> None:
    shown, truth = picture(hair)
    labels = weak_labels(shown, outlines(), person(truth))
    head = np.arange(SIZE)[:, None] < 104
    skin = np.isin(labels.parts, [IDS[p] for p in CELEBAMASK_PARTS if p not in ("background", "hair", "cloth")])
    assert iou((labels.parts == IDS["hair"]) & head, (truth == 1) & head) > 0.8
    assert iou(skin & head, (truth == 2) & head) > 0.85
    assert not (labels.parts == IDS["hair"])[118:].any()
    assert labels.confidence > 0.65


def test_a_bald_head_has_no_hair_but_brows() -> None:
    shown, truth = picture(None)
    labels = weak_labels(shown, outlines(), person(truth))
    assert (labels.parts == IDS["hair"]).mean() < 0.02
    assert (labels.parts == IDS["l_brow"]).any()


@pytest.mark.parametrize("name", ["brown", "grey", "white"])  # blond hair in shadow has the colour of skin
def test_a_fringe_over_the_forehead_is_hair(name: str) -> None:
    hair = HAIRS[name]
    shown, truth = picture(hair)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    fringe = (truth == 2) & (y < 45) & (np.abs(x - 64) < 22)
    shown[fringe] = np.clip(np.array(hair) * 0.85 + 8 * np.sin(2 * x[fringe])[:, None], 0, 255)  # in its own shadow
    truth[fringe] = 1
    parts = weak_labels(shown, outlines(), person(truth)).parts
    assert (parts[fringe] == IDS["hair"]).mean() > 0.9
    assert (parts[(truth == 2) & (y > 60) & (y < 80)] != IDS["hair"]).mean() > 0.95


def test_features_lie_where_the_outlines_are() -> None:
    shown, truth = picture(HAIRS["brown"])
    parts = weak_labels(shown, outlines(), person(truth)).parts
    places = {
        "r_eye": (50, 58), "l_eye": (78, 58), "nose": (64, 72), "mouth": (64, 90), "u_lip": (64, 86),
        "l_lip": (64, 93), "r_brow": (49, 50), "neck": (64, 110),
    }  # fmt: skip
    for name, (x, y) in places.items():
        assert parts[y, x] == IDS[name], name


def test_ears_are_not_hair() -> None:
    shown, truth = picture(HAIRS["brown"])
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    ear = (np.hypot((abs(x - 64) - 30) / 4, (y - 66) / 8) < 1) & (abs(x - 64) > 28)
    shown[ear] = (185, 120, 100)  # a little redder than the cheeks
    parts = weak_labels(shown, outlines(), person(truth)).parts
    assert np.isin(parts[ear], [IDS["r_ear"], IDS["l_ear"]]).mean() > 0.7
    assert (parts[ear] == IDS["hair"]).mean() < 0.2


@pytest.mark.parametrize("hair", HAIRS.values(), ids=HAIRS.keys())
def test_clothes_of_the_colour_of_short_hair_are_not_hair(hair: tuple[int, int, int]) -> None:
    shown, truth = picture(hair)
    suit, y = truth == 3, np.mgrid[:SIZE, :SIZE][0]
    suit |= (y > 94) & (truth == 0)  # shoulders beside the chin
    shown[suit] = picture(hair, seed=1)[0][30:34, 60:68].reshape(-1, 3)[np.arange(suit.sum()) % 32]
    parts = weak_labels(shown, outlines(), person(np.where(suit, 3, truth))).parts
    assert (parts[suit] == IDS["hair"]).mean() < 0.05
    assert (parts[truth == 1] == IDS["hair"]).mean() > 0.75


def test_long_hair_over_shoulders_is_hair() -> None:
    shown, truth = picture(HAIRS["brown"])
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    long = (np.abs(np.abs(x - 64) - 30) < 10) & (y > 60) & (truth != 2)
    shown[long] = picture(HAIRS["brown"], seed=1)[0][30:34, 60:68].reshape(-1, 3)[np.arange(long.sum()) % 32]
    parts = weak_labels(shown, outlines(), person(np.where(long, 1, truth))).parts
    assert (parts[long] == IDS["hair"]).mean() > 0.75
    assert (parts[(truth == 3) & ~long] == IDS["hair"]).mean() < 0.2


def test_hair_hangs_from_beside_the_nose_or_from_behind_the_neck() -> None:
    frame, hair = frame_of(outlines()), np.zeros((SIZE, SIZE), bool)
    hair[10:60, 30:98] = True  # of the head
    hair[60:120, 20:30] = True  # a lock that hangs from there
    hair[88:120, 94:102] = True  # one that comes from behind the neck
    assert not loose_hair(hair, frame).any()
    thread, shoulder = hair.copy(), hair.copy()
    thread[60:120, 20:29] = False
    assert loose_hair(thread, frame)[85:120, 29].all()
    shoulder[92:120, 102:] = True
    assert loose_hair(shoulder, frame)[92:120, 96:].all()
    assert not loose_hair(shoulder, frame)[:, :40].any()


def test_grey_pictures_are_labelled_too() -> None:
    shown, truth = picture(HAIRS["brown"])
    grey = shown.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    assert iou(weak_labels(grey, outlines(), person(truth)).parts == IDS["hair"], truth == 1) > 0.7


def test_a_featureless_picture_gets_little_confidence() -> None:
    shown, truth = picture(HAIRS["brown"])
    clear = weak_labels(shown, outlines(), person(truth)).confidence
    noise = np.random.default_rng(1).integers(100, 140, (SIZE, SIZE, 3)).astype(np.uint8)
    assert weak_labels(noise, outlines(), np.full((SIZE, SIZE), 0.5)).confidence < clear - 0.1


def test_unknown_pixels_get_no_label() -> None:
    known = np.ones((SIZE, SIZE), bool)
    known[:30] = False
    shown, truth = picture(HAIRS["brown"])
    parts = weak_labels(shown, outlines(), person(truth), known).parts
    assert not parts[:30].any()
    assert parts[30:].any()


def test_the_prior_is_a_probability_and_knows_above_from_below() -> None:
    silhouette = person(picture(HAIRS["brown"])[1])
    prior = with_silhouette(position_prior(outlines(), silhouette), silhouette)
    assert np.allclose(prior.sum(axis=0), 1)
    assert prior[:, 20, 64].argmax() == 0
    assert prior[:, 75, 50].argmax() == 1
    assert prior[:, 125, 10].argmax() == 2
    assert prior[:, 5, 5].argmax() == 3
    assert jaw_line(outlines(), np.array([64.0]))[0] == pytest.approx(104.5)
