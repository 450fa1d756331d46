"""The parts of the procedural face renderer; ``l2sae.render.rendered_faces`` puts them together."""
