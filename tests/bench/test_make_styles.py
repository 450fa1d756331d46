"""The named styles of a model are made from rendered faces."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from l2sae.bench import make_styles
from l2sae.bench.commands import main
from l2sae.bench.make_styles import RECIPES, Recipe
from l2sae.editing.named_styles import read_styles
from l2sae.editing.recipe_fields import digest_model
from l2sae.model import load_model
from l2sae.render import rendered_faces

pytestmark = pytest.mark.skipif(not hasattr(rendered_faces, "paint_faces"), reason="no renderer of given factors")


def test_there_are_enough_styles_of_each_region() -> None:
    least = {"hair": 12, "skin": 10, "lips": 10, "eyes": 8, "brows": 6}
    assert {roi: len(RECIPES[roi]) >= count for roi, count in least.items()} == dict.fromkeys(least, True)


def test_a_file_of_styles_is_made_for_a_model(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"hair": {"red": Recipe({"hair": "ff0000"})}, "skin": {"monk-3": Recipe(tone=3)}, "beard": {}}
    monkeypatch.setattr(make_styles, "RECIPES", chosen)
    monkeypatch.setattr(make_styles, "FACES", 2)
    out = tmp_path / "styles.safetensors"
    done = CliRunner().invoke(main, ["make-styles", "--model", str(tiny_checkpoint), "-o", str(out)])
    assert done.exit_code == 0, done.output
    digest, styles = read_styles(out)
    assert digest == digest_model(load_model(tiny_checkpoint))
    assert [(style.roi, style.name) for style in styles] == [("hair", "red"), ("skin", "monk-3")]
    assert all(bool(torch.isfinite(style.vector).all()) for style in styles)


def test_given_colours_are_what_the_region_shows() -> None:
    red, blue = (make_styles._render(64, "hair", Recipe({"hair": code})) for code in ("a01010", "1010a0"))
    assert (red - blue)[:, 0].amax() > 0.3
    assert (blue - red)[:, 2].amax() > 0.3
