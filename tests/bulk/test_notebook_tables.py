from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
from PIL import Image

from l2sae.bulk.notebook_tables import count_reasons, open_pairs, parse_style, parts_of
from l2sae.editing import Colour, EditError, Named, Noise, Swap
from l2sae.model import L2SAE
from tests.bulk.conftest import edited

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_parameters_of_the_notebook_are_those_of_edit_folder() -> None:
    assert parse_style("edit.json", "hair", "", 1.0, 1.0, 0) == {"recipe": "edit.json"}
    found = parse_style("", "hair, lips", "", 2.0, 0.5, 3)
    assert found == {"rois": ("hair", "lips"), "style": Noise(2.0), "strength": 0.5, "seed": 3}
    assert isinstance(parse_style("", "hair", "other.jpg", 1.0, 1.0, 0)["style"], Swap)
    assert parse_style("", "hair", "", 1.0, 1.0, 0, style="copper")["style"] == Named("copper")
    assert parse_style("", "hair", "", 1.0, 1.0, 0, colour="#7A1F2B")["style"] == Colour("#7a1f2b")
    with pytest.raises(EditError, match="give one of swap, style and colour"):
        parse_style("", "hair", "", 1.0, 1.0, 0, style="copper", colour="#7a1f2b")
    with pytest.raises(EditError, match="give a recipe, or rois"):
        parse_style("", " ", "", 1.0, 1.0, 0)


def test_skipped_photos_are_counted_by_reason(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    for size in (10, 20):
        Image.new("RGB", (size, size)).save(folder / f"small-{size}.png")
    table = edited(tiny_model, folder, tmp_path / "out")
    counted = count_reasons(table)["photos"].to_dict()
    assert counted.pop("not an image") == counted.pop("empty file") == 1
    assert list(counted.values()) == [2]
    assert len(open_pairs(table, 4)) == 4
    assert open_pairs(table, 1)[0][0].shape == (256, 256, 3)
    assert parts_of(table)["composite"] > 0


@pytest.mark.slow
def test_the_notebook_edits_a_folder(tiny_model: L2SAE, tiny_checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*.png"):
        photo = Image.open(path)
        photo.resize((photo.width * 3, photo.height * 3)).save(path)  # small pictures do not hold the mark
    for name in ("e.png", "f.png"):
        (folder / "more" / name).unlink()
    parameters = {
        "photos": str(folder), "output": str(tmp_path / "out"), "rois": "hair,skin", "noise": 2, "workers": 0,
        "align": "false",  # as papermill passes `-p align false`
        "model": str(tiny_checkpoint),
    }  # fmt: skip
    executed = papermill.execute_notebook(
        NOTEBOOKS / "edit_folder.ipynb", None, parameters, cwd=str(NOTEBOOKS), progress_bar=False
    )
    text = str([cell.get("outputs") for cell in executed.cells])
    assert "edited 4 of 6 photos" in text
    assert "not an image" in text
    assert sum("image/png" in str(output) for cell in executed.cells for output in cell.get("outputs", [])) == 2
    table = pd.read_parquet(tmp_path / "out/results.parquet")
    assert table["result"].value_counts().to_dict() == {"done": 4, "skipped": 2}
    assert (table["watermark_bits"].dropna() >= 30).all()


@pytest.mark.slow
def test_the_notebook_of_costs_takes_an_earlier_run(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    edited(tiny_model, folder, tmp_path / "out")
    parameters = {"results": str(tmp_path / "out/results.parquet"), "photos": 1000, "megapixels": 1.0}
    executed = papermill.execute_notebook(
        NOTEBOOKS / "bulk_cost.ipynb", None, parameters, cwd=str(NOTEBOOKS), progress_bar=False
    )
    text = str([cell.get("outputs") for cell in executed.cells])
    assert "1000 photos of 1 megapixels on 16 cores" in text
    assert np.char.find(text, "core hours, cost") > 0
