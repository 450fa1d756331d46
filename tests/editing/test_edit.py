from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.data import render_faces
from l2sae.editing import Blend, EditError, FaceEditor, FaceNotFoundError, FaceWarning, Noise, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]
ROIS = ("hair", "skin", "eyes", "nose", "lips")


@pytest.fixture
def blind_to(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the model find nothing of one ROI."""
    whole = tiny_model.mask_logits

    def install(roi: str) -> None:
        def mask_logits(structure: torch.Tensor, rois: list[str] | None = None) -> torch.Tensor:
            names = tiny_model.roi_names if rois is None else rois
            seen = torch.tensor([name != roi for name in names])[:, None, None]
            return torch.where(seen, whole(structure, rois), -1e4)

        monkeypatch.setattr(tiny_model, "mask_logits", mask_logits)

    return install


def test_edit_changes_the_photo_and_keeps_its_size(tiny_model: L2SAE, photos: Photos) -> None:
    for photo in photos:
        out = edit(tiny_model, photo, ("hair",), Swap(photos[1]), compose="replace")
        assert out.shape == photo.shape
        assert out.dtype == np.uint8
        assert (out != photo).any()


@pytest.mark.parametrize("compose", ["detail", "replace"])
def test_strength_zero_returns_the_photo(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor, compose: str) -> None:
    out = edit(tiny_model, photos[0], ROIS, Noise(3.0), strength=0, compose=compose)
    assert np.array_equal(out, photos[0])
    assert torch.equal(edit(tiny_model, faces, ROIS, Noise(3.0), strength=0, compose=compose), faces)


def test_swap_of_a_photo_with_itself_changes_nothing(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    assert np.array_equal(edit(tiny_model, photos[0], ROIS, Swap(photos[0])), photos[0])
    assert torch.equal(edit(tiny_model, faces, ROIS, Swap(faces)), faces)


def test_stronger_edits_change_more(tiny_model: L2SAE, photos: Photos) -> None:
    change = [
        np.abs(edit(tiny_model, photos[0], ("hair", "skin"), Noise(2.0), strength=s) - photos[0].astype(float)).mean()
        for s in (0.2, 0.6, 1.0, 1.5)
    ]
    assert change == sorted(change)
    assert change[0] > 0


@pytest.mark.parametrize("compose", ["detail", "replace"])
@pytest.mark.parametrize("rois", [("hair",), ("eyes", "lips"), ROIS])
def test_batches_are_bit_identical_outside_the_mattes(
    tiny_model: L2SAE, faces: torch.Tensor, compose: str, rois: tuple[str, ...]
) -> None:
    with torch.inference_mode():
        mattes = tiny_model.masks(tiny_model.encode(faces).structure, rois)
    outside = (torch.cat(list(mattes.values()), dim=1) < 1 / 255).all(dim=1, keepdim=True).expand_as(faces)
    out = edit(tiny_model, faces, rois, Noise(2.0), compose=compose)
    assert 0 < outside.float().mean() < 1
    assert torch.equal(out[outside], faces[outside])
    assert not torch.equal(out[~outside], faces[~outside])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_photos_are_bit_identical_outside_the_fitted_mattes(tiny_model: L2SAE, photos: Photos, index: int) -> None:
    photo = photos[index]
    outside = FaceEditor(tiny_model, photo).photo_mattes()["hair"][..., 0] == 0
    out = edit(tiny_model, photo, "hair", Noise(2.0))
    assert 0 < outside.mean() < 1
    assert np.array_equal(out[outside], photo[outside])


def test_given_mattes_bound_the_edit(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    matte = np.zeros(photos[0].shape[:2], np.float32)
    matte[20:50, 30:77] = 1
    matte[50:55, 30:77] = 0.5 / 255
    out = edit(tiny_model, photos[0], "hair", Noise(2.0), mattes={"hair": matte})
    assert np.array_equal(out[matte < 1 / 255], photos[0][matte < 1 / 255])
    assert (out[20:50, 30:77] != photos[0][20:50, 30:77]).mean() > 0.3
    truth = render_faces(3, size=64, seed=5).mattes["lips"]
    edited = edit(tiny_model, faces, "lips", Noise(2.0), mattes={"lips": truth})
    untouched = (truth < 1 / 255).expand_as(faces)
    assert torch.equal(edited[untouched], faces[untouched])


def test_given_mattes_at_model_resolution_are_fitted(tiny_model: L2SAE, photos: Photos) -> None:
    matte = torch.zeros(64, 64)
    matte[10:40, 10:40] = 1
    out = edit(tiny_model, photos[0], "hair", Noise(2.0), mattes={"hair": matte})
    changed = (out != photos[0]).any(axis=2)
    assert changed[:60, 30:70].any()
    assert not changed[:, 90:].any()


def test_mattes_of_another_size_or_range_are_refused(tiny_model: L2SAE, photos: Photos) -> None:
    with pytest.raises(EditError, match=r"matte of hair has shape \(7, 9\).*97 x 131"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"hair": np.zeros((7, 9))})
    with pytest.raises(EditError, match="matte of hair has values outside"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"hair": np.full((97, 131), 1.5)})
    with pytest.raises(EditError, match="mattes for lips"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"lips": np.zeros((97, 131))})


def test_a_picture_swaps_as_its_style_vector(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    square = torch.from_numpy(photos[1]).permute(2, 0, 1)[None].float() / 127.5 - 1
    vector = tiny_model.encode(square).style.detach()
    by_picture = edit(tiny_model, photos[0], ROIS, Swap(photos[1]))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(vector)))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(vector[0].numpy())))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(square)))


def test_a_path_swaps_as_its_picture(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    Image.fromarray(photos[2]).save(tmp_path / "ref.png")
    Image.fromarray(photos[0]).save(tmp_path / "photo.png")
    out = edit(tiny_model, tmp_path / "photo.png", "skin", Swap(tmp_path / "ref.png"))
    assert np.array_equal(out, edit(tiny_model, photos[0], "skin", Swap(photos[2])))


def test_batches_swap_in_pairs(tiny_model: L2SAE, faces: torch.Tensor) -> None:
    styles = tiny_model.encode(faces.roll(1, 0)).style.detach()
    out = edit(tiny_model, faces, ("skin",), Swap(styles))
    for i in range(len(faces)):
        single = edit(tiny_model, faces[i : i + 1], ("skin",), Swap(styles[i]))
        torch.testing.assert_close(out[i : i + 1], single, atol=1e-4, rtol=0)
    with pytest.raises(EditError, match="2 reference styles for 3 photos"):
        edit(tiny_model, faces, ("skin",), Swap(styles[:2]))


def test_noise_follows_its_seed(tiny_model: L2SAE, photos: Photos) -> None:
    first, again, other = (edit(tiny_model, photos[0], "skin", Noise(2.0), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_does_not_depend_on_the_batch(tiny_model: L2SAE, faces: torch.Tensor) -> None:
    state = torch.get_rng_state()
    batch = edit(tiny_model, faces, "skin", Noise(2.0), seed=4)
    single = edit(tiny_model, faces[:1], "skin", Noise(2.0), seed=4)
    torch.testing.assert_close(batch[:1], single, atol=1e-4, rtol=0)
    assert torch.equal(state, torch.get_rng_state())


def test_each_roi_may_have_its_own_style(tiny_model: L2SAE, photos: Photos) -> None:
    mattes = {roi: np.zeros(photos[0].shape[:2], np.uint8) for roi in ("hair", "lips")}
    mattes["hair"][:40] = 255
    mattes["lips"][60:] = 255
    styles = {"hair": Swap(photos[1]), "lips": Noise(2.0)}
    both = edit(tiny_model, photos[0], style=styles, mattes=mattes)
    for roi, style in styles.items():
        alone = edit(tiny_model, photos[0], roi, style, mattes={roi: mattes[roi]})
        assert np.abs(both[mattes[roi] > 0].astype(int) - alone[mattes[roi] > 0]).max() <= 1
    assert np.array_equal(both[40:60], photos[0][40:60])


def test_face_stands_for_skin_and_nose(tiny_model: L2SAE, photos: Photos) -> None:
    whole = edit(tiny_model, photos[0], ("face", "hair"), Noise(2.0))
    assert np.array_equal(whole, edit(tiny_model, photos[0], ("skin", "nose", "hair"), Noise(2.0)))
    styles = {"face": Noise(2.0), "nose": Noise(1.0)}
    own = edit(tiny_model, photos[0], style={"skin": Noise(2.0), "nose": Noise(1.0)})
    assert np.array_equal(edit(tiny_model, photos[0], style=styles), own)


def test_blend_weights_count_relative_to_their_sum(tiny_model: L2SAE, photos: Photos) -> None:
    only = edit(tiny_model, photos[0], "hair", Blend([(photos[1], 3.0), (photos[2], 0.0)]))
    assert np.array_equal(only, edit(tiny_model, photos[0], "hair", Swap(photos[1])))
    half = edit(tiny_model, photos[0], "hair", Blend([(photos[1], 1), (photos[2], 1)]))
    assert np.array_equal(half, edit(tiny_model, photos[0], "hair", Blend([(photos[1], 2), (photos[2], 2)])))
    for weights in ((0, 0), (-1, 2), (float("nan"), 1)):
        with pytest.raises(EditError, match="Blend with weights"):
            Blend(list(zip(photos, weights, strict=False)))


def test_overlapping_mattes_share_a_pixel(tiny_model: L2SAE, photos: Photos) -> None:
    full = np.ones(photos[0].shape[:2], np.float32)
    style = Swap(photos[1])
    one = edit(tiny_model, photos[0], "hair", style, compose="replace", mattes={"hair": full})
    two = edit(tiny_model, photos[0], ("hair", "skin"), style, compose="replace", mattes={"hair": full, "skin": full})
    assert np.abs(one.astype(int) - two).max() <= 1


def test_box_edits_a_crop(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    wide = np.zeros((150, 200, 3), np.uint8)
    wide[20:117, 40:171] = photos[0]
    out = edit(tiny_model, wide, "skin", Noise(2.0), box=(40, 20, 171, 117))
    assert np.array_equal(out[20:117, 40:171], edit(tiny_model, photos[0], "skin", Noise(2.0)))
    out[20:117, 40:171] = wide[20:117, 40:171]
    assert np.array_equal(out, wide)
    boxed = edit(tiny_model, faces, "skin", Noise(2.0), box=(8, 4, 60, 64))
    assert torch.equal(boxed[..., :4, :], faces[..., :4, :])
    assert not torch.equal(boxed, faces)
    with pytest.raises(EditError, match="box="):
        edit(tiny_model, wide, "skin", Noise(), box=(0, 0, 201, 10))


def test_grey_and_transparent_pictures(tiny_model: L2SAE, photos: Photos) -> None:
    grey = photos[0][..., 0].copy()
    as_colour = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(edit(tiny_model, grey, "hair", Noise()), edit(tiny_model, as_colour, "hair", Noise()))
    alpha = np.arange(grey.size, dtype=np.uint8).reshape(*grey.shape, 1)
    out = edit(tiny_model, np.concatenate([photos[0], alpha], axis=2), "hair", Noise())
    assert np.array_equal(out[..., 3:], alpha)
    assert np.array_equal(out[..., :3], edit(tiny_model, photos[0], "hair", Noise()))


def test_photos_smaller_than_the_model_are_edited(tiny_model: L2SAE, photos: Photos) -> None:
    small = np.array(Image.fromarray(photos[0]).resize((41, 33)))
    out = edit(tiny_model, small, ROIS, Noise(2.0))
    assert out.shape == small.shape
    assert (out != small).any()


def test_the_photo_given_is_left_alone(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    photo, batch = photos[0].copy(), faces.clone()
    photo.flags.writeable = False
    edit(tiny_model, photo, ROIS, Noise(2.0))
    out = edit(tiny_model, batch, ROIS, Noise(2.0))
    assert torch.equal(batch, faces)
    out += 1  # an ordinary tensor, not one of inference mode


def test_a_photo_without_the_roi_is_refused(
    tiny_model: L2SAE, photos: Photos, faces: torch.Tensor, blind_to: Callable[[str], None]
) -> None:
    blind_to("lips")
    with pytest.raises(FaceNotFoundError, match="no lips found in the photo"):
        edit(tiny_model, photos[0], ("hair", "lips"), Noise())
    assert torch.equal(edit(tiny_model, faces, "lips", Noise()), faces)


def test_a_reference_without_the_roi_is_refused(
    tiny_model: L2SAE, photos: Photos, tmp_path: Path, blind_to: Callable[[str], None]
) -> None:
    Image.fromarray(photos[1]).save(tmp_path / "bald.png")
    blind_to("hair")
    matte = np.full(photos[0].shape[:2], 255, np.uint8)
    with pytest.raises(FaceNotFoundError, match=r"bald\.png shows no hair"):
        edit(tiny_model, photos[0], "hair", Swap(tmp_path / "bald.png"), mattes={"hair": matte})


def test_a_picture_that_is_no_face_warns(tiny_model: L2SAE, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny_model.mask_logits
    monkeypatch.setattr(tiny_model, "mask_logits", lambda structure, rois=None: whole(structure, rois) - 1e4)
    with pytest.warns(FaceWarning, match="unlike a face"), pytest.raises(FaceNotFoundError):
        edit(tiny_model, photos[0], "hair", Noise())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rois": ()}, "rois is empty"),
        ({"rois": None}, "name the regions"),
        ({"rois": ("hat",)}, "unknown region hat: there are hair, skin"),
        ({"style": None}, "give a style"),
        ({"style": "blond"}, "style of hair is str"),
        ({"style": {"lips": Noise()}}, "let them agree"),
        ({"strength": 2.5}, "strength=2.5"),
        ({"strength": float("nan")}, "strength=nan"),
        ({"compose": "add"}, "compose='add'"),
        ({"align": "face"}, "align='face': give 'auto'"),
        ({"style": Swap(np.zeros(5, np.float32))}, "style vector of 5 values: this model's have 29"),
        ({"style": Swap(np.full(29, np.nan, np.float32))}, "NaN"),
        ({"style": Swap("absent.png")}, "absent.png: no such picture"),
        ({"style": Swap(3)}, "reference of type int"),
    ],
)
def test_mistakes_get_a_clear_error(tiny_model: L2SAE, photos: Photos, wrong: dict, message: str) -> None:
    arguments = {"rois": ("hair",), "style": Noise()} | wrong
    with pytest.raises(EditError, match=message):
        edit(tiny_model, photos[0], **arguments)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((10, 10, 3), np.uint8), "10 x 10 pixels: a face needs at least 32"),
        (np.zeros((64, 64, 3)), "type float64"),
        (np.zeros((64, 64, 2), np.uint8), "shape"),
        (torch.zeros(3, 64, 64), "give float"),
        (torch.full((1, 3, 64, 64), 200.0), r"scale its values to \[-1, 1\]"),
        (torch.full((1, 3, 64, 64), float("nan")), "scale its values"),
    ],
)
def test_unfit_photos_get_a_clear_error(tiny_model: L2SAE, photo: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(EditError, match=message):
        edit(tiny_model, photo, "hair", Noise())


def test_damaged_files_get_a_clear_error(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    Image.fromarray(photos[0]).save(tmp_path / "photo.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:600])
    with pytest.raises(EditError, match=r"cut\.jpg: truncated"):
        edit(tiny_model, tmp_path / "cut.jpg", "hair", Noise())


def test_negative_noise_is_refused() -> None:
    with pytest.raises(EditError, match="sigma=-1"):
        Noise(-1)
