"""A batch leaves its rows when it is done; what is wrong with one photo is its row alone."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.bulk.job import PackedModel, job_id, make_job
from l2sae.bulk.one_photo import BatchEditor, Context
from l2sae.bulk.photo_lists import find_items
from l2sae.bulk.results import DONE, SKIPPED, rows_name
from l2sae.bulk.storage import Folder
from l2sae.editing import Noise, edit
from l2sae.model import L2SAE
from tests.bulk.conftest import FREE

pytestmark = pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")


def test_a_batch_is_done_once_and_equals_single_edits(
    tiny_model: L2SAE, photos: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(photos[0]).save(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    job = make_job(tiny_model, ("hair",), Noise(2.0), None, 1.0, 0, "detail", None, FREE, unmarked=True)
    output = Folder(str(tmp_path / "out"))
    context = Context(job, job_id(job.describe(tiny_model)), PackedModel.of(tiny_model), output)
    items = find_items(Folder(str(tmp_path / "photos")), ".png", output)
    editor = BatchEditor(context)
    rows = editor.run(items)
    assert [row["result"] for row in rows] == [DONE, SKIPPED]
    assert "not an image" in rows[1]["reason"]
    made = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert np.array_equal(made, edit(tiny_model, photos[0], "hair", Noise(2.0), align=None))
    assert output.exists(rows_name(items))
    assert [row["seconds"] for row in editor.run(items)] == [row["seconds"] for row in rows]  # read, not made again
