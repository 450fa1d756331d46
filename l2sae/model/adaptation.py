"""Weights made for some ROIs, rearranged for a model with others, so that a new ROI need not begin everything anew."""

from collections.abc import Callable, Mapping

from torch import Tensor

Slices = Mapping[str, slice]  # as `l2sae.rois.roi_slices` gives them: the ROIs' first, then the context's


def adapt_weights(
    weights: Mapping[str, Tensor], made_for: Slices, own: Mapping[str, Tensor], wanted: Slices
) -> dict[str, Tensor]:
    """``weights`` with the parts of each ROI where a model of other ROIs has them.

    What belongs to a ROI that both have, with slices of one width, moves to its place; what belongs to a new ROI stays
    as in ``own``. Weights that differ in more than their ROIs are passed through, for the caller to refuse.

    Args:
        weights: of a checkpoint, by name.
        made_for: the slices that these are for.
        own: the model's weights as they are.
        wanted: the model's slices.
    """
    adapted = {name: value for name, value in weights.items() if not name.startswith(_STEMS)}
    ends_with_colours = "style_encoder.skip.weight" in own
    for name, (dim, parts_of) in (_PARTED | (_STYLES if ends_with_colours else {})).items():
        if name not in own:
            continue
        ours, theirs = own[name].clone(), weights.get(name)
        if theirs is None or ours.select(dim, 0).shape != theirs.select(dim, 0).shape:
            continue
        into, source = parts_of(wanted, ours.shape[dim]), parts_of(made_for, theirs.shape[dim])
        for roi in into.keys() & source.keys():
            (to, width), (start, other) = into[roi], source[roi]
            if width == other:
                ours.narrow(dim, to, width).copy_(theirs.narrow(dim, start, width))
        adapted[name] = ours
    adapted[_COUNTED_ANEW] = own[_COUNTED_ANEW]
    places, new = {roi: index for index, roi in enumerate(made_for)}, new_slices(made_for, wanted)
    for name, value in own.items():
        if name.startswith(_STEMS):
            index, kind = name.removeprefix(_STEMS).split(".")
            roi = list(wanted)[int(index)]
            adapted[name] = value if roi in new else weights[f"{_STEMS}{places[roi]}.{kind}"]
    return adapted


def new_slices(made_for: Slices, wanted: Slices) -> list[str]:
    """The slices of ``wanted`` that ``made_for`` has not, or not as wide."""
    before, now = _by_channel(made_for), _by_channel(wanted)
    return [name for name in now if name not in before or before[name][1] != now[name][1]]


def _by_channel(slices: Slices, _: int = 0) -> dict[str, tuple[int, int]]:
    """Where each slice's channels begin, and how many they are."""
    return {name: (part.start, part.stop - part.start) for name, part in slices.items()}


def _by_region(slices: Slices, size: int) -> dict[str, tuple[int, int]]:
    """Where each ROI's part, and that of the rest, begins, and how long it is, if all are equally long."""
    length = size // len(slices)
    return {name: (index * length, length) for index, name in enumerate(slices)}


def _colours_last(slices: Slices, size: int) -> dict[str, tuple[int, int]]:
    """Where a style vector holds the colour of each ROI and of the rest, and all that comes before."""
    look = size - 3 * len(slices)
    return {"": (0, look)} | {name: (look + 3 * index, 3) for index, name in enumerate(slices)}


_STEMS = "mask_predictor.stems."  # the mask predictor's first layers, one for each ROI
_Parts = dict[str, tuple[int, Callable[[Slices, int], dict[str, tuple[int, int]]]]]
_PARTED: _Parts = {
    # weight -> the dimension along which it has a part for each slice, or for each ROI and the rest
    "structure_encoder.head.weight": (0, _by_channel),
    "structure_encoder.head.bias": (0, _by_channel),
    "generator.stem.weight": (1, _by_channel),
    "generator.to_layers.conv.weight": (0, _by_region),
    "generator.to_layers.bias": (0, _by_region),
    "generator.relief.pixels.weight": (1, _by_channel),
    "generator.relief.contrast.weight": (0, _by_region),
    "generator.relief.contrast.bias": (0, _by_region),
    "style_encoder.mix.0.weight": (1, _by_region),
    "style_encoder.skip.weight": (1, _by_region),
}
_STYLES: _Parts = {
    "style_mean": (0, _colours_last),
    "style_scale": (0, _colours_last),
}
_COUNTED_ANEW = "style_mixing"  # of all regions together: training ends with counting it
