"""Curves and tables of robustness show every condition, measured or not."""

from typing import Any

import pytest

from l2sae.figures.robustness_curves import curves_figure, severity_table
from l2sae.measures.robustness_conditions import CONDITIONS, SEVERITIES

NAMES = ("miou", "transfer", "psnr", "outside_share")


@pytest.fixture
def figures() -> dict[str, Any]:
    """Figures that fall with severity; one condition could not be run."""
    rows = [{"severity": s, **dict.fromkeys(NAMES, 1 - s / 10)} for s in SEVERITIES]
    found: dict[str, Any] = {
        name: [row | {"level": level} for row, level in zip(rows, one.levels, strict=True)]
        for name, one in CONDITIONS.items()
    }
    found["ci"] = {name: [{key: [row[key] - 0.1, row[key] + 0.1] for key in NAMES} for row in rows] for name in found}
    found["undisturbed"] = {name: dict.fromkeys(NAMES, 1.0) for name in CONDITIONS}
    found["ci"]["undisturbed"] = {name: {key: [0.9, 1.1] for key in NAMES} for name in CONDITIONS}
    found["half"] = {"blur": {"miou": {"reached": True, "severity": 5, "level": 6.0}}}
    return found | {"pose": None, "pose_reason": "needs rendered faces"}


def test_there_is_a_column_of_panels_for_each_condition(figures: dict[str, Any]) -> None:
    drawn = curves_figure(figures).axes
    assert len(drawn) == len(NAMES) * (len(CONDITIONS) - 1)
    for axes in drawn:
        assert axes.lines[0].get_xdata()[-1] == SEVERITIES[-1]
        assert axes.lines[0].get_ydata()[-1] == pytest.approx(0.5)


def test_the_table_has_a_row_for_each_condition(figures: dict[str, Any]) -> None:
    table = severity_table(figures, "miou")
    assert list(table.index) == [name for name in CONDITIONS if name != "pose"]
    assert list(table.loc["blur"]) == [
        "1.000",
        "0.900",
        "0.800",
        "0.700",
        "0.600",
        "0.500",
        "6",
        CONDITIONS["blur"].unit,
    ]
