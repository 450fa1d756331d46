"""Counterfactual faces: a face as it would look with another face's style of one region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from l2sae.data.render.draws import Draws, face_generator
from l2sae.data.render.factors import STYLE_FACTORS, relight
from l2sae.data.rendered import Numbers, check_request, draw_factors, label_map, paint_faces
from l2sae.rois import Roi

MIN_SHARE = 0.001
"""Share of the picture that a region covers at least where it counts as shown."""

_CHOICE, _LIGHT = 1, 2  # streams of random numbers of a face, beside that of the face itself


@dataclass(frozen=True)
class Counterfactuals:
    """N triples: a content face, a reference face, and the true result of giving one the other's style of a region.

    The truth has the content's shape, pose, light, exposure and noise. It equals the content further than one pixel,
    the reach of the camera's lens, from where the region's matte is above 0; a new skin also shows through the brows.

    Attributes:
        content, reference, truth: (N, 3, H, W) float32 in [-1, 1].
        roi: the N names of the regions whose style is taken over.
        matte: (N, 1, H, W) in [0, 1], that region's matte in content and truth alike.
        shown: (N,) bool, whether content and reference both show the region. Where they do not, nothing can be
            learned or measured: there is nothing to change, or no style to be seen.
        labels: (N, H, W) uint8 of the content, as in :class:`~l2sae.data.rendered.RenderedFaces`.
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

    The contents are the faces that :func:`~l2sae.data.rendered.render_faces` gives for the same arguments, and so are
    the references under their own light. Which factors are a region's style is listed in
    :data:`l2sae.data.render.factors.STYLE_FACTORS`; light and exposure stay the content's. A triple depends on
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
        ValueError: as ``render_faces``; a region is unknown or has no style; lengths differ from ``count``.
    """
    rois = check_request(count, size, seed, start, rois)
    contents = list(range(start, start + count))
    references = [index + 1 for index in contents] if references is None else list(references)
    names = None if roi is None else [roi] * count if isinstance(roi, str) else list(roi)
    _check_pairs(rois, names, references, count)
    known = contents if light == "own" else []
    indexes = contents + [index for index in dict.fromkeys(references) if index not in known]
    row_of = {index: row for row, index in enumerate(indexes)}
    rows = [row_of[index] for index in references]

    numbers, _ = draw_factors(seed, indexes, factors)
    if light == "other":
        _relight(numbers, seed, indexes, count)
    groups = [parts(region) for parts in (_own, _kin, _sparse) for region in rois]
    images, mattes, _ = paint_faces(numbers, seed, indexes, size, device, groups)
    stack = torch.stack(mattes)
    own, kin, sparse = stack[:, :count].split(len(rois))
    seen = stack[: len(rois), rows]
    shown = ((own.mean((2, 3, 4)) >= MIN_SHARE) & (seen.mean((2, 3, 4)) >= MIN_SHARE)).cpu()  # (regions, N)
    which = _draw_regions(rois, shown, seed, contents) if names is None else _places(rois, names)

    each = torch.tensor(which), torch.arange(count)
    painted, _, _ = paint_faces(_restyled(numbers, rows, rois, which), seed, contents, size, device, [])
    matte = own[each]
    return Counterfactuals(
        content=images[:count],
        reference=images[rows],
        truth=_confined(images[:count], painted, matte, kin[each], sparse[each]),
        roi=tuple(rois[place].name for place in which),
        matte=matte,
        shown=shown[each],
        labels=label_map(list(own)),
        mattes={region.name: values for region, values in zip(rois, own, strict=True)},
        reference_mattes={region.name: values for region, values in zip(rois, seen, strict=True)},
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


def _own(region: Roi) -> tuple[str, ...]:
    return region.parts


def _kin(region: Roi) -> tuple[str, ...]:
    """Parts beside the region that share factors with it, as the nose does with the skin."""
    style = set(_style(region))
    return tuple(part for part, names in STYLE_FACTORS.items() if part not in region.parts and style & set(names))


def _sparse(region: Roi) -> tuple[str, ...]:
    """Parts through which the region shows: the brows' hairs leave the skin under them to be seen."""
    return tuple({"l_brow", "r_brow"} - set(region.parts)) if "skin" in region.parts else ()


def _relight(numbers: Numbers, seed: int, indexes: Sequence[int], first: int) -> None:
    """Change the light of the faces from row ``first`` on."""
    uniforms = np.stack([face_generator(seed, index, _LIGHT).random(8) for index in indexes[first:]])
    changed = {name: values[first:] for name, values in numbers.items()}
    relight(Draws(uniforms), changed)
    for name, values in changed.items():
        numbers[name] = np.concatenate([numbers[name][:first], values])


def _places(rois: Sequence[Roi], names: Sequence[str]) -> list[int]:
    place = {region.name: index for index, region in enumerate(rois)}
    return [place[name] for name in names]


def _draw_regions(rois: Sequence[Roi], shown: Tensor, seed: int, indexes: Sequence[int]) -> list[int]:
    """For each face one of the regions that have a style and are ``shown`` (regions, N), if there is one."""
    able = [place for place, region in enumerate(rois) if _style(region)]
    drawn = []
    for row, index in enumerate(indexes):
        order = face_generator(seed, index, _CHOICE).permutation(able).tolist()
        drawn.append(next((place for place in order if shown[place, row]), order[0]))
    return drawn


def _restyled(numbers: Numbers, rows: Sequence[int], rois: Sequence[Roi], which: Sequence[int]) -> Numbers:
    """Numbers of the contents, the first rows, with each one's reference's style of its region."""
    changed = {name: values[: len(rows)].copy() for name, values in numbers.items()}
    places, sources = np.array(which), np.array(rows)
    for place, region in enumerate(rois):
        chosen = places == place
        for name in _style(region):
            changed[name][chosen] = numbers[name][sources[chosen]]
    return changed


def _confined(content: Tensor, painted: Tensor, matte: Tensor, kin: Tensor, sparse: Tensor) -> Tensor:
    """``painted`` inside the region, ``content`` elsewhere.

    ``kin`` is the matte of the parts that share the style but are not of the region. Along the border between the two
    their shares weight the pictures; along all other borders the painter has done so already. ``sparse`` is the matte
    of parts through which the region shows.
    """
    share = 1 - kin / (matte + kin).clamp_min(1e-6)
    there = ((matte > 0) | (sparse > 0)).to(matte.dtype)
    near = F.max_pool2d(there, 3, stride=1, padding=1) > 0  # as far as the lens spreads light
    return torch.where(near, torch.lerp(content, painted, share), content)
