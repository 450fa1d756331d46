"""Fringes hang from the hair down to the brows, picture and label alike, and only where hair is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from l2sae.data.fringes import draw_fringes
from l2sae.rois import DEFAULT_ROIS, Roi

S = 64
HAIR, SKIN, BROWS = 1, 2, 3
DARK, PALE = -0.6, 0.6
HAIRLINE, BROW = 20, 36


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def faces(batch: int = 4, hair_from: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Dark hair above a pale forehead, with brows."""
    labels = torch.zeros(batch, S, S, dtype=torch.uint8)
    labels[:, HAIRLINE:60, 16:48] = SKIN
    labels[:, hair_from:HAIRLINE, 12:52] = HAIR
    labels[:, BROW : BROW + 3, 20:44] = BROWS
    values = torch.tensor([0.0, DARK, PALE, -0.2])[labels.long()]
    return values[:, None].repeat(1, 3, 1, 1), labels


def test_the_forehead_is_covered_in_picture_and_label_alike() -> None:
    images, labels = faces(64)
    drawn, found = draw_fringes(images, labels, seeded(), 1.0, DEFAULT_ROIS)
    grown = (found == HAIR) & (labels != HAIR)
    assert grown.flatten(1).any(dim=1).float().mean() > 0.9
    assert drawn[:, 0][grown].lt(0).float().mean() > 0.9  # it is dark there
    near = torch.nn.functional.max_pool2d((found == HAIR)[:, None].float(), 5, 1, 2)[:, 0] > 0
    assert drawn[:, 0][(found == SKIN) & ~near].gt(-0.2).all()  # shadow at most
    assert (labels == HAIR).logical_and(found != HAIR).sum() == 0


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_all_below_the_brows_and_beside_the_face_stays(seed: int) -> None:
    images, labels = faces()
    drawn, found = draw_fringes(images, labels, seeded(seed), 1.0, DEFAULT_ROIS)
    assert drawn.min() >= -1
    assert drawn.max() <= 1
    assert found[:, BROW + 8 :].equal(labels[:, BROW + 8 :])
    beside = labels == 0
    assert drawn[:, 0][beside].equal(images[:, 0][beside])


def test_one_seed_gives_one_result_and_the_share_is_met() -> None:
    images, labels = faces(200)
    drawn, found = draw_fringes(images, labels, seeded(3), 0.25, DEFAULT_ROIS)
    again, _ = draw_fringes(images, labels, seeded(3), 0.25, DEFAULT_ROIS)
    assert drawn.equal(again)
    assert 0.15 < (found != labels).flatten(1).any(dim=1).float().mean() < 0.35


def test_without_hair_above_the_forehead_there_is_nothing_to_draw() -> None:
    images, labels = faces(8, hair_from=HAIRLINE - 1)  # a bald head's edge
    drawn, found = draw_fringes(images, labels, seeded(), 1.0, DEFAULT_ROIS)
    assert drawn.equal(images)
    assert found.equal(labels)


def test_a_head_that_is_bald_on_one_side_gets_none() -> None:
    images, labels = faces(8)
    labels[:, :HAIRLINE, 12:34] = 0
    assert draw_fringes(images, labels, seeded(), 1.0, DEFAULT_ROIS)[1].equal(labels)


@pytest.mark.parametrize(
    ("share", "rois"),
    [
        (0.0, DEFAULT_ROIS),
        (1.0, [Roi(name="head", channels=1, parts=("hair", "skin"))]),
        (1.0, [Roi(name="hair", channels=1, parts=("hair", "l_brow")), Roi(name="skin", channels=1, parts=("skin",))]),
        (1.0, [Roi(name="lips", channels=1, parts=("u_lip",))]),
    ],
    ids=["no share", "hair and skin are one", "brows are hair", "no hair"],
)
def test_inputs_return_where_nothing_is_to_be_drawn(share: float, rois: list[Roi]) -> None:
    images, labels = faces()
    drawn, found = draw_fringes(images, labels, seeded(), share, rois)
    assert drawn is images
    assert found is labels
