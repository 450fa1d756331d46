"""The camera turns light into a picture as a lens, a tone curve, a sensor and JPEG do."""

import torch

from l2sae.render.scene import background, camera

NEUTRAL = {"vignette": 0.0, "gain": 1.0, "contrast": 0.0, "blur": 0.0, "noise": 0.0, "jpeg": 0.0}


def shot(level: float | torch.Tensor, **changed: float) -> torch.Tensor:
    p = {name: torch.full((1, 1, 1), value) for name, value in (NEUTRAL | changed).items()}
    light = torch.full((1, 3, 16, 16), level) if isinstance(level, float) else level.clone()
    noise = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return camera(p, light, noise)


def test_more_light_is_brighter_and_stays_in_range() -> None:
    pictures = [shot(level) for level in (0.0, 0.1, 0.5, 1.0, 9.0)]
    means = [float(picture.mean()) for picture in pictures]
    assert means == sorted(means)
    assert all(picture.min() >= -1 and picture.max() <= 1 for picture in pictures)
    assert means[0] < -0.99


def test_vignettes_darken_the_corners_alone() -> None:
    dark = shot(0.5) - shot(0.5, vignette=1.0)
    assert float(dark[0, 0, 0, 0]) > 10 * float(dark[0, 0, 8, 8]) >= 0


def test_a_lens_blur_softens_an_edge_and_noise_has_no_mean() -> None:
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 0.8
    sharp, soft = shot(edge), shot(edge, blur=0.5)
    assert float((soft[..., 8] - soft[..., 7]).mean()) < float((sharp[..., 8] - sharp[..., 7]).mean())
    noisy = shot(0.4, noise=0.05) - shot(0.4)
    assert float(noisy.std()) > 0.05
    assert abs(float(noisy.mean())) < 0.02


def test_jpeg_changes_a_picture_that_has_a_quality() -> None:
    light = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (shot(light, jpeg=40.0) - shot(light)).abs().mean() > 0.01


def test_a_plain_wall_has_one_colour_and_bars_have_another() -> None:
    names = ("back_angle", "back_slope", "back_noise", "panel_across_start", "panel_down_start", "panel_down")
    p = {name: torch.zeros(1, 1, 1) for name in names}
    p |= {f"panel_{way}_{what}": torch.full((1, 1, 1), 0.3) for way in ("across", "down") for what in ("rate", "width")}
    p |= {"panel_across": torch.zeros(1, 1, 1), "panel": torch.ones(1, 3, 1, 1)}
    p |= {name: torch.full((1, 3, 1, 1), 0.4) for name in ("back_a", "back_b")}
    blobs = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    wall = background(p, blobs, 64)
    torch.testing.assert_close(wall, torch.full_like(wall, 0.4))
    barred = background(p | {"panel_across": torch.ones(1, 1, 1)}, blobs, 64)
    assert {0.0, 1.0} <= {round(float(v), 3) for v in (barred - 0.4).div(0.6).flatten()}
