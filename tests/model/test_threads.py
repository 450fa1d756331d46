"""Threads: their number comes back, other programs get their cores, and no bit of an edit depends on it."""

import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from l2sae.editing import Noise, edit
from l2sae.model import L2SAE, load_model, threads
from l2sae.model.threads import OtherPrograms, core_count, fair_threads, in_one_order, one_thread


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_comes_back_even_after_an_error() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert torch.get_num_threads() == 2


class Machine:
    """Cores, the clock and this process, as psutil and time tell of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        self.now = self.own = 0.0
        self.busy = [0.0] * cores
        kind = type(psutil.cpu_times())
        monkeypatch.setattr(threads, "_cores", lambda: list(range(cores)))
        monkeypatch.setattr(threads, "OTHERS", [])
        monkeypatch.setattr(
            psutil, "cpu_times", lambda percpu: [kind(busy, *[0.0] * (len(kind._fields) - 1)) for busy in self.busy]
        )
        monkeypatch.setattr(threads.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(threads.time, "process_time", lambda: self.own)

    def work(self, seconds: float, own: float, others: float) -> None:
        """Let time pass, of which this process and others use so many cores."""
        self.now += seconds
        self.own += own * seconds
        for core in range(len(self.busy)):
            self.busy[core] += (own + others) * seconds / len(self.busy)


def used() -> int:
    with fair_threads():
        return torch.get_num_threads()


def test_edits_leave_to_other_programs_the_cores_that_they_use(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, cores=2)
    assert used() == 2
    machine.work(1, own=2, others=0)
    assert used() == 2
    machine.work(1, own=1, others=1)
    assert used() == 1
    machine.work(0.01, own=1, others=0)
    assert used() == 1  # too soon to know better
    machine.work(1, own=1, others=0)
    assert used() == 2
    machine.work(1, own=0, others=2)
    assert used() == 1  # and never none


def test_of_many_cores_only_the_taken_ones_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, cores=8)
    torch.set_num_threads(8)
    used()
    machine.work(1, own=4, others=2.1)
    assert used() == 4  # a power of two
    machine.work(1, own=4, others=4.1)
    assert used() == 4
    torch.set_num_threads(2)
    assert used() == 2


def test_one_thread_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherPrograms, "_look", None)  # not even looked at
    with one_thread():
        assert used() == 1


def test_a_busy_process_is_seen_and_this_ones_own_work_is_not() -> None:
    others = OtherPrograms()
    busy = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        time.sleep(1)
        taken = others.cores_taken()
    finally:
        busy.kill()
        busy.wait()
    assert 0.25 < taken <= core_count() + 0.5
    assert others.cores_taken() == taken  # too soon to look again


def test_operations_that_depend_on_threads_get_one_except_in_training() -> None:
    x = torch.zeros(1)
    with torch.inference_mode(), in_one_order(x):
        assert torch.get_num_threads() == 1
    with in_one_order(x):
        assert torch.get_num_threads() == 2


@pytest.fixture(scope="module")
def shipped() -> L2SAE:
    return load_model(device="cpu")


@pytest.mark.parametrize("compose", ["detail", "replace"])
@pytest.mark.parametrize("size", [512, 467, 801])
def test_no_bit_of_an_edit_depends_on_the_number_of_threads(shipped: L2SAE, compose: str, size: int) -> None:
    """Finding of the face included; four threads also where there are two cores."""
    results, photo = [], np.asarray(Image.fromarray(astronaut()).resize((size, size)))
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        results.append(edit(shipped, photo, rois=("hair", "skin"), style=Noise(1.5), compose=compose))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_no_bit_of_what_is_encoded_and_decoded_depends_on_it(shipped: L2SAE) -> None:
    size = shipped.image_size
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = []
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        with torch.inference_mode():
            latents = shipped.encode(images)
            decoded = shipped.decode(latents.structure, latents.style, latents.mattes)
        found.append((latents.structure, latents.style, latents.mattes, decoded))
    for other in found[1:]:
        assert all(a.equal(b) for a, b in zip(found[0], other, strict=True))
