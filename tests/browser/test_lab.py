"""The editors in JupyterLab, as a person uses them."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from l2sae.bench.browser import after, load_notebook, opened_page, run_notebook
from l2sae.bulk.replay import apply_recipe
from l2sae.editing import Recipe
from l2sae.model import load_model
from l2sae.widgets import open_gallery
from tests.marks import same_but_for_the_mark

Page = Any
expect = pytest.importorskip("playwright.sync_api", reason="pip install -e .[dev]").expect
expect.set_options(timeout=30_000)  # a busy machine answers late


def open_notebook(page: Page, lab: str, name: str) -> Any:
    """Open a notebook, run all of it, and return its editor with a picture in it."""
    load_notebook(page, lab, name)
    return run_notebook(page)


@pytest.fixture(scope="module")
def swap_page(browser: Any, lab: str) -> Iterator[Page]:
    """A page with the latent-swap editor, opened once, since a kernel takes seconds to start."""
    with opened_page(browser) as page:
        open_notebook(page, lab, "explore_latent_swap")
        yield page


def pixels(page: Page, canvas: str = ".after") -> np.ndarray:
    """What a canvas of the editor holds, (H, W, 4)."""
    data = page.evaluate(
        """(name) => {
            const c = document.querySelector('.l2sae ' + name);
            return [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)];
        }""",
        canvas,
    )
    return np.array(data[2], np.uint8).reshape(data[0], data[1], 4)


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what a page does in its own time; an AssertionError says that it did not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.1)


def downloaded(page: Page, editor: Any, label: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        editor.get_by_role("button", name=label).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_named_styles_come_first_and_any_colour_can_be_given(swap_page: Page, screen: Any) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    expect(editor.locator(".facts")).to_contain_text("astronaut, 512 × 512")
    expect(editor.get_by_role("tab", selected=True)).to_have_text("Named")
    original = pixels(page)
    after(page, lambda: editor.get_by_role("button", name="copper", exact=True).click())
    named = pixels(page)
    expect(editor.locator(".swatch[aria-pressed=true]")).to_have_text("copper")
    expect(editor.locator(".layer small")).to_have_text("copper")
    screen(page, "lab_named")
    after(page, lambda: editor.get_by_label("Colour of the region").fill("#2040c0"))
    editor.locator(".layer small", has_text="#2040c0").wait_for()
    page.wait_for_timeout(500)
    coloured = pixels(page)
    assert np.abs(named.astype(int) - original).max() > 30
    assert np.abs(coloured.astype(int) - named).max() > 30
    after(page, lambda: page.keyboard.press("Control+z"))
    assert np.array_equal(pixels(page), named)
    after(page, lambda: page.keyboard.press("Control+z"))
    assert np.array_equal(pixels(page), original)


@pytest.mark.parametrize(("event", "field"), [("DragEvent", "dataTransfer"), ("ClipboardEvent", "clipboardData")])
def test_a_photo_can_be_dropped_or_pasted(swap_page: Page, event: str, field: str) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    kind = {"DragEvent": "drop", "ClipboardEvent": "paste"}[event]
    give = """async ([event, field, kind]) => {
        const shown = document.querySelector('.l2sae .after');
        const blob = await new Promise((done) => shown.toBlob(done, 'image/png'));
        const data = new DataTransfer();
        data.items.add(new File([blob], `${kind}.png`, { type: 'image/png' }));
        shown.dispatchEvent(new window[event](kind, { [field]: data, bubbles: true, cancelable: true }));
    }"""
    after(page, lambda: page.evaluate(give, [event, field, kind]))
    expect(editor.locator(".facts")).to_contain_text(f"{kind}.png, 512 × 512")


def test_swap_undo_export_and_replay(swap_page: Page, tmp_path: Path, screen: Any) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    after(page, lambda: editor.locator('.left .thumb[data-name="rendered 5"]').click())
    original = pixels(page)
    editor.get_by_role("tab", name="Style source: Face").click()
    after(page, lambda: editor.locator('.right .thumb[data-name="rendered 6"]').click())
    swapped = pixels(page)
    assert np.abs(swapped.astype(int) - original).max() > 30
    after(page, lambda: editor.locator(".chip[data-roi=lips]").click())
    editor.get_by_role("tab", name="Style source: Noise").click()
    after(page, lambda: editor.get_by_role("button", name="Another seed").click())
    expect(editor.locator(".layer")).to_have_count(2)
    after(page, lambda: page.keyboard.press("Control+z"))
    assert np.array_equal(pixels(page), swapped)
    after(page, lambda: page.keyboard.press("Control+z"))
    assert np.array_equal(pixels(page), original)
    after(page, lambda: editor.get_by_role("button", name="Redo").click())
    assert np.array_equal(pixels(page), swapped)
    editor.get_by_label("Wipe between").fill("50")
    screen(page, "lab_swap")

    exported = downloaded(page, editor, "Write the edited photo", tmp_path)
    recipe = downloaded(page, editor, "Save the edit as a recipe", tmp_path)
    model = load_model(None)
    photo = next(face.picture for face in open_gallery(model) if face.name == "rendered 5")
    replayed = Recipe.load(recipe).replay(model, photo)
    assert same_but_for_the_mark(np.asarray(Image.open(exported).convert("RGB")), replayed)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    table = apply_recipe(model, recipe, tmp_path / "photo.png", tmp_path / "again.png")
    assert table.loc[0, "result"] == "as recorded"
    assert errors == []


def test_sliders_keep_the_pace_and_the_last_value_lands(swap_page: Page) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    after(page, lambda: editor.locator('.left .thumb[data-name="rendered 5"]').click())  # sent without resizing
    after(page, lambda: editor.locator(".chip[data-roi=hair]").click())
    editor.get_by_role("tab", name="Style source: Face").click()
    after(page, lambda: editor.locator('.right .thumb[data-name="rendered 6"]').click())
    handle = editor.locator(".layer input[type=range]")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.015 * step), box["y"] + 9)
        time.sleep(0.03)
    page.wait_for_timeout(300)
    held = pixels(page)  # blended in the browser
    after(page, page.mouse.up)
    exact = np.asarray(Image.fromarray(pixels(page)).resize(held.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(held.astype(int) - exact).mean() < 1.5
    value = float(handle.input_value())
    assert value > 1.5
    page.wait_for_function("() => !document.querySelector('.l2sae .banner:not([hidden])')")
    page.wait_for_timeout(1500)
    before = pixels(page)
    after(page, lambda: page.keyboard.press("Control+z"))
    expect(editor.locator(".layer input[type=range]")).to_have_value(re.compile(r"1(\.0*)?"))  # one drag, one step
    after(page, lambda: editor.get_by_role("button", name="Redo").click())
    assert np.array_equal(pixels(page), before)
    print("slider:", editor.locator(".facts").inner_text())


def contrast(page: Page, selector: str) -> float:
    """WCAG 2's contrast ratio of an element's text against the nearest ground that is painted behind it."""
    colours = page.evaluate(
        """selector => {
            let e = document.querySelector(selector);
            const text = getComputedStyle(e).color;
            const ground = () => getComputedStyle(e).backgroundColor;
            while (ground() === 'rgba(0, 0, 0, 0)') e = e.parentElement;
            return [text, ground()].map(c => c.match(/[\\d.]+/g).slice(0, 3).map(Number));
        }""",
        selector,
    )
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in np.array(colours) / 255]
    dark, light = sorted(float(c @ (0.2126, 0.7152, 0.0722)) for c in linear)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_in_both_themes(swap_page: Page, screen: Any) -> None:
    page = swap_page
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        light = "true" if theme.endswith("Light") else "false"
        page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
        page.wait_for_timeout(500)
        screen(page, theme.lower().replace(" ", "_"))
        for selector in (".l2sae .chip", ".l2sae h3", ".l2sae .facts", ".l2sae select", ".l2sae .hint"):
            assert contrast(page, selector) > 4.5, (theme, selector)


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical in the editor: wrong roles, missing names, pale text."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[accessibility]'")
    options = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}
    found = axe.Axe().run(page, context=".l2sae", options=options).response["violations"]
    worst = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['html'][:200]}" for one in worst for node in one["nodes"]]


def test_axe_finds_no_serious_fault_in_the_swap_editor(swap_page: Page) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg=str(theme.endswith("Light")).lower()
        )
        page.wait_for_timeout(500)
        for tab in editor.get_by_role("tab").all():
            tab.click()
            assert faults(page) == [], (theme, tab.inner_text())
        after(page, lambda: editor.get_by_label("Path of a photo").press("Enter"))  # an error stands below
        expect(editor.locator(".message.error")).to_contain_text("type the path")
        assert faults(page) == [], theme


def test_first_steps_are_shown_until_they_are_known(swap_page: Page) -> None:
    page, steps = swap_page, swap_page.get_by_role("note", name="First steps")
    expect(steps.get_by_role("listitem")).to_have_count(4)
    steps.get_by_role("button", name="Got it").click()
    expect(steps).to_be_hidden()
    page.wait_for_function("() => localStorage.getItem('l2sae:swap:known') === 'yes'")


def test_large_files_arrive_in_parts_and_huge_ones_are_refused_unsent(swap_page: Page, tmp_path: Path) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    upload = editor.locator(".left input[type=file]")
    photo, huge = tmp_path / "large.png", tmp_path / "huge.png"
    Image.fromarray(open_gallery(load_model(None), count=1)[0].picture).save(photo)
    with photo.open("ab") as file:
        file.write(bytes(21 * 2**20))  # which decoders pass over; a server takes 10 MiB in one message
    after(page, lambda: upload.set_input_files(photo))
    expect(editor.locator(".facts")).to_contain_text("large.png, 512 × 512")
    with huge.open("wb") as file:
        file.truncate(300 * 2**20)
    upload.set_input_files(huge)
    expect(editor.locator(".message.error")).to_contain_text("huge.png: 300 MB; up to 64 MB can be uploaded")
    page.wait_for_function("() => !document.querySelector('.l2sae .banner:not([hidden])')")


def test_axe_finds_no_serious_fault_in_the_mask_editor(page: Page, lab: str, screen: Any) -> None:
    editor = open_notebook(page, lab, "explore_roi_masks")
    assert faults(page) == []
    editor.locator("summary").click()
    editor.locator(".slice").nth(4).wait_for()
    screen(page, "lab_slices")
    assert faults(page) == []


def test_draw_a_mask_click_one_and_undo(page: Page, lab: str, tmp_path: Path, screen: Any) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    editor = open_notebook(page, lab, "explore_roi_masks")
    original = pixels(page)
    after(page, lambda: editor.get_by_role("button", name="Begin with nothing masked").click())
    expect(editor.locator(".message")).to_contain_text("is empty")
    box = editor.locator(".pointer").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def covered(row: float, column: float) -> int:
        drawn = pixels(page, ".overlays canvas[data-roi=hair]")
        return int(drawn[int(row * drawn.shape[0]), int(column * drawn.shape[1]), 3])

    def stroke() -> None:
        page.mouse.move(*at(0.3, 0.2))
        page.mouse.down()
        for step in range(10):
            page.mouse.move(*at(0.3 + 0.03 * step, 0.2))
        eventually(lambda: covered(0.2, 0.4) > 200)  # before the pen is lifted
        page.mouse.up()

    after(page, stroke)
    edited = pixels(page)
    changed = np.abs(edited.astype(int) - original).max(axis=2) > 24
    rows, columns = np.nonzero(changed)
    height, width = changed.shape
    assert changed.any()
    assert 0.1 < rows.min() / height < rows.max() / height < 0.32
    assert 0.2 < columns.min() / width < columns.max() / width < 0.7
    after(page, lambda: page.keyboard.press("Control+z"))
    assert not np.array_equal(pixels(page), edited)
    after(page, lambda: page.keyboard.press("Control+Shift+z"))
    assert np.array_equal(pixels(page), edited)
    page.keyboard.press("w")
    after(page, lambda: page.mouse.click(*at(0.5, 0.2)))
    saved = downloaded(page, editor, "Save this mask", tmp_path)
    assert np.asarray(Image.open(saved)).max() == 255
    editor.locator("summary").click()
    editor.locator(".slice").nth(4).wait_for()
    page.evaluate("document.querySelector('.l2sae .middle').scrollTop = 0")
    screen(page, "lab_masks")
    assert errors == []


def test_a_restarted_kernel_is_noticed_and_the_edit_comes_back(swap_page: Page, screen: Any) -> None:
    page, editor = swap_page, swap_page.locator(".l2sae")
    after(page, lambda: editor.locator('.left .thumb[data-name="astronaut"]').click())
    after(page, lambda: editor.locator(".chip[data-roi=hair]").click())
    editor.get_by_role("tab", name="Style source: Face").click()
    after(page, lambda: editor.locator('.right .thumb[data-name="rendered 6"]').click())
    edited = pixels(page)
    page.wait_for_function("() => localStorage.getItem('l2sae:swap')")
    assert json.loads(page.evaluate("localStorage.getItem('l2sae:swap')"))["photo"] == "astronaut"
    page.evaluate(
        "async () => await window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    page.wait_for_timeout(1000)
    editor.locator(".chip[data-roi=lips]").click()
    page.get_by_text("The kernel does not answer").wait_for()
    screen(page, "lab_restarted")
    page.evaluate("document.querySelector('.l2sae').remove()")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    editor = page.locator(".l2sae.loaded[data-generation]").first
    editor.wait_for(timeout=60_000)
    after(page, lambda: editor.get_by_role("button", name="Take up the edit").click())
    expect(editor.locator(".layer")).to_have_count(1)
    eventually(lambda: np.array_equal(pixels(page), edited))
