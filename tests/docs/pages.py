"""The pages of the documentation, and the blocks of code in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = [
    *(REPOSITORY / name for name in ROOT_PAGES),
    *sorted(path for path in (REPOSITORY / "docs").rglob("*.md") if "api" not in path.parts),
]
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<note>[^\n]*?) -->\n)?^(?P<indent> *)```(?P<kind>\w+)\n(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, text, line in the page, and the comment before it, such as ``not run: why``."""

    kind: str
    code: str
    line: int
    note: str = ""

    def commands(self) -> Iterator[list[str]]:
        """The command lines of a shell block, split into words, without those of a here-document."""
        end = None
        for line in self.code.splitlines():
            if end:
                end = None if line.strip() == end else end
                continue
            if found := re.search(r"<<'?(\w+)'?", line):
                end = found[1]
            for part in re.split(r"; | && ", line):
                if words := shlex.split(part, comments=True):
                    yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        found.append(Block(match["kind"], code, line, match["note"] or ""))
    return found
