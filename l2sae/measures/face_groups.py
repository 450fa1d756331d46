"""Figures by group of faces: skin tone, age, gender, ethnicity, pose, light, what is worn or held before the face."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from l2sae.data import FaceDataset
from l2sae.data.coverage import TONES
from l2sae.measures.figures_from_sums import CONDITION_FIGURES, robustness_figures
from l2sae.measures.regions import one_hot, region_means, to_lab
from l2sae.measures.registry import entry
from l2sae.measures.running_sums import Array, interval

ITA = "ita"
_BATCH = 64
SMALL = 20  # images; fewer say little, and take no part in comparisons
COMPARED = ("miou", "transfer", "psnr")


def _binned(edges: tuple[float, ...], names: tuple[str, ...], absolute: bool = False) -> Callable[[pd.Series], Any]:
    """Names for the intervals between ``edges``; a value on an edge belongs to the upper one."""

    def name(column: pd.Series) -> Any:
        values = column.to_numpy(dtype=np.float64)
        return np.array(names)[np.digitize(np.abs(values) if absolute else values, edges)]

    return name


def _named(column: pd.Series) -> Any:
    return column.astype(str).str.replace(r"[^0-9A-Za-z]+", "_", regex=True).str.lower().to_numpy()


def _tones(column: pd.Series) -> Any:
    """Names of the skin tones of individual typology angles; empty where there is none."""
    edges, names = sorted(TONES.values())[1:], [name.replace(" ", "_") for name in sorted(TONES, key=TONES.__getitem__)]
    values = column.to_numpy(dtype=np.float64)
    return np.where(np.isnan(values), "", np.array(names)[np.digitize(values, edges)])


def _ages(column: pd.Series) -> Any:
    """Names of ages in years, or of the renderer's wrinkles from 0 to 1; empty where nothing is stated."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    if not np.nanmax(values, initial=0) > 1:
        return _binned((1 / 3, 2 / 3), ("younger", "middle", "older"))(column)
    years = np.array(["under_25", "25_to_34", "35_and_over"])[np.digitize(values, (25, 35))]
    return np.where(np.isnan(values), "", years)


_ATTRIBUTES: dict[str, tuple[str, Callable[[pd.Series], Any]]] = {  # attribute -> recorded factor, its groups
    "skin_tone": ("monk_tone", _binned((4, 8), ("monk_1_to_3", "monk_4_to_7", "monk_8_to_10"))),
    "pose": ("yaw", _binned((10, 25), ("frontal", "turned_10_to_25", "turned_over_25"), absolute=True)),
    "light": ("light_azimuth", _binned((20, 45), ("front", "oblique_20_to_45", "side_over_45"), absolute=True)),
    "colour_temperature": ("colour_temperature", _binned((5000, 5800), ("warm", "neutral", "cool"))),
    "occlusion": ("occlusion", _named),
    "glasses": ("glasses", _named),
    "beard": ("beard", _named),
    "hair_colour": ("hair_colour", _named),
    "tone": (ITA, _tones),
    "age": ("age", _ages),
    "gender": ("gender", _named),
    "ethnicity": ("ethnicity", _named),
}


def known_of_faces(dataset: FaceDataset, count: int) -> pd.DataFrame:
    """What is recorded of the first ``count`` faces; of photos also the individual typology angle of their skin.

    The angle (Chardon et al. 1991) is that of the mean colour of the region ``skin``, in degrees. It depends on the
    light that a photo was taken in. Rendered faces have the tone that was drawn instead.
    """
    known = dataset.attributes.iloc[:count].copy()
    if "monk_tone" in known or "skin" not in dataset.rois:
        return known
    place, angles = list(dataset.rois).index("skin"), []
    for indices in torch.arange(count).split(_BATCH):
        batch = dataset.batch(indices)
        colour = region_means(to_lab(batch.images), one_hot(batch.labels, len(dataset.rois))[:, [place]])[:, 0]
        angles.append(torch.rad2deg(torch.atan2(colour[:, 0] - 50, colour[:, 2])))
    return known.assign(**{ITA: torch.cat(angles).numpy()})


