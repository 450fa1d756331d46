"""Files that come from the browser, bounded in bytes, pixels and time, and names for those that go there."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from l2sae.editing import EditError
from l2sae.pictures.picture import Picture
from l2sae.pictures.reading import as_decoded, decode_image

MAX_UPLOAD = 64 * 2**20  # bytes
UPLOAD_SECONDS = 300.0
DECODE_SECONDS = 30.0
_decoding = threading.Lock()


def plain_name(name: str) -> str:
    """A name that serves as a file name anywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-")[:40] or "edit"


class PartedUpload:
    """A file that arrives in parts, since a server cuts a connection that sends much at once. One at a time.

    Args:
        most: bytes of a whole file.
        seconds: from its first part to its last.
        now: the clock.
    """

    def __init__(
        self, most: int = MAX_UPLOAD, seconds: float = UPLOAD_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._now = most, seconds, now
        self._upload, self._since = "", 0.0
        self._parts: list[bytes] = []

    def add(self, upload: str, name: str, number: int, data: bytes) -> None:
        """Keep a part; the first one of another upload takes the place of what there was.

        Args:
            upload: what the browser calls this upload.
            name: of the file, for messages.
            number: of the part, from 0.
            data: its bytes.

        Raises:
            EditError: too large, too slow, or not the next part; nothing is kept then.
        """
        if number == 0:
            self._upload, self._since, self._parts = upload, self._now(), []
        self._check(upload, name, len(data))
        if number != len(self._parts):
            self._drop()
            raise EditError(f"{name}: the upload was interrupted: choose the file again")
        self._parts.append(data)

    def whole(self, upload: str, name: str, last: bytes) -> bytes:
        """The whole file, from the parts and the last one; nothing is kept.

        Raises:
            EditError: too large, too slow, or parts are missing.
        """
        self._check(upload, name, len(last))
        content = b"".join([*self._parts, last])
        self._drop()
        return content

    def _check(self, upload: str, name: str, more: int) -> None:
        reason = ""
        if upload != self._upload or not upload:
            reason = "the upload was interrupted: choose the file again"
        elif sum(map(len, self._parts)) + more > self._most:
            reason = f"over {self._most >> 20} MB, the most that can be uploaded"
        elif self._now() - self._since > self._seconds:
            reason = f"not uploaded after {self._seconds:.0f} s: choose a smaller file"
        if reason:
            self._drop()
            raise EditError(f"{name}: {reason}")

    def _drop(self) -> None:
        self._upload, self._parts = "", []


def decode_upload(name: str, data: bytes) -> Picture:
    """An uploaded photo.

    Raises:
        EditError: it is empty, too large, no picture, or takes too long to decode.
    """
    if not data:
        raise EditError(f"{name}: empty file; choose a photo")
    if len(data) > MAX_UPLOAD:
        raise EditError(f"{name}: {len(data) >> 20} MB; up to {MAX_UPLOAD >> 20} MB can be uploaded")
    file = Path(name)
    return _in_time(lambda: as_decoded(decode_image(data, file), file), name)


def _in_time(decode: Callable[[], Picture], name: str) -> Picture:
    """What ``decode`` returns or raises. A decoder that goes on for too long cannot be stopped, but is left alone."""
    if not _decoding.acquire(blocking=False):
        raise EditError(f"{name}: another photo is still being decoded: try again in a minute")
    found: list[Picture | Exception] = []

    def work() -> None:
        try:
            found.append(decode())
        except Exception as error:
            found.append(error)
        finally:
            _decoding.release()

    thread = threading.Thread(target=work, name="l2sae-decode", daemon=True)
    thread.start()
    thread.join(DECODE_SECONDS)
    if thread.is_alive():
        raise EditError(f"{name}: not decoded after {DECODE_SECONDS:.0f} s: save it as a smaller JPEG or PNG first")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]
