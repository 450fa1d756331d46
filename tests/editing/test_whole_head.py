"""Hair is edited down to where it ends, and nothing shows where the face's crop ends."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import Colour, FaceEditor, Layer
from l2sae.editing.canvas import as_canvas
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.placement import Placement
from l2sae.editing.whole_head import HeadCrop, HeadFrame, HeadPlacement, keep_linked, leaves_crop, reaches_border
from l2sae.faces.finding import head_crop
from l2sae.model import L2SAE, load_model
from l2sae.pictures.conversions import to_model
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.frames import CropFrame
from l2sae.render.rendered_faces import draw_factors, paint_faces

SIDE, LOOSER = 480, 2.5
CROP = CropTransform(SIDE / 2, SIDE / 2, SIDE / LOOSER)
INNER, LOOSE = CropTransform(60, 60, 64), CropTransform(60, 60, 110)


@pytest.fixture(scope="module")
def canvas() -> tuple[list[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    """Long-haired faces on a canvas of 2.5 times the crop, and the true mattes of their hair (H, W)."""
    nothing = dict.fromkeys(("hat", "object", "hand", "face_mask", "strands", "glasses"), 0.0)
    numbers, recorded = draw_factors(77, range(200), nothing)
    long = np.isin(recorded["hair_style"], ["long_straight", "long_wavy", "bob"]) & (numbers["head_height"] > 0.7)
    chosen = np.flatnonzero(long)[:6]
    few = {name: values[chosen] for name, values in numbers.items()}
    for name in ("scale", "centre_x", "centre_y"):
        few[name] = few[name] / LOOSER
    images, mattes, _ = paint_faces(few, 77, chosen.tolist(), SIDE, "cpu", [("hair",)])
    pixels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [np.ascontiguousarray(one) for one in pixels], [matte[0].numpy() for matte in mattes[0]]


def test_hair_is_found_over_the_whole_picture(canvas) -> None:
    model, overlaps = load_model(), []
    for photo, truth in zip(*canvas, strict=True):
        editor = FaceEditor(model, photo, CROP, head=head_crop(CROP))
        found = editor.photo_mattes(("hair",))["hair"][..., 0] > 0.5
        overlaps.append((found & (truth > 0.5)).sum() / (found | (truth > 0.5)).sum())
    assert np.mean(overlaps) >= 0.85


def test_no_step_shows_along_the_crops_border(canvas) -> None:
    model = load_model()
    low, high = int(SIDE / 2 - CROP.side / 2), int(SIDE / 2 + CROP.side / 2)
    span = slice(low, high)
    pairs = [((high - 1, span), (high, span)), ((span, low), (span, low - 1)), ((span, high - 1), (span, high))]
    for photo, truth in zip(*canvas, strict=True):
        editor = FaceEditor(model, photo, CROP, head=head_crop(CROP))
        change = editor.render([Layer({"hair": Colour("#7a1f2b")})]).numpy().astype(float) - photo
        steps = np.concatenate([(change[a] - change[b])[(truth[a] > 0.95) & (truth[b] > 0.95)] for a, b in pairs])
        if len(steps) > 20:
            assert np.abs(steps.mean(axis=0)).max() <= 1


def test_both_crops_together_leave_no_gap() -> None:
    crop = CropTransform(100.0, 90.0, 60.0, 15.0)
    inner, outer = CropFrame(300, 260, crop), HeadFrame(300, 260, head_crop(crop), crop)
    total = torch.zeros(300, 260)
    for frame in (inner, outer):
        rows, columns = frame.window
        total[rows, columns] += frame.fade(rows.start, rows.stop)[0, 0]
    assert float((total[60:120, 70:130] - 1).abs().max()) < 1e-5  # the face's crop and its surroundings


def test_only_what_reaches_the_rim_leaves_the_crop() -> None:
    matte = torch.zeros(1, 1, 64, 64)
    matte[..., 20:40, 20:40] = 1
    assert not reaches_border(matte)
    matte[..., 40:63, 30] = 0.9
    assert reaches_border(matte)


def test_what_does_not_go_on_from_the_faces_matte_is_left_out() -> None:
    crop = CropTransform(100.0, 100.0, 100.0)
    head = CropTransform(100.0, 100.0, 200.0)
    own, outer = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    own[..., 20:, 10:20] = 1  # hair that falls out of the crop on the left
    outer[..., 26:60, 21:26] = 1  # the same, twice as far away
    outer[..., 10:60, 50:60] = 1  # another head
    kept = keep_linked(outer, head, own, crop)
    assert float(kept[..., 52:58, 22:25].min()) > 0.9
    assert float(kept[..., 50:60].max()) < 0.01


@pytest.fixture
def inner(tiny_model: L2SAE, photos: list[NDArray[np.uint8]]) -> Placement:
    wide = np.zeros((120, 130, 3), np.uint8)
    wide[10:107] = np.pad(photos[0], ((0, 0), (0, 0), (0, 0)))[:, :130]
    canvas = as_canvas(wide)
    with torch.inference_mode():
        return Placement(EncodedFace(tiny_model, to_model(canvas.cut(INNER), 64)), canvas, INNER)


def test_a_matte_of_the_photos_size_reaches_beyond_the_crop(inner: Placement) -> None:
    assert leaves_crop(inner, "hair", np.zeros((120, 130), np.uint8))
    assert not leaves_crop(inner, "hair", np.zeros((64, 64), np.uint8))


@torch.inference_mode()
def test_the_head_is_encoded_when_it_is_asked_for_and_once(inner: Placement, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, encode, model = [], inner.face.model.encode, inner.face.model
    monkeypatch.setattr(model, "encode", lambda images: calls.append(0) or encode(images))
    head = HeadCrop(inner.face, inner.canvas, LOOSE)
    assert calls == []
    placed = HeadPlacement(head.face, inner, LOOSE)
    assert HeadPlacement(head.face, inner, LOOSE).face is placed.face
    assert len(calls) == 1
    assert placed.frame.window[0].start < inner.frame.window[0].start


@torch.inference_mode()
def test_what_stays_in_the_faces_crop_has_no_matte_beyond(inner: Placement) -> None:
    placed = HeadPlacement(HeadCrop(inner.face, inner.canvas, LOOSE).face, inner, LOOSE)
    assert placed.matte("hair", torch.zeros(64, 64)) is None
    given = placed.matte("hair", np.full((120, 130), 255, np.uint8))
    assert given is not None
    assert given[0].shape == (1, 1, 64, 64)
