"""The parts of the procedural face renderer; ``l2sae.data.rendered`` puts them together."""
