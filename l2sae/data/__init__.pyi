from .coverage import coverage_table, coverage_warnings, near_duplicates
from .dataset import FaceBatch, FaceDataset, PreparedError, open_split
from .listing import SourceError
from .overview import describe_data, skipped_table, split_table
from .prepared import PrepareError, prepare
from .rendered import Counterfactuals, RenderedFaces, render_counterfactual, render_faces
from .schemes import Scheme, SchemeError, flip_permutation, get_scheme

__all__ = [
    "Counterfactuals",
    "FaceBatch",
    "FaceDataset",
    "PrepareError",
    "PreparedError",
    "RenderedFaces",
    "Scheme",
    "SchemeError",
    "SourceError",
    "coverage_table",
    "coverage_warnings",
    "describe_data",
    "flip_permutation",
    "get_scheme",
    "near_duplicates",
    "open_split",
    "prepare",
    "render_counterfactual",
    "render_faces",
    "skipped_table",
    "split_table",
]
