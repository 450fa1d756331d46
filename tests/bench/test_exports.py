from l2sae import load_model
from l2sae.bench.exports import measure_exports


def test_exports_are_compared_with_plain_saving() -> None:
    figures = measure_exports(load_model(device="cpu"), (320, 240), repeats=1)
    assert figures.keys() == {"jpg", "png"}
    for taken in figures.values():
        assert taken["overhead_s"] == taken["export_s"] - taken["save_s"]
        assert min(taken["first_s"], taken["export_s"], taken["save_s"]) > 0
