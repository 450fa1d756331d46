"""What an edit complains about."""


class EditError(ValueError):
    """An edit cannot be made as asked; the message says what was wrong and what to do."""


class FaceNotFoundError(EditError):
    """The photo, or a reference, does not show the ROI that is to be edited."""


class FaceWarning(UserWarning):
    """The photo does not look like a face crop; the edit goes on, but judge its result."""
