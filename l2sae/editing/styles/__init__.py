"""Style operations: what becomes of a face's style vector. Each is one file; `STYLES` lists them."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from l2sae.editing.styles.blend import Blend
from l2sae.editing.styles.colour import Colour
from l2sae.editing.styles.named import Named
from l2sae.editing.styles.noise import Noise
from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.editing.styles.swap import Swap

STYLES: tuple[type[Style], ...] = (Noise, Swap, Blend, Named, Colour)
"""Every kind of style: recipes read and write these, and the command line has an option for each that has one."""

if TYPE_CHECKING:
    AnyStyleRecord = StyleRecord
else:
    AnyStyleRecord = Annotated[Union[tuple(kind.Record for kind in STYLES)], Field(discriminator="kind")]  # noqa: UP007


def style_names() -> str:
    """The kinds of style as a user writes them, for messages."""
    usages = [kind.usage for kind in STYLES]
    return f"{', '.join(usages[:-1])} or {usages[-1]}"


__all__ = [
    "STYLES",
    "AnyStyleRecord",
    "Blend",
    "Colour",
    "Named",
    "Noise",
    "Style",
    "StyleOption",
    "StyleRecord",
    "Swap",
    "style_names",
]
