import numpy as np
import pandas as pd
import pytest

from l2sae.bulk.cost import StageTimes, bends, fit_stages, predict, stage_table
from l2sae.bulk.results import PARTS

TRUE = {
    "decode": (0.001, 0.02),
    "model": (0.03, 0.0),
    "composite": (0.01, 0.3),
    "encode": (0.005, 0.4),
    "mark": (0.5, 0.6),
}


def table(sides: list[int]) -> pd.DataFrame:
    rows = [{"result": "done", "width": side, "height": 2 * side} for side in sides]
    for row, side in zip(rows, sides, strict=True):
        row |= {f"{part}_s": base + slope * 2 * side**2 / 1e6 for part, (base, slope) in TRUE.items()}
    return pd.DataFrame([*rows, {"result": "skipped"}])


def test_stage_times_are_found_from_photos_of_two_sizes() -> None:
    found = fit_stages(table([200, 200, 900]))
    for part, (base, slope) in TRUE.items():
        assert found.parts[part] == pytest.approx((base, slope), abs=1e-9)
    assert found.at(3.0)["encode"] == pytest.approx(0.005 + 3 * 0.4)


def test_photos_of_one_size_predict_that_size() -> None:
    found = fit_stages(table([500, 500]))
    assert sum(found.at(0.5).values()) == pytest.approx(sum(base + slope * 0.5 for base, slope in TRUE.values()))
    assert found.parts["model"] == (pytest.approx(0.03), 0.0)


def test_coefficients_are_never_negative() -> None:
    rows = table([100, 200, 300])
    rows["encode_s"] = [0.3, 0.2, 0.1, np.nan]
    assert all(value >= 0 for pair in fit_stages(rows).parts.values() for value in pair)


def test_a_table_without_timings_is_refused() -> None:
    with pytest.raises(ValueError, match="no photo with timings"):
        fit_stages(table([100]).assign(decode_s=np.nan))


def test_predictions_divide_the_work_and_price_all_cores() -> None:
    stages = StageTimes(dict.fromkeys(PARTS, (0.1, 0.0)))
    found = predict(stages, 1000, 1.0, workers=4, start_s=10.0, price_per_core_hour=3.6)
    assert found.core_seconds == pytest.approx(500)
    assert found.seconds == pytest.approx(135)
    assert found.cost == pytest.approx(4 * 135 * 0.001)


def test_the_table_of_stages_sums_up() -> None:
    shown = stage_table(StageTimes(TRUE))
    assert shown.index.tolist() == [*PARTS, "all"]
    assert shown.loc["all", "for a megapixel, s"] == pytest.approx(1.32)


def test_the_curves_bend_where_size_and_start_take_over() -> None:
    stages = StageTimes(TRUE)  # 0.546 + 1.32 * megapixels
    size, count = bends(stages, megapixels=2.0, workers=4, start_s=6.0)
    assert size == pytest.approx(0.546 / 1.32)
    assert predict(stages, 1000, size, 1).core_seconds == pytest.approx(2 * predict(stages, 1000, 0.0, 1).core_seconds)
    assert predict(stages, round(count), 2.0, 4, 6.0).seconds == pytest.approx(2 * 6.0, rel=0.1)
    assert bends(StageTimes({"model": (1.0, 0.0)}), 2.0, 1, 0.0)[0] == float("inf")
