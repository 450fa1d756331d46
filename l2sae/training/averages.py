"""Means of named scalars between two points of the training curves."""


class Averages:
    """Running sums of named scalars; ``pop`` returns their means and starts anew."""

    def __init__(self, sums: dict[str, float] | None = None, counts: dict[str, int] | None = None) -> None:
        self._sums, self._counts = dict(sums or {}), dict(counts or {})

    def add(self, values: dict[str, float]) -> None:
        """Count one set of values; a name may be absent from some sets."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def pop(self) -> dict[str, float]:
        """The means since the last call; empty where nothing was added."""
        means = {name: value / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> tuple[dict[str, float], dict[str, int]]:
        """What the constructor takes to go on from here."""
        return self._sums, self._counts