def group_figures(
    columns: Mapping[str, Array], attributes: pd.DataFrame, weights: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of the images of each group, and how far apart the groups are.

    Args:
        columns: per-image statistics of N images, see :func:`l2sae.measures.figures_from_sums.robustness_figures`.
        attributes: N rows with the recorded factors; those that are not there give no groups.
        weights: (1 + W, N) bootstrap weights, the first row all 1.

    Returns:
        ``groups`` and the same with intervals: attribute -> value -> figures with ``images`` and ``small``; and in each
        attribute ``worst_to_best``, the ratio of the lowest to the highest figure among groups that are not small, and
        a ``statement`` of what that allows one to say.
    """
    groups: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for attribute, (factor, naming) in _ATTRIBUTES.items():
        if factor not in attributes:
            continue
        names = naming(attributes[factor])
        samples = {str(value): _samples(columns, names == value, weights) for value in sorted(set(names) - {""})}
        sizes = {str(value): int((names == value).sum()) for value in samples}
        group: dict[str, Any] = {}
        bounds: dict[str, Any] = {}
        for value, figures in samples.items():
            group[value] = {name: float(v[0]) for name, v in figures.items()}
            group[value] |= {"images": sizes[value], "small": sizes[value] < SMALL}
            bounds[value] = {name: interval(v[1:]) for name, v in figures.items() if np.isfinite(v[1:]).any()}
        large = {value: figures for value, figures in samples.items() if sizes[value] >= SMALL}
        group["worst_to_best"], bounds["worst_to_best"] = _ratios(large)
        group["statement"] = _statement(attribute, sizes, large, bounds["worst_to_best"])
        groups[attribute], intervals[attribute] = group, bounds
    return groups, intervals


def _samples(columns: Mapping[str, Array], chosen: Any, weights: Array) -> dict[str, Array]:
    """Figures of the chosen images under each row of weights; undefined figures are left out."""
    figures = robustness_figures({name: column[chosen] for name, column in columns.items()}, weights[:, chosen])
    return {name: values for name, values in figures.items() if np.isfinite(values[0])}


def _ratios(groups: Mapping[str, Mapping[str, Array]]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Lowest over highest figure; in the resamples the same two groups are compared."""
    ratios, bounds = {}, {}
    for figure in COMPARED:
        samples = {value: figures[figure] for value, figures in groups.items() if figure in figures}
        if len(samples) < 2:
            continue
        worst = min(samples, key=lambda value: samples[value][0])
        best = max(samples, key=lambda value: samples[value][0])
        if samples[best][0] > 0:
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = samples[worst] / samples[best]
            ratios[figure], bounds[figure] = float(ratio[0]), interval(ratio[1:])
    return ratios, bounds


def _statement(
    attribute: str,
    sizes: Mapping[str, int],
    large: Mapping[str, Mapping[str, Array]],
    bounds: Mapping[str, list[float]],
) -> str:
    """One plain sentence or two about what the numbers allow one to say."""
    name = attribute.replace("_", " ")
    small = [f"{value} ({sizes[value]})" for value in sizes if value not in large]
    aside = f" Too few images to compare: {', '.join(small)}." if small else ""
    if len(large) < 2 or not bounds:
        return f"Groups by {name} cannot be compared: fewer than two have {SMALL} images or more.{aside}"
    parts = []
    for figure in ("miou", "transfer"):
        if figure not in bounds:
            continue
        title = entry(CONDITION_FIGURES[figure]).label
        worst = min(large, key=lambda value: large[value].get(figure, np.array([np.inf]))[0])
        best = max(large, key=lambda value: large[value].get(figure, np.array([-np.inf]))[0])
        ratio = large[worst][figure][0] / large[best][figure][0]
        low, high = bounds[figure]
        if high < 1:
            parts.append(f"{title} of {worst} is {ratio:.2f} of that of {best} (95 %: {low:.2f} to {high:.2f})")
        else:
            parts.append(f"{title} shows no difference beyond chance ({low:.2f} to {high:.2f})")
    return (
        f"By {name}: {'; '.join(parts)}. The lowest and the highest of {len(large)} groups were picked after looking, "
        f"which makes differences look larger than they are.{aside}"
    )
