"""The chart of named styles shows each style once, with its name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import named_styles
from l2sae.editing.named_styles import NamedStyle
from l2sae.figures.style_chart import CAPTION, COLUMNS, SIDE, style_chart
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError

pytestmark = pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")


@pytest.fixture
def styles(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> None:
    """One style more of hair than a row holds, and one of lips."""
    grey = torch.tensor([50.0, 0.0, 0.0])
    made = [
        NamedStyle("hair", f"style-{n}", torch.full((tiny_model.style_size,), n / 5), grey) for n in range(COLUMNS + 1)
    ]
    made.append(NamedStyle("lips", "red", torch.full((tiny_model.style_size,), 0.5), grey))
    monkeypatch.setitem(named_styles._known, tiny_model, named_styles.NamedStyles(made))


def test_each_region_has_its_rows(tiny_model: L2SAE, photos: list[NDArray[np.uint8]], styles: None) -> None:
    chart = style_chart(tiny_model, photos[1])
    assert chart.shape == (3 * (SIDE + CAPTION), COLUMNS * SIDE, 3)
    first, second = chart[:SIDE, :SIDE], chart[:SIDE, SIDE : 2 * SIDE]
    assert (first != second).any()
    assert (chart[SIDE + CAPTION : 2 * (SIDE + CAPTION), 2 * SIDE :] == 255).all()  # the rest of the second row


def test_a_model_without_styles_says_what_makes_them(
    tiny_model: L2SAE, photos: list[NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(named_styles._known, tiny_model, named_styles.NamedStyles([]))
    with pytest.raises(EditError, match=r"python -m l2sae\.bench make-styles"):
        style_chart(tiny_model, photos[1])
