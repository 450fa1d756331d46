"""The documentation site: it builds without a warning, and no page fetches anything from elsewhere."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY

EXTRA = ("mkdocs", "material", "mkdocs_jupyter", "mkdocstrings")
_FETCHED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>|import\(\s*[\"']https?:"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find_spec, EXTRA)), reason="the extra docs is not installed"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    wanted = {"index.html", "contributing.html", "changelog.html", "api/command_line.html", "notebooks/figures.html"}
    assert wanted <= pages


def test_the_reference_shows_docstrings(site: Path) -> None:
    assert "no optimisation" in (site / "api/editing.html").read_text(encoding="utf-8")


def test_no_page_fetches_anything(site: Path) -> None:
    fetching = {}
    for page in site.rglob("*.html"):
        found = [tag for tag in _FETCHED.findall(page.read_text(encoding="utf-8")) if 'rel="canonical"' not in tag]
        fetching |= {page.name: found} if found else {}
    assert fetching == {}
