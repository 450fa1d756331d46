"""What pages name exists: commands and their options, make targets, parameters, and files."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from l2sae.bench.commands import main as bench
from l2sae.cli import main
from l2sae.params import load_params
from tests.docs.pages import PAGES, REPOSITORY, blocks

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
_FILE = re.compile(
    r"`((?:l2sae|docs|notebooks|presets|benchmarks|tests|recipes|continual)/[\w./-]+|[A-Z_]+\.md|\w+\.(?:toml|yaml|lock))`"
)
_MADE_LATER = {"benchmarks/mine.json", "benchmarks/NAME.json"}


def commands(page: Path) -> list[list[str]]:
    """The command lines in the shell blocks of a page, and those among its words."""
    text = page.read_text(encoding="utf-8")
    inline = [
        words.split() for words in re.findall(r"`((?:make|l2sae|python -m l2sae)[^`]*)`", text) if ".." not in words
    ]
    return [*inline, *(words for block in blocks(page) if block.kind == "sh" for words in block.commands())]


@by_page
def test_make_targets_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    assert {words[1] for words in commands(page) if words[0] == "make" and len(words) > 1} <= known


@by_page
def test_subcommands_and_options_exist(page: Path) -> None:
    for words in commands(page):
        if words[0] == "l2sae" and len(words) > 1:
            command = main.commands[words[1]]
            known = {option for parameter in command.params for option in parameter.opts}
            given = {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)}
            assert given <= known, words


@by_page
def test_modules_and_benchmarks_exist(page: Path) -> None:
    for words in commands(page):
        if words[:2] == ["python", "-m"] and words[2].startswith("l2sae"):
            module = REPOSITORY / words[2].replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), words
            if words[2] == "l2sae.bench" and len(words) > 3:
                assert words[3] in bench.commands, words


@by_page
def test_experiments_name_parameters(page: Path) -> None:
    for words in commands(page):
        if words[:3] == ["dvc", "exp", "run"]:
            pairs = [word.split("=", 1) for flag, word in pairwise(words) if flag == "-S"]
            load_params(REPOSITORY / "params.yaml", {key: yaml.safe_load(value) for key, value in pairs})


@by_page
def test_files_exist(page: Path) -> None:
    named = set(_FILE.findall(page.read_text(encoding="utf-8"))) - _MADE_LATER
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
