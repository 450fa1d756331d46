"""The networks with their weights, read once from the package's assets."""

import functools
from importlib import resources
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

from l2sae.faces.networks import EyeLandmarks, FaceDetector, FaceMesh, PersonSegmenter

ASSET = "assets/faces.safetensors"
NETWORKS: dict[str, type[nn.Module]] = {
    "detector": FaceDetector,
    "mesh": FaceMesh,
    "eyes": EyeLandmarks,
    "silhouette": PersonSegmenter,
}

Network = TypeVar("Network", bound=nn.Module)


@functools.cache
def _load(name: str) -> Any:
    with resources.as_file(resources.files("l2sae") / ASSET) as path:
        tensors = load_file(path)
    prefix = f"{name}."
    network: Any = NETWORKS[name]()
    network.load_state_dict({key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # three times as fast on a CPU


def detector() -> FaceDetector:
    """BlazeFace "back"; shared, to be called without gradients, by any thread."""
    return _load("detector")


def mesh() -> FaceMesh:
    """FaceMesh; shared."""
    return _load("mesh")


def eyes() -> EyeLandmarks:
    """The iris network; shared."""
    return _load("eyes")


def silhouette() -> PersonSegmenter:
    """Selfie segmentation; shared."""
    return _load("silhouette")
