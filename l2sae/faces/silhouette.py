"""How far each pixel of a photo belongs to a person."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.faces import weights


@torch.inference_mode()
def person_mask(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Part a person: hair, skin and clothes are 1, the background 0 (MediaPipe's selfie segmentation).

    Args:
        picture: (H, W, 3) uint8. The network sees it at 256 x 256 pixels, so crop to the person where that is small.

    Returns:
        (H, W) float32 in [0, 1]; its edges are as soft as the enlargement makes them.
    """
    network = weights.silhouette()
    small = Image.fromarray(picture).resize((network.size, network.size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255
    mask = Image.fromarray(network(pixels)[0, 0].numpy())
    enlarged = mask.resize((picture.shape[1], picture.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(enlarged).clip(0, 1)
