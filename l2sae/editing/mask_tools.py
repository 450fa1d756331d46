"""Operations on masks, without a user interface: mattes (H, W) uint8, 0 outside to 255 inside, in and out.

Each returns a new mask. A mask at the photo's own size serves as the matte of a session's layer.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import skimage
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from scipy import ndimage
from torch.nn import functional as F

from l2sae.editing.face_editor import Renderer
from l2sae.editing.resolution import GAIN, GUIDE_SIDE, guided_matte, make_guide
from l2sae.pictures.conversions import to_model
from l2sae.pictures.errors import EditError, PictureWarning, UnusableError
from l2sae.pictures.files import atomic_write, path_of
from l2sae.pictures.frames import Frame
from l2sae.pictures.picture import Picture
from l2sae.pictures.reading import as_decoded, decode_image

Mask = NDArray[np.uint8]
MAX_SIDE = 8192  # pixels of a mask file
ONE_COLOUR = 8  # levels by which the strokes of one brush may differ
Inside = Literal["auto", "white", "black"]
BLACK_ON_WHITE = 0.98  # of the picture's border is white: what is painted is black
_WHITE_INSIDE = ("Mask", "white inside")  # a PNG comment: a mask that this package has saved is read as it was


class Point(NamedTuple):
    """A place in the photo in pixels, (0, 0) the upper left corner, and the pen's pressure in [0, 1]."""

    x: float
    y: float
    pressure: float = 1.0


def stroke(mask: Mask, points: Sequence[Point], size: float, hardness: float = 0.8, erase: bool = False) -> Mask:
    """Draw a brush stroke along ``points``, or erase along them.

    Args:
        mask: what is drawn on.
        points: at least one; a single one is a dab.
        size: diameter of the brush in pixels at full pressure, at least 1; pressure scales it.
        hardness: share of the radius that is fully opaque, 0 to 1; from there to the rim it fades out.
        erase: take away instead of adding.

    Raises:
        EditError: no point, or a number out of range.
    """
    if not points or not np.isfinite(np.array(points, np.float64)).all():
        raise EditError("a stroke needs at least one point, all finite")
    if not (1 <= size <= 4096 and 0 <= hardness <= 1):
        raise EditError(f"brush of size {size} and hardness {hardness}: need size 1 to 4096, hardness 0 to 1")
    cover = np.zeros(mask.shape, np.float32)
    ends = [points[0], *points]
    for start, stop in zip(ends, [*points, points[-1]], strict=True):
        _cover_segment(cover, start, stop, size / 2, hardness)
    alpha = np.round(cover * 255).astype(np.uint8)
    return np.minimum(mask, 255 - alpha) if erase else np.maximum(mask, alpha)


def _cover_segment(cover: NDArray[np.float32], a: Point, b: Point, radius: float, hardness: float) -> None:
    """Raise ``cover`` (H, W) to the opacity of a capsule from a to b, in the box around it alone."""
    radii = [max(0.5, radius * min(1.0, max(0.05, p.pressure))) for p in (a, b)]
    reach = max(radii) + 1
    left, right = int(max(0, min(a.x, b.x) - reach)), int(min(cover.shape[1], max(a.x, b.x) + reach + 1))
    top, bottom = int(max(0, min(a.y, b.y) - reach)), int(min(cover.shape[0], max(a.y, b.y) + reach + 1))
    if left >= right or top >= bottom:
        return
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32) + 0.5
    dx, dy = b.x - a.x, b.y - a.y
    t = np.clip(((x - a.x) * dx + (y - a.y) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
    distance = np.hypot(x - (a.x + t * dx), y - (a.y + t * dy))
    at = radii[0] + t * (radii[1] - radii[0])
    fade = np.maximum(at * (1 - hardness), 1.0)  # a hard rim is still antialiased over a pixel
    opacity = np.clip((at + 0.5 - distance) / fade, 0, 1)
    box = cover[top:bottom, left:right]
    np.maximum(box, opacity, out=box)


def polygon(mask: Mask, points: Sequence[tuple[float, float]], erase: bool = False) -> Mask:
    """Fill, or clear, the polygon with corners ``points`` (x, y), of which there are at least three."""
    if len(points) < 3:
        raise EditError(f"polygon of {len(points)} corners: set at least 3")
    if not np.isfinite(np.array(points)).all():
        raise EditError("a corner of the polygon is not finite")
    rows, columns = skimage.draw.polygon([p[1] for p in points], [p[0] for p in points], mask.shape)
    result = mask.copy()
    result[rows, columns] = 0 if erase else 255
    return result


def feather(mask: Mask, radius: float) -> Mask:
    """Soften the rim: a Gaussian blur whose standard deviation is half of ``radius`` pixels."""
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), _checked(radius, "feather") / 2)
    return np.round(blurred).astype(np.uint8)


