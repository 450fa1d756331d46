"""Names of regions, and what stands for several of them."""

import pytest

from l2sae.rois import DEFAULT_ROIS, Roi, expand_rois, hair_and_skin, roi_labels, roi_slices

NAMES = tuple(roi.name for roi in DEFAULT_ROIS)


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["lips", "hair"], NAMES, ("lips", "hair")),
        (["face"], NAMES, ("skin", "nose")),
        (["nose", "face", "lips", "face"], NAMES, ("nose", "skin", "lips")),
        (["face"], ("hair", "skin"), ("skin",)),
        (["face"], ("hair", "face", "skin"), ("face",)),
        ([], NAMES, ()),
    ],
)
def test_a_shorthand_stands_for_the_regions_that_there_are(names, known, expected) -> None:
    assert expand_rois(names, known) == expected


@pytest.mark.parametrize(("names", "known"), [(["tail"], NAMES), (["hair", "face"], ("hair", "lips"))])
def test_what_stands_for_no_region_is_an_error_that_lists_them(names, known) -> None:
    with pytest.raises(ValueError, match=rf"unknown region {names[-1]}: there are {', '.join(known)}"):
        expand_rois(names, known)


def test_labels_count_from_1_and_slices_follow_each_other() -> None:
    assert list(roi_labels(DEFAULT_ROIS).values()) == list(range(1, len(NAMES) + 1))
    slices = list(roi_slices(DEFAULT_ROIS, 3).values())
    assert [part.start for part in slices[1:]] == [part.stop for part in slices[:-1]]
    assert slices[-1].stop == sum(roi.channels for roi in DEFAULT_ROIS) + 3


def test_hair_and_skin_are_found_where_they_are_two() -> None:
    assert hair_and_skin(DEFAULT_ROIS) == (0, 1)
    assert hair_and_skin([Roi(name="head", channels=1, parts=("hair", "skin"))]) == (0, None)
    assert hair_and_skin([Roi(name="lips", channels=1, parts=("u_lip",))]) == (None, None)
