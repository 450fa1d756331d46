"""Measures how well the watermark holds, and what exports take: ``python -m l2sae.bench marks FOLDER``."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession, Swap
from l2sae.data import render_faces
from l2sae.model import L2SAE
from l2sae.pictures.display import as_pictures
from l2sae.pictures.photos import read_picture, through_jpeg
from l2sae.provenance.attacks import crop, get_attack, resize
from l2sae.provenance.exporting import encode
from l2sae.provenance.mark import RivaGan, Watermark, psnr

Picture = NDArray[np.uint8]
SUFFIXES = (".jpg", ".jpeg", ".png")


NAMES = ("none", "jpeg_75", "jpeg_50", "resize_half", "crop_10", "crop_20", "bright_10")
ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    **{name: get_attack(name) for name in NAMES},
    "crop_10_jpeg_75": lambda picture: through_jpeg(crop(picture, 0.1), 75),
}


def measure(pictures: list[Picture], watermark: Watermark) -> dict[str, float]:
    """Share of pictures whose mark is found after each attack, PSNR in dB, and median seconds.

    ``false_positives`` is the share of the unmarked pictures, attacked likewise, in which a mark is found.
    """
    rows: list[dict[str, float]] = []
    for picture in pictures:
        start = time.perf_counter()
        marked = watermark.embed(picture)
        row = {"psnr": psnr(picture, marked), "embed_seconds": time.perf_counter() - start}
        start = time.perf_counter()
        row["none"] = float(watermark.detect(marked).marked)
        row["detect_seconds"] = time.perf_counter() - start
        for name, attack in ATTACKS.items():
            row.setdefault(name, float(watermark.detect(attack(marked)).marked))
        row["false_positives"] = float(watermark.detect(picture).marked)
        rows.append(row)
    table = pd.DataFrame(rows)
    figures = {str(name): float(value) for name, value in table.mean().items()}
    figures |= {name: float(table[name].median()) for name in ("embed_seconds", "detect_seconds")}
    return figures | {"psnr_lowest": float(table["psnr"].min()), "pictures": len(rows)}


def faces(folder: Path | None, photos: int, side: int) -> Iterator[Picture]:
    """Photos of a folder, the astronaut of scikit-image, and as many rendered faces as a quarter of the photos."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder else []
    originals = [read_picture(path) for path in found[:: max(1, len(found) // photos)][:photos]]
    originals.append(skimage.data.astronaut())
    originals += as_pictures(render_faces(max(2, photos // 4), size=256, seed=11).images)
    for picture in originals:
        yield resize(picture, side / min(picture.shape[:2]))


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


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--photos", default=30, show_default=True, help="How many of the folder's, evenly spaced.")
@click.option(
    "--side", "sides", multiple=True, type=int, default=(128, 256, 512, 1000), help="Shorter side; repeatable."
)
def marks(folder: Path | None, photos: int, sides: tuple[int, ...]) -> None:
    """Print one column for each size of the faces in FOLDER."""
    figures = {side: measure(list(faces(folder, photos, side)), RivaGan()) for side in sides}
    click.echo(pd.DataFrame(figures).to_string(float_format=lambda value: f"{value:.3f}"))
