"""Counterfactual faces: only the region asked for changes, in style alone, and light is not style."""

from typing import Any

import numpy as np
import pytest
import torch

from l2sae.render import counterfactual
from l2sae.render.counterfactual import Counterfactuals, render_counterfactual
from l2sae.render.factors import RECORDED, STYLE_FACTORS
from l2sae.render.rendered_faces import PARTS, draw_factors, render_faces
from l2sae.rois import DEFAULT_ROIS, Roi

SIZE = 64
SEED = 3
NAMES = [roi.name for roi in DEFAULT_ROIS]


@pytest.fixture(scope="module", params=NAMES)
def triples(request: pytest.FixtureRequest) -> Counterfactuals:
    return render_counterfactual(24, size=SIZE, seed=SEED, roi=request.param)


def _near(matte: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d((matte > 0).float(), 3, stride=1, padding=1) > 0


def test_content_and_reference_are_the_faces_of_the_series() -> None:
    triples = render_counterfactual(3, size=SIZE, seed=SEED, start=4, references=[9, 2, 9])
    contents = render_faces(3, size=SIZE, seed=SEED, start=4)
    assert torch.equal(triples.content, contents.images)
    assert torch.equal(triples.labels, contents.labels)
    assert all(torch.equal(triples.mattes[name], contents.mattes[name]) for name in NAMES)
    for row, index in enumerate([9, 2, 9]):
        reference = render_faces(1, size=SIZE, seed=SEED, start=index)
        assert torch.equal(triples.reference[row], reference.images[0])
        assert torch.equal(triples.reference_mattes["hair"][row], reference.mattes["hair"][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_face_with_its_own_style_is_itself(name: str) -> None:
    triples = render_counterfactual(6, size=SIZE, seed=SEED, roi=name, references=range(6))
    torch.testing.assert_close(triples.truth, triples.content, atol=1e-6, rtol=0)


def test_nothing_changes_outside_the_region(triples: Counterfactuals) -> None:
    """Beyond the lens's reach of one pixel; only skin shows through brows and lashes as well."""
    near = _near(triples.matte)
    if triples.roi[0] == "skin":
        near |= _near(triples.mattes["brows"]) | _near(triples.mattes["eyes"])
    outside = ~near.expand_as(triples.truth)
    assert torch.equal(triples.truth[outside], triples.content[outside])


@pytest.mark.parametrize("name", ["hair", "brows", "eyes", "lips"])
def test_the_painter_itself_keeps_to_the_region(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """So that nothing is cut off at its border: these styles have no effect beyond it, save for JPEG's blocks."""
    monkeypatch.setattr(counterfactual, "_confined", lambda content, painted, *_: painted)
    triples = render_counterfactual(24, size=SIZE, seed=SEED, roi=name, factors={"jpeg": 0.0})
    outside = ~_near(triples.matte).expand_as(triples.truth)
    assert torch.equal(triples.truth[outside], triples.content[outside])


def test_the_region_changes_visibly_on_most_faces(triples: Counterfactuals) -> None:
    assert triples.shown.sum() >= 12
    change = (triples.truth - triples.content).abs().mean(1, keepdim=True) * 127.5
    inside = (change * triples.matte).sum((1, 2, 3)) / triples.matte.sum((1, 2, 3)).clamp_min(1e-6)
    assert (inside[triples.shown] > 2).float().mean() >= 0.8  # levels of 255


def test_the_truth_is_nearer_to_the_style_of_the_reference() -> None:
    """Under the same light and exposure, the mean colour of the region becomes the reference's."""
    light = {"light_azimuth": 10.0, "light_elevation": 30.0, "light_intensity": 0.7, "ambient": 0.5}
    for name in ("hair", "skin", "lips"):
        triples = render_counterfactual(24, size=SIZE, seed=SEED, roi=name, factors=light)

        def colour(images: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
            return (images * matte).sum((2, 3)) / matte.sum((2, 3)).clamp_min(1e-6)

        goal = colour(triples.reference, triples.reference_mattes[name])
        before, after = (
            (colour(images, triples.matte) - goal).norm(dim=1) for images in (triples.content, triples.truth)
        )
        assert after[triples.shown].mean() < 0.6 * before[triples.shown].mean(), name


def test_shape_and_light_are_no_style() -> None:
    styled = {name for names in STYLE_FACTORS.values() for name in names}
    assert styled.isdisjoint({*RECORDED, "gain", "white", "contrast", "ambient", "hair_curl", "hair_jag"} - {"age"})
    assert set(STYLE_FACTORS) <= set(PARTS)
    assert styled <= set(draw_factors(0, [0], None)[0])


@pytest.mark.parametrize(("start", "count"), [(0, 1), (5, 3), (2, 18)])
def test_a_triple_depends_on_seed_and_index_alone(start: int, count: int) -> None:
    whole = render_counterfactual(20, size=SIZE, seed=SEED)
    part = render_counterfactual(count, size=SIZE, seed=SEED, start=start)
    rows = slice(start, start + count)
    assert part.roi == whole.roi[rows]
    assert torch.equal(part.truth, whole.truth[rows])
    assert torch.equal(part.reference, whole.reference[rows])
    assert torch.equal(part.shown, whole.shown[rows])


def test_regions_drawn_from_the_seed_are_shown_and_varied() -> None:
    triples = render_counterfactual(32, size=SIZE, seed=SEED)
    assert set(triples.roi) == set(NAMES)
    assert triples.shown.float().mean() > 0.9
    for row, name in enumerate(triples.roi):
        assert torch.equal(triples.matte[row], triples.mattes[name][row])


def test_faces_of_a_batch_can_have_a_region_each() -> None:
    names = ["lips", "hair", "nose", "skin", "brows", "eyes"]
    mixed = render_counterfactual(6, size=SIZE, seed=SEED, roi=names)
    assert mixed.roi == tuple(names)
    for row, name in enumerate(names):
        alone = render_counterfactual(1, size=SIZE, seed=SEED, roi=name, start=row)
        assert torch.equal(mixed.truth[row], alone.truth[0])


def test_another_light_on_the_reference_leaves_the_truth_alone() -> None:
    own = render_counterfactual(8, size=SIZE, seed=SEED, roi="skin")
    other = render_counterfactual(8, size=SIZE, seed=SEED, roi="skin", light="other")
    assert torch.equal(own.content, other.content)
    assert torch.equal(own.truth, other.truth)
    assert all(torch.equal(own.reference_mattes[name], other.reference_mattes[name]) for name in NAMES)
    change = ((own.reference - other.reference).abs() * own.reference_mattes["skin"]).flatten(1).sum(1)
    assert (change / own.reference_mattes["skin"].flatten(1).sum(1) > 0.1).float().mean() > 0.8
    columns = torch.linspace(-1, 1, SIZE)
    lean = [((b.reference.mean(1) * b.reference_mattes["skin"][:, 0]) * columns).sum((1, 2)) for b in (own, other)]
    azimuth = render_faces(9, size=16, seed=SEED).factors["light_azimuth"][1:]
    assert (np.sign((lean[1] - lean[0]).numpy()) == -np.sign(azimuth)).mean() > 0.8  # brighter on the other side


def test_regions_follow_their_parts_and_not_their_names() -> None:
    """The paper's eyes hold the brows, and its skin leaves out neck and ears."""
    rois = (
        Roi(name="skin", channels=1, parts=("skin",)),
        Roi(name="eyes", channels=1, parts=("l_eye", "r_eye", "l_brow", "r_brow")),
    )
    eyes = render_counterfactual(4, size=SIZE, seed=SEED, roi="eyes", rois=rois)
    finer = [render_counterfactual(4, size=SIZE, seed=SEED, roi=name) for name in ("eyes", "brows")]
    for single in finer:
        alone = single.matte > 0.999
        torch.testing.assert_close(
            eyes.truth[alone.expand_as(eyes.truth)], single.truth[alone.expand_as(eyes.truth)], atol=0.15, rtol=0
        )
    skin = render_counterfactual(4, size=SIZE, seed=SEED, roi="skin", rois=rois)
    neck = render_faces(4, size=SIZE, seed=SEED, rois=[Roi(name="neck", channels=1, parts=("neck",))]).mattes["neck"]
    only = (neck > 0.999) & ~_near(skin.matte)
    assert only.sum() > 20
    assert torch.equal(skin.truth[only.expand_as(skin.truth)], skin.content[only.expand_as(skin.truth)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"roi": "beard"}, r"no region with a style is named \['beard'\]; there are hair, skin, brows"),
        ({"roi": ["hair"]}, "need 2 references and regions; got 2 and 1"),
        ({"references": [1]}, "need 2 references"),
        ({"light": "sun"}, "light is own or other, not sun"),
        ({"references": [1, -1]}, "a reference's index is 0 or more; got -1"),
        ({"roi": "shirt", "rois": [Roi(name="shirt", channels=1, parts=("cloth",))]}, "there are none"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_counterfactual(2, size=SIZE, **arguments)
