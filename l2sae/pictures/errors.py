"""What is complained about: photos that cannot be used, and edits that cannot be made."""

from numbers import Real
from pathlib import Path
from typing import Any


class EditError(ValueError):
    """An edit cannot be made as asked; the message says what was wrong and what to do."""


def in_range(value: Any, low: float, high: float) -> bool:
    """Whether a value is a finite number from ``low`` to ``high``; a text or None is none."""
    number: Any = value
    return isinstance(value, Real) and bool(low <= number <= high)


class FaceNotFoundError(EditError):
    """The photo, or a reference, does not show what is to be edited.

    Attributes:
        missing: what was not found, such as ``hair``; ``face`` where there is no face at all.
        reference: whether a reference lacks it, and not the photo.
    """

    def __init__(self, message: str, missing: str, reference: bool = False) -> None:
        super().__init__(message)
        self.missing, self.reference = missing, reference


class NoPhotoError(EditError):
    """A session has no photo yet."""


class UnusableError(EditError):
    """A photo or mask cannot be used.

    Attributes:
        file: the one to blame.
        reason: why; starts with a fixed phrase, so that reasons can be counted.
        again: whether the reason may go away, as where a package can be installed.
    """

    def __init__(self, file: Path, reason: str, again: bool = False) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason
        self.again = again

    def __reduce__(self) -> tuple[type["UnusableError"], tuple[Path, str, bool]]:
        return type(self), (self.file, self.reason, self.again)


class FaceWarning(UserWarning):
    """A photo does not look like a face crop, or a reference has no colours; the edit goes on, but judge its result."""


class PictureWarning(UserWarning):
    """Something of a file is not taken over: other frames, a colour space, transparency."""
