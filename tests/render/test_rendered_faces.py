"""The renderer: repeatable, exact labels, the promised conventions, and enough variety to be worth learning."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from l2sae.render.factors import OCCLUDERS
from l2sae.render.rendered_faces import PARTS, RenderedFaces, render_faces
from l2sae.rois import DEFAULT_ROIS, Roi, roi_labels

SIZE = 64


@pytest.fixture(scope="module")
def faces() -> RenderedFaces:
    return render_faces(192, size=SIZE, seed=3)


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


def test_mattes_have_soft_edges(faces: RenderedFaces) -> None:
    hair = faces.mattes["hair"]
    assert 0.005 < ((hair > 0.05) & (hair < 0.95)).float().mean() < 0.2


def test_nearly_every_face_shows_every_roi(faces: RenderedFaces) -> None:
    clear = torch.from_numpy(~np.isin(faces.factors["occlusion"], ["hand", "face_mask", "object"]))
    for name, matte in faces.mattes.items():
        shown = ((matte[clear] > 0.5).flatten(1).sum(1) >= 4).float().mean()
        assert shown >= (0.9 if name == "hair" else 0.97), name  # some heads are bald


def test_subjects_left_is_on_the_pictures_right() -> None:
    rois = [Roi(name=part, channels=1, parts=(part,)) for part in ("l_eye", "r_eye", "l_brow", "r_brow")]
    mattes = render_faces(32, size=SIZE, seed=1, rois=rois).mattes
    columns = torch.arange(SIZE, dtype=torch.float32)
    centre = {name: (m[:, 0] * columns).sum((1, 2)) / m.sum((1, 2, 3)).clamp_min(1e-6) for name, m in mattes.items()}
    for part in ("eye", "brow"):
        both = (mattes[f"l_{part}"].sum((1, 2, 3)) > 1) & (mattes[f"r_{part}"].sum((1, 2, 3)) > 1)
        assert both.sum() >= 20
        assert (centre[f"l_{part}"] > centre[f"r_{part}"])[both].all()


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


def test_parts_share_the_pixels_out_and_skin_takes_in_neck_and_ears() -> None:
    rois = [Roi(name=part, channels=1, parts=(part,)) for part in PARTS]
    mattes = render_faces(64, size=SIZE, seed=2, rois=rois).mattes
    assert mattes["neck"].mean() > 0.01
    assert mattes["l_ear"].mean() > 0.0005
    total = torch.stack(list(mattes.values())).sum(0)
    assert total.max() <= 1 + 1e-5
    skin = mattes["skin"] + mattes["neck"] + mattes["l_ear"] + mattes["r_ear"]
    torch.testing.assert_close(render_faces(64, size=SIZE, seed=2).mattes["skin"], skin)


@pytest.mark.parametrize("part", ["neck", "l_ear"])
def test_neck_and_ears_have_the_hue_of_the_face(part: str) -> None:
    rois = [Roi(name=name, channels=1, parts=(name,)) for name in ("skin", part)]
    faces = render_faces(64, size=SIZE, seed=2, rois=rois, factors={"face_mask": 0.0})
    inside = {name: (matte > 0.9).float() for name, matte in faces.mattes.items()}
    rows = inside[part].flatten(1).sum(1) > 12
    assert rows.sum() > 10
    light = ((faces.images + 1) / 2).square()
    mean = {name: (light * where).sum((2, 3)) / where.sum((2, 3)) for name, where in inside.items()}
    face, other = (torch.log(mean[name][rows, 0] / mean[name][rows, 2]).numpy() for name in ("skin", part))
    assert np.corrcoef(face, other)[0, 1] > 0.85


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


def test_factors_cover_their_ranges(faces: RenderedFaces) -> None:
    factors = faces.factors
    assert set(factors["monk_tone"]) == set(range(1, 11))
    assert np.abs(factors["yaw"]).max() <= 45
    assert np.abs(factors["yaw"]).max() > 25
    assert set(factors["occlusion"]) == {"none", *OCCLUDERS}
    assert 0.75 < (factors["occlusion"] == "none").mean() < 0.95
    assert factors["head_height"].min() < 0.6
    assert len(set(factors["hair_style"])) >= 9
    assert len(set(factors["hair_colour"])) >= 8
    assert 0.05 < factors["glasses"].mean() < 0.35
    assert factors["glasses"].dtype == bool


def test_darker_tones_on_the_monk_scale_look_darker(faces: RenderedFaces) -> None:
    skin = faces.mattes["skin"]
    brightness = ((faces.images * skin).sum((1, 2, 3)) / skin.sum((1, 2, 3)).clamp_min(1)).numpy()
    assert np.corrcoef(brightness, faces.factors["monk_tone"])[0, 1] < -0.6


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


@pytest.fixture(scope="module")
def bare() -> RenderedFaces:
    return render_faces(16, size=SIZE, seed=3, factors={"hat": 0.0})


@pytest.mark.parametrize("name", OCCLUDERS)
def test_an_occluder_can_be_put_before_every_face(bare: RenderedFaces, name: str) -> None:
    assert set(bare.factors["occlusion"]) == {"none"}
    assert bare.factors["hidden"].max() == 0
    hidden = render_faces(16, size=SIZE, seed=3, factors={name: 1.0})
    able = np.ones(16, bool) if name != "strands" else ~np.isin(bare.factors["hair_style"], ["bald", "receding"])
    assert (hidden.factors["occlusion"][able] == name).mean() > 0.9
    np.testing.assert_array_equal(hidden.factors["monk_tone"], bare.factors["monk_tone"])
    changed = (hidden.images - bare.images).abs().flatten(1).mean(1)
    assert (changed[torch.from_numpy(hidden.factors["occlusion"] == name)] > 0).all()
    # Nothing comes to light by being hidden: only hair may grow, and only by strands of it.
    for roi, matte in hidden.mattes.items():
        grown = (matte - bare.mattes[roi]).amax()
        assert grown <= 1e-6 or (name, roi) == ("strands", "hair")


def test_a_face_mask_hides_the_lips_and_much_of_the_face(bare: RenderedFaces) -> None:
    masked = render_faces(16, size=SIZE, seed=3, factors={"face_mask": 1.0})
    assert masked.mattes["lips"].amax() < 0.05
    assert masked.mattes["nose"].sum() < 0.7 * bare.mattes["nose"].sum()
    torch.testing.assert_close(masked.mattes["eyes"], bare.mattes["eyes"], atol=0.3, rtol=0)
    assert masked.factors["hidden"].min() > 0.2
    assert (masked.labels == roi_labels(DEFAULT_ROIS)["lips"]).sum() == 0


def test_loose_strands_are_hair_in_front_of_the_face(bare: RenderedFaces) -> None:
    loose = render_faces(16, size=SIZE, seed=3, factors={"strands": 1.0})
    grown = loose.mattes["hair"] - bare.mattes["hair"]
    lost = sum(bare.mattes[roi] - loose.mattes[roi] for roi in ("skin", "eyes", "nose", "lips"))
    assert grown.amax() > 0.4
    assert (grown - lost).amin() > -1e-4  # what the face loses is hair


def test_hands_have_the_colour_of_the_face() -> None:
    """The pixels that a hand covers are about as bright as the face that it hides."""
    bare, hands = (render_faces(32, size=SIZE, seed=9, factors={"hand": value}) for value in (0.0, 1.0))
    covered = (bare.mattes["skin"] - hands.mattes["skin"]) > 0.9
    rows = covered.flatten(1).sum(1) > 30
    assert rows.sum() > 20

    def brightness(images: torch.Tensor, where: torch.Tensor) -> np.ndarray:
        return ((images.mean(1, keepdim=True) * where).sum((1, 2, 3)) / where.sum((1, 2, 3)))[rows].numpy()

    skin = bare.mattes["skin"] > 0.9
    assert np.corrcoef(brightness(hands.images, covered), brightness(bare.images, skin))[0, 1] > 0.8


def test_a_factor_on_which_others_depend_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="factor age cannot be set; those that can: yaw"):
        render_faces(1, size=SIZE, factors={"age": 0.5})
