"""A browser, and the notebooks served to it by JupyterLab and by Voila."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2sae.bench.browser import make_workspace, missing_part, opened_browser, opened_page, served_lab

SCREENS = Path(__file__).parents[2] / "reports" / "screens"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing_part()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the notebooks and nothing trained."""
    return make_workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def lab(workspace: Path) -> Iterator[str]:
    with served_lab(workspace, OMP_NUM_THREADS="1") as address:
        yield address


@pytest.fixture(scope="module")  # its event loop must not outlive the browser tests
def browser() -> Iterator[object]:
    with opened_browser() as chromium:
        yield chromium


@pytest.fixture
def page(browser: object) -> Iterator[object]:
    with opened_page(browser) as page:
        yield page


@pytest.fixture
def screen() -> object:
    """Takes a screenshot by name, for people to look at."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=str(SCREENS / f"{name}.png"))
