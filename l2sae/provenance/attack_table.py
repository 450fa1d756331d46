"""Figures of the mark and the manifest: what survives each attack, and how often an unmarked picture seems marked."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.measures.metric_files import put
from l2sae.measures.running_sums import interval, resampling_weights
from l2sae.model import L2SAE
from l2sae.pictures.conversions import to_model, to_values
from l2sae.pictures.display import as_pictures
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance.attacks import Attack, resize
from l2sae.provenance.keys import development_root, load_credentials
from l2sae.provenance.manifest import sign, verify
from l2sae.provenance.mark import Watermark

PSNR = "psnr"
EXPORT_SIDE = 256
"""Pixels: smaller pictures are enlarged to this before they are marked; a mark needs about so many."""

Picture = NDArray[np.uint8]
Progress = Callable[[str], object]


def as_exported(picture: Picture) -> Picture:
    """The picture at a size that exports have: at least 256 pixels a side, bicubic."""
    factor = EXPORT_SIDE / min(picture.shape[:2])
    return resize(picture, factor) if factor > 1 else picture


def measure_watermark(
    watermark: Watermark,
    pictures: Sequence[Picture],
    unmarked: Sequence[Picture],
    attacks: Sequence[Attack],
    resamples: int,
    seed: int,
    progress: Progress = print,
) -> tuple[dict[str, Any], list[Picture]]:
    """Mark some pictures, attack them, and look for the mark; look for it also where there is none.

    Args:
        watermark: embeds and detects.
        pictures: (H, W, 3) uint8, to be marked.
        unmarked: pictures without a mark, for the false-positive rate.
        attacks: what happens to the marked pictures.
        resamples: bootstrap resamples over pictures.
        seed: of the resampling.
        progress: called with one plain line at a time.

    Returns:
        Nested figures ``psnr`` (dB), ``<attack>.bit_accuracy``, ``<attack>.detected`` and ``false_positive_rate``, with
        95 % intervals under ``ci``; and the marked pictures. Means have bootstrap intervals. Shares have exact binomial
        ones, since a bootstrap gives an interval of no width where all or none are found.
    """
    marked = [watermark.embed(picture) for picture in pictures]
    progress(f"provenance: watermark: {len(marked)} pictures marked")
    rows = []
    for picture, copy in zip(pictures, marked, strict=True):
        rows.append(look_for_mark(watermark, copy, attacks) | {PSNR: [psnr_of_levels(picture, copy)]})
        if len(rows) % 8 == 0:
            progress(f"provenance: watermark: {len(rows)} of {len(marked)} attacked")
    false = [watermark.detect(picture).marked for picture in unmarked]
    progress(f"provenance: watermark: {len(unmarked)} unmarked pictures")
    return summarise_marks(rows, false, resamples, seed), marked


def look_for_mark(watermark: Watermark, marked: Picture, attacks: Sequence[Attack]) -> dict[str, list[float]]:
    """Attack a marked picture: attack -> share of the bits that match, and 1 if the mark counts as found, else 0."""
    found = {attack.name: watermark.detect(attack(marked)) for attack in attacks}
    return {name: [one.bits_matched / one.bits, float(one.marked)] for name, one in found.items()}


def summarise_marks(
    rows: Sequence[Mapping[str, Sequence[float]]], false: Sequence[bool], resamples: int, seed: int
) -> dict[str, Any]:
    """Figures of marked pictures, one row each of :func:`look_for_mark` with ``PSNR``, and of unmarked ones."""
    figures: dict[str, Any] = {}
    weights = resampling_weights(len(rows), resamples, seed)
    for name in rows[0]:
        if name == PSNR:
            _put_mean(figures, name, [row[name][0] for row in rows], weights)
            continue
        _put_mean(figures, f"{name}.bit_accuracy", [row[name][0] for row in rows], weights)
        put_share(figures, f"{name}.detected", [row[name][1] > 0 for row in rows])
    put_share(figures, "false_positive_rate", false)
    return figures


def measure_manifest(marked: Sequence[Picture], watermark: Watermark, folder: Path) -> dict[str, Any]:
    """Sign pictures, treat them as files are treated, and see whether each case is told rightly.

    The cases: ``valid`` (as signed), ``trusted`` (as signed, the signer's authority among the trust anchors),
    ``tampered`` (one byte of the picture changed), ``stripped`` (saved again as PNG without metadata) and ``resaved``
    (as JPEG at quality 90). The last two have to read as having no manifest, and the mark has to be found in them.

    Args:
        marked: (H, W, 3) uint8 with the mark.
        watermark: finds it.
        folder: for files and a development certificate made for the purpose; both are of no use afterwards.

    Returns:
        Share of pictures told rightly by case, and exact binomial intervals under ``ci``.
    """
    credentials, anchors = load_credentials(home=folder), development_root(folder)
    told: dict[str, list[bool]] = {}
    for picture in marked:
        signed = sign(_encoded(picture, "PNG"), "image/png", {"watermark": watermark.name}, credentials)
        flipped = bytearray(signed)
        flipped[-64] ^= 1  # in the last of the compressed pixels
        shown = np.asarray(Image.open(io.BytesIO(signed)))
        for case, encoded, expected in (
            ("valid", signed, "valid"),
            ("trusted", signed, "trusted"),
            ("tampered", bytes(flipped), "tampered"),
            ("stripped", _encoded(shown, "PNG"), "none"),
            ("resaved", _encoded(shown, "JPEG", quality=90), "none"),
        ):
            path = folder / ("case.jpg" if case == "resaved" else "case.png")
            path.write_bytes(encoded)
            right = verify(path, anchors if case == "trusted" else None).status == expected
            if right and expected == "none":
                right = watermark.detect(np.asarray(Image.open(path).convert("RGB"))).marked
            told.setdefault(case, []).append(right)
    figures: dict[str, Any] = {}
    for case, answers in told.items():
        put_share(figures, case, answers)
    return figures


def _encoded(picture: Picture, file_format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def put_share(figures: dict[str, Any], key: str, told: Sequence[bool]) -> None:
    """Set ``key`` to the share of true entries, and ``ci.<key>`` to its exact binomial interval (Clopper, Pearson)."""
    bounds = stats.binomtest(sum(told), len(told)).proportion_ci(0.95, method="exact")
    put(figures, key, sum(told) / len(told))
    put(figures, f"ci.{key}", [float(bounds.low), float(bounds.high)])


def _put_mean(figures: dict[str, Any], key: str, values: Sequence[float], weights: NDArray[np.float64]) -> None:
    samples = weights @ np.asarray(values) / weights.sum(axis=1)
    put(figures, key, float(samples[0]))
    put(figures, f"ci.{key}", interval(samples[1:]))


def second_edit(model: L2SAE, reference: Picture, compose: str = "detail") -> Callable[[Picture], Picture]:
    """An attack: another swap of the model's first region, by someone who has the same model."""
    style = Swap(model.encode(to_model(reference, model.image_size).to(model.device)).style)

    def change(picture: Picture) -> Picture:
        image = to_values(picture)
        return as_pictures(FaceEditor(model, image).render([Layer({model.roi_names[0]: style})], compose))[0]

    return change
