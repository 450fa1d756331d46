"""Weak labels are compared with human ones inside the crop and the photo alone."""

import numpy as np

from l2sae.bench.weak_label_accuracy import FASSEG_ROIS, _cropped
from l2sae.data.schemes import get_scheme, part_rois
from l2sae.pictures.crops import CropTransform


def test_labels_are_read_where_the_crop_lies_and_nothing_is_known_beyond_the_photo() -> None:
    labels = np.zeros((10, 20), np.uint8)
    labels[:, 10:] = 3
    cropped, inside = _cropped(labels, (200, 100), CropTransform(150, 50, 200), 20)
    assert inside.sum() == 20 * 20 * 150 // 200 // 2
    assert (cropped[~inside] == 0).all()
    columns = np.flatnonzero(cropped.any(axis=0))
    assert (columns.min(), columns.max()) == (5, 14)  # the right half of the photo


def test_regions_cover_what_fasseg_annotates() -> None:
    owner = part_rois(get_scheme("celebamask"), FASSEG_ROIS)
    assert owner["l_brow"] == owner["hair"]
    assert owner["neck"] == owner["skin"]
