"""What processes and machines are asked to do with batches of photos: to edit them, or to label them."""

from collections.abc import Hashable, Sequence
from typing import ClassVar, Protocol

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import Row
from l2sae.bulk.storage import Folder


class Worker(Protocol):
    """Works on batches in one process, on one thread."""

    def run(self, items: Sequence[Item]) -> list[Row]:
        """Work on a batch, and leave its rows in the output folder; a batch that has left them already is done."""


class Work(Protocol):
    """A description that is sent to every process, and opened there once.

    Attributes:
        verb: what is done to a photo, for the lines of progress.
        named: whether results have the names that `l2sae.bulk.photo_lists.find_items` gives them.
    """

    verb: ClassVar[str]
    named: ClassVar[bool]

    @property
    def key(self) -> Hashable:
        """Equal for equal work: a process that goes on with it need not open it again."""

    @property
    def output(self) -> Folder:
        """Where the results go."""

    @property
    def overwrite(self) -> bool:
        """Whether results of other work there may be replaced."""

    def open(self) -> Worker:
        """Load what the work needs."""
