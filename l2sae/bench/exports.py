"""What policy, mark, signature and log add to saving an edit: ``python -m l2sae.bench exports``."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession, Swap
from l2sae.data import render_faces
from l2sae.model import L2SAE
from l2sae.pictures.display import as_pictures
from l2sae.pictures.writing import encode

Picture = NDArray[np.uint8]


def measure_exports(model: L2SAE, size: tuple[int, int], repeats: int = 3) -> dict[str, Any]:
    """What policy, mark, signature and log add to saving an edited photo.

    Args:
        model: makes the edit.
        size: width and height of the photo, a rendered face brought to it, in pixels.
        repeats: of each, in turn.

    Returns:
        ``jpg`` and ``png``: ``first_s``, the first export of all; the medians ``export_s`` and ``save_s``, rendering
        included in both; and ``overhead_s``, the median difference of neighbours.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        faces = as_pictures(render_faces(2, 1024, seed=5).images)
        Image.fromarray(faces[0]).resize(size, Image.Resampling.BICUBIC).save(place / "photo.jpg", quality=95)
        for suffix in (".jpg", ".png"):
            plain = place / f"plain{suffix}"
            exported, saved = [], []
            for turn in range(repeats + 1):
                session = _edited(model, place / "photo.jpg", faces[1])
                begin = time.perf_counter()
                session.export(place / f"{turn}{suffix}", purpose="research", home=place / "home")
                exported.append(time.perf_counter() - begin)
                session = _edited(model, place / "photo.jpg", faces[1])
                begin = time.perf_counter()
                plain.write_bytes(encode(session.render(), plain))
                saved.append(time.perf_counter() - begin)
            overhead = np.subtract(exported[1:], saved[1:])
            figures[suffix.removeprefix(".")] = {
                "first_s": exported[0],
                "export_s": float(np.median(exported[1:])),
                "save_s": float(np.median(saved[1:])),
                "overhead_s": float(np.median(overhead)),
            }
    return figures


def _edited(model: L2SAE, photo: Path, reference: Picture) -> EditSession:
    session = EditSession(model)
    session.load(photo)
    session.add_layer(roi="hair", style=Swap(reference))
    session.render(size=512)  # what an editor shows before it exports
    return session
