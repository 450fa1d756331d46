"""Typed parameters and their one loader."""

from l2sae.params.loading import DEFAULT_PRESET, ParamsError, load_params
from l2sae.params.sections import (
    SWAP_LOSSES,
    DataParams,
    LossWeights,
    ModelParams,
    Params,
    ProvenanceParams,
    SplitFolders,
    SplitRatios,
    TrainParams,
)

__all__ = [
    "DEFAULT_PRESET", "SWAP_LOSSES", "DataParams", "LossWeights", "ModelParams", "Params", "ParamsError",
    "ProvenanceParams", "SplitFolders", "SplitRatios", "TrainParams", "load_params",
]  # fmt: skip
