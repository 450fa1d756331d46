"""Where training runs: device, precision and the processes that share a batch, by Lightning Fabric.

Fabric finds the devices, joins the processes and casts; nothing else passes through it, so that one device pays
nothing. Every process draws the same batch and works on its share of it; gradients are averaged over all in one
flat reduction, as in StyleGAN3's training loop. Unlike a wrapper around the model, this does not care how often a
network is used in one step, or whether a gradient penalty differentiates it twice.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from l2sae.model import resolve_device
from l2sae.params import Params

_PRECISIONS = {"float32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}


def is_worker() -> bool:
    """Whether this process is one of those that `l2sae.training.launch` started."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "LOCAL_WORLD_SIZE" in os.environ


def wants_workers(params: Params, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a training is to run in processes of its own: several devices or nodes, and not within one already."""
    several = params.train.devices * params.train.nodes > 1 or int(environment.get("WORLD_SIZE", "1")) > 1
    return several and not is_worker()


class Engine:
    """One process of a training: its ``device``, its ``rank`` among ``size`` processes, and what they do together."""

    def __init__(self, params: Params) -> None:
        from lightning_fabric import Fabric  # two seconds to import, which only training has to spend

        device = resolve_device(params.device)
        local = int(os.environ["LOCAL_WORLD_SIZE"]) if is_worker() else 1
        self._fabric = Fabric(
            accelerator=device.type,
            devices=[device.index] if device.index is not None and local == 1 else local,
            num_nodes=int(os.environ["WORLD_SIZE"]) // local if is_worker() else 1,
            strategy="ddp" if is_worker() else "auto",
            precision=_PRECISIONS[params.train.precision],  # type: ignore[arg-type]
        )
        if is_worker():
            self._fabric.launch()
        self.device: torch.device = self._fabric.device
        self.rank: int = self._fabric.global_rank
        self.local_rank: int = self._fabric.local_rank
        self.size: int = self._fabric.world_size

    def autocast(self) -> AbstractContextManager[None]:
        """The precision that networks compute in; losses and optimisers stay in float32."""
        return self._fabric.autocast()

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over all processes."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        flat = self._reduced(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Named figures averaged over all processes."""
        if self.size == 1:
            return dict(values)
        kept = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        return dict(zip(values, self._reduced(kept, "mean").tolist(), strict=True))

    def sum(self, values: Tensor) -> Tensor:
        """A tensor added up over all processes."""
        return values if self.size == 1 else self._reduced(values, "sum")

    def agree(self, text: str) -> str:
        """What the first process says, for all."""
        return text if self.size == 1 else self._fabric.broadcast(text)

    def _reduced(self, values: Tensor, how: str) -> Tensor:
        return self._fabric.all_reduce(values, reduce_op=how)  # type: ignore[return-value]


@contextmanager
def reproducible(params: Params) -> Iterator[None]:
    """Set what PyTorch holds for the whole process, and restore it after.

    Under ``determinism: strict`` only deterministic kernels are used. TensorFloat-32 is used on a GPU under
    ``train.precision: tf32`` alone: PyTorch's own default has it on in convolutions and off in matrix products.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), matmul.allow_tf32, cudnn.allow_tf32
    torch.use_deterministic_algorithms(before[0] or params.determinism == "strict")
    matmul.allow_tf32 = cudnn.allow_tf32 = params.train.precision == "tf32"
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        matmul.allow_tf32, cudnn.allow_tf32 = before[1:]
