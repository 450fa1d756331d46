"""The state of a training on disk, so that a killed one goes on as if nothing had happened.

A state is one safetensors file, written beside its name and moved into place. Its metadata holds the progress of the
run and its identity: digests of the parameters, the data, the initial weights, the code and PyTorch's version. A state
of another identity is never continued from.
"""

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

import l2sae
from l2sae.data.dataset import MANIFEST
from l2sae.model import shipped_model_path
from l2sae.params import Params

FORMAT = "l2sae-training-1"
KEPT = 2  # states in the folder: the last, and the one before it, should the last be damaged
LAST_GOOD = "last-good"
_CODE = ("pictures", "faces", "render", "data", "model", "training")  # sub-packages that a training runs through
_UNREAD = ("preset", "edit", "evaluate", "robustness", "benchmark", "provenance", "figures")  # by a training


class TrainingStateWarning(UserWarning):
    """A kept training state is not continued from; the message says which and why."""


@dataclass(frozen=True)
class State:
    """Named tensors and the JSON values beside them (``step`` among them)."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class StateFolder:
    """The states of one training, in a folder below ``root`` that is named by its identity."""

    def __init__(self, root: str | Path, identity: dict[str, str]) -> None:
        self.identity = identity
        self.folder = Path(root) / _digest(json.dumps(identity, sort_keys=True).encode())

    def save(self, state: State) -> Path:
        """Write a state, atomically and through to the disk, and drop all but the newest two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(state.values["step"])
        metadata = {"format": FORMAT, "identity": json.dumps(self.identity), "values": json.dumps(state.values)}
        partial = path.with_name(path.name + ".partial")
        tensors = {name: value.detach().to("cpu").contiguous() for name, value in state.tensors.items()}
        save_file(tensors, partial, metadata)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        for old in _states(self.folder)[KEPT:]:
            old.unlink()
        return path

    def latest(self) -> State | None:
        """The newest state that is whole. Damaged ones are warned of and removed; so is one of another training named.

        Warns:
            TrainingStateWarning: a state is damaged, or there are states of other trainings alone.
        """
        for path in _states(self.folder):
            try:
                return read_state(path)[0]
            except StateError as error:
                warnings.warn(f"{error}; the one before it is used, if any", TrainingStateWarning, stacklevel=3)
                path.unlink()
        for other in sorted(self.folder.parent.glob("*/")):
            if other != self.folder and (found := _states(other)):
                warnings.warn(self._difference(found[0]), TrainingStateWarning, stacklevel=3)
        return None

    def at(self, step: int) -> State:
        """The state after ``step`` steps.

        Raises:
            StateError: there is none, or it is damaged.
        """
        return read_state(self._path(step))[0]

    def keep_last_good(self) -> Path | None:
        """Set the newest state aside under a name that no later training touches, and remove the others."""
        states = _states(self.folder)
        kept = states[0].replace(self.folder / states[0].name.replace("step", LAST_GOOD)) if states else None
        self.clear()
        return kept

    def clear(self) -> None:
        """Remove this training's states: it has finished."""
        for path in [*_states(self.folder), *self.folder.glob("*.partial")]:
            path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.safetensors"

    def _difference(self, path: Path) -> str:
        try:
            found = read_identity(path)
        except StateError as error:
            return str(error)
        names = [name for name in self.identity if found.get(name) != self.identity[name]]
        return (
            f"{path}: the state of a training with other {', '.join(names)}; this one starts anew. "
            "Delete the folder when it is of no more use"
        )


def _states(folder: Path) -> list[Path]:
    """Files of states in a folder, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


class StateError(ValueError):
    """A file is not a whole training state; the message names it."""


def read_state(path: Path) -> tuple[State, dict[str, str]]:
    """Read a state and the identity of its training.

    Raises:
        StateError: the file is absent, cut short, damaged, or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise StateError(f"{path}: not a training state of this version")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise StateError(f"{path}: a damaged training state ({error})") from None
    return State(tensors, json.loads(metadata["values"])), json.loads(metadata["identity"])


def read_identity(path: Path) -> dict[str, str]:
    """The identity of a state's training alone; raises as `read_state`."""
    return read_state(path)[1]


def averaged_weights(path: str | Path) -> dict[str, Tensor] | None:
    """The averaged model in a training state, for ``train.init``; None where the file is something else."""
    try:
        tensors = read_state(Path(path))[0].tensors
    except StateError:
        return None
    prefix = "average.module."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def initial_checkpoint(params: Params) -> Path | None:
    """The file that ``train.init`` names; None for random weights."""
    init = params.train.init
    return None if init == "random" else shipped_model_path() if init == "shipped" else Path(init)


def identity(params: Params, data: str | Path, replay: str | Path | None = None) -> dict[str, str]:
    """Digests of all that decides how a training goes, by name."""
    read = params.model_dump(mode="json", exclude=dict.fromkeys(_UNREAD, True) | {"train": {"checkpoint"}})
    package = Path(l2sae.__file__).parent
    sources = [path for part in _CODE for path in sorted((package / part).rglob("*.py"))]
    start = initial_checkpoint(params)
    return {
        "parameters": _digest(json.dumps(read, sort_keys=True).encode()),
        "data": _digest((Path(data) / MANIFEST).read_bytes()),
        "replayed data": _digest((Path(replay) / MANIFEST).read_bytes()) if replay and params.train.replay else "none",
        "initial weights": _digest(start.read_bytes()) if start else "none",
        "code": _digest(b"".join(path.read_bytes() for path in sources)),
        "PyTorch": str(torch.__version__),
    }


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as ``<parameter>.<name>`` -> tensor."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took; each tensor gets the memory layout of its parameter again.

    Fused kernels walk through a parameter and its moments side by side, whatever their strides say.
    """
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        weight = parameters[int(index)]
        like = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        state.setdefault(int(index), {})[key] = like
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