def grow(mask: Mask, pixels: int) -> Mask:
    """Widen the mask by ``pixels``, or narrow it where negative; grey values move with the rim."""
    radius = int(_checked(abs(pixels), "grow"))
    if radius == 0:
        return mask.copy()
    if radius <= 4:
        change = ndimage.grey_dilation if pixels > 0 else ndimage.grey_erosion
        return np.asarray(change(mask, footprint=skimage.morphology.disk(radius), mode="nearest"))
    # a large disk one rim at a time: a disk of radius r is close to r disks of radius 1 and squares in turn
    change = ndimage.grey_dilation if pixels > 0 else ndimage.grey_erosion
    result = mask
    for step in range(radius):
        shape = np.ones((3, 3), bool) if step % 3 == 1 else skimage.morphology.disk(1).astype(bool)
        result = np.asarray(change(result, footprint=shape, mode="nearest"))
    return result


def invert(mask: Mask) -> Mask:
    """Inside becomes outside."""
    return 255 - mask


def refine(mask: Mask, photo: NDArray[np.uint8]) -> Mask:
    """Fit the mask to the edges of the photo (H, W, 3) with a guided filter.

    The rim is softened first, over a twenty-fourth of the photo's longer side: the filter keeps what is 0 or 255, so
    only within that band is the rim free to move.
    """
    height, width = photo.shape[:2]
    if not mask.any():
        return mask.copy()
    mask = feather(mask, min(500, max(2, max(height, width) / 24)))
    frame = Frame(height, width)
    side = min(frame.side, GUIDE_SIDE)
    guide = make_guide((to_model(photo, side) + 1) / 2)
    square = to_model(np.repeat(mask[..., None], 3, axis=2), side)[:, :1]
    fitted = guided_matte(((square + 1) / 2).clamp(0, 1), guide, loss=GAIN)  # a drawn rim moves either way
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    values = fitted.rows(pixels, frame, 0)[0, 0].numpy()
    return np.round(values * 255).astype(np.uint8)


def click_mask(editor: Renderer, x: float, y: float, tolerance: float) -> Mask:
    """The mask of whatever lies at pixel (x, y): where the structure code is like it is there.

    Cosine similarity of the standardised structure code to the code at the clicked place, thresholded softly; of what
    is left, the connected piece that holds the click.

    Args:
        editor: the photo, encoded.
        x: column in the photo, in pixels.
        y: row.
        tolerance: 0 (only the most alike) to 1 (anything not opposite).

    Raises:
        EditError: the place lies outside the photo, or the tolerance outside its range.
    """
    frame = editor.frame
    if not (0 <= x < frame.width and 0 <= y < frame.height):
        raise EditError(f"click at ({x:.0f}, {y:.0f}): outside the photo of {frame.width} x {frame.height} pixels")
    if not 0 <= tolerance <= 1:
        raise EditError(f"tolerance={tolerance}: need 0 to 1")
    with torch.inference_mode():
        code = F.interpolate(editor.latents.structure, size=(GUIDE_SIDE, GUIDE_SIDE), mode="bilinear")[0].cpu()
        code = (code - code.mean(dim=(1, 2), keepdim=True)) / (code.std(dim=(1, 2), keepdim=True) + 1e-6)
        scale = GUIDE_SIDE / frame.side
        row, column = int((y + 0.5 + frame.top) * scale), int((x + 0.5 + frame.left) * scale)
        similarity = F.cosine_similarity(code, code[:, row, column][:, None, None], dim=0).numpy()
    threshold = 1 - tolerance
    soft = np.clip((similarity - threshold) / 0.1 + 0.5, 0, 1)
    soft[row, column] = 1.0
    pieces, _ = ndimage.label(soft > 0)
    soft = np.where(pieces == pieces[row, column], soft, 0)
    square = Image.fromarray(np.round(soft * 255).astype(np.uint8))
    box = [scale * edge for edge in (frame.left, frame.top, frame.left + frame.width, frame.top + frame.height)]
    return np.array(
        square.resize((frame.width, frame.height), Image.Resampling.BILINEAR, (box[0], box[1], box[2], box[3]))
    )


