"""How fast the editors answer in a real browser: ``python -m l2sae.bench widgets``.

JupyterLab serves the notebooks to headless Chromium on this machine. A slider's time is that from its event in the page
to the frame with the new pixels, as a user sees it: kernel, messages, decoding and drawing included. While a slider
is held, these pixels are blended in the browser between pictures of the kernel, once these are there.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from l2sae.bench.browser import (
    Page,
    after,
    load_notebook,
    make_workspace,
    opened_browser,
    opened_page,
    run_notebook,
    served_lab,
)
from l2sae.data import render_faces
from l2sae.pictures.display import as_pictures
from l2sae.widgets.editor import STATIC

FRAME_MS = 16  # between the events of a drag
PHOTO_SIDE = 1024  # of the photo on display: larger than the screen's pictures, as photos are
_WEIGHT = ".rows label:nth-child({}) input"
SLIDERS = {  # of the steady drags: selector, ends, and what is moved first
    "steady": (".layer input[type=range]", [0, 2], ""),
    "steady_kernel": (_WEIGHT.format(1), [0, 1], ""),  # alone in its blend: every picture is the kernel's
    "steady_blend": (_WEIGHT.format(1), [0, 1], _WEIGHT.format(2)),
}
_STYLE = "rendered 6"

Progress = Callable[[str], object]


def measure_widgets(moves: int, seconds: float, progress: Progress = print) -> dict[str, Any]:
    """Times of both editors.

    Args:
        moves: of the slider, one at a time.
        seconds: of the steady drag.
        progress: called with one plain line at a time.

    Returns:
        ``first_picture_s`` from running the notebook; ``drag_ms`` and ``release_ms`` of single moves, {median, p95,
        count}; the steady drags of `SLIDERS` with ``pictures_per_s``, times, and ``kernel_mb`` and ``heap_mb`` at start
        and end; and ``brush`` with the milliseconds of frames and of paint while the kernel is busy.
    """
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder))
        face = as_pictures(render_faces(1, PHOTO_SIDE, seed=5).images)[0]
        Image.fromarray(face).save(workspace / "photo.png")
        with served_lab(workspace) as lab, opened_browser() as browser:
            with opened_page(browser) as page:
                figures["first_picture_s"] = _open(page, lab, "explore_latent_swap")
                progress(f"widgets: first picture after {figures['first_picture_s']:.1f} s")
                figures |= _slider(page, moves, seconds, progress)
            with opened_page(browser) as page:
                _open(page, lab, "explore_roi_masks")
                figures["brush"] = _brush(page, moves)
                progress(f"widgets: brush: frames {figures['brush']['frame_ms']}")
    return figures


def _open(page: Page, lab: str, name: str) -> float:
    """Seconds from running a notebook, its kernel started, to the editor's first picture."""
    load_notebook(page, lab, name)
    begin = time.perf_counter()
    run_notebook(page)
    taken = time.perf_counter() - begin
    page.add_script_tag(content=(STATIC / "measure.js").read_text(encoding="utf-8"))
    return taken


def _slider(page: Page, moves: int, seconds: float, progress: Progress) -> dict[str, Any]:
    editor = page.locator(".l2sae")
    editor.get_by_label("Path of a photo").fill("photo.png")
    after(page, lambda: editor.get_by_role("button", name="Open this path").click())
    editor.get_by_role("tab", name="Style source: Face").click()
    after(page, lambda: editor.locator(f'.right .thumb[data-name="{_STYLE}"]').click())
    page.evaluate("l2saeMeasure.moves(10, 'input')")  # to warm up
    figures: dict[str, Any] = {}
    for name, event in (("drag_ms", "input"), ("release_ms", "change")):
        figures[name] = _times(page.evaluate(f"l2saeMeasure.moves({moves}, '{event}')"))
        width = page.evaluate("document.querySelector('.l2sae .after').width")
        figures[name]["picture_side"] = width
        progress(f"widgets: {name}: {figures[name]}")
    page.set_default_timeout(1000 * seconds + 60_000)
    for name, (selector, ends, first) in SLIDERS.items():
        if first:
            after(page, lambda selector=first: page.evaluate(f"l2saeMeasure.set(0.5, 'change', '{selector}')"))
        kernel, start = _kernel(), _memory(page)
        drag = page.evaluate(f"l2saeMeasure.drag({seconds}, {FRAME_MS}, '{selector}', {ends})")
        end = _memory(page)
        figures[name] = {
            "seconds": seconds,
            "events": drag["moved"],
            "pictures_per_s": drag["frames"] / seconds,
            "latency_ms": _times(drag["taken"]),
            "kernel_mb": [start[0], end[0]],
            "heap_mb": [start[1], end[1]],
            "kernel_threads": kernel.num_threads(),
        }
        progress(f"widgets: {name}: {figures[name]}")
    return figures


def _brush(page: Page, moves: int) -> dict[str, Any]:
    """A stroke that begins while the kernel works on another change."""
    editor = page.locator(".l2sae")
    editor.get_by_label("Path of a photo").fill("photo.png")
    after(page, lambda: editor.get_by_role("button", name="Open this path").click())
    box = page.locator(".l2sae .pointer").bounding_box()
    page.evaluate("l2saeMeasure.watchStroke()")
    editor.get_by_role("button", name="Fit the mask to the photo's edges").click()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(moves):
        x, y = 0.2 + 0.6 * step / moves, 0.3 + 0.1 * np.sin(step / 5)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()
    seen = page.evaluate("l2saeMeasure.strokeSeen()")
    return {"frame_ms": _times(seen["frames"]), "event_to_paint_ms": _times(seen["paints"])}


def _times(values: Sequence[float]) -> dict[str, Any]:
    """Median, 95th percentile and longest of some milliseconds: people notice one long wait."""
    median, p95 = np.percentile(values, [50, 95])
    return {"median": float(median), "p95": float(p95), "max": float(max(values)), "count": len(values)}


def _kernel() -> psutil.Process:
    """The kernel that the server below this process has started, the latest if there are several."""
    below = psutil.Process().children(recursive=True)
    kernels = [process for process in below if any("ipykernel" in part for part in process.cmdline())]
    return max(kernels, key=lambda process: process.create_time())


def _memory(page: Page) -> tuple[float, float]:
    """MiB: resident memory of the kernel, and what the page's scripts hold after a garbage collection."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
    devtools.detach()
    return _kernel().memory_info().rss / 2**20, heap / 2**20
