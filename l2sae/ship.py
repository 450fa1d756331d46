"""Makes the small model that ships with the package: ``python -m l2sae.ship``, or ``make shipped``.

It is trained as the preset ``shipped`` says, on rendered faces alone, and stored in half precision, so that editing
works in a fresh clone before any training.
"""

import tempfile
from pathlib import Path

import torch

from l2sae.data import prepare
from l2sae.model import save_model, shipped_model_path
from l2sae.params import load_params
from l2sae.training import train, training_log


def main() -> None:
    """Render, train, store."""
    params = load_params(overrides={"preset": "shipped"})
    with tempfile.TemporaryDirectory() as folder:
        prepare(params, Path(folder) / "prepared")
        with training_log(Path(folder) / "curves", Path(folder) / "live") as log:
            result = train(params, Path(folder) / "prepared", log)
    path = shipped_model_path()
    save_model(result.model, path, params, torch.float16)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB after {result.steps} steps in {result.seconds / 60:.0f} minutes")


if __name__ == "__main__":
    main()
