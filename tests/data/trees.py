"""Miniature data sets in the published layouts, written from their documentation and not by the importers."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.params import Params, load_params

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
FASSEG = {
    "background": "ff0000",
    "skin": "ffff00",
    "hair": "7f0000",
    "eyes": "0000ff",
    "nose": "00ffff",
    "lips": "00ff00",
}
FOLDERS = {"train": ["train"], "test": ["test"]}
LAPA = {"background": 0, "skin": 1, "hair": 10, "viewer_left_eye": 4, "viewer_right_eye": 5, "nose": 6, "lips": 7}


def params(root: Path, source: str, **data: Any) -> Params:
    """The smoke preset at 32 pixels, pointed at ``root``."""
    overrides = {"preset": "smoke", "data.image_size": 32, "data.source": source, "data.root": str(root)}
    return load_params(PARAMS, overrides | {f"data.{key}": value for key, value in data.items()})


def photo(seed: int, height: int = 60, width: int = 48) -> NDArray[np.uint8]:
    """A smooth random picture (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


def layout(height: int = 60, width: int = 48) -> dict[str, tuple[slice, slice]]:
    """Boxes of a schematic face, in paint order."""

    def box(top: float, bottom: float, left: float, right: float) -> tuple[slice, slice]:
        return slice(int(top * height), int(bottom * height)), slice(int(left * width), int(right * width))

    return {
        "hair": box(0.05, 0.5, 0.1, 0.9),
        "skin": box(0.25, 0.9, 0.2, 0.8),
        "viewer_left_eye": box(0.4, 0.5, 0.25, 0.42),
        "viewer_right_eye": box(0.4, 0.5, 0.58, 0.75),
        "nose": box(0.45, 0.65, 0.45, 0.55),
        "lips": box(0.72, 0.8, 0.35, 0.65),
    }


def colour_mask(height: int = 60, width: int = 48) -> NDArray[np.uint8]:
    """A FASSEG-style mask (H, W, 3), one column of it anti-aliased."""
    mask = np.empty((height, width, 3), np.uint8)
    mask[:] = tuple(bytes.fromhex(FASSEG["background"]))
    for part, place in layout(height, width).items():
        mask[place] = tuple(bytes.fromhex(FASSEG["eyes" if part.endswith("eye") else part]))
    return mask


def id_mask(height: int = 60, width: int = 48) -> NDArray[np.uint8]:
    """A LaPa-style mask (H, W)."""
    mask = np.zeros((height, width), np.uint8)
    for part, place in layout(height, width).items():
        mask[place] = LAPA[part]
    return mask


def save(path: Path, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    """Write a picture, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def write(path: Path, data: bytes) -> Path:
    """Write raw bytes, making the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def jpeg(picture: NDArray[np.uint8], **options: Any) -> bytes:
    """JPEG bytes of a picture."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def lapa_folder(root: Path, counts: dict[str, int], images: str = "images", labels: str = "labels") -> Path:
    """``{split}/{images,labels}`` with id masks; an empty split name puts the two folders into ``root``."""
    seed = 0
    for split, count in counts.items():
        for _ in range(count):
            seed += 1
            save(root / split / images / f"face{seed:03d}.png", photo(seed))
            save(root / split / labels / f"face{seed:03d}.png", id_mask())
    return root


def celebamask(root: Path, originals: list[int], header: bool = True) -> Path:
    """The official CelebAMask-HQ tree: photo i of CelebA number ``originals[i]``; masks at half the photo's size."""
    rows = ["idx   orig_idx   orig_file"] if header else []
    boxes = layout(48, 48)
    parts = {
        "skin": "skin",
        "hair": "hair",
        "nose": "nose",
        "u_lip": "lips",
        "r_eye": "viewer_left_eye",
        "l_eye": "viewer_right_eye",
    }
    for index, original in enumerate(originals):
        save(root / "CelebA-HQ-img" / f"{index}.jpg", photo(index, 96, 96))
        for part, box in parts.items():
            mask = np.zeros((48, 48, 3), np.uint8)
            mask[boxes[box]] = 255
            folder = root / "CelebAMask-HQ-mask-anno" / str(index // 2000)
            save(folder / f"{index:05d}_{part}.png", mask)
        rows.append(f"{index}      {original - 1}      {original:06d}.jpg")
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(rows) + "\n")
    return root


def labelled(root: Path, **data: Any) -> Params:
    """The smoke preset on a folder of `lapa_folder`, split by its folders."""
    return params(root, "label_map", **({"scheme": "lapa", "split": FOLDERS} | data))


def tree_bytes(root: Path) -> dict[str, bytes]:
    """Relative path -> content of every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def quiet(_: str) -> None:
    """Progress that nobody hears."""
