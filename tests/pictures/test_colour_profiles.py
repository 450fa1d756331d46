"""Colour profiles are told apart, and pixels go to sRGB and back."""

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from l2sae.pictures.colour_profiles import from_srgb, is_other_rgb, profile_space, to_srgb
from tests.field_cases.profiles import exchanged_profile, matrix_profile

WIDE = matrix_profile(((0.4867, 0.2290, 0.0), (0.2657, 0.6917, 0.0451), (0.1982, 0.0793, 1.0437)))  # Display P3


EXCHANGED = exchanged_profile()


def test_profiles_are_told_apart() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert [is_other_rgb(one) for one in (None, b"junk", srgb, WIDE, EXCHANGED)] == [False, False, False, True, True]
    assert [profile_space(one) for one in (None, b"junk", srgb)] == [None, None, "RGB"]


def test_colours_come_back_from_srgb(portrait: NDArray[np.uint8]) -> None:
    there = to_srgb(portrait, EXCHANGED)
    assert np.abs(there.astype(int) - portrait[..., [1, 0, 2]]).max() <= 2
    assert np.abs(from_srgb(there, EXCHANGED).astype(int) - portrait).max() <= 2
