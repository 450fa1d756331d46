"""How fast photos are imported, and how much of that is decoding their files."""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from l2sae.data.prepared import prepare
from l2sae.params import load_params
from l2sae.pictures.display import as_pictures
from l2sae.render.rendered_faces import PARTS, render_faces
from l2sae.rois import Roi

PHOTO_SIDE, MASK_SIDE = 1024, 512  # of CelebAMask-HQ
_FACES = 8  # rendered, and written again and again


def measure_import(count: int, progress: Callable[[str], object] = print) -> dict[str, Any]:
    """Import ``count`` photos laid out and sized as CelebAMask-HQ, of rendered faces.

    Returns:
        ``files`` and ``photos``; ``seconds`` of the import, and ``decoding_s`` of reading and decoding the same files
        with as many threads and nothing else; ``photos_per_s``; and ``decoding_share``, the one in the other.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "CelebAMask-HQ"
        files = _write_layout(root, count)
        progress(f"imports: {count} photos and {len(files) - count} masks written")
        begin = time.perf_counter()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            list(pool.map(_decode, files, chunksize=16))
        decoding = time.perf_counter() - begin
        split = {"train": 0.9, "val": 0.05, "test": 0.05}
        data = {"data.source": "celebamask_hq", "data.root": str(root), "data.split": split, "data.image_size": 256}
        params = load_params(overrides={"preset": "quickstart"} | data)
        begin = time.perf_counter()
        prepare(params, Path(folder) / "prepared", progress)
        taken = time.perf_counter() - begin
    return {
        "photos": count, "files": len(files), "seconds": taken, "decoding_s": decoding,
        "photos_per_s": count / taken, "decoding_share": decoding / taken,
    }  # fmt: skip


def _decode(file: Path) -> None:
    with Image.open(file) as image:
        image.load()


def _write_layout(root: Path, count: int) -> list[Path]:
    rois = tuple(Roi(name=part, channels=1, parts=(part,)) for part in PARTS)
    faces = render_faces(_FACES, size=MASK_SIDE, seed=3, rois=rois)
    photos = [Image.fromarray(one).resize((PHOTO_SIDE, PHOTO_SIDE)) for one in as_pictures(faces.images)]
    files = []
    for index in range(count):
        photo = root / "CelebA-HQ-img" / f"{index}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        # the comment tells equal photos apart: duplicates would be left out
        photos[index % _FACES].save(photo, quality=95, comment=str(index))
        files.append(photo)
        for part, mattes in faces.mattes.items():
            mask = (mattes[index % _FACES, 0].numpy() > 0.5).astype(np.uint8) * 255
            if mask.any():
                file = root / "CelebAMask-HQ-mask-anno" / str(index // 2000) / f"{index:05d}_{part}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).convert("RGB").save(file)
                files.append(file)
    return files
