"""A picture is recognised after small changes, and told from others."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.writing import through_jpeg
from l2sae.provenance.fingerprint import HASH_BITS, NEAR, digest_file, digest_text, hash_distance, perceptual_hash


def test_the_hash_survives_resizing_and_compression(portrait: NDArray[np.uint8]) -> None:
    own = perceptual_hash(portrait)
    assert len(own) == HASH_BITS // 4
    small = np.asarray(Image.fromarray(portrait).resize((120, 120)))
    for changed in (small, through_jpeg(portrait, 40), np.clip(portrait * 1.1, 0, 255).astype(np.uint8)):
        assert hash_distance(own, perceptual_hash(changed)) <= NEAR


def test_other_pictures_are_far(portrait: NDArray[np.uint8]) -> None:
    own = perceptual_hash(portrait)
    assert hash_distance(own, own) == 0
    assert hash_distance(own, perceptual_hash(np.ascontiguousarray(portrait[::-1]))) > NEAR
    assert hash_distance("0f", "f0") == 8


def test_digests_are_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(tmp_path / "a") == digest_text("abc") == known
