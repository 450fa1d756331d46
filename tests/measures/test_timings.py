import importlib

import pytest
import torch

from l2sae.measures import scaling
from l2sae.measures.metric_files import flatten, get
from l2sae.measures.timings import benchmark

benchmark_stage = importlib.import_module("l2sae.measures.timings")  # the package exports its function
KEYS = [
    *(f"latency_ms.{name}" for name in ("encode", "decode", "masks", "edit", "edit_12mp", "slider")),
    "throughput.edit_images_per_s.1", "throughput.edit_images_per_s.2", "throughput.train_images_per_s",
    "memory.peak_mb", "inversion.seconds", "inversion.ratio", "roofline.ratio",
]  # fmt: skip


@pytest.fixture(scope="module")
def figures(model, test_split, train_split, params):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_stage, "LARGE", (300, 400))  # 12 megapixels take seconds
        patch.setattr(scaling, "SIZES", ((64, 64), (300, 400)))
        return benchmark(model, test_split, params, train_split, progress=lambda line: None)


@pytest.mark.parametrize("key", KEYS)
def test_every_figure_of_the_contract_is_a_positive_number(figures, key):
    assert get(figures, key) > 0


def test_medians_lie_within_their_quartiles(figures):
    flat = flatten(figures)
    medians = [key for key in flat if key.startswith(("latency_ms", "throughput"))]
    assert medians
    for key in medians:
        assert flat[f"spread.{key}.p25"] <= flat[key] <= flat[f"spread.{key}.p75"] <= flat[f"spread.{key}.p95"]


def test_machine_is_named(figures):
    assert figures["threads"] == torch.get_num_threads()
    assert figures["torch"] == torch.__version__
    assert figures["device"].startswith("cpu")


def test_scaling_grows_from_small_to_12_megapixels(figures):
    rows = figures["scaling"]["resolution"]
    assert (rows[-1]["width"], rows[-1]["height"]) == (400, 300)
    assert scaling.SIZES[-1] == (3000, 4000)
    assert [row["megapixels"] for row in rows] == sorted(row["megapixels"] for row in rows)
    assert [row["peak_mb"] for row in rows] == sorted(row["peak_mb"] for row in rows)
    assert rows[-1]["ms"] > rows[0]["ms"]


def test_every_number_of_rois_is_timed(figures, model):
    assert [row["rois"] for row in figures["scaling"]["rois"]] == list(range(1, len(model.rois) + 1))


def test_profile_names_operations_largest_first(figures):
    shares = [row["share"] for row in figures["profile"]]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1
    assert any("conv" in row["operation"] for row in figures["profile"])


def test_parts_of_the_roofline_do_less_than_the_edit_and_no_more_than_the_peak(figures):
    roofline = figures["roofline"]
    assert set(roofline["parts"]) == {"encode", "decode", "masks"}
    for part in roofline["parts"].values():
        assert 0 < part["gflop"] < roofline["edit_gflop"]
