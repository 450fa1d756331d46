"""Losses, batches and the training loop."""

from l2sae.training.curves import training_log
from l2sae.training.loop import STATES, TrainResult, clear_states, train
from l2sae.training.start import build_model, starting_point
from l2sae.training.step import DivergenceError, Trainer, training_losses

__all__ = [
    "STATES",
    "DivergenceError",
    "TrainResult",
    "Trainer",
    "build_model",
    "clear_states",
    "starting_point",
    "train",
    "training_log",
    "training_losses",
]
