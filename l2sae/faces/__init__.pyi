from .crops import CropTransform
from .finding import Face, find_faces
from .silhouette import person_mask

__all__ = ["CropTransform", "Face", "find_faces", "person_mask"]
