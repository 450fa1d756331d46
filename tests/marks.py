"""How exports are compared: they differ from what was rendered by the watermark, and by nothing else."""

import numpy as np
from numpy.typing import NDArray

from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance import PatternMark
from l2sae.provenance.pattern_mark import MIN_PSNR


def same_but_for_the_mark(exported: NDArray[np.uint8], rendered: NDArray[np.uint8]) -> bool:
    """Whether ``exported`` carries the mark and is otherwise as near to ``rendered`` as the mark allows."""
    return (
        exported.shape == rendered.shape
        and psnr_of_levels(exported, rendered) >= MIN_PSNR
        and PatternMark().detect(exported).marked
    )
