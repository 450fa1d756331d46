"""Edit recipes: an edit as a JSON document that replays headlessly, bit for bit."""

import base64
import binascii
import hashlib
import io
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from l2sae.data.faces import CropTransform
from l2sae.editing.edit import MAX_STRENGTH, FaceEditor, Layer
from l2sae.editing.errors import EditError
from l2sae.editing.pictures import Photo, as_rgb, read_picture
from l2sae.editing.styles import Blend, Noise, Reference, Style, Swap, encode_reference
from l2sae.model import L2SAE

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RecipeError(EditError):
    """A recipe cannot be read or replayed; the message names the file and the field."""


class ReplayWarning(UserWarning):
    """A replay's picture is not the recorded one: other versions, another machine or number of threads."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ReferenceRecord(_Record):
    """A reference: a picture file with the digest of its pixels, or the values of one style vector or several."""

    path: str | None = None
    sha256: Sha256 | None = None
    style: tuple[tuple[float, ...], ...] | None = Field(default=None, strict=False)

    def resolve(self, field: str) -> Reference:
        """What `Swap` takes; refuses a picture that has changed."""
        if self.style is not None:
            return np.array(self.style, dtype=np.float32)
        if self.path is None or self.sha256 is None:
            raise RecipeError(f"{field}: needs either style, or path and sha256")
        picture = read_picture(self.path)
        if (found := digest_picture(picture)) != self.sha256:
            raise RecipeError(f"{field}: {self.path} has changed since the edit (sha256 {found[:12]}...): restore it")
        return picture


class NoiseRecord(_Record):
    """`Noise` in a recipe."""

    kind: Literal["noise"] = "noise"
    sigma: Annotated[float, Field(ge=0)]


class SwapRecord(_Record):
    """`Swap` in a recipe."""

    kind: Literal["swap"] = "swap"
    reference: ReferenceRecord


class BlendRecord(_Record):
    """`Blend` in a recipe."""

    kind: Literal["blend"] = "blend"
    references: tuple[ReferenceRecord, ...] = Field(min_length=1, strict=False)
    weights: tuple[Annotated[float, Field(ge=0)], ...] = Field(strict=False)


class RecipeLayer(_Record):
    """One layer: ``matte`` (of a layer with one ROI) is a grey PNG in base64, or null for the predicted ones."""

    rois: tuple[str, ...] = Field(min_length=1, strict=False)
    style: Annotated[NoiseRecord | SwapRecord | BlendRecord, Field(discriminator="kind")]
    strength: Annotated[float, Field(ge=0, le=MAX_STRENGTH)]
    seed: Annotated[int, Field(ge=0)]
    matte: str | None = None


class CropRecord(_Record):
    """The square of the photo that holds the face, as `l2sae.data.faces.CropTransform` describes it."""

    x: float
    y: float
    side: Annotated[float, Field(gt=0)]
    angle: float


class PhotoRecord(_Record):
    """The photo: where it was read, if from a file, the digest of its pixels, and the face's crop, if it is part."""

    path: str | None
    sha256: Sha256
    crop: CropRecord | None = None


class Recipe(_Record):
    """An edit as data. Digests are of shape and pixels (photo, references, result) and of all weights (model)."""

    version: Literal[1] = 1
    photo: PhotoRecord
    model_sha256: Sha256
    compose: Literal["detail", "replace"]
    layers: tuple[RecipeLayer, ...] = Field(strict=False)
    result_sha256: Sha256

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON, atomically."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read a recipe.

        Raises:
            RecipeError: no such file, or fields that are unknown, missing, of the wrong type, or not finite.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from None
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
            raise RecipeError(f"{path}: {'; '.join(problems)}") from None

    def replay(self, model: L2SAE, photo: Photo | None = None) -> NDArray[np.uint8]:
        """Make the edit again, (H, W, 3) uint8.

        Args:
            model: the one that the edit was made with.
            photo: the photo, if it is not where ``photo.path`` says.

        Raises:
            RecipeError: photo, model or a reference has changed; the message names the field.

        Warns:
            ReplayWarning: the picture differs from the recorded one.
        """
        if (found := digest_model(model)) != self.model_sha256:
            raise RecipeError(f"model_sha256: made with model {self.model_sha256[:12]}..., this is {found[:12]}...")
        source = self.photo.path if photo is None else photo
        if source is None:
            raise RecipeError("photo.path: the photo was not read from a file: give it as replay(model, photo)")
        pixels = as_rgb(read_picture(source) if isinstance(source, (str, Path)) else np.asarray(source))[0]
        if digest_picture(pixels) != self.photo.sha256:
            raise RecipeError("photo.sha256: this is not the photo that was edited, or it has changed since")
        layers = [self._layer(index) for index in range(len(self.layers))]
        crop = None if self.photo.crop is None else CropTransform(**self.photo.crop.model_dump())
        result = FaceEditor(model, pixels.copy(), crop).render(layers, self.compose).numpy()
        if digest_picture(result) != self.result_sha256:
            warnings.warn("the replay differs from the recorded result (result_sha256)", ReplayWarning, stacklevel=2)
        return result

    def _layer(self, index: int) -> Layer:
        record, field = self.layers[index], f"layers.{index}"
        mattes = {} if record.matte is None else {record.rois[0]: decode_matte(record.matte, f"{field}.matte")}
        styles = dict.fromkeys(record.rois, _make_style(record.style, field))
        return Layer(styles, record.strength, record.seed, mattes)


def describe_style(model: L2SAE, style: Style) -> NoiseRecord | SwapRecord | BlendRecord:
    """A style as a record; references that are no files are recorded as their style vectors."""
    if isinstance(style, Noise):
        return NoiseRecord(sigma=float(style.sigma))
    if isinstance(style, Swap):
        return SwapRecord(reference=_describe_reference(model, style.reference))
    references = tuple(_describe_reference(model, reference) for reference, _ in style.references)
    return BlendRecord(references=references, weights=tuple(weight for _, weight in style.references))


def digest_picture(picture: NDArray[np.uint8]) -> str:
    """sha256 of a picture's shape and pixels."""
    return hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def digest_model(model: L2SAE) -> str:
    """sha256 of all weights, with their names and shapes, and of the ROIs."""
    digest = hashlib.sha256(repr(model.rois).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def encode_matte(matte: NDArray[np.uint8]) -> str:
    """A matte (H, W) uint8 as a base64 PNG."""
    buffer = io.BytesIO()
    Image.fromarray(matte).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def decode_matte(text: str, field: str) -> NDArray[np.uint8]:
    """The matte in a base64 PNG."""
    try:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("L"))
    except (binascii.Error, OSError) as error:
        raise RecipeError(f"{field}: not a PNG in base64: {error}") from None


def _describe_reference(model: L2SAE, reference: Any) -> ReferenceRecord:
    if isinstance(reference, (str, Path)):
        return ReferenceRecord(path=str(reference), sha256=digest_picture(read_picture(reference)))
    return ReferenceRecord(style=tuple(map(tuple, encode_reference(model, reference).tolist())))


def _make_style(record: NoiseRecord | SwapRecord | BlendRecord, field: str) -> Style:
    if isinstance(record, NoiseRecord):
        return Noise(record.sigma)
    if isinstance(record, SwapRecord):
        return Swap(record.reference.resolve(f"{field}.style.reference"))
    if len(record.weights) != len(record.references):
        raise RecipeError(f"{field}.style.weights: {len(record.weights)} for {len(record.references)} references")
    named = [ref.resolve(f"{field}.style.references.{i}") for i, ref in enumerate(record.references)]
    return Blend(list(zip(named, record.weights, strict=True)))
