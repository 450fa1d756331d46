"""Pictures of the slices have a panel for each, and no matte responds to another's slice."""

from l2sae.figures import slice_pictures as slice_figures
from l2sae.measures.regions import choose_faces


def test_slices_figure_has_a_column_for_each_slice(model, test_split):
    faces = choose_faces(test_split, 3)
    figure = slice_figures.slices_figure(model, faces)
    assert len(figure.axes) == 3 * (1 + len(model.slices))


def test_off_the_diagonal_no_matte_responds(model, test_split):
    figure = slice_figures.responses_figure(model, choose_faces(test_split, 3), seed=0)
    rois = len(model.rois)
    shown = [axes.texts[0].get_text() for axes in figure.axes]
    assert shown == ["1" if r == c else "0" for r in range(rois) for c in range(rois)]
    dark = [axes.images[0].get_array().max() for axes in figure.axes]
    assert dark[0] > dark[1]
