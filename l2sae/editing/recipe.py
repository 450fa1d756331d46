"""Edit recipes: an edit as a JSON document that replays headlessly, bit for bit.

A recipe may come from anyone, so everything in it is bounded, and a path in it has to stay inside a folder: the
recipe's own, or the one that whoever loads it names. ``recipe.schema.json`` beside this module is its JSON schema.
"""

import base64
import binascii
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError

from l2sae.editing.align import FacePlace
from l2sae.editing.edit_layers import MAX_STRENGTH, Layer
from l2sae.editing.face_editor import FaceEditor
from l2sae.editing.recipe_fields import (
    RecipeError,
    Record,
    ReferenceRecord,
    Sha256,
    digest_model,
    digest_picture,
    read_named_picture,
)
from l2sae.editing.styles import AnyStyleRecord, Style
from l2sae.model import L2SAE
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.files import atomic_write, path_of, readable_name
from l2sae.pictures.picture import PhotoFile, Picture

MAX_RECIPE_BYTES = 2**26
MAX_MATTE_CHARACTERS = 2**24  # of base64: 12 MiB of PNG
MAX_MATTE_PIXELS = 2**26  # an 8192 x 8192 photo; a small PNG can unpack to far more
MAX_LAYERS = 100
SCHEMA = Path(__file__).with_name("recipe.schema.json")


class ReplayWarning(UserWarning):
    """A replay's picture is not the recorded one: other versions, another machine or number of threads."""


class RecipeLayer(Record):
    """One layer: ``matte`` (of a layer with one ROI) is a grey PNG in base64, or null for the predicted ones."""

    rois: tuple[str, ...] = Field(min_length=1, max_length=100, strict=False)
    style: AnyStyleRecord
    strength: Annotated[float, Field(ge=0, le=MAX_STRENGTH)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    matte: Annotated[str, Field(max_length=MAX_MATTE_CHARACTERS)] | None = None


class CropRecord(Record):
    """The square of the photo that holds the face, as `l2sae.pictures.crops.CropTransform` describes it."""

    x: float
    y: float
    side: Annotated[float, Field(gt=0)]
    angle: float

    def transform(self) -> CropTransform:
        """The square again."""
        return CropTransform(self.x, self.y, self.side, self.angle)


class PhotoRecord(Record):
    """The photo: its path if it came from a file, the digest of its pixels, and the crops that hold the face.

    Recipes without ``head``, as earlier versions wrote them, edit nothing beyond ``crop``; those without ``crop`` take
    the photo as a face crop; those without ``keeps_light`` take references in their own light.
    """

    path: str | None
    sha256: Sha256
    crop: CropRecord | None = None
    head: Annotated[CropRecord | None, Field(exclude_if=lambda head: head is None)] = None
    keeps_light: Annotated[bool, Field(exclude_if=lambda keeps: not keeps)] = False

    @classmethod
    def of(cls, picture: Picture, place: FacePlace, path: Path | None) -> "PhotoRecord":
        """A photo with the place of its face, read from ``path``, if from a file."""
        crop, head = (None if one is None else CropRecord(**asdict(one)) for one in (place.crop, place.head))
        name = None if path is None else readable_name(path)
        digest = digest_picture(picture.pixels)
        return cls(path=name, sha256=digest, crop=crop, head=head, keeps_light=place.keeps_light)

    def place(self) -> FacePlace:
        """Where the face lies in the photo."""
        crop, head = (None if one is None else one.transform() for one in (self.crop, self.head))
        return FacePlace(crop, head, self.keeps_light)


class Recipe(Record):
    """An edit as data. Digests are of shape and pixels (photo, references, result) and of all weights (model).

    A draft has no ``result_sha256``: its replay is compared with nothing.
    """

    version: Literal[1] = 1
    photo: PhotoRecord
    model_sha256: Sha256
    compose: Literal["detail", "replace"]
    layers: tuple[RecipeLayer, ...] = Field(strict=False, max_length=MAX_LAYERS)
    result_sha256: Sha256 | None

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON, atomically; paths of files in its folder are written relative to it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent.resolve()
        atomic_write(path, _with_paths(self, lambda p, _: _relative(p, folder)).to_json().encode())

    @property
    def files(self) -> list[str]:
        """The files that the recipe names: photo and references."""
        found: list[str] = []

        def note(path: str, field: str) -> str:
            found.append(path)
            return path

        _with_paths(self, note)
        return found

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def load(cls, path: str | Path, root: str | Path | None = None, own_photo: bool = True) -> "Recipe":
        """Read a recipe.

        Args:
            path: the file.
            root: the folder that all files named in the recipe have to be in. By default relative paths have to stay
                inside the recipe's own folder; absolute ones are read only where their pixels have the digest that
                stands beside them, so that they tell nothing to whoever wrote the recipe.
            own_photo: whether the photo that the recipe names will be read; False leaves its path out, wherever it is.

        Raises:
            RecipeError: no such file, or fields that are unknown, missing, too large, of the wrong type, not finite,
                or paths that leave the folder.
        """
        path = path_of(path)
        try:
            if path.stat().st_size > MAX_RECIPE_BYTES:
                raise RecipeError(f"{path}: file: larger than {MAX_RECIPE_BYTES >> 20} MiB")
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from None
        except UnicodeDecodeError:
            raise RecipeError(f"{path}: file: not UTF-8 text") from None
        return cls.parse(text, str(path), path.parent, root, own_photo)

    @classmethod
    def parse(
        cls, text: str, name: str, folder: str | Path, root: str | Path | None = None, own_photo: bool = True
    ) -> "Recipe":
        """A recipe from JSON text, as if read from ``folder``. ``name`` is for messages; the rest is as in `load`."""
        try:
            if len(text) > MAX_RECIPE_BYTES:
                raise RecipeError(f"{name}: file: larger than {MAX_RECIPE_BYTES >> 20} MiB")
            recipe = cls.model_validate_json(text)
            if not own_photo:
                recipe = recipe.model_copy(update={"photo": recipe.photo.model_copy(update={"path": None})})
            return _with_paths(recipe, lambda p, field: _inside(p, Path(folder), root, field))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()]
            raise RecipeError(f"{name}: {'; '.join(problems[:8])}") from None
        except RecipeError as error:
            raise RecipeError(str(error) if str(error).startswith(name) else f"{name}: {error}") from None

    def replay(self, model: L2SAE, photo: PhotoFile | None = None) -> NDArray[np.uint8]:
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
        result = self.apply(model, photo)
        if self.result_sha256 is not None and digest_picture(result) != self.result_sha256:
            warnings.warn("the replay differs from the recorded result (result_sha256)", ReplayWarning, stacklevel=2)
        return result

    def apply(self, model: L2SAE, photo: PhotoFile | None = None) -> NDArray[np.uint8]:
        """The same layers with any model, (H, W, 3) uint8; arguments and errors as for :meth:`replay`.

        Style vectors belong to the model that made them; with another they may mean something else, or not fit.
        """
        layers = [
            Layer(
                dict.fromkeys(record.rois, style),
                record.strength,
                record.seed,
                {} if matte is None else {record.rois[0]: matte},
            )
            for record, (style, matte) in zip(self.layers, self.resolved(), strict=True)
        ]
        place, picture = self.photo.place(), self.source(photo)
        editor = FaceEditor.at(model, picture.srgb.copy(), place)
        return picture.edited(editor.render(layers, self.compose).numpy())

    def source(self, photo: PhotoFile | None = None) -> Picture:
        """The photo that was edited, from ``photo.path`` if it is not given.

        Raises:
            RecipeError: there is no such photo, or it has changed.
        """
        source = self.photo.path if photo is None else photo
        if source is None:
            raise RecipeError("photo.path: the photo was not read from a file: give it as replay(model, photo)")
        picture = read_named_picture(source, "photo.path")
        if digest_picture(picture.pixels) != self.photo.sha256:
            raise RecipeError("photo.sha256: this is not the photo that was edited, or it has changed since")
        return picture

    def original(self, photo: PhotoFile | None = None) -> NDArray[np.uint8]:
        """The pixels (H, W, 3) uint8 of `source`, with the same errors."""
        return self.source(photo).pixels

    def resolved(self) -> list[tuple[Style, NDArray[np.uint8] | None]]:
        """Style and drawn matte (H, W) uint8 of each layer.

        Raises:
            RecipeError: a reference has changed or is absent, a matte is no PNG or too large; the field is named.
        """
        found = []
        for index, record in enumerate(self.layers):
            field = f"layers.{index}"
            if record.matte is not None and len(record.rois) != 1:
                raise RecipeError(f"{field}.matte: one matte for {len(record.rois)} ROIs")
            matte = None if record.matte is None else decode_matte(record.matte, f"{field}.matte")
            found.append((record.style.style(f"{field}.style"), matte))
        return found


