from collections.abc import Iterable

from l2sae.bench.lock_wheels import ANY, PLATFORMS, PYTHONS, missing_wheels


def test_what_has_no_wheel_is_named_by_machine_and_python() -> None:
    def ask(name: str, python: str, platforms: Iterable[str]) -> set[str]:
        """`pure` fits everywhere, `fast` has no wheel for Windows with the newest Python, `source` has none at all."""
        compiled = platforms is not ANY and not (PLATFORMS["Windows x86-64"] == platforms and python == PYTHONS[-1])
        return {"pure": {"1.0", "1.1"}, "fast": {"2.0"} if compiled else set(), "source": set()}[name]

    found = missing_wheels("pure==1.0\nfast==2.0\nsource==3.0\n", ask, progress=lambda line: None)
    assert (found["packages"], found["compiled"]) == (3, ["fast", "source"])
    assert found["missing"]["Linux x86-64"] == {python: ["source"] for python in PYTHONS}
    assert found["missing"]["Windows x86-64"]["3.13"] == ["source"]
    assert found["missing"]["Windows x86-64"]["3.14"] == ["fast", "source"]


def test_another_version_than_the_locked_one_does_not_count() -> None:
    found = missing_wheels("old==1.0\n", lambda name, python, platforms: {"2.0"}, progress=lambda line: None)
    assert found["missing"]["macOS arm64"]["3.11"] == ["old"]
