"""Digests and perceptual hashes: how a picture is recognised without keeping its pixels."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from l2sae.editing.recipe import Recipe

HASH_BITS = 64
NEAR = 10  # bits that two hashes of one picture may differ in, after resizing and compression
_SIDE, _KEPT = 32, 8


def perceptual_hash(picture: NDArray[np.uint8]) -> str:
    """64 bits in hexadecimal of a picture (H, W, 3) uint8 that survive resizing, compression and small retouches.

    The signs, about their median, of the lowest frequencies of the picture's DCT (Zauner, "Implementation and
    benchmarking of perceptual image hash functions", 2010, section 3.2.1).
    """
    grey = Image.fromarray(picture).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    low = dctn(np.asarray(grey, np.float64), norm="ortho")[:_KEPT, :_KEPT].ravel()
    bits = low > np.median(low)
    return np.packbits(bits).tobytes().hex()


def hash_distance(first: str, second: str) -> int:
    """The number of bits in which two perceptual hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def digest_recipe(recipe: Recipe) -> str:
    """sha256 of a recipe, as it is saved."""
    return hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()


def digest_text(text: str) -> str:
    """sha256 of a text, which stands for it in logs: it can be checked there, not read."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: str | Path) -> str:
    """sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
