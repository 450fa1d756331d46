"""The gallery of edits in the documentation: pictures that anybody may publish, drawn with the shipped model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.data import astronaut

from l2sae.data import render_faces
from l2sae.editing import Colour, Named, Noise, Style, Swap, edit
from l2sae.editing.named_styles import named_styles
from l2sae.figures.drawing import picture_grid
from l2sae.model import L2SAE
from l2sae.pictures.display import as_pictures

Photo = NDArray[np.uint8]
HEAD_OF_ASTRONAUT, FACE_OF_ASTRONAUT = (0, 270, 95, 365), (55, 175, 175, 295)  # top, bottom, left, right
FACE_OF_RENDERED = (0.26, 0.92, 0.18, 0.84)  # the same, as shares of a crop
RENDERED_SEED = 77
FACES, REFERENCES = (8, 27), (12, 2, 25, 21, 16)  # of the rendered ones
NAMED_ROIS = ("hair", "lips", "eyes")
SMALL_ROIS = ("lips", "eyes")  # are shown from near
COLOURS = ("#101010", "#5a2a1b", "#c77b30", "#b01030", "#2050c0", "#208060")
DPI = 110


def gallery_faces(size: int = 256) -> tuple[list[Photo], list[Photo]]:
    """Rendered faces (size, size, 3) uint8: those that are edited, and those whose styles are taken."""
    every = as_pictures(render_faces(32, size=size, seed=RENDERED_SEED).images)
    return [every[index] for index in FACES], [every[index] for index in REFERENCES]


def draw_gallery(
    model: L2SAE, folder: str | Path, faces: Sequence[Photo], references: Sequence[Photo], most: int = 7
) -> list[Path]:
    """Draw edits of the astronaut and of rendered faces, one picture for each kind of edit.

    Args:
        model: edits.
        folder: of the documentation's pictures; made where there is none.
        faces: to edit beside the astronaut, (H, W, 3) uint8 face crops.
        references: faces whose styles are swapped in.
        most: named styles of a region to show, evenly chosen from those there are.

    Returns:
        The JPEG files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        **{f"named_{roi}": _named(model, roi, faces, most) for roi in NAMED_ROIS if named_styles(model).of(roi)},
        "colours": _grid(model, "hair", {code: Colour(code) for code in COLOURS}, faces),
        "swaps": _grid(model, "hair", {f"reference {n}": Swap(one) for n, one in enumerate(references, 1)}, faces,
                       references),
        "noise": _grid(model, "hair", {f"seed {seed}": Noise(1.5) for seed in range(6)}, faces),
    }  # fmt: skip
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.jpg")
        figure.savefig(paths[-1], dpi=DPI, pil_kwargs={"quality": 90})
    return paths


def _named(model: L2SAE, roi: str, faces: Sequence[Photo], most: int) -> Figure:
    names = [style.name for style in named_styles(model).of(roi)]
    chosen = dict.fromkeys(names[round(at)] for at in np.linspace(0, len(names) - 1, min(most, len(names))))
    return _grid(model, roi, {name: Named(name) for name in chosen}, faces)


def _grid(
    model: L2SAE, roi: str, styles: Mapping[str, Style], faces: Sequence[Photo], references: Sequence[Photo] = ()
) -> Figure:
    """One row a face and one column a style; the references of the styles, if they have some, above."""
    rows: list[list[Photo | None]] = [[None, *references]] if references else []
    near = roi in SMALL_ROIS
    photo = astronaut()
    top, bottom, left, right = FACE_OF_ASTRONAUT if near else HEAD_OF_ASTRONAUT
    heads = [edit(model, photo, rois=(roi,), style=one, seed=n) for n, one in enumerate(styles.values())]
    rows.append([picture[top:bottom, left:right] for picture in (photo, *heads)])
    for face in faces:
        edits = [edit(model, face, rois=(roi,), style=one, seed=n, align=None) for n, one in enumerate(styles.values())]
        top, bottom, left, right = (round(share * len(face)) for share in (FACE_OF_RENDERED if near else (0, 1, 0, 1)))
        rows.append([picture[top:bottom, left:right] for picture in (face, *edits)])
    figure, _ = picture_grid(rows, columns=["photo", *styles], panel=1.15)
    return figure
