"""Training curves: a line in the terminal and a point in DVCLive's files for each log call."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvclive.live import Live

from l2sae.training.loop import Log
from l2sae.training.validation import GRADIENT


@contextmanager
def training_log(folder: str | Path, live_folder: str | Path = "checkpoints/live") -> Iterator[Log]:
    """Yield a ``log(step, scalars)`` that prints one plain line, without gradients, and adds a point to every curve.

    DVCLive wipes the folder it starts in, so it writes to ``live_folder``; curves of an earlier training in ``folder``
    stay until this one has finished. ``folder`` then holds ``metrics.json`` with the last values, and the curves as
    ``plots/metrics/<name>.tsv`` for ``dvc plots``.
    """
    with Live(str(live_folder), dvcyaml=False, report=None, save_dvc_exp=False) as live:

        def log(step: int, scalars: dict[str, float]) -> None:
            live.step = step
            for name, value in scalars.items():
                live.log_metric(name, value)
            live.make_summary()
            shown = [f"{name} {value:.4g}" for name, value in scalars.items() if not name.startswith(GRADIENT)]
            print(f"step {step:6d}  " + "  ".join(shown), flush=True)

        yield log
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(live_folder, folder)
