"""The editors as pages, served by Voila."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from l2sae.bench.browser import TOKEN, after, served
from tests.browser.test_lab import expect, pixels


def refused(address: str) -> bool:
    """Whether an address answers with an error, or a page to log in, in place of what it names."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return "login" in answer.url
    except urllib.error.HTTPError as error:
        return error.code in (403, 404)


def test_both_editors_are_served_to_who_has_the_token(page: Any, workspace: Path, tmp_path: Path, screen: Any) -> None:
    for part in ("notebooks", "params.yaml"):
        source = workspace / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    with served(tmp_path, "l2sae.pipeline.app", f"--token={TOKEN}", "--kernels=1") as address:
        assert refused(f"{address}/voila/render/explore_roi_masks.ipynb")
        for name, label in (("explore_latent_swap", "voila_swap"), ("explore_roi_masks", "voila_masks")):
            page.goto(f"{address}/voila/render/{name}.ipynb?token={TOKEN}", timeout=60_000)
            editor = page.locator(".l2sae.loaded[data-generation]").first
            editor.wait_for(timeout=60_000)
            before = pixels(page)
            if label == "voila_swap":
                editor.get_by_role("tab", name="Style source: Face").click()
            after(page, lambda editor=editor: editor.locator('.right .thumb[data-name="rendered 6"]').click())
            assert (pixels(page) != before).any()
            expect(editor.get_by_label("Path of a photo")).to_be_hidden()
            screen(page, label)
            if label == "voila_swap":
                visitor = page.context.new_page()  # while the first is open, the only kernel is taken
                assert visitor.goto(f"{address}/voila/render/{name}.ipynb?token={TOKEN}").status == 503
                visitor.close()
                page.goto("about:blank")
                page.wait_for_timeout(3000)
