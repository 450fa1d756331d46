"""Which watermark an export gets, and which an inspection looks for."""

from l2sae.provenance import known_marks


def test_inspections_look_for_every_mark() -> None:
    assert {mark.name for mark in known_marks()} == {"pattern", "rivagan"}
