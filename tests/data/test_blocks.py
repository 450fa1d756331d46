"""Decoded faces are kept while an import runs, and meet no other import."""

import os
from pathlib import Path

import pytest
from trees import labelled, quiet, tree_bytes

from l2sae.data import blocks as blocks_module
from l2sae.data import prepare
from l2sae.data import prepared as prepared_module
from l2sae.data.blocks import DecodedBlocks
from l2sae.data.decode import load_face
from l2sae.data.schemes import get_scheme, part_rois
from l2sae.data.sources import list_source


def test_a_killed_import_goes_on_where_it_was(folder: Path, tmp_path: Path, monkeypatch) -> None:
    decode, decoded = prepared_module.load_face, []

    def until(stop: int):
        def load_face(entry, *arguments):
            if len(decoded) == stop:
                raise KeyboardInterrupt
            decoded.append(entry.name)
            return decode(entry, *arguments)

        return load_face

    prepare(labelled(folder), tmp_path / "whole", quiet)
    monkeypatch.setattr(blocks_module, "_FACES", 3)
    monkeypatch.setattr(prepared_module, "_DECODE_WINDOW", 1)
    monkeypatch.setattr(prepared_module, "load_face", until(8))
    with pytest.raises(KeyboardInterrupt):
        prepare(labelled(folder), tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()
    torn = max((tmp_path / ".out.decoded").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    torn.write_bytes(torn.read_bytes()[:200])
    decoded.clear()
    monkeypatch.setattr(prepared_module, "load_face", until(100))
    lines: list[str] = []
    prepare(labelled(folder), tmp_path / "out", lines.append)
    assert 8 < len(decoded) < 16
    assert f"prepare: {16 - len(decoded)} photos had been decoded by a run that did not end" in lines
    assert tree_bytes(tmp_path / "out") == tree_bytes(tmp_path / "whole")
    assert not (tmp_path / ".out.decoded").exists()
    assert not (tmp_path / ".out.partial").exists()


def test_kept_faces_of_changed_photos_or_other_sizes_are_not_used(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(blocks_module, "_FACES", 4)
    entries = list_source(labelled(folder).data)[0].entries[:4]
    scheme = get_scheme("lapa")
    owner = part_rois(scheme, labelled(folder).rois)
    calls: list[int] = []

    def decode(block):
        calls.append(len(block))
        return [(entry, load_face(entry, scheme, owner, 32)) for entry in block]

    def run(size: int = 32) -> None:
        list(DecodedBlocks(tmp_path / "kept", size, [1], decode).faces(entries))

    run()
    run()
    assert calls == [4]
    run(size=64)
    assert calls == [4, 4]
    os.utime(entries[2].photo, ns=(1, 1))
    run()
    assert calls == [4, 4, 4]
