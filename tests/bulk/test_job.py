"""A job is checked before any photo is read, and its ids follow from what it does."""

from typing import Any

import numpy as np
import pytest
import torch

from l2sae.bulk.job import ID_DIGITS, PackedModel, export_id, job_id, make_job
from l2sae.editing import EditError, Noise, Swap
from l2sae.editing.references import encode_reference
from l2sae.model import L2SAE

MADE: dict[str, Any] = {
    "rois": ("hair", "lips"), "style": Noise(1.0), "recipe": None, "strength": 1.0, "seed": 3, "compose": "detail",
    "align": None, "policy": None,
}  # fmt: skip


def test_equal_jobs_have_equal_ids_and_others_have_others(tiny_model: L2SAE) -> None:
    first, again, other = (
        job_id(make_job(tiny_model, **MADE | {"seed": seed}).describe(tiny_model)) for seed in (3, 3, 4)
    )
    assert first == again != other
    exports = {
        export_id(first, "a.png", "0" * 64),
        export_id(first, "b.png", "0" * 64),
        export_id(other, "a.png", "0" * 64),
    }
    assert len(exports) == 3
    assert {len(one) for one in exports} == {ID_DIGITS}


def test_regions_of_one_style_are_one_layer_and_references_are_encoded_once(tiny_model: L2SAE, photos: Any) -> None:
    [layer] = make_job(tiny_model, **MADE | {"style": Swap(photos[1])}).layers
    assert layer.rois == ("hair", "lips")
    assert isinstance(layer.style, Swap)
    assert np.array_equal(layer.style.reference, encode_reference(tiny_model, photos[1]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"style": None}, "either a recipe, or rois and a style"),
        ({"align": "all"}, "align='all'"),
        ({"rois": ("hat",)}, "hat"),
        ({"compose": "add"}, "compose='add'"),
        ({"quality": 0}, "quality=0"),
        ({"ending": ".gif"}, r"ending='\.gif'"),
        ({"backend": "tpu"}, "backend='tpu'"),
    ],
)
def test_mistakes_are_named_before_any_work(tiny_model: L2SAE, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(EditError, match=message):
        make_job(tiny_model, **MADE | wrong)


def test_a_packed_model_opens_with_equal_weights(tiny_model: L2SAE) -> None:
    opened = PackedModel.of(tiny_model).open()
    for (name, value), other in zip(tiny_model.state_dict().items(), opened.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
    assert not opened.training
