"""Checkpoints: one safetensors file holds all weights, and in its metadata the parameters and the slice layout."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from l2sae.model.adaptation import adapt_weights
from l2sae.model.autoencoder import L2SAE
from l2sae.params import Params

FORMAT = "l2sae-1"
SHIPPED = "l2sae.safetensors"
_REMEDY = "use the rois and model parameters that the checkpoint was made with, or train again"
_START_REMEDY = (
    "use the model parameters that the checkpoint was made with, or begin with random weights: train.init: random"
)


class CheckpointError(ValueError):
    """A checkpoint is absent, damaged or of another layout; the message names the file and what to do."""


def save_model(model: L2SAE, path: str | Path, params: Params, dtype: torch.dtype = torch.float32) -> None:
    """Write weights, parameters and slice layout to ``path``, atomically; equal models give equal bytes.

    Args:
        model: the model to write.
        path: a ``.safetensors`` file; its folder is created.
        params: the parameters that the model was made with; ``load_model`` rebuilds it from them.
        dtype: type to store floating-point weights in; float16 halves the file and costs no visible quality.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "format": FORMAT,
        "params": params.model_dump_json(),
        "slices": json.dumps(_layout(model.slices)),
    }
    weights = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    partial = path.with_name(path.name + ".partial")
    save_file(weights, partial, metadata)
    _sort_metadata(partial)
    partial.replace(path)


def load_params_of(path: str | Path) -> Params:
    """The parameters that the checkpoint at ``path`` was made with."""
    path = Path(path)
    try:
        return Params.model_validate_json(_read_metadata(path)["params"])
    except ValidationError as error:
        raise CheckpointError(f"{path}: its parameters are not those of this version: {error}; train again") from None


def shipped_model_path() -> Path:
    """The small model that comes with the package, trained on rendered faces."""
    return Path(str(resources.files("l2sae") / "assets" / SHIPPED))


def load_model(path: str | Path | None = None, device: str = "auto") -> L2SAE:
    """Load a trained model, ready for inference.

    Args:
        path: a checkpoint; ``None`` loads the small model that ships with the package.
        device: ``auto`` (cuda, else mps, else cpu) or a torch device.

    Raises:
        CheckpointError: no such file, not a checkpoint of this package, or weights that do not fit its own parameters.
    """
    path = shipped_model_path() if path is None else Path(path)
    params = load_params_of(path)
    model = L2SAE(params.model, params.rois, params.data.image_size)
    load_weights(model, path)
    return model.to(resolve_device(device)).eval()


def slices_of(path: str | Path) -> dict[str, slice]:
    """The channel slices of the model at ``path``, as ``l2sae.rois.roi_slices`` gives them."""
    layout = json.loads(_read_metadata(Path(path))["slices"])
    return {name: slice(start, stop) for name, (start, stop) in layout.items()}


def load_weights(model: L2SAE, path: str | Path, adapt: bool = False) -> None:
    """Copy the weights at ``path`` into ``model``.

    Args:
        model: where to; it stays as it was where the weights do not fit.
        path: a checkpoint.
        adapt: the ROIs may differ, see `l2sae.model.adaptation`; otherwise they must be the same.

    Raises:
        CheckpointError: no such file, not a checkpoint of this package, or another layout.
    """
    path = Path(path)
    slices = slices_of(path)
    if slices != model.slices and not adapt:
        found, wanted = _layout(slices), _layout(model.slices)
        raise CheckpointError(f"{path}: made for the slices {found}, the model has {wanted}; {_REMEDY}")
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a mapping
    if slices != model.slices:
        weights = adapt_weights(weights, slices, model.state_dict(), model.slices)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    if differing := sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name)):
        first, remedy = differing[0], _START_REMEDY if adapt else _REMEDY
        raise CheckpointError(
            f"{path}: {len(differing)} weights do not fit this model's layout, first {first}: the model has "
            f"{expected.get(first, 'none')}, the file {shapes.get(first, 'none')}; {remedy}"
        )
    model.load_state_dict(weights)


def resolve_device(name: str) -> torch.device:
    """``auto`` is cuda where there is one, else mps, else cpu; any other name is taken as given."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _layout(slices: Mapping[str, slice]) -> dict[str, list[int]]:
    """First and last channel (exclusive) of every slice, as the metadata holds them."""
    return {name: [part.start, part.stop] for name, part in slices.items()}


def _sort_metadata(path: Path) -> None:
    """Put the metadata's keys in order in place: safetensors 0.8 writes them in a random one (its issue 584)."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        file.seek(8)
        file.write(json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length))


def _read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a checkpoint of this package's format."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; train one with `dvc repro train`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error}); restore it or train again") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: written as {metadata.get('format', 'something else')}, need {FORMAT}; train again"
        )
    return metadata
