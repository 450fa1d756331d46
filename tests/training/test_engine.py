"""The engine on one device: precision, parts of a batch, and PyTorch's settings put back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from l2sae.data import FaceBatch
from l2sae.params import Params
from l2sae.training import Trainer, train
from l2sae.training.engine import Engine, reproducible

MakeParams = Callable[..., Params]
MEANS = {"train.loss.roi": 0.0, "train.loss.matte": 0.0, "train.loss.ssim": 1.0}  # losses that are means over images


def test_one_process_reduces_nothing(make_params: MakeParams) -> None:
    engine, weight = Engine(make_params()), nn.Parameter(torch.ones(3))
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    engine.average_gradients([weight])
    assert weight.grad.tolist() == [1, 2, 3]
    assert (engine.rank, engine.size, engine.device.type) == (0, 1, "cpu")
    assert engine.mean({"a": 0.1}) == {"a": 0.1}
    assert engine.sum(weight) is weight
    assert engine.agree("4") == "4"


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(
    batch: FaceBatch, make_params: MakeParams, parts: int
) -> None:
    whole, divided = (
        Trainer(make_params(MEANS | {"train.batch_size": 8, "train.accumulate": count})) for count in (1, parts)
    )
    losses = [run._backward(run._draw(batch))[0] for run in (whole, divided)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for a, b in zip(whole.model.parameters(), divided.model.parameters(), strict=True):
        if a.grad is not None and b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6)


def test_mixed_precision_computes_in_bfloat16_and_learns_in_float32(batch: FaceBatch, make_params: MakeParams) -> None:
    adversarial = {f"train.loss.{name}": 1.0 for name in ("gan", "noise_gan", "cooccurrence", "r1", "cooccurrence_r1")}
    small = {"train.adversary.width": 16, "train.adversary.patch_width": 12, "train.adversary.crops": 2}
    seen: set[torch.dtype] = set()
    values = {}
    for precision in ("float32", "bf16"):
        run = Trainer(make_params(adversarial | small | {"train.precision": precision}))
        seen.clear()
        run.model.generator.stem.register_forward_hook(lambda module, args, out: seen.add(out.dtype))
        values[precision] = run.step(batch, 0.0)
        assert {weight.dtype for weight in run.model.parameters()} == {torch.float32}
        assert seen == {torch.bfloat16 if precision == "bf16" else torch.float32}
    assert values["bf16"] != values["float32"]
    assert values["bf16"] == pytest.approx(values["float32"], rel=0.05, abs=0.02)


@pytest.mark.parametrize(("precision", "during"), [("float32", False), ("tf32", True), ("bf16", False)])
def test_tensorfloat_is_what_the_params_say_and_put_back(make_params: MakeParams, precision: str, during: bool) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with reproducible(make_params({"train.precision": precision})):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (during, during)
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_compile_covers_each_network_and_keeps_the_names_of_weights(
    prepared: Path, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    plain = train(make_params({"train.steps": 1}), prepared, lambda *_: None)
    assert compiled == []
    result = train(make_params({"train.steps": 1, "train.compile": True}), prepared, lambda *_: None)
    assert sorted(compiled) == ["Generator", "MaskPredictor", "StructureEncoder", "StyleEncoder"]
    assert result.model.state_dict().keys() == plain.model.state_dict().keys()
