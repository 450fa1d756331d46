"""A second watermark, with a longer code: blind-watermark's (DWT, DCT and SVD of blocks), by the extra ``marks``.

The package ``blind-watermark`` (Guo Fei, MIT) writes each bit into the singular values of many blocks and reads it as
their majority. Nothing is learned and nothing is downloaded. JPEG and resizing leave more of it than of `RivaGan`; a
crop or another brightness takes it away, which is why it is not the default.
"""

import importlib
import multiprocessing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.provenance.export_errors import ProvenanceError
from l2sae.provenance.mark import MIN_PSNR, Detection, at_psnr, count_bits, detection_threshold

BITS = 64
SIDE = 256  # pixels a side of the square on which the code is written and read, whatever the picture's shape
Picture = NDArray[np.uint8]


def _package() -> Any:
    """blind_watermark, which would choose for the whole process how processes start, and fail where that is chosen."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(None, force=True)
    try:
        return importlib.import_module("blind_watermark")
    except ImportError as error:  # OpenCV, which it needs, may lack a library of the system
        raise ProvenanceError(f"blind_watermark cannot be imported ({error}): pip install 'l2sae[marks]'") from None
    finally:
        multiprocessing.set_start_method(chosen, force=True)


class BlindWatermark:
    """One fixed code of 64 bits; see `l2sae.provenance.Watermark` for the interface.

    Raises:
        ProvenanceError: the package is not installed.
    """

    name = "blind-watermark"

    def __init__(self) -> None:
        self._package = _package()
        self._package.bw_notes.close()  # it would greet on the terminal

    def embed(self, picture: Picture) -> Picture:
        """A copy of the picture, (H, W, 3) uint8, that carries the code; PSNR stays at 38 dB or above."""
        square = _squared(picture)
        writer = self._package.WaterMark()
        writer.read_img(img=square[..., ::-1].astype(np.float32))
        writer.read_wm(code().astype(bool), mode="bit")
        residual = writer.embed()[..., ::-1].astype(np.float32) - square
        return at_psnr(picture, residual, MIN_PSNR)[0]

    def detect(self, picture: Picture) -> Detection:
        """Look for the code in a picture (H, W, 3) uint8 of any size."""
        square = _squared(picture)[..., ::-1].astype(np.float32)
        found = self._package.WaterMark().extract(embed_img=square, wm_shape=BITS, mode="bit")
        matched = int(((np.asarray(found) > 0.5) == (code() > 0)).sum())
        return count_bits(self.name, matched, BITS, detection_threshold(BITS, 1))


def code() -> NDArray[np.uint8]:
    """The fixed code, (64,) of 0 and 1, half of them 1."""
    return np.random.default_rng(64).permutation(np.arange(BITS, dtype=np.uint8) % 2)


def _squared(picture: Picture) -> Picture:
    return np.array(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0))
