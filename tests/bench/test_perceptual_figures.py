"""KID and feature distance behave as distances; without the extra they are None and say what brings them."""

from typing import Any

import pytest
import torch

from l2sae.bench import perceptual_figures as perceptual
from l2sae.bench.perceptual_figures import METHODS, feature_distance, kernel_distance, perceptual_figures
from l2sae.measures.evaluate import TestFaces as Faces
from l2sae.measures.metric_files import get
from l2sae.measures.optional_figures import MissingPartError


class Pooling:
    """A stand-in for the backbone: the picture's mean colours, and the picture itself as its only stage."""

    def __init__(self, device: torch.device) -> None:
        pass

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return images.mean(dim=(2, 3)), [images]


@pytest.fixture
def faces(model: Any, test_split: Any) -> Faces:
    return Faces(test_split, 10, len(model.rois), model.device)


def test_equal_distributions_are_near_and_others_far() -> None:
    first = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    again = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    assert kernel_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert abs(kernel_distance(first, again)) < 0.1 * kernel_distance(first, again + 1)


def test_feature_distance_is_the_squared_angle_in_all_places() -> None:
    maps = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    assert feature_distance([maps], [2 * maps]).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert feature_distance([maps], [-maps]).tolist() == pytest.approx([4, 4], rel=1e-5)


def test_every_method_is_measured_and_the_backbone_named(model: Any, faces: Faces, monkeypatch: Any) -> None:
    monkeypatch.setattr(perceptual, "Backbone", Pooling)
    figures = perceptual_figures(model, faces, lambda line: None)
    for method in METHODS:
        assert isinstance(get(figures, f"realism.kid.{method}"), float)
    assert get(figures, "reconstruction.perceptual") > 0
    assert get(figures, "realism.kid_backbone") == get(figures, "reconstruction.perceptual_backbone")


def test_without_the_extra_figures_are_none_with_the_command(model: Any, faces: Faces, monkeypatch: Any) -> None:
    def missing(package: str, extra: str) -> Any:
        raise MissingPartError(f"package {package} is not installed: pip install 'l2sae[{extra}]'")

    monkeypatch.setattr(perceptual, "import_extra", missing)
    figures = perceptual_figures(model, faces, lambda line: None)
    for key in (*(f"realism.kid.{method}" for method in METHODS), "reconstruction.perceptual"):
        assert get(figures, key) is None
        assert "l2sae[perceptual]" in get(figures, f"{key}_reason")
