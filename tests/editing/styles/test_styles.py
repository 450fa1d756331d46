"""What holds for every kind of style."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from l2sae.editing import Blend, Colour, EditError, Noise, Style, Swap, edit
from l2sae.editing.recipe import RecipeLayer
from l2sae.editing.references import Reference, encode_reference
from l2sae.editing.styles import STYLES
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def examples(photos: Photos) -> list[Style]:
    return [Noise(1.5), Swap(photos[1]), Blend([(photos[1], 1.0), (photos[2], 3.0)]), Colour("#7a1f2b")]


def test_every_kind_is_written_to_a_recipe_and_read_again(tiny_model: L2SAE, photos: Photos) -> None:
    own = encode_reference(tiny_model, photos[0])
    assert {type(style) for style in examples(photos)} <= set(STYLES)
    for style in examples(photos):
        written = RecipeLayer(rois=("hair",), style=style.record(tiny_model), strength=1.0, seed=2).model_dump_json()
        again = RecipeLayer.model_validate_json(written).style.style("layers.0.style")
        assert type(again) is type(style)
        assert np.array_equal(
            again.vectors(tiny_model, own, 2, ("hair",)), style.vectors(tiny_model, own, 2, ("hair",))
        )


def test_an_unknown_kind_in_a_recipe_is_refused_with_the_known_ones() -> None:
    layer = '{"rois": ["hair"], "style": {"kind": "dye"}, "strength": 1, "seed": 0}'
    with pytest.raises(ValidationError, match="'noise', 'swap', 'blend', 'named', 'colour'"):
        RecipeLayer.model_validate_json(layer)


def test_what_is_no_style_is_refused_with_the_kinds(tiny_model: L2SAE, photos: Photos) -> None:
    with pytest.raises(EditError, match=r"style of hair is str: give Noise\(sigma\), Swap\(reference\).* or "):
        edit(tiny_model, photos[0], "hair", "red")  # type: ignore[call-overload]


def test_references_are_changed_one_by_one(photos: Photos) -> None:
    seen: list[Reference] = []

    def change(reference: Reference) -> Reference:
        seen.append(reference)
        return Path("other.png")

    for style in examples(photos):
        assert type(style.with_references(change)) is type(style)
    assert [id(reference) for reference in seen] == [id(photos[1]), id(photos[1]), id(photos[2])]


def test_options_have_names_of_their_own_and_make_their_style() -> None:
    options = {kind.option.name: kind.option for kind in STYLES if kind.option is not None}
    assert options["noise"].parse("1.5") == Noise(1.5)
    assert isinstance(options["swap"].parse("ref.png"), Swap)
    for wrong in ("much", "-1", "nan"):
        with pytest.raises(EditError, match=r"noise|Noise"):
            options["noise"].parse(wrong)
