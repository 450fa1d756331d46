"""Words in a file's texts are no manifest."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from l2sae.provenance import (
    inspect,
    verify,
)

Picture = NDArray[np.uint8]


def commented(portrait: Picture, path: Path, words: bytes) -> Path:
    """A file without a manifest whose comment, or what else its format has for text, says ``words``."""
    picture = Image.fromarray(portrait)
    if path.suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", words.decode("latin-1"))
        picture.save(path, pnginfo=info)
    elif path.suffix == ".jpg":
        picture.save(path, comment=words)
    else:
        picture.save(path, xmp=words)
    return path


@pytest.mark.parametrize("name", ["plain.png", "plain.jpg", "plain.webp"])
@pytest.mark.parametrize(
    "words", [b"C2PA", b"c2pa jumb caBX JP", b"jumb\0\0\0\0jumdc2pa", b"signed with C2PA by nobody"]
)
def test_words_in_a_comment_are_no_manifest(
    home: Path, tmp_path: Path, portrait: Picture, name: str, words: bytes
) -> None:
    path = commented(portrait, tmp_path / name, words)
    assert verify(path).status == "none"
    assert not inspect(path, localiser=False).edited
