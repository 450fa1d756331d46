import pytest
import torch

from l2sae.data import FaceBatch
from l2sae.measures.evaluate import evaluate, pair_offsets
from l2sae.measures.metric_files import flatten, get, read_metrics, write_metrics

ALLOWED_NULLS = {"reconstruction.lpips", "realism.fid", "identity.cosine"}
ROIS = ("hair", "skin", "eyes", "nose", "lips")
KEYS = [
    "reconstruction.psnr", "reconstruction.ssim", "reconstruction.l1", "masks.miou", "masks.mean_f1",
    "masks.boundary_f1", "style.transfer.mean", "style.transfer_detail.mean", "style.transfer_replace.mean",
    "locality.outside_mean", "locality.inside_mean", "locality.outside_share", "locality.outside_max_given_mattes",
    "structure.miou_drop", "structure.edge_correlation", "disentanglement.cross_talk", "labels", "baseline.blur.psnr",
    "baseline.constant_mask.miou",
    *(f"baseline.reinhard.{name}.mean" for name in ("transfer", "texture", "patches", "hue_error")),
    *(f"style.{name}.{roi}" for name in ("patches", "hue_error") for roi in ("skin", "mean")),
    *(f"style.counterfactual{relit}.{method}.skin.{name}" for relit in ("", "_relit")
      for method in ("detail", "replace", "reinhard", "none") for name in ("psnr", "delta_e", "texture")),
    *(f"masks.iou.{roi}" for roi in ROIS), *(f"masks.f1.{roi}" for roi in ROIS),
    *(f"style.transfer.pairs.{roi}" for roi in ROIS), *(f"style.texture.{roi}" for roi in ("hair", "skin")),
    *(f"style.noise_diversity.{roi}" for roi in ROIS), *(f"disentanglement.probe.{roi}" for roi in ("hair", "skin")),
    *(f"style.transfer{kind}.{roi}" for kind in ("", "_detail", "_replace") for roi in ("hair", "skin")),
]  # fmt: skip


@pytest.fixture(scope="module")
def figures(model, test_split, train_split, params):
    return evaluate(model, test_split, params, train_split, "rendered", progress=lambda line: None)


@pytest.mark.parametrize("key", KEYS)
def test_every_figure_of_the_contract_is_there(figures, key):
    assert get(figures, key) is not None


def test_only_figures_without_their_package_are_null_and_say_why(figures):
    flat = flatten(figures)
    nulls = {key for key, value in flat.items() if value is None}
    assert nulls <= ALLOWED_NULLS <= set(flat)
    for key in ALLOWED_NULLS:
        assert (key in nulls) == (f"{key}_reason" in flat)


def test_intervals_hold_their_figures(figures):
    flat, intervals = flatten(figures), flatten(figures["ci"])
    assert {"reconstruction.psnr", "masks.miou", "style.transfer.mean", "locality.outside_mean"} <= set(intervals)
    for low, high in intervals.values():
        assert low <= high
    low, high = intervals["reconstruction.psnr"]
    assert low <= flat["reconstruction.psnr"] <= high


def test_default_composition_gives_the_plain_transfer(figures, params):
    assert params.edit.compose == "detail"
    assert figures["style"]["transfer"]["mean"] == figures["style"]["transfer_detail"]["mean"]
    assert figures["style"]["transfer"]["mean"] != figures["style"]["transfer_replace"]["mean"]


def test_edits_with_true_mattes_change_nothing_outside(figures):
    assert figures["locality"]["outside_max_given_mattes"] == 0
    assert figures["locality"]["inside_mean"] > 0


def test_figures_are_at_128_pixels_whatever_the_model(figures):
    assert figures["sizes"] == {"figures": 128, "data": 32, "model": 32}
    assert figures["counts"]["images"] == 12


def test_missing_rois_and_skipped_files_are_counted_apart(model, test_split, train_split, params, monkeypatch):
    """No lips in the truth of any face, and a model that finds nothing at all."""
    read, lips = test_split.batch, model.roi_names.index("lips") + 1
    monkeypatch.setattr(
        test_split, "batch", lambda i: FaceBatch(read(i).images, torch.where(read(i).labels == lips, 0, read(i).labels))
    )
    monkeypatch.setattr(model, "mask_logits", lambda s, rois=None: torch.full((len(s), len(model.rois), 32, 32), -9.0))
    figures = evaluate(model, test_split, params, train_split, "rendered", progress=lambda line: None, skipped=3)
    assert figures["counts"]["skipped"] == 3
    assert figures["counts"]["without"]["lips"] == 12
    assert figures["counts"]["missed"]["lips"] == 0
    assert figures["counts"]["missed"]["skin"] == 12
    assert figures["masks"]["iou"]["skin"] == 0.0
    assert "lips" not in figures["masks"]["iou"]


def test_figures_do_not_depend_on_the_number_of_threads(figures, model, test_split, train_split, params):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads % 2 + 1)
        again = evaluate(model, test_split, params, train_split, "rendered", progress=lambda line: None)
    finally:
        torch.set_num_threads(threads)
    assert flatten(again["locality"]) == flatten(figures["locality"])
    assert flatten(again["style"]) == flatten(figures["style"])


def test_two_runs_write_equal_files(figures, model, test_split, train_split, params, tmp_path):
    again = evaluate(model, test_split, params, train_split, "rendered", progress=lambda line: None)
    write_metrics(figures, tmp_path / "a.json")
    write_metrics(again, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert get(read_metrics(tmp_path / "a.json"), "labels") == "rendered"


def test_a_split_of_one_image_is_refused(model, test_split, train_split, params):
    one = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"max_images": 1})})
    with pytest.raises(ValueError, match=r"test split has 1 image.*data\.split"):
        evaluate(model, test_split, one, train_split, "rendered")


def test_no_image_is_paired_with_itself():
    assert pair_offsets(10, 4) == [1, 2, 3, 4]
    assert pair_offsets(3, 4) == [1, 2, 4]
    assert pair_offsets(2, 4) == [1, 3]
