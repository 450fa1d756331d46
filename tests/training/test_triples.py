"""Triples: drawn from one pool, moved together, part of a step only where asked for, and of a training that goes on."""

from pathlib import Path

import pytest
import torch

from l2sae.data import FaceBatch
from l2sae.params import Params, ParamsError
from l2sae.training import Trainer, train, triples
from l2sae.training.batches import TrainingBatch, half_size
from l2sae.training.style_losses import swap_loss
from l2sae.training.triples import TriplePool, Triples
from tests.training.conftest import MakeParams

SWAPS = {"train.triples": 2, "train.loss.swap": 0.5}


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triples, "POOL", 1)
    monkeypatch.setattr(triples, "_CHUNK", 12)


def draw(params: Params, seed: int = 0) -> Triples:
    return next(TriplePool(params, torch.Generator().manual_seed(seed)))


def test_triples_have_the_right_shapes_and_ranges(make_params: MakeParams) -> None:
    found = draw(make_params(SWAPS | {"train.augment": 1.0}))
    rois = len(make_params().rois)
    assert found.content.shape == found.reference.shape == found.truth.shape == (2, 3, 32, 32)
    assert found.matte.shape == (2, 1, 32, 32)
    assert found.reference_masks.shape == (2, rois, 32, 32)
    assert 0 <= found.matte.min() <= found.matte.max() <= 1
    assert found.content.abs().max() <= 1
    assert (found.matte.sum(dim=(1, 2, 3)) > 0).all()


def test_content_and_truth_move_together_and_differ_around_the_matte_alone(make_params: MakeParams) -> None:
    found = draw(make_params(SWAPS | {"train.triples": 12, "train.augment": 1.0}))
    near = torch.nn.functional.max_pool2d(found.matte, 7, stride=1, padding=3) > 0
    difference = (found.truth - found.content).abs().amax(dim=1, keepdim=True)
    assert (difference * near > 0.02).any()
    share_outside = (difference[~near] > 0.02).float().mean()
    assert share_outside < 0.02, "but for the brows, through which the skin shows"


def test_one_generator_decides_which_triples_are_drawn(make_params: MakeParams) -> None:
    params = make_params(SWAPS)
    first, same, other = (draw(params, seed) for seed in (0, 0, 1))
    assert torch.equal(first.content, same.content)
    assert torch.equal(first.truth, same.truth)
    assert not torch.equal(first.content, other.content)


def test_shares_of_triples_are_in_order_and_half_size_halves_them(make_params: MakeParams) -> None:
    found = draw(make_params(SWAPS))
    first, second = found.chunk(2)
    assert torch.equal(torch.cat([first.matte, second.matte]), found.matte)
    faces = FaceBatch(found.content, torch.zeros(2, 32, 32, dtype=torch.uint8))
    halved = half_size(TrainingBatch(faces.images, faces.labels, found))
    assert halved.triples is not None
    assert halved.triples.truth.shape == (2, 3, 16, 16)
    assert half_size(faces).triples is None


def test_a_step_learns_from_triples_only_where_asked(batch: FaceBatch, make_params: MakeParams) -> None:
    params = make_params(SWAPS)
    beside = TrainingBatch(batch.images, batch.labels, draw(params))
    assert Trainer(params).step(beside, 0.0).keys() == {"l1", "roi", "ssim", "matte", "swap"}
    assert Trainer(make_params()).step(batch, 0.0).keys() == {"l1", "roi", "ssim", "matte"}


def test_swaps_are_learned_from_the_share_that_is_set(batch: FaceBatch, make_params: MakeParams) -> None:
    params = make_params(SWAPS | {"train.style_from": 0.5, "train.loss.statistics": 0.2, "train.loss.patches": 0.2})
    run, beside = Trainer(params), TrainingBatch(batch.images, batch.labels, draw(params))
    plain = {"l1", "roi", "ssim", "matte"}
    assert run.step(beside, 0.49).keys() == plain
    assert run.step(beside, 0.5).keys() == plain | {"statistics", "patches", "swap"}


@pytest.mark.parametrize("changes", [{"train.triples": 2}, {"train.loss.swap": 1.0}], ids=str)
def test_triples_and_their_weight_come_together(make_params: MakeParams, changes: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match=r"train\.loss\.swap needs train\.triples"):
        make_params(changes)


def test_without_triples_nothing_is_rendered(
    prepared: Path, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(triples, "render_counterfactual")
    train(make_params(), prepared, lambda *_: None)
    with pytest.raises(NameError):
        train(make_params(SWAPS), prepared, lambda *_: None)


def test_training_on_triples_lowers_the_error_of_swaps(batch: FaceBatch, make_params: MakeParams) -> None:
    off = {f"train.loss.{name}": 0.0 for name in ("l1", "roi", "ssim", "matte")}
    params = make_params(SWAPS | off | {"train.recolour": 0.0})
    run, found = Trainer(params), draw(params)
    values = [run.step(TrainingBatch(batch.images[:2], batch.labels[:2], found), 0.0)["swap"] for _ in range(30)]
    assert values[-1] < 0.8 * values[0]
    untouched = [n for n, w in run.model.style_encoder.named_parameters() if w.grad is None or not w.grad.any()]
    assert untouched == [], "the references' styles are learned"


def test_equal_content_and_reference_ask_for_the_content(make_params: MakeParams) -> None:
    found = draw(make_params(SWAPS))
    assert swap_loss(found.content, found.content, found.content, found.content, found.matte) == 0


def test_a_killed_training_on_triples_goes_on_bit_for_bit(
    prepared: Path, make_params: MakeParams, tmp_path: Path
) -> None:
    every = {"train.checkpoint": {"steps": 1, "seconds": None}, "train.steps": 5}
    style = {"train.loss.statistics": 0.3, "train.loss.patches": 0.3}
    params = make_params(SWAPS | style | every)
    whole = train(params, prepared, lambda *_: None)

    def killed(step: int, values: dict[str, float]) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(params, prepared, killed, tmp_path)
    again = train(params, prepared, lambda *_: None, tmp_path)
    assert again.resumed == 3
    first, second = whole.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
