"""Photos and batches as what edits are put on."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditError
from l2sae.editing.canvas import ImagesCanvas, PhotoCanvas, as_canvas
from l2sae.pictures.crops import CropTransform

Photos = list[NDArray[np.uint8]]


def test_a_photo_and_images_have_their_own_canvas(photos: Photos, faces: torch.Tensor) -> None:
    photo, images = as_canvas(photos[0]), as_canvas(faces)
    assert isinstance(photo, PhotoCanvas)
    assert isinstance(images, ImagesCanvas)
    assert (photo.size, images.size) == ((97, 131), (64, 64))
    assert photo.must_show
    assert not images.must_show


def test_strips_are_fractions(photos: Photos, faces: torch.Tensor) -> None:
    rows, columns = slice(3, 9), slice(10, 30)
    strip = as_canvas(photos[0]).strip(rows, columns)
    assert np.allclose(strip[0].permute(1, 2, 0) * 255, photos[0][rows, columns])
    assert torch.equal(as_canvas(faces).strip(rows, columns), (faces[:, :, rows, columns] + 1) / 2)


def test_no_steps_change_nothing(photos: Photos, faces: torch.Tensor) -> None:
    assert np.array_equal(as_canvas(photos[0]).composite([], "detail"), photos[0])
    assert torch.equal(as_canvas(faces).composite([], "detail"), faces)


def test_only_photos_are_cropped_and_reduced(photos: Photos, faces: torch.Tensor) -> None:
    crop = CropTransform(60.0, 50.0, 40.0, 10.0)
    assert np.array_equal(as_canvas(photos[0]).cut(crop), crop.crop(photos[0]))
    assert as_canvas(photos[0]).resized(65).size == (48, 65)
    with pytest.raises(EditError, match="leave the crop out"):
        as_canvas(faces).cut(crop)
    with pytest.raises(EditError, match="give a uint8 photo"):
        as_canvas(faces).resized(32)
