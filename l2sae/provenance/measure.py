"""Measures how well the watermark holds: ``python -m l2sae.provenance.measure FOLDER --photos 30``."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
import skimage.data
from numpy.typing import NDArray

from l2sae.data import render_faces
from l2sae.display import as_pictures
from l2sae.editing.pictures import read_picture, through_jpeg
from l2sae.provenance.attacks import crop, get_attack, resize
from l2sae.provenance.watermark import RivaGan, Watermark, psnr

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


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--photos", default=30, show_default=True, help="How many of the folder's, evenly spaced.")
@click.option(
    "--side", "sides", multiple=True, type=int, default=(128, 256, 512, 1000), help="Shorter side; repeatable."
)
def main(folder: Path | None, photos: int, sides: tuple[int, ...]) -> None:
    """Print one column for each size of the faces in FOLDER."""
    figures = {side: measure(list(faces(folder, photos, side)), RivaGan()) for side in sides}
    click.echo(pd.DataFrame(figures).to_string(float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
