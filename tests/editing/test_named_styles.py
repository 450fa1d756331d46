"""Named styles: read from their file, bound to their model, and edited with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from l2sae.editing import Colour, EditError, EditSession, Named, Recipe, edit, named_styles
from l2sae.editing.named_styles import NamedStyle, nearest_style, pack_styles, read_styles
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_styles_of_another_model_are_not_used(
    tiny_model: L2SAE, photos: Photos, styles: list[NamedStyle], tmp_path: Path
) -> None:
    tensors, metadata = pack_styles(styles, "0" * 64)
    save_file(tensors, tmp_path / named_styles.FILE, metadata)
    assert nearest_style(tiny_model, "hair", torch.zeros(3)) is None
    with pytest.raises(EditError, match=r"has no named styles; make them with 'python -m l2sae.bench make-styles'"):
        edit(tiny_model, photos[0], "hair", Named("copper"))


def test_the_nearest_style_is_that_of_the_region(tiny_model: L2SAE, styles: list[NamedStyle]) -> None:
    grey = torch.tensor([60.0, 0.0, 0.0])
    assert torch.equal(nearest_style(tiny_model, "hair", grey), styles[1].vector)
    assert torch.equal(nearest_style(tiny_model, "lips", grey), styles[2].vector)
    assert nearest_style(tiny_model, "skin", grey) is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "styles.safetensors").write_bytes(b"nothing")
    with pytest.raises(EditError, match=r"styles\.safetensors: not a file of named styles"):
        read_styles(tmp_path / "styles.safetensors")


def test_recipes_keep_names_and_colours(tiny_model: L2SAE, photos: Photos, styles: object, tmp_path: Path) -> None:
    session = EditSession(tiny_model)
    session.load(photos[0])
    session.add_layer("hair", Named("silver"))
    session.add_layer(("skin", "lips"), Colour("#7A1F2B"))
    session.recipe().save(tmp_path / "edit.json")
    assert '"#7a1f2b"' in (tmp_path / "edit.json").read_text()
    assert np.array_equal(Recipe.load(tmp_path / "edit.json").replay(tiny_model, photos[0]), session.render())
