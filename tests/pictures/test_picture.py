from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession
from l2sae.editing import Noise, Recipe, Swap, edit
from l2sae.model import L2SAE
from l2sae.pictures.colour_profiles import from_srgb, to_srgb
from l2sae.pictures.reading import load_picture, read_picture
from l2sae.provenance import Policy
from tests.field_cases.profiles import exchanged_profile, matrix_profile

FREE = Policy(unmarked_by=("*",))
WIDE = matrix_profile(((0.4867, 0.2290, 0.0), (0.2657, 0.6917, 0.0451), (0.1982, 0.0793, 1.0437)))  # Display P3
EXCHANGED = exchanged_profile()
pytestmark = pytest.mark.filterwarnings(
    "ignore::l2sae.editing.FaceWarning", "ignore::l2sae.pictures.errors.PictureWarning"
)


def save(path: Path, picture: Image.Image | NDArray[np.uint8], **options: object) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("profile", [WIDE, EXCHANGED])
def test_an_edit_sees_colours_and_leaves_other_pixels_alone(
    tiny_model: L2SAE, portrait: NDArray[np.uint8], tmp_path: Path, profile: bytes
) -> None:
    path = save(tmp_path / "photo.png", portrait, icc_profile=profile)
    seen = to_srgb(portrait, profile)
    expected = edit(tiny_model, seen, "hair", Noise(2.0))
    made = edit(tiny_model, path, "hair", Noise(2.0))
    unedited = (expected == seen).all(axis=2)
    assert unedited.any()
    assert (made[unedited] == portrait[unedited]).all()
    inside = np.abs(from_srgb(seen, profile).astype(int) - portrait).max(axis=2) <= 1  # of sRGB's gamut
    assert inside.mean() > 0.8
    apart = np.abs(from_srgb(expected, profile).astype(int) - made).max(axis=2)
    assert apart[inside].max() <= 1, "the same edit, in the photo's own space"
    apart = np.abs(to_srgb(made, profile).astype(int) - expected).max(axis=2)
    assert np.percentile(apart[inside], 99) <= 3  # dark values spread in sRGB; what was outside its gamut stays there
    assert (edit(tiny_model, Image.open(path), "hair", Noise(2.0)) == made).all()
    session = EditSession(tiny_model)
    session.load(path)
    session.add_layer("hair", Noise(2.0))
    assert (session.render() == made).all()
    session.recipe().save(tmp_path / "edit.json")
    assert (Recipe.load(tmp_path / "edit.json").replay(tiny_model) == made).all()


def test_colours_outside_srgb_stay_there(tmp_path: Path) -> None:
    vivid = np.full((128, 128, 3), (250, 20, 10), np.uint8)
    picture = load_picture(save(tmp_path / "vivid.png", vivid, icc_profile=WIDE))
    darker = picture.srgb - np.minimum(picture.srgb, 8)
    moved = picture.edited(darker)
    assert (moved != vivid).any()
    assert np.abs(moved.astype(int) - vivid).max() < 20
    in_srgb = from_srgb(darker, WIDE)
    assert int(moved[0, 0, 0]) - int(moved[0, 0, 1]) > int(in_srgb[0, 0, 0]) - int(in_srgb[0, 0, 1])


def test_a_references_profile_counts(tiny_model: L2SAE, portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    plain = save(tmp_path / "plain.png", portrait)
    tagged = save(tmp_path / "tagged.png", np.ascontiguousarray(portrait[..., [1, 0, 2]]), icc_profile=EXCHANGED)
    photo = portrait[:, ::-1].copy()
    apart = edit(tiny_model, photo, "hair", Swap(plain)).astype(int) - edit(tiny_model, photo, "hair", Swap(tagged))
    assert np.abs(apart).max() <= 2
    assert np.abs(read_picture(tagged).astype(int) - portrait).max() <= 2


def test_transparency_is_kept_or_said(tiny_model: L2SAE, portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    alpha = np.full((*portrait.shape[:2], 1), 255, np.uint8)
    alpha[:40] = 0
    rgba = np.concatenate([portrait, alpha], axis=2)
    path = save(tmp_path / "rgba.png", rgba)
    made = edit(tiny_model, path, "hair", Noise(2.0))
    assert (made == edit(tiny_model, rgba, "hair", Noise(2.0))).all()
    session = EditSession(tiny_model)
    session.load(path)
    session.add_layer("hair", Noise(2.0))
    for ending in (".png", ".webp", ".avif", ".tif"):
        session.export(tmp_path / f"out{ending}", purpose="research", policy=FREE, unmarked=True)
        found = np.asarray(Image.open(tmp_path / f"out{ending}"))
        assert np.abs(found[..., 3].astype(int) - alpha[..., 0]).max() <= 8, ending
    assert (np.asarray(Image.open(tmp_path / "out.png")) == made).all()
    with pytest.warns(UserWarning, match="JPEG holds no transparency"):
        session.export(tmp_path / "out.jpg", purpose="research", policy=FREE, unmarked=True)
    assert np.asarray(Image.open(tmp_path / "out.jpg"))[:30].min() > 240
