"""Which watermark an export gets, by the name that the policy gives it, and which ones an inspection looks for."""

from collections.abc import Callable

from l2sae.provenance.mark import RivaGan, Watermark
from l2sae.provenance.pattern_mark import ROBUST, PatternMark

MARKS: dict[str, Callable[[], Watermark]] = {
    "invisible": PatternMark,
    "robust": lambda: PatternMark(ROBUST),
}


def make_mark(kind: str) -> Watermark | None:
    """The watermark of ``policy.mark``: ``invisible``, ``robust``, or None for ``off``.

    Raises:
        KeyError: there is no such kind.
    """
    return None if kind == "off" else MARKS[kind]()


def known_marks() -> tuple[Watermark, ...]:
    """One detector for every mark that exports carry or have carried: the pattern of any strength, and RivaGAN."""
    return PatternMark(), RivaGan()
