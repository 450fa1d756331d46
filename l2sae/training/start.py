"""What a training starts from: random weights, the shipped model, or another checkpoint."""

import torch

from l2sae.model import L2SAE, CheckpointError, load_weights, slices_of
from l2sae.model.adaptation import new_slices
from l2sae.params import Params
from l2sae.rois import roi_slices
from l2sae.training.states import averaged_weights, initial_checkpoint


def build_model(params: Params) -> L2SAE:
    """A new model: freshly initialised from ``seed``, then with the weights that ``train.init`` names.

    Where its ``rois`` are not the checkpoint's, slices of the same name and width are taken over; others begin anew.

    Raises:
        CheckpointError: no such checkpoint, or one of another layout; the message names the file and what to do.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)
        model = L2SAE(params.model, params.rois, params.data.image_size)
    path = initial_checkpoint(params)
    if path is None:
        return model
    if (weights := averaged_weights(path)) is not None:  # the last good state of a training that diverged
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(f"{path}: made for another layout: {error}") from None
    else:
        load_weights(model, path, adapt=True)
    return model


def starting_point(params: Params) -> str:
    """What `build_model` begins with, in words: the checkpoint, and the slices for which it has nothing."""
    path = initial_checkpoint(params)
    if path is None:
        return "random weights"
    name = "the shipped model" if params.train.init == "shipped" else params.train.init
    if averaged_weights(path) is not None:
        return name
    fresh = new_slices(slices_of(path), roi_slices(params.rois, params.model.context_channels))
    return f"{name}, and random weights for {', '.join(fresh)}" if fresh else name