def load_mask(source: str | Path | bytes, shape: tuple[int, int], name: str = "mask", inside: Inside = "auto") -> Mask:
    """Read a mask as a person sees it: what is painted on the ground is inside.

    White is inside. Where nearly the whole border of the picture is white and black, or a colour, lies within, as when
    it is painted on paper, what is not white is inside. Where one colour is painted on nothing, what is painted is
    inside. A mask saved by `save_mask` comes back as it was.

    Args:
        source: path, or the file's bytes: a picture of any kind, grey, with a palette, or with transparency.
        shape: (height, width) of the photo; a mask of the same proportions is scaled to it.
        name: of the file in messages, where bytes are given.
        inside: ``auto`` goes by the border; ``white`` or ``black`` says what is inside.

    Raises:
        EditError: no such file, not a picture, too large, or of other proportions than the photo.

    Warns:
        PictureWarning: by ``auto``, black is inside; or white is, and has most of the border, so that the other may be
            meant.
    """
    if inside not in get_args(Inside):
        raise EditError(f"inside={inside!r}: give one of {', '.join(get_args(Inside))}")
    if isinstance(source, (str, Path)):
        name, file = str(source), path_of(source)
        if not file.is_file():
            raise EditError(f"{name}: no such mask; check the path")
        source = file.read_bytes()
    try:
        image = decode_image(source, Path(name), still=True)
        if max(image.size) > MAX_SIDE:
            raise EditError(f"{name}: {image.width} x {image.height} pixels, over {MAX_SIDE} a side")
        image.info.pop("icc_profile", None)  # a mask's levels are shares, not colours
        picture = as_decoded(image, Path(name))
    except UnusableError as error:
        raise EditError(f"{name}: not a readable PNG: give a grey PNG, white inside ({error.reason})") from None
    key, text = _WHITE_INSIDE
    mask = _painted(picture, "white" if inside == "auto" and image.info.get(key) == text else inside, name)
    height, width = shape
    grey = Image.fromarray(mask)
    if abs(grey.width / grey.height - width / height) > 0.02 * width / height:
        raise EditError(
            f"{name}: {grey.width} x {grey.height} pixels, the photo has {width} x {height}: give a mask of this photo"
        )
    return np.asarray(grey if grey.size == (width, height) else grey.resize((width, height), Image.Resampling.BILINEAR))


def _painted(picture: Picture, inside: Inside, name: str) -> Mask:
    """The levels (H, W) of a mask picture: how far each pixel is from black, or from white where black is inside."""
    from_black, from_white = picture.pixels.max(axis=2), 255 - picture.pixels.min(axis=2)
    if picture.alpha is not None and (picture.alpha < 255).any():
        alpha, visible = picture.alpha[..., 0], picture.pixels[picture.alpha[..., 0] > 0]
        if not len(visible) or int(np.ptp(visible, axis=0).max()) <= ONE_COLOUR:
            return alpha  # one colour, be it black, on nothing
        return np.round((from_white if inside == "black" else from_black) * (alpha / 255.0)).astype(np.uint8)
    if inside == "auto":
        inside = _guessed_inside(from_white, name)
    return from_white if inside == "black" else from_black


def _guessed_inside(from_white: Mask, name: str) -> Inside:
    """What is inside of a mask whose file does not say it, by the border; with a warning where it is not plain."""
    ground, painted = from_white < 128, float((from_white >= 128).mean())
    border = np.concatenate([ground[0], ground[-1], ground[1:-1, 0], ground[1:-1, -1]]).mean()
    if border >= BLACK_ON_WHITE and painted > 0:
        what = f"black on white, so black is inside, {painted:.1%} of the photo: invert the mask if white is meant"
        warnings.warn(f"{name}: {what}", PictureWarning, stacklevel=4)
        return "black"
    if border > 0.5 and painted > 0:
        what = f"white is inside, {1 - painted:.1%} of the photo with most of its border"
        warnings.warn(f"{name}: {what}: invert the mask if black is meant", PictureWarning, stacklevel=4)
    return "white"


def mask_png(mask: Mask) -> bytes:
    """The mask as the bytes of a grey PNG, which says in a comment that white is inside."""
    buffer, comment = io.BytesIO(), PngImagePlugin.PngInfo()
    comment.add_text(*_WHITE_INSIDE)
    Image.fromarray(mask).save(buffer, "PNG", pnginfo=comment)
    return buffer.getvalue()


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write the mask as a grey PNG."""
    atomic_write(path, mask_png(mask))


def _checked(radius: float, what: str) -> float:
    if not 0 <= radius <= 500:
        raise EditError(f"{what} by {radius} pixels: need 0 to 500")
    return radius
