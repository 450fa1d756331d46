"""Uploads are bounded in bytes, pixels and time, and the editor says so."""

import io
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError
from l2sae.widgets import SwapController, SwapEditor, uploads
from l2sae.widgets.uploads import MAX_UPLOAD, PartedUpload, decode_upload, plain_name
from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]


def png_of(photo: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A black PNG of one bit a pixel: a few kilobytes that unpack to side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def progressive(photo: NDArray[np.uint8], times: int) -> bytes:
    """A JPEG whose last scan comes again and again."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * times + content[-2:]


@pytest.mark.parametrize(
    ("name", "plain"), [("Mein Bild (2).png", "Mein-Bild-2"), ("../../etc/passwd", "passwd"), ("日本.jpg", "edit")]
)
def test_names_serve_as_file_names_anywhere(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_a_photo_is_decoded_and_what_is_none_is_refused(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(decode_upload("a.png", png_of(photos[0])).pixels, photos[0])
    for data, reason in ((b"", "empty file"), (b"no picture", "not an image")):
        with pytest.raises(EditError, match=reason):
            decode_upload("a.png", data)
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 10)
    with pytest.raises(EditError, match="can be uploaded"):
        decode_upload("a.png", png_of(photos[0]))


def test_a_bomb_is_refused_by_its_pixels_before_it_unpacks(send: Driver) -> None:
    content = bomb(40_000)
    assert len(content) < 2**20
    before = send("choose_roi", roi="hair")["photo"]
    start = time.monotonic()
    send("upload_photo", data=content, name="bomb.png")
    assert time.monotonic() - start < 5
    assert "bomb.png" in send.error
    assert "1600 megapixels, the limit is 179" in send.error
    assert send.state["photo"] == before
    send("upload_style", data=content, name="bomb.png")
    assert "1600 megapixels" in send.error


def test_a_jpeg_of_endless_scans_is_refused(send: Driver, photos: Photos) -> None:
    assert send("upload_photo", data=progressive(photos[0], 1), name="usual.jpg")["photo"]["name"] == "usual.jpg"
    send("upload_photo", data=progressive(photos[0], 600), name="endless.jpg")
    assert "endless.jpg: a JPEG of more than 500 scans" in send.error


def test_a_file_of_300_mb_is_refused_by_its_size(send: Driver) -> None:
    send("upload_photo", data=bytes(300 * 2**20), name="huge.png")
    assert send.error == "huge.png: 300 MB; up to 64 MB can be uploaded"


def test_a_decoder_that_takes_too_long_is_left_alone_and_the_editor_goes_on(
    send: Driver, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, decode = threading.Event(), uploads.decode_image

    def slow(*arguments: object) -> Image.Image:
        let_go.wait(30)
        return decode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(uploads, "decode_image", slow)
    monkeypatch.setattr(uploads, "DECODE_SECONDS", 0.2)
    send("upload_photo", data=png_of(photos[1]), name="slow.png")
    assert send.error == "slow.png: not decoded after 0 s: save it as a smaller JPEG or PNG first"
    assert send("use_noise", sigma=1.0)["layers"]
    send("upload_photo", data=png_of(photos[1]), name="next.png")
    assert "still being decoded" in send.error  # so that no more than one is ever left alone
    let_go.set()
    [left] = [thread for thread in threading.enumerate() if thread.name == "l2sae-decode"]
    left.join(10)
    monkeypatch.undo()
    assert send("upload_photo", data=png_of(photos[1]), name="next.png")["photo"]["name"] == "next.png"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_parts_make_the_file_again_and_a_new_upload_takes_the_place_of_one_left_off() -> None:
    upload = PartedUpload(most=10)
    upload.add("left off", "a.png", 0, b"abcdefgh")
    upload.add("second", "b.png", 0, b"123")
    upload.add("second", "b.png", 1, b"456")
    assert upload.whole("second", "b.png", b"7") == b"1234567"
    with pytest.raises(EditError, match=r"b\.png: the upload was interrupted: choose the file again"):
        upload.whole("second", "b.png", b"7")


@pytest.mark.parametrize(("name", "number"), [("one", 2), ("one", -1), ("two", 1)])
def test_parts_out_of_order_are_refused(name: str, number: int) -> None:
    upload = PartedUpload()
    upload.add("one", "a.png", 0, b"abc")
    with pytest.raises(EditError, match="interrupted"):
        upload.add(name, "a.png", number, b"def")
    with pytest.raises(EditError, match="interrupted"):
        upload.whole("one", "a.png", b"")


def test_parts_that_together_are_too_large_are_refused_before_they_are_joined() -> None:
    upload = PartedUpload(most=4 * 2**20)
    upload.add("one", "big.png", 0, bytes(3 * 2**20))
    with pytest.raises(EditError, match=r"big\.png: over 4 MB, the most that can be uploaded"):
        upload.add("one", "big.png", 1, bytes(2 * 2**20))
    with pytest.raises(EditError, match="interrupted"):
        upload.add("one", "big.png", 1, b"")  # nothing is kept of it
    assert MAX_UPLOAD == 64 * 2**20


def test_an_upload_that_takes_too_long_is_refused() -> None:
    clock = Clock()
    upload = PartedUpload(seconds=300, now=clock)
    upload.add("one", "slow.png", 0, b"abc")
    clock.seconds = 299
    upload.add("one", "slow.png", 1, b"def")
    clock.seconds = 301
    with pytest.raises(EditError, match=r"slow\.png: not uploaded after 300 s: choose a smaller file"):
        upload.whole("one", "slow.png", b"ghi")


def test_the_widget_takes_a_file_in_parts_and_says_what_it_refuses(
    swap: SwapController, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = SwapEditor(swap)
    sent: list[dict[str, object]] = []
    monkeypatch.setattr(editor, "send", lambda content, buffers=None: sent.append(content))
    content = png_of(photos[1])
    editor._receive(None, {"upload": "u", "name": "mine.png", "part": 0}, [content[:40]])
    editor._receive(None, {"upload": "u", "name": "mine.png", "part": 1}, [memoryview(content)[40:90]])
    assert sent == [{"type": "part", "upload": "u"}] * 2
    arguments = {"name": "mine.png", "upload": "u"}
    editor._receive(None, {"action": "upload_photo", "arguments": arguments}, [content[90:]])
    assert editor.worker.wait()
    assert swap.photo_name == "mine.png"
    sent.clear()
    editor._receive(None, {"action": "upload_photo", "arguments": arguments}, [content[90:]])
    editor._receive(None, {"upload": "u", "name": "mine.png", "part": 7}, [content])
    assert [one["type"] for one in sent] == ["refused", "refused"]
    text = "mine.png: the upload was interrupted: choose the file again"
    assert sent[1] == {"type": "refused", "upload": "u", "text": text}
