import pytest
import torch

from l2sae.data import FaceBatch
from l2sae.figures import edit_pictures as draw
from l2sae.measures.regions import choose_faces
from l2sae.rois import DEFAULT_ROIS

REGIONS = len(DEFAULT_ROIS)


@pytest.fixture(scope="module")
def faces(test_split) -> FaceBatch:
    return choose_faces(test_split, 3)


@pytest.mark.parametrize(
    ("name", "options", "panels"),
    [
        ("reconstruction_figure", {}, 5 * 3),
        ("swap_figure", {"compose": "detail"}, REGIONS * 9),
        ("noise_figure", {"compose": "detail", "seed": 0}, REGIONS * 9),
        ("several_rois_figure", {"compose": "detail"}, 3 * (REGIONS + 2)),
        ("composition_figure", {}, 3 * 7),
        ("strength_figure", {"compose": "replace"}, REGIONS * 6),
    ],
)
def test_each_figure_fills_all_its_panels(model, faces, name, options, panels):
    figure = getattr(draw, name)(model, faces, **options)
    assert len(figure.axes) == panels
    assert all(len(axes.images) == 1 for axes in figure.axes)


def test_strength_0_shows_the_photo_itself(model, faces):
    figure = draw.strength_figure(model, faces, "detail")
    photo = ((faces.images[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    shown = figure.axes[0].images[0].get_array()
    window = draw.close_up(faces.labels[0] == 1)
    assert (shown == photo[window[1], window[2]]).all()


def test_small_rois_are_shownclose_up_and_never_cut_off():
    region = torch.zeros(96, 96, dtype=torch.bool)
    assert draw.close_up(region) == (slice(None), slice(0, 96), slice(0, 96))
    region[90:94, 40:50] = True
    assert draw.close_up(region) == (slice(None), slice(64, 96), slice(28, 60))
    region[:] = True
    assert draw.close_up(region) == (slice(None), slice(0, 96), slice(0, 96))


def test_faces_that_show_every_roi_come_first(test_split):
    chosen = choose_faces(test_split, 3)
    labels = test_split.batch(range(len(test_split))).labels
    complete = [i for i, face in enumerate(labels) if set(range(1, 6)) <= set(face.unique().tolist())]
    expected = (complete + [i for i in range(len(test_split)) if i not in complete])[:3]
    assert torch.equal(chosen.images, test_split.batch(expected).images)
