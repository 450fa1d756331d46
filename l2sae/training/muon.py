"""Muon: momentum whose matrix is orthogonalised before each step."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

MOMENTUM = 0.95
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(Optimizer):
    """Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) for convolution kernels.

    A kernel counts as a matrix (out, in * k * k). Steps are scaled as in Moonlight (Liu et al. 2025, arXiv 2502.16982,
    section 2.2), so that learning rates are of AdamW's order. The iteration runs in float32: PyTorch's and
    pytorch-optimizer's run in bfloat16, which takes twenty times as long on a CPU that has no such unit (107 against
    5 ms for 128 x 1152), and PyTorch's takes matrices only.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = MOMENTUM) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update every parameter that has a gradient, from its gradient and momentum (Nesterov's)."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                direction = orthogonalised(weight.grad.lerp(momentum, group["momentum"]).flatten(1))
                scale = 0.2 * max(direction.shape) ** 0.5
                weight.sub_(direction.view(weight.shape), alpha=group["lr"] * scale)
        return loss


def orthogonalised(matrix: Tensor) -> Tensor:
    """The nearest matrix to ``matrix`` (m, n) with orthonormal rows or columns, roughly: singular values of 0.7 to 1.2.

    Five Newton-Schulz iterations with Jordan's coefficients, which are made for speed and not to converge. They run on
    the Gram matrix, which is far smaller than the kernels' own.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    gram, product = x @ x.T, None
    for iteration in range(_ITERATIONS):
        step = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        step.diagonal().add_(a)
        product = step if product is None else step @ product
        if iteration + 1 < _ITERATIONS:
            gram = step @ gram @ step
    x = product @ x
    return x if wide else x.T
