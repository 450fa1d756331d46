"""Measures how well the watermark holds: ``python -m l2sae.provenance.measure FOLDER --photos 30``."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from l2sae.data import render_faces
from l2sae.editing.pictures import read_picture
from l2sae.provenance.watermark import RivaGan, Watermark, psnr

Picture = NDArray[np.uint8]
SUFFIXES = (".jpg", ".jpeg", ".png")


def jpeg(picture: Picture, quality: int) -> Picture:
    """The picture after JPEG at a quality, with colour at half resolution."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def resize(picture: Picture, factor: float) -> Picture:
    """The picture, its sides times ``factor``."""
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def crop(picture: Picture, share: float) -> Picture:
    """The picture without ``share`` of its sides, half of it at each edge."""
    rows, columns = (round(length * share / 2) for length in picture.shape[:2])
    return picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns].copy()


ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "none": lambda picture: picture,
    "jpeg_75": lambda picture: jpeg(picture, 75),
    "jpeg_50": lambda picture: jpeg(picture, 50),
    "resize_half": lambda picture: resize(picture, 0.5),
    "crop_10": lambda picture: crop(picture, 0.1),
    "crop_20": lambda picture: crop(picture, 0.2),
    "bright_10": lambda picture: np.clip(picture * 1.1, 0, 255).astype(np.uint8),
    "crop_10_jpeg_75": lambda picture: jpeg(crop(picture, 0.1), 75),
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
    rendered = render_faces(max(2, photos // 4), size=256, seed=11).images
    originals += [((face + 1) * 127.5).round().byte().permute(1, 2, 0).numpy() for face in rendered]
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
