import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditSession, Noise, Swap, edit
from l2sae.model import L2SAE

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")

from l2sae.bulk.onnx_export import TOLERANCE, OnnxGraphs, OnnxModel, export_graphs, largest_difference  # noqa: E402


@pytest.fixture(scope="module")
def graphs(tiny_model: L2SAE) -> OnnxGraphs:
    return export_graphs(tiny_model)


@pytest.mark.parametrize("count", [1, 3])
def test_outputs_are_those_of_pytorch_for_any_batch(
    tiny_model: L2SAE, graphs: OnnxGraphs, faces: torch.Tensor, count: int
) -> None:
    found = largest_difference(tiny_model, graphs, faces[:count])
    assert set(found) == {"structure", "style", "mattes", "images"}
    assert max(found.values()) < TOLERANCE


def test_edits_are_those_of_pytorch_to_one_level(
    tiny_model: L2SAE, graphs: OnnxGraphs, photos: list[NDArray[np.uint8]]
) -> None:
    other = OnnxModel(tiny_model, graphs)
    for style in (Swap(photos[1]), Noise(2.0)):
        ours = edit(tiny_model, photos[0], ("hair", "skin"), style)
        theirs = edit(other, photos[0], ("hair", "skin"), style)
        apart = np.abs(ours.astype(int) - theirs)
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.01
        assert (ours != photos[0]).any()


def test_sessions_take_the_exported_model_for_the_same(
    tiny_model: L2SAE, graphs: OnnxGraphs, photos: list[NDArray[np.uint8]]
) -> None:
    session = EditSession(OnnxModel(tiny_model, graphs))
    session.load(photos[0])
    session.add_layer("hair", Noise(2.0))
    assert session.recipe(draft=True).model_sha256 == EditSession(tiny_model)._model_sha256


def test_files_say_what_they_are(graphs: OnnxGraphs, tiny_model: L2SAE, tmp_path: Path) -> None:
    graphs.save(tmp_path)
    decoder = onnx.load(tmp_path / "decoder.onnx")
    onnx.checker.check_model(decoder)
    assert [one.name for one in decoder.graph.input] == ["structure", "style", "mattes"]
    about = json.loads({one.key: one.value for one in decoder.metadata_props}["l2sae"])
    assert about["rois"] == list(tiny_model.roi_names)
    assert about["image_size"] == 64
