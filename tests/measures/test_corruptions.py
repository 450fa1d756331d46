import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.transform import resize

from l2sae.measures.corruptions import OCCLUDERS, blur, jpeg, noise, occlude, reduce_resolution
from l2sae.measures.reconstruction import eight_bit

ONE_LEVEL = 1 / 127.5


@pytest.fixture(scope="module")
def images():
    coarse = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return eight_bit(torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bicubic"))


@pytest.fixture(scope="module")
def labels():
    """A face of 60 x 40 pixels around (64, 64) with a nose in its middle."""
    labels = torch.zeros(3, 128, 128, dtype=torch.uint8)
    labels[:, 34:94, 44:84] = 1
    labels[:, 60:68, 60:68] = 2
    return labels


@pytest.mark.parametrize("sigma", [1.0, 3.0, 6.0])
def test_blur_agrees_with_scipy(images, sigma):
    expected = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=4.0)
    np.testing.assert_allclose(blur(images, sigma).numpy(), expected, atol=0.6 * ONE_LEVEL)


def test_blur_grows_with_the_picture(images):
    half = torch.nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
    expected = gaussian_filter(half.numpy(), (0, 0, 1.0, 1.0), mode="mirror", truncate=4.0)
    np.testing.assert_allclose(blur(half, 2.0).numpy(), expected, atol=0.6 * ONE_LEVEL)


def test_jpeg_is_what_pillow_reads_back(images):
    buffer = io.BytesIO()
    picture = ((images[1] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).save(buffer, "JPEG", quality=10)
    made = ((jpeg(images, 10)[1] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(made, np.array(Image.open(buffer)))
    assert (jpeg(images, 10) - images).abs().mean() > (jpeg(images, 90) - images).abs().mean()


def test_noise_has_its_deviation_and_belongs_to_seed_and_face():
    grey = torch.zeros(2, 3, 128, 128)
    noisy = noise(grey, 16, (4, 5), seed=1)
    assert float((noisy * 127.5).std()) == pytest.approx(16, rel=0.02)
    assert float(noisy.mean()) == pytest.approx(0, abs=0.002)
    assert torch.equal(noise(grey[:1], 16, (5,), seed=1)[0], noisy[1])
    assert not torch.equal(noise(grey[:1], 16, (5,), seed=2)[0], noisy[1])


def test_resolution_loses_what_is_finer_and_keeps_what_is_coarser():
    x = torch.arange(128.0)
    fine, coarse = (torch.sin(2 * torch.pi * x / period).expand(1, 3, 128, 128) * 0.5 for period in (4, 64))
    assert reduce_resolution(fine, 16).abs().max() < 0.05
    assert (reduce_resolution(coarse, 32) - coarse).abs().mean() < 0.01


def test_resolution_agrees_with_scikit_image(images):
    picture = images[0].permute(1, 2, 0).numpy()
    small = resize(picture, (32, 32), order=1, anti_aliasing=True)
    expected = resize(small, (128, 128), order=3, mode="edge")
    made = reduce_resolution(images[:1], 32)[0].permute(1, 2, 0).numpy()
    assert np.abs(made - expected).mean() < 0.04 * np.ptp(picture)


@pytest.mark.parametrize("kind", range(len(OCCLUDERS)))
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_occluder_hides_the_stated_share_of_the_faces_box(labels, kind, share):
    grey = torch.zeros(1, 3, 128, 128)
    everywhere = torch.ones(1, 128, 128, dtype=torch.uint8)
    areas = []
    for index in range(kind, 30, len(OCCLUDERS)):
        _, hidden = occlude(grey, everywhere, labels[:1] > 0, share, (index,), seed=0)
        areas.append(float((hidden == 0).sum()) / (60 * 40))
    assert np.mean(areas) == pytest.approx(share, rel=0.15)


def test_occluded_pixels_belong_to_no_roi_and_the_others_keep_theirs(images, labels):
    photos = torch.cat([images, images[:1]])
    painted, left = occlude(photos, labels, labels > 0, 0.3, (0, 1, 2), seed=0)
    hidden = (labels > 0) & (left == 0)
    assert (hidden.sum(dim=(1, 2)) > 200).all()
    assert torch.equal(left[~hidden], labels[~hidden])
    untouched = (painted == photos).all(dim=1)
    assert not untouched[hidden].float().mean() > 0.02


def test_a_larger_occluder_hides_what_a_smaller_one_hides(images, labels):
    for index in range(6):
        hidden = [occlude(images[:1], labels[:1], labels[:1] > 0, share, (index,), 0)[1] == 0 for share in (0.2, 0.4)]
        lost = (hidden[0] & ~hidden[1]).sum() / hidden[0].sum()
        assert lost < 0.02


def test_a_picture_without_a_face_is_occluded_in_its_middle(images, labels):
    nothing = torch.zeros_like(labels[:1])
    painted, _ = occlude(images[:1], nothing, nothing > 0, 0.3, (0,), seed=0)
    changed = (painted != images[:1]).any(dim=1)[0].nonzero().float()
    assert 20 < changed.mean(dim=0).min() < changed.mean(dim=0).max() < 108
