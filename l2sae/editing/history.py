"""Undo and redo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

State = TypeVar("State")
MAX_STEPS = 200  # changes that undo goes back


class History(Generic[State]):
    """A list of states, one of them the present. Each change adds a state, and ends what could be redone.

    Args:
        state: the first.
        fits: whether states may be kept together; where not, the oldest go.
    """

    def __init__(self, state: State, fits: Callable[[list[State]], bool]) -> None:
        self._fits = fits
        self.restart(state)

    def restart(self, state: State) -> None:
        """Forget everything; ``state`` is the first."""
        self._states, self._now = [state], 0
        self._gesture: object = None

    @property
    def present(self) -> State:
        """The present state."""
        return self._states[self._now]

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._now > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone change."""
        return self._now + 1 < len(self._states)

    def commit(self, state: State, gesture: object = None) -> None:
        """Make ``state`` the present; changes of one ``gesture`` that follow each other are one step."""
        continued = gesture is not None and gesture == self._gesture
        self._states = [*self._states[: self._now + (0 if continued else 1)], state]
        while len(self._states) > MAX_STEPS + 1 or (len(self._states) > 2 and not self._fits(self._states)):
            del self._states[0]
        self._now, self._gesture = len(self._states) - 1, gesture

    def undo(self) -> bool:
        """Go one change back; False when there is none."""
        self._gesture = None
        self._now -= (moved := self.can_undo)
        return moved

    def redo(self) -> bool:
        """Take the last undone change up again; False when there is none."""
        self._gesture = None
        self._now += (moved := self.can_redo)
        return moved

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Changes made meanwhile are gone afterwards."""
        before = self._states, self._now, self._gesture
        try:
            yield
        finally:
            self._states, self._now, self._gesture = before
