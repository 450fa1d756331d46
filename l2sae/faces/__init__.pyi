from .finding import Face, find_faces
from .silhouette import person_mask

__all__ = ["Face", "find_faces", "person_mask"]
