"""A small network that says whether a picture was edited, and where: its training, and its figures."""
