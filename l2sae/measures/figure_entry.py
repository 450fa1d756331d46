"""What the registry says of one figure: its name in plain words, unit, direction, baseline and meaning."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Direction = Literal["higher", "lower", "none"]
Table = Literal["readme", "card", "summary", "rois", "runs", "ablation", "continual", "methods", "speed", "wins"]

ARROWS = {"higher": " ↑", "lower": " ↓", "none": ""}
MISSING = "–"
_WILD = {"<figure>": ".+"}  # a figure of another file, dots and all
_BASELINES = {
    "blur": "blur", "constant_mask": "constant mask", "reinhard": "Reinhard", "other_face": "another face",
    "none": "no edit",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One figure, or one for each value of the placeholders in its key.

    Attributes:
        key: dotted key in its stage's metric file; ``<roi>`` stands for a region, other ``<words>`` for what
            ``meaning`` says.
        meaning: one line for ``docs/metrics.md``.
        label: plain words for tables; empty where no table shows the figure.
        unit: shown in headings, such as dB.
        values: range of a figure without a unit, such as 0…1; for ``docs/metrics.md``.
        digits: decimals in tables.
        direction: whether more or less is better.
        baseline: key of what a trivial method scores on the same images.
        mean: key of the mean over the regions, where it is not the key with ``mean`` for ``<roi>``.
        headline: short name among the figures that DVC tracks; empty for the others.
        tables: the tables that show the figure.
        percent: tables show a share as a percentage.
        source: paper or file that defines the figure.
    """

    key: str
    meaning: str
    label: str = ""
    unit: str = ""
    values: str = ""
    digits: int = 3
    direction: Direction = "none"
    baseline: str | None = None
    mean: str | None = None
    headline: str = ""
    tables: tuple[Table, ...] = ()
    percent: bool = False
    source: str = ""

    @property
    def title(self) -> str:
        """The label with its unit."""
        unit = "%" if self.percent else self.unit
        if unit and self.label.endswith(")"):
            return f"{self.label[:-1]}, {unit})"
        return f"{self.label} ({unit})" if unit else self.label

    @property
    def heading(self) -> str:
        """The label with its unit, and an arrow that says which way is better."""
        return self.title + ARROWS[self.direction]

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is, 0 where neither."""
        return {"higher": 1, "lower": -1, "none": 0}[self.direction]

    @property
    def baseline_name(self) -> str:
        """The trivial method's name in plain words; empty where there is none."""
        parts = (self.baseline or "").split(".")
        return next((_BASELINES[part] for part in parts if part in _BASELINES), "")

    @property
    def mean_key(self) -> str:
        """Key of the mean over the regions."""
        return self.mean or self.key.replace("<roi>", "mean")

    def of(self, **names: str) -> str:
        """The key with its placeholders filled: ``entry.of(roi="hair")``."""
        return re.sub(r"<(\w+)>", lambda found: names[found[1]], self.key)

    def text(self, value: float | None) -> str:
        """A value as tables show it, without its unit; a dash for None."""
        return MISSING if value is None else f"{value * (100 if self.percent else 1):z.{self.digits}f}"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the keys that the entry stands for; an ROI's placeholder also stands for ``mean``."""
        parts = re.split(r"(<\w+>)", self.key)
        return re.compile("".join(_WILD.get(part, r"[^.]+") if "<" in part else re.escape(part) for part in parts))
