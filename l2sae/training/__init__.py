"""Losses, batches and the training loop."""

from l2sae.training.curves import training_log
from l2sae.training.trainer import DivergenceError, Trainer, TrainResult, build_model, train, training_losses

__all__ = ["DivergenceError", "TrainResult", "Trainer", "build_model", "train", "training_log", "training_losses"]
