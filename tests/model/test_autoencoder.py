"""The model: shapes, ranges, slices that belong to their ROI alone, images that do not see their batch mates."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from l2sae.model import L2SAE
from l2sae.model.layers import layer_shares, opponent_colours, region_means

MakeModel = Callable[..., L2SAE]


def roi(name: str, channels: int) -> dict[str, object]:
    return {"name": name, "channels": channels, "parts": [name]}


ONE_ROI = [roi("beard", 3)]
SEVEN_ROIS = [roi(name, 1 + i % 3) for i, name in enumerate(("hair", "skin", "eyes", "brows", "nose", "lips", "ears"))]


def noise_like(x: Tensor, seed: int = 5) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_latents_images_and_mattes_have_the_promised_shapes(make_model: MakeModel, images: Tensor, stride: int) -> None:
    model = make_model({"model.structure_stride": stride})
    channels = sum(roi.channels for roi in model.rois) + 3
    with torch.no_grad():
        latents = model.encode(images)
        decoded, mattes = model.decode(latents.structure, latents.style), model.masks(latents.structure)
    assert latents.structure.shape == (4, channels, 32 // stride, 32 // stride)
    assert latents.style.shape == (4, model.style_size)
    assert decoded.shape == images.shape
    assert tuple(mattes) == model.roi_names
    assert all(matte.shape == (4, 1, 32, 32) and 0 <= matte.min() <= matte.max() <= 1 for matte in mattes.values())
    assert all(torch.isfinite(x).all() for x in (latents.structure, latents.style, decoded))


@pytest.mark.parametrize("rois", [ONE_ROI, SEVEN_ROIS], ids=["one", "seven"])
def test_any_number_of_rois_works(make_model: MakeModel, images: Tensor, rois: list[dict[str, object]]) -> None:
    model = make_model({"rois": rois})
    with torch.no_grad():
        latents = model.encode(images)
        decoded, mattes = model.decode(latents.structure, latents.style), model.masks(latents.structure)
    assert list(mattes) == [roi["name"] for roi in rois]
    assert [s.stop - s.start for s in model.slices.values()] == [*(roi["channels"] for roi in rois), 3]
    assert latents.structure.shape[1] == model.slices["context"].stop
    assert decoded.shape == images.shape


def test_a_model_without_context_channels_works(make_model: MakeModel, images: Tensor) -> None:
    model = make_model({"model.context_channels": 0})
    latents = model.encode(images)
    assert latents.structure.shape[1] == sum(roi.channels for roi in model.rois)
    assert model.decode(latents.structure, latents.style).shape == images.shape


def test_slices_tile_the_structure_without_gap_or_overlap(make_model: MakeModel) -> None:
    model = make_model({"rois": SEVEN_ROIS})
    covered = [channel for part in model.slices.values() for channel in range(part.start, part.stop)]
    assert covered == list(range(model.slices["context"].stop))


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_a_matte_has_gradient_in_its_own_slice_alone(make_model: MakeModel, images: Tensor, stride: int) -> None:
    model = make_model({"model.structure_stride": stride})
    structure = model.encode(images[:2]).structure.detach().requires_grad_()
    for name, matte in model.masks(structure).items():
        (gradient,) = torch.autograd.grad((matte * noise_like(matte)).sum(), structure, retain_graph=True)
        own = model.slices[name]
        assert (gradient[:, own].abs().amax(dim=(0, 2, 3)) > 0).all(), f"{name} ignores a channel of its slice"
        gradient[:, own] = 0
        assert not gradient.any(), f"{name} reads a slice that is not its own"


def test_changing_other_slices_leaves_a_matte_bit_identical(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        structure = model.encode(images).structure
        before = model.masks(structure)
        for name, own in model.slices.items():
            changed = structure + 3 * noise_like(structure)
            changed[:, own] = structure[:, own]
            after = model.masks(changed)
            for other in model.roi_names:
                assert torch.equal(after[other], before[other]) == (other == name)


def test_mattes_of_some_rois_equal_those_of_all(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        structure = model.encode(images).structure
        every = model.masks(structure)
        for chosen in (["lips", "hair"], ["nose"], list(model.roi_names)):
            some = model.masks(structure, rois=chosen)
            assert list(some) == chosen
            for name in chosen:
                torch.testing.assert_close(some[name], every[name], rtol=0, atol=1e-6)


def test_an_unknown_roi_is_an_error_that_lists_the_known_ones(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    structure = model.encode(images).structure
    with pytest.raises(ValueError, match=r"unknown ROI hare.*hair, skin, brows, eyes, nose, lips"):
        model.masks(structure, rois=["hair", "hare"])


def test_an_image_comes_out_the_same_alone_and_in_a_batch(make_model: MakeModel, images: Tensor) -> None:
    model = make_model({"model.structure_stride": 4})
    with torch.no_grad():
        together = model.encode(images)
        decoded = model.decode(together.structure, together.style)
        mattes = model.masks(together.structure)
        for i in range(len(images)):
            alone = model.encode(images[i : i + 1])
            torch.testing.assert_close(alone.structure[0], together.structure[i], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(alone.style[0], together.style[i], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(model.decode(alone.structure, alone.style)[0], decoded[i], rtol=1e-5, atol=1e-5)
            for name, matte in model.masks(alone.structure).items():
                torch.testing.assert_close(matte[0], mattes[name][i], rtol=1e-5, atol=1e-5)


def test_training_mode_and_evaluation_mode_give_the_same_output(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        evaluated, trained = model.eval().encode(images), model.train().encode(images)
    assert torch.equal(evaluated.structure, trained.structure)
    assert torch.equal(evaluated.style, trained.style)


def test_decoded_images_are_clamped_to_their_range(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        latents = model.encode(images)
        loud = 1e4 * latents.structure
        mattes = torch.cat(list(model.masks(loud).values()), dim=1)
        raw, decoded = model.generator(loud, latents.style, mattes), model.decode(loud, latents.style)
    assert raw.abs().max() > 1
    assert torch.equal(decoded, raw.clamp(-1, 1))


def test_style_changes_the_image_and_not_the_mattes(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        latents = model.encode(images)
        first = model.decode(latents.structure, latents.style)
        second = model.decode(latents.structure, latents.style + noise_like(latents.style))
    assert (first - second).abs().mean(dim=(1, 2, 3)).min() > 1e-3


def test_an_absent_region_contributes_the_average_of_the_image(make_model: MakeModel, images: Tensor) -> None:
    model = make_model({"rois": [roi("hair", 1), roi("lips", 1)]})
    everywhere, nowhere = torch.ones(4, 1, 32, 32), torch.zeros(4, 1, 32, 32)
    left = torch.cat([everywhere[..., :16], nowhere[..., 16:]], dim=3)
    with torch.no_grad():
        absent, uniform, half = (
            model.style_encoder(images, torch.cat([everywhere, matte], dim=1)) for matte in (nowhere, everywhere, left)
        )
    assert torch.isfinite(absent).all()
    torch.testing.assert_close(absent, uniform, rtol=1e-4, atol=1e-5)
    assert (half - uniform).abs().max() > 1e-3


def test_style_stays_finite_when_no_region_is_there(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    mattes = torch.zeros(4, len(model.rois), 32, 32)
    assert torch.isfinite(model.style_encoder(images, mattes)).all()
    assert torch.isfinite(model.style_encoder(images, mattes + 1)).all()


def test_with_moments_the_style_sees_contrast_that_leaves_the_mean_alone(make_model: MakeModel) -> None:
    """A checkerboard, whose cells are the style encoder's: its features' means hardly change with its contrast."""
    board = torch.kron((torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1, torch.ones(4, 4)).expand(
        1, 3, 32, 32
    )
    model = make_model({"model.moments": True})
    encoder, mattes = model.style_encoder, torch.ones(1, len(model.rois), 32, 32) / len(model.rois)
    with torch.no_grad():
        for part in encoder.features[::2]:
            part.weight.zero_()  # what remains are the colours themselves
            part.bias.zero_()
        weak, strong = (encoder(contrast * board, mattes) for contrast in (0.1, 0.9))
        plain = make_model({"model.moments": False}).style_encoder
        for part in plain.features[::2]:
            part.weight.zero_()
            part.bias.zero_()
        torch.testing.assert_close(plain(0.1 * board, mattes), plain(0.9 * board, mattes))
    assert (weak - strong).abs().max() > 1e-2


def test_with_moments_a_region_has_the_mean_colour_that_ends_the_style(make_model: MakeModel, images: Tensor) -> None:
    model = make_model({"model.moments": True})
    mattes = torch.zeros(len(images), len(model.rois), *images.shape[-2:])
    mattes[:, 0, 4:20, 4:20], mattes[:, 1, 16:28, 8:28] = 0.9, 0.6  # they overlap
    with torch.no_grad():
        style = model.style_encoder(images, mattes)
        assert style.shape == (len(images), model.style_size)
        first = slice(model.params.style_dim, model.params.style_dim + 3)
        style[:, first] = torch.tensor([0.3, -0.1, 0.2])
        drawn = model.generator(model.encode_structure(images), style, mattes)
        means = region_means(opponent_colours(drawn), layer_shares(mattes))
    torch.testing.assert_close(means[:, 0], style[:, first], rtol=0, atol=0.015)
    own = region_means(opponent_colours(images), layer_shares(mattes))
    torch.testing.assert_close(means[:, 1], own[:, 1], rtol=0, atol=0.015)
    torch.testing.assert_close(means[:, -1], own[:, -1], rtol=0, atol=0.015)


def test_without_moments_a_style_has_no_colours_of_its_own(make_model: MakeModel) -> None:
    model = make_model({"model.moments": False})
    assert model.style_size == model.params.style_dim == len(model.style_mean)


@pytest.mark.parametrize("stride", [4, 8])
def test_with_relief_a_new_model_passes_on_the_detail_of_each_cell(
    make_model: MakeModel, images: Tensor, stride: int
) -> None:
    rois = [roi("hair", 40), roi("skin", 30)]  # as many channels as a cell has pixels, or more
    model = make_model({"model.relief": True, "model.structure_stride": stride, "rois": rois})
    head, pixels = model.structure_encoder.head, model.generator.relief.pixels
    with torch.no_grad():
        head.weight[:, : -(stride**2)] = 0  # what remains is the lightness of single pixels
        head.bias.zero_()
        pixels.bias.zero_()
        detail = torch.nn.functional.pixel_shuffle(pixels(model.encode_structure(images)), stride)
    grey = images.mean(dim=1, keepdim=True)
    cell = torch.nn.functional.avg_pool2d(grey, stride)
    torch.testing.assert_close(detail, grey - cell.repeat_interleave(stride, 2).repeat_interleave(stride, 3))


def test_with_relief_the_style_sets_the_contrast_of_each_layer(make_model: MakeModel, images: Tensor) -> None:
    model = make_model({"model.relief": True, "model.moments": False})
    structure = model.encode(images).structure
    mattes = torch.zeros(4, len(model.rois), 32, 32)
    mattes[:, 0, :, :16] = 1
    generator, style = model.generator, torch.zeros(4, 12)
    with torch.no_grad():
        generator.relief.contrast.weight.zero_()
        usual = generator(structure, style, mattes)
        generator.relief.contrast.bias[:3] = 0  # of the first ROI's layer
        flat = generator(structure, style, mattes)
        relief = torch.nn.functional.pixel_shuffle(generator.relief.pixels(structure), generator.relief.stride)
    difference = usual - flat
    torch.testing.assert_close(difference[..., :16], relief.expand_as(images)[..., :16], rtol=1e-4, atol=1e-5)
    assert not difference[..., 16:].any()


def test_style_of_one_colour_has_finite_gradients_with_moments(make_model: MakeModel) -> None:
    model = make_model({"model.moments": True})
    images = torch.full((1, 3, 32, 32), 0.2, requires_grad=True)
    model.style_encoder(images, torch.zeros(1, len(model.rois), 32, 32)).sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()


def test_construction_depends_on_the_seed_alone(make_model: MakeModel) -> None:
    first, again, other = make_model(seed=1), make_model(seed=1), make_model(seed=2)
    weights = [torch.cat([p.flatten() for p in model.parameters()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_output_on_cuda_equals_that_on_the_cpu(make_model: MakeModel, images: Tensor) -> None:
    model = make_model()
    with torch.no_grad():
        expected = model.encode(images)
        decoded, mattes = model.decode(expected.structure, expected.style), model.masks(expected.structure)
        model.to("cuda")
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = model.encode(images.to("cuda"))
            on_cuda = model.decode(found.structure, found.style)
            cuda_mattes = model.masks(found.structure)
    torch.testing.assert_close(found.structure.cpu(), expected.structure, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.style.cpu(), expected.style, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(on_cuda.cpu(), decoded, rtol=1e-3, atol=1e-3)
    for name, matte in cuda_mattes.items():
        torch.testing.assert_close(matte.cpu(), mattes[name], rtol=1e-3, atol=1e-3)
