"""The model as ONNX, for deployment without PyTorch, and as a back end of this package; needs the extra ``onnx``.

``encoder.onnx`` makes structure, style and mattes of images; ``decoder.onnx`` makes images of those, with any style. An
edit needs nothing else of the model: matting and compositing are pixel arithmetic (``l2sae.editing``).

Command line: ``python -m l2sae.bulk.onnx_export FOLDER [--model CHECKPOINT]``.
"""

import contextlib
import copy
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l2sae.model import L2SAE, load_model
from l2sae.model.autoencoder import Latents
from l2sae.pictures.errors import EditError

TOLERANCE = 1e-3
"""How far outputs may lie from PyTorch's, in units of [-1, 1]; an 8-bit level is 8e-3."""
ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
LATENTS = ("structure", "style", "mattes")


@dataclass(frozen=True)
class OnnxGraphs:
    """Encoder and decoder as the bytes of their ONNX files."""

    encoder: bytes
    decoder: bytes

    def save(self, folder: str | Path) -> None:
        """Write ``encoder.onnx`` and ``decoder.onnx``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, content in ((ENCODER, self.encoder), (DECODER, self.decoder)):
            (Path(folder) / name).write_bytes(content)


class _Encoder(nn.Module):
    def __init__(self, model: L2SAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latents = self.model.encode(images)
        return latents.structure, latents.style, latents.mattes


class _Decoder(nn.Module):
    def __init__(self, model: L2SAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, structure: Tensor, style: Tensor, mattes: Tensor) -> Tensor:
        return self.model.decode(structure, style, mattes)


def export_graphs(model: L2SAE) -> OnnxGraphs:
    """Encoder ``images`` (B, 3, S, S) -> ``structure``, ``style``, ``mattes``; decoder the other way; any B.

    Raises:
        EditError: the extra is not installed.
    """
    model = copy.deepcopy(model).cpu().eval()  # for a trace that leaves the original alone
    images = torch.zeros(2, 3, model.image_size, model.image_size)
    with torch.no_grad():
        latents = model.encode(images)
    about = {
        "image_size": model.image_size,
        "rois": list(model.roi_names),
        "style_mean": model.style_mean.tolist(),
        "style_scale": model.style_scale.tolist(),
    }
    encoder = _export(_Encoder(model), (images,), ("images",), LATENTS, about)
    inputs = (latents.structure, latents.style, latents.mattes)
    return OnnxGraphs(encoder, _export(_Decoder(model), inputs, LATENTS, ("images",), about))


def _export(
    module: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...], outputs: tuple[str, ...], about: Any
) -> bytes:
    shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
    quiet = contextlib.redirect_stdout(io.StringIO())
    try:
        with warnings.catch_warnings(), quiet:
            warnings.simplefilter("ignore")  # of the exporter, about its own parts
            program = torch.onnx.export(
                module.eval(), inputs, input_names=names, output_names=outputs, dynamic_shapes=shapes, dynamo=True,
                verbose=False,
            )  # fmt: skip
    except ImportError as error:
        raise EditError(f"exporting needs the extra onnx: pip install -e '.[onnx]' ({error})") from None
    assert program is not None  # noqa: S101 # for the type checker: dynamo=True gives one
    proto = program.model_proto
    proto.metadata_props.add(key="l2sae", value=json.dumps(about))
    return proto.SerializeToString()


class OnnxModel(L2SAE):
    """A model whose encoder and decoder run in ONNX Runtime on the CPU; wherever an `L2SAE` serves for edits, it does.

    Args:
        model: the same model in PyTorch, whose weights it keeps for digests and mattes of references.
        graphs: from `export_graphs`.

    Raises:
        EditError: the extra is not installed.
    """

    def __init__(self, model: L2SAE, graphs: OnnxGraphs) -> None:
        super().__init__(model.params, model.rois, model.image_size)
        self.load_state_dict(model.state_dict())
        self.eval()
        self._encode = _session(graphs.encoder)
        self._decode = _session(graphs.decoder)

    def encode(self, images: Tensor) -> Latents:
        """As `L2SAE.encode`, within `TOLERANCE`."""
        found = self._encode.run(None, {"images": _array(images)})
        return Latents(*(torch.from_numpy(one) for one in found))

    def decode(self, structure: Tensor, style: Tensor, mattes: Tensor | None = None) -> Tensor:
        """As `L2SAE.decode`, within `TOLERANCE`."""
        if mattes is None:
            mattes = torch.sigmoid(self.mask_logits(structure))
        style = style.expand(len(structure), -1)
        given = {"structure": _array(structure), "style": _array(style), "mattes": _array(mattes)}
        [images] = self._decode.run(None, given)
        return torch.from_numpy(images)


def _session(graph: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise EditError("the back end onnx needs the extra onnx: pip install -e '.[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.detach().cpu().numpy())


def largest_difference(model: L2SAE, graphs: OnnxGraphs, images: Tensor) -> dict[str, float]:
    """Largest distance of ONNX Runtime's outputs from PyTorch's, by name of the output; images as for `encode`."""
    other = OnnxModel(model, graphs)
    with torch.inference_mode():
        ours, theirs = model.encode(images), other.encode(images)
        swapped = ours.style.roll(1, dims=0)
        pairs = {name: (getattr(ours, name), getattr(theirs, name)) for name in LATENTS}
        decoded = [one.decode(ours.structure, swapped, ours.mattes) for one in (model, other)]
        pairs["images"] = (decoded[0], decoded[1])
    return {name: float((first - second).abs().max()) for name, (first, second) in pairs.items()}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", "checkpoint", type=click.Path(path_type=Path), help="Checkpoint; default: the shipped one.")
def main(folder: Path, checkpoint: Path | None) -> None:
    """Export a model, and check it against PyTorch."""
    model = load_model(checkpoint, device="cpu")
    graphs = export_graphs(model)
    size = model.image_size
    images = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = largest_difference(model, graphs, images)
    if (worst := max(found.values())) > TOLERANCE:
        raise click.ClickException(f"the exported model differs from PyTorch's by {worst:.2g}, over {TOLERANCE:g}")
    graphs.save(folder)
    click.echo(f"{folder}: {ENCODER}, {DECODER}; at most {worst:.1e} from PyTorch")


if __name__ == "__main__":
    main()
