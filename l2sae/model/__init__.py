"""The networks of L2SAE and their checkpoints."""

from l2sae.model.autoencoder import L2SAE, Latents
from l2sae.model.checkpoint import (
    CheckpointError,
    load_model,
    load_params_of,
    load_weights,
    resolve_device,
    save_model,
    shipped_model_path,
    slices_of,
)

__all__ = [
    "L2SAE",
    "CheckpointError",
    "Latents",
    "load_model",
    "load_params_of",
    "load_weights",
    "resolve_device",
    "save_model",
    "shipped_model_path",
    "slices_of",
]
