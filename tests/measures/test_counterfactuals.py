"""Edits against the truth: the truth is perfect, no edit reaches nothing, and what cannot be judged is left out."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from l2sae.figures.tables import counterfactual_table
from l2sae.measures import counterfactuals as measure
from l2sae.measures.counterfactuals import METHODS, EditedTriples, counterfactuals, edited_triples, styled_regions
from l2sae.measures.figures_from_sums import counterfactual_figures
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.display import as_pictures
from l2sae.render.rendered_faces import render_faces


@pytest.fixture(scope="module")
def triples(model: L2SAE, params: Params) -> list[EditedTriples]:
    with torch.inference_mode():
        return list(edited_triples(model, params, range(4), styled_regions(params), 64))


def test_contents_are_faces_that_were_not_prepared(params: Params, triples: list[EditedTriples]) -> None:
    faces = render_faces(4, 64, params.seed, rois=params.rois, start=params.data.count)
    for one in triples:
        assert torch.equal(one.triples.content, faces.images)
        assert set(one.edits) == set(METHODS)
        assert (as_pictures(one.edits["none"])[0] == as_pictures(faces.images)[0]).all()


def test_the_truth_itself_has_no_error_and_no_edit_has_all_of_it(
    model: L2SAE, params: Params, triples: list[EditedTriples], monkeypatch: pytest.MonkeyPatch
) -> None:
    def perfect(*_: object) -> Iterator[EditedTriples]:
        for one in triples:
            edits = one.edits | {"detail": as_eight_bit(one.triples.truth), "replace": one.edits["none"]}
            yield EditedTriples(one.triples, {name: edits[name] for name in METHODS})

    monkeypatch.setattr(measure, "edited_triples", perfect)
    columns = measure.measure_counterfactuals(model, params, 4, 64, "own")
    found = counterfactual_figures(columns, styled_regions(params), METHODS, "cf", 5, 0)["cf"]
    for roi in ("hair", "skin", "mean"):
        assert found["detail"][roi]["texture"] == pytest.approx(1.0)
        assert found["detail"][roi]["delta_e"] == pytest.approx(0.0, abs=1e-6)
        assert found["detail"][roi]["psnr"] > 60
        assert found["none"][roi]["texture"] == found["replace"][roi]["texture"] == 0.0
        assert found["none"][roi]["delta_e"] >= measure.VISIBLE
        assert found["none"][roi]["transfer"] == 0.0
    assert found["detail"]["mean"]["transfer"] == pytest.approx(found["truth"]["mean"]["transfer"], abs=1e-3)
    assert 0 < found["truth"]["mean"]["transfer"] < 1
    assert found["pairs"]["hair"] <= 4


def as_eight_bit(images: torch.Tensor) -> torch.Tensor:
    return ((images + 1) * 127.5).round() / 127.5 - 1


def test_figures_have_all_methods_regions_and_lights(model: L2SAE, params: Params) -> None:
    found = counterfactuals(model, params, 3, 64)
    assert set(found["style"]) == {"counterfactual", "counterfactual_relit"}
    for prefix, figures in found["style"].items():
        assert set(figures) == {*METHODS, "truth", "pairs"}
        for name, (low, high) in found["ci"]["style"][prefix]["detail"]["mean"].items():
            assert low <= figures["detail"]["mean"][name] <= high
    same, relit = (found["style"][prefix] for prefix in ("counterfactual", "counterfactual_relit"))
    assert same["none"] == relit["none"]  # light is not style: content and truth are the same
    own, other = (next(edited_triples(model, params, range(2), ["hair"], 32, light)) for light in ("own", "other"))
    assert torch.equal(own.triples.truth, other.triples.truth)
    assert not torch.equal(own.triples.reference, other.triples.reference)
    table = counterfactual_table(found, model.roi_names)
    assert table.shape == (15, len(model.roi_names) + 1)
    assert table.loc["PSNR (dB) ↑: no edit", "mean"] == f"{same['none']['mean']['psnr']:.2f}"


def test_a_face_without_a_visible_change_does_not_count(
    model: L2SAE, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "VISIBLE", np.inf)
    columns = measure.measure_counterfactuals(model, params, 2, 32, "own")
    assert counterfactual_figures(columns, styled_regions(params), METHODS, "cf", 5, 0)["cf"].keys() == {"pairs"}
