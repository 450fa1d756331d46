"""What exporting and inspecting complain about."""

from l2sae.pictures.errors import EditError


class ProvenanceError(EditError):
    """A picture cannot be exported or inspected as asked; the message says what was wrong and what to do."""


class PolicyError(ProvenanceError):
    """The policy cannot be read, or forbids the export; the message names the key."""


class MarkError(ProvenanceError):
    """The watermark does not hold in this picture; another one, a larger one, may carry it."""
