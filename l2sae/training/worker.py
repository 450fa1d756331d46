"""One worker process of a training; `l2sae.training.launch` starts it and reads what it leaves in a shared folder."""

import json
import os
import sys
import threading
import time
from pathlib import Path

from l2sae.model import save_model
from l2sae.params import Params
from l2sae.training.launch import CURVES, DIVERGED, MODEL, PARAMS, RESULT
from l2sae.training.loop import train
from l2sae.training.step import DivergenceError

_WATCH_SECONDS = 1.0


def main(folder: str, data: str, states: str, replay: str, parent: str) -> None:
    """Train; the first worker of each node writes curves, model and result, or why it diverged, to ``folder``."""
    shared, writes = Path(folder), os.environ["LOCAL_RANK"] == "0"
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    params = Params.model_validate_json((shared / PARAMS).read_text(encoding="utf-8"))

    def log(step: int, values: dict[str, float]) -> None:
        with (shared / CURVES).open("a", encoding="utf-8") as file:
            file.write(json.dumps([step, values]) + "\n")

    try:
        result = train(params, data, log, *(None if path == "-" else path for path in (states, replay)))
    except DivergenceError as error:
        if writes:
            (shared / DIVERGED).write_text(str(error), encoding="utf-8")
        return
    if writes:
        save_model(result.model, shared / MODEL, params)
        values = {"steps": result.steps, "seconds": result.seconds, "resumed": result.resumed}
        (shared / RESULT).write_text(json.dumps(values), encoding="utf-8")


def _end_with(parent: int) -> None:
    """End this process when the one that asked for the training is gone, however it went."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(_WATCH_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
