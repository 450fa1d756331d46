"""All named styles of a model on one face, as one picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from l2sae.editing import FaceEditor, FaceNotFoundError, Layer, Named
from l2sae.editing.named_styles import SAME_AS, NamedStyle, named_styles
from l2sae.model import L2SAE
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError

COLUMNS = 9
SIDE, CAPTION = 144, 20  # pixels of a face and of the line below it
Picture = NDArray[np.uint8]


def style_chart(model: L2SAE, photo: Picture, crop: CropTransform | None = None) -> Picture:
    """Each named style on the face in a photo, region by region, (H, W, 3) uint8.

    Regions that the photo does not show are left out.

    Args:
        model: with named styles.
        photo: (H, W, 3) uint8.
        crop: the square that holds the face; None takes the photo as a face crop.

    Raises:
        EditError: the model has no named styles, or the photo shows none of their regions.
    """
    styles = named_styles(model)
    if not len(styles):
        raise EditError("this model has no named styles; make them with 'python -m l2sae.bench make-styles'")
    face = photo if crop is None else crop.crop(photo)
    side = max(face.shape[:2])
    editor = FaceEditor(model, np.asarray(Image.fromarray(face).resize((SIDE, SIDE))) if side != SIDE else face)
    rows = []
    for roi in model.roi_names:
        tiles = _tiles(editor, [style for style in styles if style.roi == roi])
        rows += [_row(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)]
    if not rows:
        raise EditError("the photo shows none of the regions that have named styles: give another photo")
    return np.concatenate(rows)


def _tiles(editor: FaceEditor, styles: list[NamedStyle]) -> list[Picture]:
    try:
        return [_tile(editor, style) for style in styles]
    except FaceNotFoundError:
        return []


def _tile(editor: FaceEditor, style: NamedStyle) -> Picture:
    alike = [roi for roi, other in SAME_AS.items() if other == style.roi and roi in editor.model.roi_names]
    edited = editor.render([Layer(dict.fromkeys([style.roi, *alike], Named(style.name)))]).numpy()
    tile = Image.new("RGB", (SIDE, SIDE + CAPTION), "white")
    tile.paste(Image.fromarray(edited))
    text = f"{style.roi} {style.name}"
    ImageDraw.Draw(tile).text((SIDE / 2, SIDE + 3), text, "black", ImageFont.load_default(12), anchor="ma")
    return np.asarray(tile)


def _row(tiles: list[Picture]) -> Picture:
    blank = np.full_like(tiles[0], 255)
    return np.concatenate([*tiles, *[blank] * (COLUMNS - len(tiles))], axis=1)
