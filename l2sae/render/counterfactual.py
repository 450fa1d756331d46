"""Counterfactual faces: a face as it would look with another face's style of one region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from l2sae.render.draws import Draws, face_generator
from l2sae.render.factors import STYLE_FACTORS, relight
from l2sae.render.rendered_faces import Numbers, check_request, draw_factors, label_map, paint_faces
from l2sae.rois import Roi

MIN_SHARE = 0.001
"""Share of the picture that a region covers at least where it counts as shown."""

_CHOICE, _LIGHT = 1, 2  # streams of random numbers of a face, beside that of the face itself


@dataclass(frozen=True)
class Counterfactuals:
    """N triples: a content face, a reference face, and the true result of giving one the other's style of a region.

    The truth has the content's shape, pose, light, exposure and noise. It equals the content wherever the region's
    matte is 0, but for a rim of one pixel, the reach of the camera's lens. New skin also shows through brows and
    lashes.

    Attributes:
        content, reference, truth: (N, 3, H, W) float32 in [-1, 1].
        roi: the N names of the regions whose style is taken over.
        matte: (N, 1, H, W) in [0, 1], that region's matte in content and truth alike.
        shown: (N,) bool, whether content and reference both show the region. Other triples teach nothing and measure
            nothing.
        labels: (N, H, W) uint8 of the content, as in :class:`~l2sae.render.rendered_faces.RenderedFaces`.
        mattes: ROI -> (N, 1, H, W) of the content; the truth's are the same.
        reference_mattes: ROI -> (N, 1, H, W) of the reference.
    """

    content: Tensor
    reference: Tensor
    truth: Tensor
    roi: tuple[str, ...]
    matte: Tensor
    shown: Tensor
    labels: Tensor
    mattes: dict[str, Tensor]
    reference_mattes: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.content)


def render_counterfactual(
    count: int,
    size: int = 128,
    seed: int = 0,
    roi: str | Sequence[str] | None = None,
    device: str | torch.device = "cpu",
    rois: Sequence[Roi] | None = None,
    start: int = 0,
    factors: Mapping[str, float] | None = None,
    references: Sequence[int] | None = None,
    light: Literal["own", "other"] = "own",
) -> Counterfactuals:
    """Render faces ``start`` to ``start + count - 1`` of the series ``seed`` with the style of reference faces.

    The contents are the faces that :func:`~l2sae.render.rendered_faces.render_faces` gives for the same arguments. So
    are the references under their own light. Which factors are a region's style is listed in
    :data:`l2sae.render.factors.STYLE_FACTORS`; light and exposure stay the content's. A triple depends on
    (seed, index, reference, region) alone.

    Args:
        count: number of triples, at least 1.
        size: height and width in pixels, at least 16.
        seed: of the series, 0 or more.
        roi: region of all triples, or one name for each; None draws, from the seed, one that both faces show.
        device: where to compute; the tensors returned live there.
        rois: the regions, as for ``render_faces``.
        start: index of the first content face.
        factors: values for all faces, contents and references, in place of drawn ones, as for ``render_faces``.
        references: index in the series of each reference face; None takes the next face, index + 1, which costs no
            rendering of its own.
        light: "own" shows the references as drawn; "other" lights them hard from their other side, with the same
            truth, since light is not style.

    Raises:
        ValueError: as ``render_faces``; a region is unknown or has no style; lengths differ from ``count``;
            ``light`` is neither own nor other.
    """
    rois = check_request(count, size, seed, start, rois)
    contents = range(start, start + count)
    references = [index + 1 for index in contents] if references is None else list(references)
    names = None if roi is None else [roi] * count if isinstance(roi, str) else list(roi)
    _check_pairs(rois, names, references, count)
    if light not in ("own", "other"):
        raise ValueError(f"light is own or other, not {light}")
    known = contents if light == "own" else ()
    indexes = [*contents] + [index for index in dict.fromkeys(references) if index not in known]
    row_of = {index: row for row, index in enumerate(indexes)}
    rows = [row_of[index] for index in references]

    numbers, _ = draw_factors(seed, indexes, factors)
    if light == "other":
        _relight(numbers, seed, indexes, count)
    groups = tuple(dict.fromkeys(group for region in rois for group in (region.parts, _kin(region), _sparse(region))))
    images, mattes, _ = paint_faces(numbers, seed, indexes, size, device, groups)
    matte_of = dict(zip(groups, mattes, strict=True))
    large = torch.stack([matte_of[region.parts].mean((1, 2, 3)) for region in rois]).cpu() >= MIN_SHARE
    shown = large[:, :count] & large[:, rows]
    named = {region.name: region for region in rois}
    chosen = _draw_regions(rois, shown, seed, contents) if names is None else [named[name] for name in names]

    painted, _, _ = paint_faces(_restyled(numbers, rows, chosen), seed, contents, size, device, [])
    matte, kin, sparse = (
        torch.stack([matte_of[parts(region)][row] for row, region in enumerate(chosen)])
        for parts in (attrgetter("parts"), _kin, _sparse)
    )
    own = {region.name: matte_of[region.parts][:count] for region in rois}
    places = [rois.index(region) for region in chosen]
    return Counterfactuals(
        content=images[:count],
        reference=images[rows],
        truth=_confined(images[:count], painted, matte, kin, sparse),
        roi=tuple(region.name for region in chosen),
        matte=matte,
        shown=shown[places, torch.arange(count)],
        labels=label_map(list(own.values())),
        mattes=own,
        reference_mattes={region.name: matte_of[region.parts][rows] for region in rois},
    )


def _check_pairs(rois: Sequence[Roi], names: Sequence[str] | None, references: Sequence[int], count: int) -> None:
    if len(references) != count or (names is not None and len(names) != count):
        raise ValueError(f"need {count} references and regions; got {len(references)} and {len(names or references)}")
    if min(references) < 0:
        raise ValueError(f"a reference's index is 0 or more; got {min(references)}")
    able = [region.name for region in rois if _style(region)]
    if unknown := sorted(set(names or ()) - set(able)) or not able:
        raise ValueError(f"no region with a style is named {unknown}; there are {', '.join(able) or 'none'}")


def _style(region: Roi) -> list[str]:
    """The factors that are the region's style."""
    return list(dict.fromkeys(name for part in region.parts for name in STYLE_FACTORS.get(part, ())))


