"""What is measured on the model between training steps, and the style statistics at their end."""

import torch
from torch import Tensor, nn

from l2sae.data import FaceDataset
from l2sae.model import L2SAE
from l2sae.training.engine import Engine
from l2sae.training.losses import roi_masks

VALIDATION = "val_"  # how the names of figures on the validation split begin
GRADIENT = "grad/"  # how the names of gradient norms begin

VALIDATION_FACES = 64
SHRINKAGE = 0.02  # of correlations towards independence: without it few faces leave no root
STYLE_FACES = 512  # faces whose styles set the unit of noise edits


@torch.inference_mode()
def validate(model: L2SAE, dataset: FaceDataset, engine: Engine) -> dict[str, float]:
    """Quick figures on the first faces of the validation split: ``val_psnr`` (dB) and ``val_miou``.

    Each device measures its share of the faces; what is returned is over all of them.
    """
    model.eval()
    faces = range(engine.rank, min(len(dataset), VALIDATION_FACES), engine.size)
    sums = engine.sum(_figures(model, dataset, faces, engine.device))
    model.train()
    overlap, union = sums[2:].chunk(2)
    return {"val_psnr": (sums[0] / sums[1]).item(), "val_miou": (overlap / union.clamp(min=1)).mean().item()}


def _figures(model: L2SAE, dataset: FaceDataset, faces: range, device: torch.device) -> Tensor:
    """Sums over faces: PSNR, their number, and for each ROI the pixels of overlap, then of union; (2 + 2 R,)."""
    rois = len(model.rois)
    precise = torch.float32 if device.type == "mps" else torch.float64  # which Apple's devices lack
    if not faces:
        return torch.zeros(2 + 2 * rois, dtype=precise, device=device)
    batch = dataset.batch(faces)
    images, masks = batch.images.to(device), roi_masks(batch.labels, rois).to(device).bool()
    latents = model.encode(images)
    error = ((model.decode(latents.structure, latents.style, latents.mattes) - images) / 2).square().mean(dim=(1, 2, 3))
    mattes = latents.mattes > 0.5
    overlap, union = (mattes & masks).sum(dim=(0, 2, 3)), (mattes | masks).sum(dim=(0, 2, 3))
    total = torch.stack([(-10 * error.log10()).sum(), error.new_tensor(len(faces))])
    return torch.cat([part.to(precise) for part in (total, overlap, union)])


@torch.inference_mode()
def set_style_statistics(model: L2SAE, dataset: FaceDataset, device: torch.device) -> None:
    """Store mean, standard deviation and correlations of the training faces' styles: how noise edits vary a style."""
    model.eval()
    count = min(len(dataset), STYLE_FACES)
    styles = torch.cat(
        [
            model.encode(dataset.batch(range(start, min(start + 32, count))).images.to(device)).style
            for start in range(0, count, 32)
        ]
    )
    model.style_mean.copy_(styles.mean(dim=0))
    model.style_scale.copy_(styles.std(dim=0, correction=0))
    model.style_mixing.copy_(correlation_root(styles))


def correlation_root(styles: Tensor) -> Tensor:
    """A matrix (D, D) that gives independent noise the correlations of styles (N, D); N may be less than D."""
    standard = (styles - styles.mean(dim=0)).cpu().double()
    standard = standard / standard.std(dim=0, correction=0).clamp(min=1e-9)
    correlation = standard.T @ standard / len(standard)
    independent = torch.eye(len(correlation), dtype=correlation.dtype)
    return torch.linalg.cholesky(correlation.lerp(independent, SHRINKAGE)).to(styles)


def gradient_norms(model: nn.Module, scale: float = 1.0) -> dict[str, float]:
    """Norm of the gradients of each network of the model that has any, as ``grad/<network>``, times ``scale``."""
    norms = {}
    for name, network in model.named_children():
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        if gradients:
            norms[f"grad/{name}"] = torch.nn.utils.get_total_norm(gradients).item() * scale
    return norms
