"""Work on many photos: a folder or a list of them, on this machine, on several, or in an object store."""

from l2sae.bulk.folder import edit_folder

__all__ = ["edit_folder"]
