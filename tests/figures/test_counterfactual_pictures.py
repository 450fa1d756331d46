"""The picture of swaps beside their truth."""

from l2sae.figures.counterfactual_pictures import counterfactual_figure
from l2sae.model import L2SAE
from l2sae.params import Params


def test_the_figure_has_a_row_for_each_region(model: L2SAE, params: Params) -> None:
    figure = counterfactual_figure(model, params, 64, ("hair", "lips"))
    assert sum(len(axes.images) for axes in figure.axes) == 2 * 7
