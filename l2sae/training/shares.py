"""Gradients of a batch by threads that each work on their own share of it.

Threads inside an operation wait for each other after each. Where another program takes a core now and then, all of them
wait for the one that is behind, hundreds of times in a step. Threads that each work on their own share of a batch wait
for each other once a step, and the system gives every one of them its fair share of the cores. ``python -m l2sae.bench
busy`` measures both.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from l2sae.model.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")


def shares(count: int, device: torch.device, even: bool = True) -> int:
    """Into how many equal shares a batch is cut for `backward_side_by_side`.

    Args:
        count: samples of the batch.
        device: where they are; on all but the CPU the whole batch is one share.
        even: whether each share has to hold an even number, as losses of swaps between neighbours need.

    Returns:
        The largest number, at most torch's threads, that divides the batch so; 1 where none does.
    """
    if device.type != "cpu":
        return 1
    step = 2 if even else 1
    return max((n for n in range(1, torch.get_num_threads() + 1) if count % (step * n) == 0), default=1)


def backward_side_by_side(
    work: Callable[[Item], tuple[Tensor, Result]], items: Sequence[Item], weights: Sequence[Tensor]
) -> list[Result]:
    """Add the gradients of the mean loss over ``items`` to the ``grad`` of ``weights``; the items run side by side.

    Each item has one thread of its own, and gradients are added in the order of the items, so that results depend on
    how a batch is cut, and not on which thread is faster. One item takes all of torch's threads.

    Args:
        work: gives the loss of an item, a scalar with gradients, and what is to be returned of it.
        items: equal shares of a batch.
        weights: leaf tensors; those that a loss does not depend on, or that need no gradient, are left as they are.

    Returns:
        What ``work`` gave for each item, in order.
    """
    wanted = [weight for weight in weights if weight.requires_grad]

    def gradients(item: Item) -> tuple[tuple[Tensor | None, ...], Result]:
        loss, result = work(item)
        return torch.autograd.grad(loss / len(items), wanted, allow_unused=True), result

    if len(items) == 1:
        done = [gradients(items[0])]
    else:
        with one_thread(), ThreadPoolExecutor(len(items)) as pool:  # new threads: older ones may keep another number
            done = list(pool.map(gradients, items))
    for found, _ in done:
        for weight, gradient in zip(wanted, found, strict=True):
            if gradient is not None:
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
    return [result for _, result in done]