def _kin(region: Roi) -> tuple[str, ...]:
    """Parts beside the region that share factors with it, as the nose does with the skin."""
    style = set(_style(region))
    return tuple(part for part, names in STYLE_FACTORS.items() if part not in region.parts and style & set(names))


def _sparse(region: Roi) -> tuple[str, ...]:
    """Parts through which the region shows: skin between the hairs of the brows and between the lashes."""
    if "skin" not in region.parts:
        return ()
    return tuple(part for part in ("l_brow", "r_brow", "l_eye", "r_eye") if part not in region.parts)


def _relight(numbers: Numbers, seed: int, indexes: Sequence[int], first: int) -> None:
    """Change the light of the faces from row ``first`` on."""
    uniforms = np.stack([face_generator(seed, index, _LIGHT).random(8) for index in indexes[first:]])
    changed = {name: values[first:] for name, values in numbers.items()}
    relight(Draws(uniforms), changed)
    for name, values in changed.items():
        numbers[name] = np.concatenate([numbers[name][:first], values])


def _draw_regions(rois: Sequence[Roi], shown: Tensor, seed: int, indexes: Sequence[int]) -> list[Roi]:
    """Draw a region for each face among those that have a style and are ``shown`` (regions, N), if there are any."""
    able = [place for place, region in enumerate(rois) if _style(region)]
    drawn = []
    for row, index in enumerate(indexes):
        order = face_generator(seed, index, _CHOICE).permutation(able).tolist()
        drawn.append(rois[next((place for place in order if shown[place, row]), order[0])])
    return drawn


def _restyled(numbers: Numbers, rows: Sequence[int], chosen: Sequence[Roi]) -> Numbers:
    """Numbers of the contents, which come first, with the style of the references, ``rows``, in the region chosen."""
    changed = {name: values[: len(rows)].copy() for name, values in numbers.items()}
    for row, (source, region) in enumerate(zip(rows, chosen, strict=True)):
        for name in _style(region):
            changed[name][row] = numbers[name][source]
    return changed


def _confined(content: Tensor, painted: Tensor, matte: Tensor, kin: Tensor, sparse: Tensor) -> Tensor:
    """``painted`` inside the region, ``content`` elsewhere.

    ``kin`` is the matte of other parts that share the style. Along their border with the region the two shares weight
    the pictures; along all other borders the painter has done so already. ``sparse`` is the matte of parts through
    which the region shows.
    """
    share = 1 - kin / (matte + kin).clamp_min(1e-6)
    there = ((matte > 0) | (sparse > 0)).to(matte.dtype)
    near = F.max_pool2d(there, 3, stride=1, padding=1) > 0  # as far as the lens spreads light
    return torch.where(near, torch.lerp(content, painted, share), content)
