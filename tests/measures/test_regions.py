import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from scipy.stats import pearsonr
from skimage.color import rgb2lab

from l2sae.measures.regions import (
    RegionPixels,
    boundaries,
    boundary_f1,
    dilate,
    edge_strength,
    one_hot,
    overlap_counts,
    overlap_iou,
    region_correlation,
    region_means,
    texture,
    to_lab,
)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def blobs() -> torch.Tensor:
    smooth = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(smooth, size=(48, 48), mode="bicubic") > 0.55


def test_lab_agrees_with_scikit_image(images):
    expected = rgb2lab((images / 2 + 0.5).permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(to_lab(images).permute(0, 2, 3, 1).numpy(), expected, atol=0.05)


def test_region_means_are_means_of_the_pixels_inside_and_nan_for_an_empty_region(images):
    labels = torch.zeros(2, 24, 24, dtype=torch.uint8)
    labels[:, 3:9, 4:20] = 1
    labels[0, 12:, :5] = 2
    means = region_means(images, one_hot(labels, 2))
    np.testing.assert_allclose(means[0, 0], images[0, :, 3:9, 4:20].mean(dim=(1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(means[0, 1], images[0, :, 12:, :5].mean(dim=(1, 2)), rtol=1e-4, atol=1e-6)
    assert means[1, 1].isnan().all()


def test_region_pixels_give_the_means_of_the_region_and_nan_for_an_empty_one(images):
    region = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    region[0, 0, 3:9, 4:20] = True
    pixels = RegionPixels(region)
    torch.testing.assert_close(pixels.take(images)[:, :, 0, 0], images[0, :, 3:9, 4:20].flatten(1).T)
    means = pixels.means(pixels.take(images))
    torch.testing.assert_close(means[0], images[0, :, 3:9, 4:20].mean(dim=(1, 2)))
    assert means[1].isnan().all()


def test_texture_is_spread_and_mean_gradient_of_lightness():
    ramp = torch.zeros(1, 3, 8, 16)
    ramp[:, 0] = 3.0 * torch.arange(16)
    region = torch.zeros(1, 1, 8, 16, dtype=torch.bool)
    region[..., 2:14] = True
    spread, gradient = texture(ramp, edge_strength(ramp), region)[0, 0].tolist()
    assert spread == pytest.approx(np.std(3.0 * np.arange(2, 14)), rel=1e-5)
    assert gradient == pytest.approx(3.0, rel=1e-4)


def test_correlation_agrees_with_scipy(images):
    region = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    region[:, :, 5:15, 2:20] = True
    a, b = images[:, :1], images[:, :1] + 0.5 * images[:, 1:2]
    for i, value in enumerate(region_correlation(a, b, region).tolist()):
        assert value == pytest.approx(pearsonr(a[i][region[i]], b[i][region[i]]).statistic, abs=1e-5)


def test_correlation_of_a_constant_or_tiny_region_is_undefined(images):
    region = torch.ones(2, 1, 24, 24, dtype=torch.bool)
    assert region_correlation(torch.ones_like(images[:, :1]), images[:, :1], region).isnan().all()
    region[:] = False
    region[:, :, 0, :4] = True
    assert region_correlation(images[:, :1], images[:, 1:2], region).isnan().all()


@pytest.mark.parametrize("radius", [1.0, 2.0, 5.12])
def test_dilation_reaches_exactly_the_pixels_within_the_distance(blobs, radius):
    for i, j in np.ndindex(2, 3):
        mask = blobs[i, j].numpy()
        expected = distance_transform_edt(~mask) <= radius if mask.any() else mask
        np.testing.assert_array_equal(dilate(blobs, radius)[i, j].numpy(), expected)


def test_boundary_f1_agrees_with_distance_transforms(blobs):
    predicted = torch.roll(blobs, 2, dims=3)
    scores = boundary_f1(predicted, blobs)
    for i, j in np.ndindex(2, 3):
        found, real = boundaries(predicted)[i, j].numpy(), boundaries(blobs)[i, j].numpy()
        precision = (distance_transform_edt(~real)[found] <= 2).mean()
        recall = (distance_transform_edt(~found)[real] <= 2).mean()
        assert float(scores[i, j]) == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-6)


def test_boundary_f1_is_1_for_equal_masks_0_for_a_miss_and_undefined_without_truth(blobs):
    nothing = torch.zeros_like(blobs)
    assert torch.equal(boundary_f1(blobs, blobs), torch.ones(2, 3))
    assert torch.equal(boundary_f1(nothing, blobs), torch.zeros(2, 3))
    assert boundary_f1(blobs, nothing).isnan().all()


def test_boundary_tolerates_two_pixels_and_not_three():
    truth = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    truth[..., :16] = True  # a straight boundary from top to bottom
    assert float(boundary_f1(torch.roll(truth, 2, 3) | truth, truth)) == pytest.approx(1.0)
    assert float(boundary_f1(torch.roll(truth, 3, 3) | truth, truth)) == pytest.approx(0.0)


def test_overlap_counts_by_hand():
    truth = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    predicted = truth.clone()
    truth[..., :2], predicted[..., 1:3, 1] = True, True
    predicted[..., 0, 3] = True
    assert overlap_counts(predicted, truth).tolist() == [[[2.0, 3.0, 8.0]]]


def test_iou_over_a_data_set_is_that_of_all_faces_together():
    predicted = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    truth = predicted.clone()
    predicted[0, 0, :2], truth[0, 0] = True, True
    predicted[1, 0, 0], truth[1, 0, 0] = True, True
    assert overlap_iou(predicted, truth).tolist() == pytest.approx([(8 + 4) / (16 + 4)])
