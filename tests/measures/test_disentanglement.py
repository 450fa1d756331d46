import pytest
import torch
from torch.nn import functional as F

from l2sae.measures.disentanglement import cross_talk, probe_figures


def test_cross_talk_is_0_because_each_matte_reads_one_slice(model):
    structures = torch.randn(6, model.slices["context"].stop, 8, 8, generator=torch.Generator().manual_seed(0))
    assert cross_talk(model, structures, torch.Generator().manual_seed(0)) == 0.0


def test_cross_talk_sees_a_predictor_that_reads_the_wrong_slice(model, monkeypatch):
    def masks(structure, rois=None):
        leak = structure.mean(dim=1, keepdim=True)
        return {roi: torch.sigmoid(leak) for roi in model.roi_names}

    monkeypatch.setattr(model, "masks", masks)
    structures = torch.randn(6, model.slices["context"].stop, 8, 8, generator=torch.Generator().manual_seed(0))
    assert cross_talk(model, structures, torch.Generator().manual_seed(0)) == pytest.approx(1.0)


def test_probe_reads_a_roi_off_the_slice_that_holds_it():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 3, (8, 4, 4), generator=generator)
    labels = F.interpolate(coarse[:, None].float(), size=(16, 16), mode="nearest-exact")[:, 0].to(torch.uint8)
    fine = labels[:, ::2, ::2]
    structures = torch.randn(8, 3, 8, 8, generator=generator)
    structures[:, 0] = (fine == 1).float() * 3 - 1
    structures[:, 1] = (fine == 2).float()
    slices = {"a": slice(0, 1), "b": slice(1, 2), "context": slice(2, 3)}
    figures = probe_figures(structures, labels, slices, ("a", "b"))
    for roi in ("a", "b"):
        assert figures["probe_own"][roi] > 0.85
        assert figures["probe_other"][roi] < 0.75
        assert figures["probe"][roi] == pytest.approx(figures["probe_own"][roi] - figures["probe_other"][roi])


def test_probe_leaves_out_a_roi_that_no_image_shows():
    slices = {"a": slice(0, 1), "b": slice(1, 2)}
    labels = torch.ones(4, 8, 8, dtype=torch.uint8)
    labels[:, :4] = 0
    figures = probe_figures(torch.randn(4, 2, 4, 4), labels, slices, ("a", "b"))
    assert list(figures["probe"]) == ["a"]
