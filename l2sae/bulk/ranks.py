"""Ranks of a job that torchrun, or SLURM with its variables, has started on one machine or several."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist

LONGEST = timedelta(days=7)
"""That the first rank to finish waits for the last."""


@dataclass(frozen=True)
class Ranks:
    """This process's number, how many there are, and how many of them are on this machine."""

    rank: int = 0
    ranks: int = 1
    local: int = 1

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.ranks > 1:
            dist.barrier()


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """The ranks as the environment tells (RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT); else one."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        yield Ranks()
        return
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("gloo", timeout=LONGEST)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), local)
    finally:
        if ours:
            dist.destroy_process_group()
