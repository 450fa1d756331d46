"""What an edit complains about; pictures complain the same way."""

from l2sae.pictures.errors import EditError, FaceNotFoundError, FaceWarning

__all__ = ["EditError", "FaceNotFoundError", "FaceWarning"]