def recipe_schema() -> str:
    """The JSON schema of recipes, as ``recipe.schema.json`` holds it."""
    return json.dumps(Recipe.model_json_schema(), indent=1) + "\n"


def encode_matte(matte: NDArray[np.uint8]) -> str:
    """A matte (H, W) uint8 as a base64 PNG."""
    buffer = io.BytesIO()
    Image.fromarray(matte).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def decode_matte(text: str, field: str) -> NDArray[np.uint8]:
    """The matte (H, W) uint8 in a base64 PNG."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_MATTE_PIXELS:
                raise RecipeError(f"{field}: {picture.width} x {picture.height} pixels, over {MAX_MATTE_PIXELS}")
            return np.asarray(picture.convert("L"))
    except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise RecipeError(f"{field}: not a PNG in base64: {error}") from None


def _with_paths(recipe: Recipe, change: Callable[[str, str], str]) -> Recipe:
    """A copy with ``change(path, field)`` in place of every path."""

    def reference(record: ReferenceRecord, field: str) -> ReferenceRecord:
        if record.path is None:
            return record
        return record.model_copy(update={"path": change(record.path, f"{field}.path")})

    def layer(record: RecipeLayer, field: str) -> RecipeLayer:
        return record.model_copy(update={"style": record.style.with_references(reference, f"{field}.style")})

    photo = recipe.photo
    if photo.path is not None:
        photo = photo.model_copy(update={"path": change(photo.path, "photo.path")})
    layers = tuple(layer(record, f"layers.{index}") for index, record in enumerate(recipe.layers))
    return recipe.model_copy(update={"photo": photo, "layers": layers})


def _relative(path: str, folder: Path) -> str:
    """``path`` relative to ``folder`` where it lies in it, else absolute."""
    whole = path_of(path).resolve()
    return readable_name(whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else whole)


def _inside(path: str, folder: Path, root: str | Path | None, field: str) -> str:
    """The absolute path; refuses one that leaves ``root`` (default: ``folder``), through ``..`` or a link as well."""
    if "\0" in path or len(path) > 4096:
        raise RecipeError(f"{field}: not a path")
    whole = path_of(folder / path).resolve()
    bound = Path(folder if root is None else root).resolve()
    free = Path(path).is_absolute() and root is None
    if not free and not whole.is_relative_to(bound):
        raise RecipeError(f"{field}: {path} lies outside {bound}: move the file there, or name another root")
    return readable_name(whole)
