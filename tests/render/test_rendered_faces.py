"""The renderer: repeatable, exact labels, the promised conventions, and enough variety to be worth learning."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from l2sae.render.rendered_faces import RenderedFaces, render_faces
from l2sae.rois import DEFAULT_ROIS, Roi, roi_labels

SIZE = 64


def test_same_seed_gives_the_same_pixels(faces: RenderedFaces) -> None:
    again = render_faces(4, size=SIZE, seed=3)
    assert torch.equal(again.images, faces.images[:4])
    assert torch.equal(again.labels, faces.labels[:4])
    assert all(torch.equal(again.mattes[name], faces.mattes[name][:4]) for name in faces.mattes)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (5, 3), (13, 21), (70, 17)])
def test_a_face_depends_on_seed_and_index_alone(faces: RenderedFaces, start: int, count: int) -> None:
    part = render_faces(count, size=SIZE, seed=3, start=start)
    assert torch.equal(part.images, faces.images[start : start + count])
    for name, values in part.factors.items():
        np.testing.assert_array_equal(values, faces.factors[name][start : start + count])


def test_seeds_give_different_faces(faces: RenderedFaces) -> None:
    other = render_faces(8, size=SIZE, seed=4)
    assert ((other.images - faces.images[:8]).abs().mean((1, 2, 3)) > 0.05).all()


def test_neighbours_differ(faces: RenderedFaces) -> None:
    assert ((faces.images[1:] - faces.images[:-1]).abs().mean((1, 2, 3)) > 0.02).all()


def test_shapes_types_and_ranges(faces: RenderedFaces) -> None:
    n = len(faces)
    assert faces.images.shape == (n, 3, SIZE, SIZE)
    assert faces.images.dtype == torch.float32
    assert faces.labels.shape == (n, SIZE, SIZE)
    assert faces.labels.dtype == torch.uint8
    assert torch.isfinite(faces.images).all()
    assert faces.images.min() >= -1
    assert faces.images.max() <= 1
    assert list(faces.mattes) == [roi.name for roi in DEFAULT_ROIS]
    for matte in faces.mattes.values():
        assert matte.shape == (n, 1, SIZE, SIZE)
        assert matte.min() >= 0
        assert matte.max() <= 1
    assert torch.stack(list(faces.mattes.values())).sum(0).max() <= 1 + 1e-5
    assert all(values.shape == (n,) for values in faces.factors.values())


def test_labels_are_the_mattes_above_one_half(faces: RenderedFaces) -> None:
    for name, index in roi_labels(DEFAULT_ROIS).items():
        assert torch.equal(faces.labels == index, faces.mattes[name][:, 0] > 0.5)


def test_nearly_every_face_shows_every_roi(faces: RenderedFaces) -> None:
    clear = torch.from_numpy(~np.isin(faces.factors["occlusion"], ["hand", "face_mask", "object"]))
    for name, matte in faces.mattes.items():
        shown = ((matte[clear] > 0.5).flatten(1).sum(1) >= 4).float().mean()
        assert shown >= (0.9 if name == "hair" else 0.97), name  # some heads are bald


def test_custom_rois_cut_the_same_faces_differently(faces: RenderedFaces) -> None:
    rois = (
        Roi(name="brows", channels=1, parts=("l_brow", "r_brow")),
        Roi(name="eyeballs", channels=1, parts=("l_eye", "r_eye")),
        Roi(name="throat", channels=1, parts=("neck",)),
    )
    cut = render_faces(8, size=SIZE, seed=3, rois=rois)
    assert torch.equal(cut.images, faces.images[:8])
    assert list(cut.mattes) == ["brows", "eyeballs", "throat"]
    assert cut.labels.max() == 3
    assert torch.equal(cut.mattes["brows"], faces.mattes["brows"][:8])
    assert torch.equal(cut.mattes["eyeballs"], faces.mattes["eyes"][:8])


def test_a_constant_mask_scores_low(faces: RenderedFaces) -> None:
    ious = []
    for matte in faces.mattes.values():
        truth, guess = matte[:, 0] > 0.5, matte.mean(0)[0] > 0.5
        ious.append(((truth & guess).sum() / (truth | guess).sum()).item())
    assert np.mean(ious) < 0.5


def test_people_differ_visibly_in_every_roi(faces: RenderedFaces) -> None:
    lab = rgb2lab((faces.images.permute(0, 2, 3, 1).numpy() + 1) / 2)
    for name, matte in faces.mattes.items():
        weight = matte[:, 0].numpy()
        colour = (lab * weight[..., None]).sum((1, 2)) / np.maximum(weight.sum((1, 2)), 1e-6)[:, None]
        colour = colour[weight.sum((1, 2)) > 4]
        assert (np.linalg.norm(np.diff(colour, axis=0), axis=1) >= 10).mean() > 0.4, name


@pytest.mark.parametrize("size", [32, 50, 128])
def test_other_sizes_show_the_same_people(faces: RenderedFaces, size: int) -> None:
    batch = render_faces(3, size=size, seed=3)
    assert batch.images.shape == (3, 3, size, size)
    np.testing.assert_array_equal(batch.factors["yaw"], faces.factors["yaw"][:3])
    for name, matte in batch.mattes.items():
        torch.testing.assert_close(matte.mean((1, 2, 3)), faces.mattes[name][:3].mean((1, 2, 3)), atol=0.02, rtol=0.2)


@pytest.mark.parametrize("bad", [{"count": 0}, {"size": 8}, {"seed": -1}, {"start": -1}])
def test_numbers_out_of_range_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="need count >= 1"):
        render_faces(bad.get("count", 1), bad.get("size", 64), bad.get("seed", 0), start=bad.get("start", 0))


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(ValueError, match=r"ROI tail: rendered faces have no part tail_tip"):
        render_faces(1, rois=[Roi(name="tail", channels=1, parts=("tail_tip",))])


def test_set_factors_change_the_scene_and_nothing_else_about_the_person(faces: RenderedFaces) -> None:
    turned = render_faces(4, size=SIZE, seed=3, factors={"yaw": 35.0, "light_azimuth": -60.0})
    assert (turned.factors["yaw"] == 35.0).all()
    assert (turned.factors["light_azimuth"] == -60.0).all()
    for name in ("monk_tone", "hair_style", "pitch", "age"):
        np.testing.assert_array_equal(turned.factors[name], faces.factors[name][:4])
    assert (turned.images - faces.images[:4]).abs().mean() > 0.02
    as_drawn = render_faces(1, size=SIZE, seed=3, start=2, factors={"yaw": float(faces.factors["yaw"][2])})
    torch.testing.assert_close(as_drawn.images[0], faces.images[2])
