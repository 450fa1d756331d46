"""Visibility against robustness of the marks, and how often one is found where there is none: ``marks FOLDER``."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy import stats
from skimage.color import deltaE_ciede2000, rgb2lab

from l2sae.data import render_faces
from l2sae.measures.metric_files import measured_here, write_metrics
from l2sae.pictures.display import as_pictures
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.pictures.reading import read_picture
from l2sae.pictures.writing import through_jpeg
from l2sae.provenance.attacks import crop, get_attack, resize
from l2sae.provenance.mark import RivaGan, Watermark
from l2sae.provenance.pattern_mark import ROBUST, PatternMark, threshold

Picture = NDArray[np.uint8]
Scores = dict[str, list[float]]
RESULT = Path("benchmarks/marks.json")
SUFFIXES = (".jpg", ".jpeg", ".png")
BLOCK = 8  # pixels a side, of a picture of 512
FLATS = {"grey": 128, "dark": 40, "white": 255, "black": 0}
TEXTURES = ("astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "page",
            "rocket", "text")  # fmt: skip
KINDS = ("photos", "rendered", "windows", "textures", "noise")
WINDOW, WINDOWS_SEED = 256, 4_711
NAMES = ("none", "jpeg_75", "resize_half", "crop_10", "jpeg_50", "resize_quarter", "crop_40", "screenshot", "rotate_5",
         "flip", "blur_2", "noise_10", "bright_30")  # fmt: skip
ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    **{name: get_attack(name) for name in NAMES},
    "crop_10_half_jpeg_75": lambda picture: through_jpeg(resize(crop(picture, 0.1), 0.5), 75),
}


def photos_of(folder: Path, count: int) -> list[Path]:
    """At most ``count`` photos below a folder, evenly spaced in the order of their names."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise click.ClickException(f"{folder}: no pictures ({', '.join(SUFFIXES)}) in it")
    count = min(count, len(found))
    return [found[index * len(found) // count] for index in range(count)]


def enlarged(picture: Picture, side: int) -> Picture:
    """The picture with its shorter side brought to ``side`` pixels, bicubic."""
    return resize(picture, side / min(picture.shape[:2]))


def block_differences(before: Picture, after: Picture) -> NDArray[np.float64]:
    """CIEDE2000 of the means of blocks of 8 x 8 pixels, one value for each block."""
    lab = [rgb2lab(_block_means(picture) / 255) for picture in (before, after)]
    return np.asarray(deltaE_ciede2000(*lab)).ravel()


def _block_means(picture: Picture) -> NDArray[np.float64]:
    rows, columns = (length // BLOCK for length in picture.shape[:2])
    blocks = picture[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, 3)
    return blocks.mean(axis=(1, 3), dtype=np.float64)


def visibility(pairs: Sequence[tuple[Picture, Picture]]) -> dict[str, float]:
    """PSNR and block differences over pairs of pictures, before and after marking."""
    differences = np.concatenate([block_differences(before, after) for before, after in pairs])
    values = [psnr_of_levels(before, after) for before, after in pairs]
    return {
        "psnr": float(np.mean(values)),
        "psnr_lowest": float(np.min(values)),
        "block_ciede2000_median": float(np.median(differences)),
        "block_ciede2000_p99": float(np.percentile(differences, 99)),
        "block_ciede2000_most": float(differences.max()),
    }


def measure(pictures: Sequence[Picture], watermark: Watermark) -> dict[str, Any]:
    """Visibility, seconds, and the share of pictures whose mark is found after each attack, with the lowest score."""
    begin = time.perf_counter()
    marked = [watermark.embed(picture) for picture in pictures]
    figures: dict[str, Any] = {"embed_s": (time.perf_counter() - begin) / len(pictures), "pictures": len(pictures)}
    figures |= visibility(list(zip(pictures, marked, strict=True)))
    for name, attack in ATTACKS.items():
        attacked = [np.ascontiguousarray(attack(picture)) for picture in marked]
        begin = time.perf_counter()
        found = [watermark.detect(picture) for picture in attacked]
        figures[name] = {
            "detected": float(np.mean([one.marked for one in found])),
            "lowest_score": float(min(one.score for one in found)),
            "median_score": float(np.median([one.score for one in found])),
            "detect_s": (time.perf_counter() - begin) / len(found),
        }
    return figures


def measure_flats(watermark: Watermark) -> dict[str, Any]:
    """Visibility on pictures of one colour, 512 x 512."""
    flats = {name: np.full((512, 512, 3), level, np.uint8) for name, level in FLATS.items()}
    return {name: visibility([(flat, watermark.embed(flat))]) for name, flat in flats.items()}


def unmarked_picture(files: Sequence[Path], index: int) -> tuple[str, Picture]:
    """Kind and picture number ``index``: each photo as it is; then JPEGs, rendered faces, windows, textures, noise."""
    rng, photo = np.random.default_rng([WINDOWS_SEED, index]), files[index % len(files)]
    if index < len(files):
        return KINDS[0], read_picture(photo)
    kind = KINDS[index % len(KINDS)]
    if kind == "photos":
        return kind, through_jpeg(read_picture(photo), int(rng.integers(40, 95)))
    if kind == "rendered":
        return kind, as_pictures(render_faces(1, WINDOW, WINDOWS_SEED, start=index).images)[0]
    if kind == "windows":
        return kind, _window(enlarged(read_picture(photo), int(rng.integers(300, 900))), rng)
    if kind == "textures":
        texture = getattr(skimage.data, TEXTURES[index // len(KINDS) % len(TEXTURES)])()
        return kind, _window(np.asarray(Image.fromarray(texture).convert("RGB")), rng)
    return kind, _noise(rng)


def _window(picture: Picture, rng: np.random.Generator) -> Picture:
    """A random window of a picture, turned and mirrored by chance."""
    rows, columns = (int(rng.integers(max(1, length - WINDOW + 1))) for length in picture.shape[:2])
    window = np.rot90(picture[rows : rows + WINDOW, columns : columns + WINDOW], int(rng.integers(4)))
    return np.ascontiguousarray(window if rng.random() < 0.5 else window[:, ::-1])


def _noise(rng: np.random.Generator) -> Picture:
    """Noise whose spectrum falls with a random power of the frequency: white to clouds."""
    white = np.fft.rfft2(rng.normal(size=(WINDOW, WINDOW)))
    rows, columns = np.fft.fftfreq(WINDOW)[:, None], np.fft.rfftfreq(WINDOW)[None]
    shaped = np.fft.irfft2(white / np.maximum(np.hypot(rows, columns), 1 / WINDOW) ** rng.uniform(0, 2))
    grey = np.clip(128 + 40 * shaped / shaped.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def measure_unmarked(files: Sequence[Path], indices: Sequence[int], progress: Callable[[str], object]) -> Scores:
    """Scores of the pattern in pictures without it, by kind of picture."""
    scores: Scores = {}
    for number, index in enumerate(indices, start=1):
        kind, picture = unmarked_picture(files, index)
        scores.setdefault(kind, []).append(PatternMark().detect(picture).score)
        if number % 500 == 0:
            progress(f"marks: {number} pictures without a mark")
    return scores


def summarise_unmarked(scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Counts, highest scores and the fitted tail of scores by kind of picture."""
    every = np.concatenate([np.asarray(values) for values in scores.values()])
    found = int((every >= threshold()).sum())
    place, scale = stats.gumbel_r.fit(every)
    return {
        "pictures": len(every),
        "found": found,
        "rate_at_most": float(stats.binomtest(found, len(every)).proportion_ci(0.95, method="exact").high),
        "threshold": threshold(),
        "rate_by_chernoff_bound": 1e-6,
        "rate_by_gumbel_fit": float(stats.gumbel_r.sf(threshold(), place, scale)),
        "highest_score": float(every.max()),
        "kinds": {kind: {"pictures": len(values), "highest_score": max(values)} for kind, values in scores.items()},
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--photos", default=100, show_default=True, help="How many of the folder's, evenly spaced.")
@click.option("--side", default=512, show_default=True, help="Their shorter side, in pixels.")
@click.option("--unmarked", default=10_000, show_default=True, help="Pictures without a mark.")
def marks(folder: Path, photos: int, side: int, unmarked: int) -> None:
    """Visibility against robustness of marks in the photos of FOLDER: benchmarks/marks.json. A quarter of an hour."""
    pictures = [enlarged(read_picture(path), side) for path in photos_of(folder, photos)]
    kinds: dict[str, Watermark] = {f"pattern_{one:g}": PatternMark(one) for one in (0.5, 1.0, 2.0, ROBUST)}
    written: dict[str, Any] = {"side": side, "curve": {}, "flats": {}, **measured_here()}
    for name, watermark in {**kinds, "rivagan": RivaGan()}.items():
        few = pictures if name == "pattern_1" else pictures[::4]  # all for the one that ships
        written["curve"][name], written["flats"][name] = measure(few, watermark), measure_flats(watermark)
        click.echo(f"marks: {name} measured")
        write_metrics(written, RESULT)
    if unmarked:
        scores = measure_unmarked(photos_of(folder, unmarked), range(unmarked), click.echo)
        written["unmarked"] = summarise_unmarked(scores)
        write_metrics(written, RESULT)
