"""The editors as pages, served by Voila."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import TOKEN, served
from tests.browser.test_lab import after, pixels


def test_both_editors_are_served_to_who_has_the_token(page: Any, workspace: Path, tmp_path: Path, screen: Any) -> None:
    for part in ("notebooks", "params.yaml"):
        source = workspace / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    with served(tmp_path, "l2sae.widgets.app", f"--token={TOKEN}", "--kernels=2") as address:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address}/api/kernels")
        for name, label in (("explore_latent_swap", "voila_swap"), ("explore_roi_masks", "voila_masks")):
            page.goto(f"{address}/voila/render/{name}.ipynb?token={TOKEN}")
            editor = page.locator(".l2sae.loaded[data-generation]").first
            editor.wait_for(timeout=60_000)
            before = pixels(page)
            after(page, lambda editor=editor: editor.locator('.right .thumb[data-name="rendered 6"]').click())
            assert (pixels(page) != before).any()
            assert not editor.get_by_label("Path of a photo").is_visible()
            screen(page, label)
        page.goto(f"{address}/voila/render/explore_latent_swap.ipynb?token={TOKEN}")
        page.get_by_text("kernels are in use").wait_for(timeout=20_000)
