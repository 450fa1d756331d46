"""The editors' pages and their messages."""

from pathlib import Path

from l2sae.model import L2SAE
from l2sae.widgets import SwapEditor, open_gallery
from l2sae.widgets.swap_controller import SwapController


def test_pages_load_nothing_from_elsewhere() -> None:
    static = Path(__file__).parents[2] / "l2sae" / "widgets" / "static"
    for file in static.iterdir():
        text = file.read_text()
        assert "http://" not in text
        assert "https://" not in text
        assert "\nimport " not in text


def test_messages_are_carried_out_by_the_worker_and_answered(tiny_model: L2SAE, tmp_path: Path) -> None:
    editor = SwapEditor(SwapController(tiny_model, open_gallery(tiny_model, 3, tmp_path)))
    sent = []
    editor.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    editor._receive(editor, {"action": "start", "generation": 1}, [])
    assert sent[0] == {"type": "received", "generation": 1}
    assert editor.worker.wait()
    assert {"before", "thumbs", "state"} <= {content["type"] for content in sent}
    editor._receive(editor, {"no": "action"}, [])
    assert sent[-1]["type"] == "refused"
