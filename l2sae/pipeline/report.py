"""Executed notebooks as reports: normalised, so that equal runs give equal bytes, and rendered to HTML."""

import itertools
import re
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode, v4

from l2sae.pipeline.execution import Failure
from l2sae.pipeline.notebooks import write_notebook

INJECTED_TAG = "injected-parameters"
LIVE_TAG = "live"
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b", re.IGNORECASE)
_CELL_FILE = re.compile(r"\S*[/\\]ipykernel_\d+[/\\]\d+\.py")
_OFFLINE = """{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""  # nbconvert's page without the scripts that it fetches from the network
_TEXT_TYPES = ("text/plain", "text/html", "text/markdown")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Remove, in place, all that differs between equal runs, and return the notebook.

    Times, paths and versions go from the metadata; the injected cell gets a fixed id; the pieces of printed text are
    joined; memory addresses and the kernel's file names become constants; cells tagged ``live`` lose their text.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell["metadata"] = NotebookNode({"tags": tags} if tags else {})
        if INJECTED_TAG in tags:
            cell["id"] = INJECTED_TAG
        if cell.cell_type == "code":
            outputs = [one for one in cell.outputs if not (LIVE_TAG in tags and one.output_type == "stream")]
            cell["outputs"] = [_scrubbed(one) for one in _joined_streams(outputs)]
    return notebook


def mark_failure(notebook: NotebookNode, failure: Failure) -> None:
    """Show in the notebook itself where and why it stopped: a banner on top, status and error on the failing cell."""
    notebook.metadata["l2sae"] = {"status": "failed"}
    index = 0 if failure.index is None else failure.index
    cell = notebook.cells[index]
    cell.metadata["l2sae"] = {"status": "failed"}
    for later in notebook.cells[index + 1 :]:
        later.metadata["l2sae"] = {"status": "not run"}
    message = f"{failure.name}: {failure.reason}"
    if cell.cell_type == "code" and not any(output.output_type == "error" for output in cell.outputs):
        cell.outputs.append(
            v4.new_output("error", ename=failure.name, evalue=failure.reason, traceback=[message])
        )  # fmt: skip
    banner = v4.new_markdown_cell(f"**FAILED** in cell `{cell['id']}`\n\n```\n{message}\n```", id="failed-banner")
    notebook.cells.insert(0, banner)


def to_html(notebook: NotebookNode, title: str) -> str:
    """Render a notebook as one HTML page that fetches nothing; equal notebooks give equal pages."""
    exporter = HTMLExporter(raw_template=_OFFLINE)
    counter = itertools.count()
    exporter.environment.globals["uuid4"] = lambda: f"output-{next(counter)}"
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(html)


def publish(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook to ``path`` and its page beside it; a reader sees an old or a new file, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = path.with_suffix(".html")
    drafts = {path: path.with_suffix(".ipynb.new"), page: path.with_suffix(".html.new")}
    drafts[page].write_text(to_html(notebook, path.stem), encoding="utf-8")
    write_notebook(notebook, drafts[path])
    for final, draft in drafts.items():
        draft.replace(final)


def _joined_streams(outputs: list[Any]) -> list[Any]:
    """Join printed text between other outputs to one stdout and one stderr: how it was cut is a matter of timing."""
    joined: list[Any] = []
    for is_text, group in itertools.groupby(outputs, key=lambda output: output.output_type == "stream"):
        pieces = list(group)
        if not is_text:
            joined += pieces
            continue
        for name in ("stdout", "stderr"):
            text = "".join(piece.text for piece in pieces if piece.name == name)
            if text:
                joined.append(v4.new_output("stream", name=name, text=_last_state(text)))
    return joined


def _last_state(text: str) -> str:
    """What a terminal shows in the end where carriage returns overwrite a line."""
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def _scrubbed(output: Any) -> Any:
    if "text" in output:
        output["text"] = _scrub(output.text)
    for kind in _TEXT_TYPES:
        if kind in output.get("data", {}):
            output.data[kind] = _scrub(output.data[kind])
    if "traceback" in output:
        output["traceback"] = [_scrub(line) for line in output.traceback]
    return output


def _scrub(text: str) -> str:
    return _CELL_FILE.sub("<cell>", _ADDRESS.sub("0x0", text))
