"""The renderer as a source of faces, for those who look for it among the data."""

from l2sae.render.counterfactual import Counterfactuals, render_counterfactual
from l2sae.render.rendered_faces import RenderedFaces, render_faces

__all__ = ["Counterfactuals", "RenderedFaces", "render_counterfactual", "render_faces"]
