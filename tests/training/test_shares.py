"""Shares of a batch that run side by side give the whole batch's gradients."""

import pytest
import torch
from torch import Tensor, nn

from l2sae.training.shares import backward_side_by_side, shares

CPU = torch.device("cpu")


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Conv2d(8, 1, 3), nn.Flatten())


def batch() -> Tensor:
    return torch.randn(8, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def gradients(model: nn.Module, count: int) -> list[Tensor]:
    def work(images: Tensor) -> tuple[Tensor, float]:
        loss = model(images).square().mean()
        return loss, loss.item()

    model.zero_grad()
    losses = backward_side_by_side(work, batch().chunk(count), list(model.parameters()))
    assert len(losses) == count
    return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_gradients_of_shares_are_those_of_the_whole_batch(count: int) -> None:
    model = network()
    loss = model(batch()).square().mean()
    expected = torch.autograd.grad(loss, list(model.parameters()))
    for found, wanted in zip(gradients(model, count), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_equal_shares_give_equal_bits() -> None:
    first, second = gradients(network(), 4), gradients(network(), 4)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradients_add_up_and_weights_without_a_part_in_the_loss_stay_without() -> None:
    used, unused, frozen = (nn.Parameter(torch.ones(2)) for _ in range(3))
    frozen.requires_grad_(False)
    for _ in range(2):
        backward_side_by_side(lambda x: ((used * frozen * x).sum(), None), [1.0, 3.0], [used, unused, frozen])
    assert torch.equal(used.grad, torch.full((2,), 4.0))  # type: ignore[arg-type]
    assert unused.grad is None
    assert frozen.grad is None


def test_an_error_of_a_share_is_raised_and_the_threads_come_back() -> None:
    before = torch.get_num_threads()

    def fail(item: int) -> tuple[Tensor, None]:
        raise ValueError(f"share {item}")

    with pytest.raises(ValueError, match="share 0"):
        backward_side_by_side(fail, [0, 1], [])
    assert torch.get_num_threads() == before


def test_a_batch_is_cut_into_as_many_even_shares_as_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert [shares(count, CPU) for count in (16, 12, 8, 6, 4, 2, 3)] == [4, 3, 4, 3, 2, 1, 1]
    assert shares(4, CPU, even=False) == 4
    assert shares(16, torch.device("cuda")) == 1
