"""Faces to learn from: rendered ones, importers of labelled photos, the prepared data set, augmentation."""

from l2sae.data.coverage import coverage_table, coverage_warnings, near_duplicates
from l2sae.data.dataset import FaceBatch, FaceDataset, PreparedError, open_split
from l2sae.data.overview import describe_data, skipped_table, split_table
from l2sae.data.prepared import PrepareError, prepare
from l2sae.data.rendered import RenderedFaces, render_faces
from l2sae.data.schemes import Scheme, SchemeError, flip_permutation, get_scheme
from l2sae.data.sources import SourceError

__all__ = [
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
    "render_faces",
    "skipped_table",
    "split_table",
]
