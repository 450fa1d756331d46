"""Files from the browser are photos, or are refused; names for files are plain."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError
from l2sae.widgets import uploads
from l2sae.widgets.uploads import decode_upload, plain_name


@pytest.mark.parametrize(
    ("name", "plain"), [("Mein Bild (2).png", "Mein-Bild-2"), ("../../etc/passwd", "passwd"), ("日本.jpg", "edit")]
)
def test_names_serve_as_file_names_anywhere(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_a_photo_is_decoded_and_what_is_none_is_refused(
    photos: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photos[0]).save(buffer, "PNG")
    assert np.array_equal(decode_upload("a.png", buffer.getvalue()).pixels, photos[0])
    for data, reason in ((b"", "empty file"), (b"no picture", "not an image")):
        with pytest.raises(EditError, match=reason):
            decode_upload("a.png", data)
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 10)
    with pytest.raises(EditError, match="can be uploaded"):
        decode_upload("a.png", buffer.getvalue())
