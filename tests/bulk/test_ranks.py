import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
from PIL import Image

from l2sae.bulk.photo_lists import Item, batches, share
from l2sae.bulk.storage import Folder
from l2sae.model import L2SAE
from l2sae.provenance import AuditLog
from tests.bulk.conftest import edited, pixels

SCRIPT = """
import os, sys
from l2sae import Noise, edit_folder, load_model
from l2sae.provenance import Policy
table = edit_folder(load_model(sys.argv[1], device="cpu"), sys.argv[2], sys.argv[3], ("hair",), Noise(2.0), batch=2,
                    workers=0, policy=Policy(unmarked_by=("*",)), unmarked=True, align=None)
table.to_csv(f"{sys.argv[3]}-{os.environ['RANK']}.csv")
"""


def test_two_ranks_share_the_photos_and_both_have_the_table(
    tiny_checkpoint: Path, tiny_model: L2SAE, folder: Path, tmp_path: Path, home: Path
) -> None:
    for index in range(4):
        Image.open(folder / "a.png").rotate(index).save(folder / f"turned-{index}.png")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script]
    arguments = [tiny_checkpoint, folder, tmp_path / "out"]
    subprocess.run(list(map(str, command + arguments)), cwd=Path(__file__).parents[2], check=True, timeout=120)
    tables = [pd.read_csv(f"{tmp_path / 'out'}-{rank}.csv") for rank in (0, 1)]
    pd.testing.assert_frame_equal(*tables)
    assert sorted(Counter(tables[0]["worker"]).values()) == [6, 6]
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    exported = Counter(entry.record["export"] for entry in log.entries())
    assert set(exported.values()) == {1}
    alone = edited(tiny_model, folder, tmp_path / "alone")
    assert pixels(tmp_path / "alone") == pixels(tmp_path / "out")
    assert alone["export"].dropna().tolist() == tables[0]["export"].dropna().tolist()


def test_shares_are_disjoint_whole_and_even() -> None:
    items = [Item(Folder("photos"), f"{index}.png", f"{index}.png") for index in range(11)]
    shares = [share(items, rank, 3) for rank in range(3)]
    assert sorted(item.name for one in shares for item in one) == sorted(item.name for item in items)
    assert [len(one) for one in shares] == [4, 4, 3]


def test_batches_of_large_photos_are_small() -> None:
    sizes = [2**20] * 6 + [2**25] * 2 + [2**20]
    items = [Item(Folder("photos"), str(index), str(index), size=size) for index, size in enumerate(sizes)]
    assert [len(batch) for batch in batches(items, 4)] == [4, 2, 1, 1, 1]
    assert [item for batch in batches(items, 4) for item in batch] == items
