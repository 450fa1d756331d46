"""The named styles that come with a model: style vectors, no pictures. `l2sae.bench.make_styles` makes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from l2sae.editing.recipe_fields import digest_model
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError

FILE = "styles.safetensors"
FOLDERS = (Path(str(resources.files("l2sae") / "assets")), Path("models"))
"""Where the styles of the shipped model are, and those of the model that the pipeline trains."""


SAME_AS = {"nose": "skin"}  # regions that take the styles of another


@dataclass(frozen=True, eq=False)
class NamedStyle:
    """A style of one region: its ``vector`` (D,), and the mean ``colour`` (3,) in CIELAB that it is drawn with."""

    roi: str
    name: str
    vector: Tensor
    colour: Tensor


class NamedStyles:
    """The named styles of one model, in the order of their file."""

    def __init__(self, styles: list[NamedStyle]) -> None:
        self._styles = list(styles)

    def __iter__(self) -> Iterator[NamedStyle]:
        return iter(self._styles)

    def __len__(self) -> int:
        return len(self._styles)

    def of(self, roi: str) -> list[NamedStyle]:
        """The styles of a region; a nose is as skin is, unless it has styles of its own."""
        own = [style for style in self if style.roi == roi]
        return own or [style for style in self if style.roi == SAME_AS.get(roi)]

    def get(self, roi: str, name: str) -> NamedStyle:
        """The style called ``name`` of a region.

        Raises:
            EditError: there is none; the message lists those that there are.
        """
        known = {style.name: style for style in self.of(roi)}
        if name not in known:
            raise EditError(f"no style named {name!r} for {roi}: there are {', '.join(known) or 'none'}")
        return known[name]


_known: WeakKeyDictionary[L2SAE, NamedStyles] = WeakKeyDictionary()


def named_styles(model: L2SAE) -> NamedStyles:
    """The named styles that belong to a model; none where no file has any for it."""
    if model not in _known:
        digest = digest_model(model)
        found = (_read(folder / FILE, digest) for folder in FOLDERS)
        _known[model] = NamedStyles(next((styles for styles in found if styles), []))
    return _known[model]


def named_style(model: L2SAE, roi: str, name: str) -> Tensor:
    """The vector (D,) of a named style.

    Raises:
        EditError: the model has no named styles, or none of that name for the region.
    """
    styles = named_styles(model)
    if not len(styles):
        raise EditError(
            f"style {name!r}: this model has no named styles; make them with 'python -m l2sae.bench make-styles'"
        )
    return styles.get(roi, name).vector


def nearest_style(model: L2SAE, roi: str, colour: Tensor) -> Tensor | None:
    """The vector (D,) of the region's named style whose colour is nearest to ``colour`` (3,) in CIELAB, if any."""
    styles = named_styles(model).of(roi)
    if not styles:
        return None
    return min(styles, key=lambda style: float((style.colour - colour).norm())).vector


def read_styles(path: Path) -> tuple[str, list[NamedStyle]]:
    """The digest of the model that a file of styles belongs to, and the styles."""
    try:
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()["bank"])
            vectors, colours = file.get_tensor("vectors").float(), file.get_tensor("colours").float()
    except (SafetensorError, KeyError, TypeError, OSError, ValueError) as error:
        raise EditError(f"{path}: not a file of named styles: {error}") from None
    names = [(roi, name) for roi, name in header["styles"]]
    rows = zip(names, vectors, colours, strict=True)
    return header["model_sha256"], [NamedStyle(roi, name, vector, colour) for (roi, name), vector, colour in rows]


def pack_styles(styles: list[NamedStyle], model_sha256: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file of styles."""
    header = {"model_sha256": model_sha256, "styles": [[style.roi, style.name] for style in styles]}
    tensors = {
        "vectors": torch.stack([style.vector for style in styles]).contiguous(),
        "colours": torch.stack([style.colour for style in styles]).contiguous(),
    }
    return tensors, {"bank": json.dumps(header)}


def _read(path: Path, digest: str) -> list[NamedStyle]:
    """The styles in a file, if there is one and it belongs to the model of that digest."""
    if not path.is_file():
        return []
    belongs_to, styles = read_styles(path)
    return styles if belongs_to == digest else []
