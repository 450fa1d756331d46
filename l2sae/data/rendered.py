"""The renderer as a source of faces, for those who look for it among the data."""

from l2sae.render.rendered_faces import RenderedFaces, render_faces

__all__ = ["RenderedFaces", "render_faces"]
