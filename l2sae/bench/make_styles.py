"""Makes the named styles of a model: ``python -m l2sae.bench make-styles [--model CHECKPOINT] [-o FILE]``.

Each style is the mean style vector of rendered faces whose factors of one region are set: hair, skin, lips, eyes or
brows. The styles belong to the model that encoded them, so a new model needs new ones.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from kornia.color import rgb_to_lab
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from l2sae.editing.named_styles import FILE, FOLDERS, NamedStyle, pack_styles
from l2sae.editing.recipe_fields import digest_model
from l2sae.model import L2SAE, load_model
from l2sae.pictures.files import atomic_write
from l2sae.render import palette, rendered_faces
from l2sae.render.factors import OCCLUDERS

FACES = 12  # rendered for each style
SEED = 5107  # a series of its own
POOL = 600  # faces of the series to choose from
SCENE: dict[str, float] = {
    "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "light_azimuth": 20.0, "light_elevation": 35.0, "light_intensity": 0.8,
    "ambient": 0.4, "glasses": 0.0, "blur": 0.0, "noise": 0.0, "jpeg": 0.0, "vignette": 0.0,
} | dict.fromkeys(OCCLUDERS, 0.0)  # fmt: skip
SPARSE_HAIR = ("bald", "receding", "buzz")
LUMINANCE = np.array([0.25, 0.65, 0.10])  # as the renderer's camera meters


@dataclass(frozen=True)
class Recipe:
    """How a style is rendered: colours (sRGB, hexadecimal) and numbers of factors, or a tone of the Monk scale."""

    colours: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    tone: int | None = None


def _hair(colour: str, gloss: float = 0.4, tip: float = 1.0) -> Recipe:
    return Recipe({"hair": colour}, {"hair_gloss": gloss, "hair_tip": tip})


def _lips(colour: str, gloss: float = 0.15) -> Recipe:
    return Recipe({"lip": colour}, {"lip_gloss": gloss})


def _brows(colour: str, density: float = 0.8) -> Recipe:
    return Recipe({"brow": colour}, {"brow_density": density})


RECIPES: dict[str, dict[str, Recipe]] = {
    "hair": {
        "jet-black": _hair("14110f", 0.7), "espresso": _hair("2b1c14", 0.5), "dark-brown": _hair("3f2a1d"),
        "chestnut": _hair("6e4128"), "ash-brown": _hair("6a5a4b", 0.25), "light-brown": _hair("86623f"),
        "auburn": _hair("6b3524"), "copper": _hair("8f5433"), "ginger": _hair("b0733f"),
        "golden-blond": _hair("cda45a"), "ash-blond": _hair("b9a684", 0.25), "platinum": _hair("e6d8b4"),
        "silver": _hair("b9bbbe", 0.5), "white": _hair("dedbd6"), "burgundy": _hair("5a1a2b"),
        "rose": _hair("d98aa6"), "blue": _hair("2f5fb0"), "teal": _hair("26837c"),
    },
    "skin": {f"monk-{tone}": Recipe(tone=tone) for tone in range(1, 11)},
    "lips": {
        "nude": _lips("b98872"), "peach": _lips("dd9078"), "coral": _lips("e0674f"), "pink": _lips("d9708a"),
        "rose": _lips("c2566a"), "mauve": _lips("9c5c72"), "brown": _lips("7f4636"), "red": _lips("b81f30", 0.25),
        "cherry": _lips("93152c", 0.35), "berry": _lips("7a1f45"), "plum": _lips("55203f"),
        "wine": _lips("5e1825", 0.3),
    },
    "eyes": {
        name: Recipe({"iris": colour})
        for name, colour in {
            "dark-brown": "33200f", "brown": "5a3a1e", "amber": "99692a", "hazel": "77683a", "green": "557a4c",
            "grey": "7f8c92", "blue": "4f7fb4", "ice-blue": "93b8d2",
        }.items()
    },
    "brows": {
        "black": _brows("16110e", 0.9), "dark-brown": _brows("33231a"), "brown": _brows("553a28"),
        "auburn": _brows("6b3320"), "blond": _brows("9b7a4c", 0.65), "grey": _brows("807c78", 0.65),
        "soft-brown": _brows("6a4d38", 0.5), "bold-black": _brows("0f0c0a", 1.0),
    },
}  # fmt: skip


def make_styles(model: L2SAE) -> list[NamedStyle]:
    """The styles of `RECIPES` for the regions that a model has."""
    return [
        _make(model, roi, name, recipe)
        for roi, recipes in RECIPES.items()
        if roi in model.roi_names
        for name, recipe in recipes.items()
    ]


@torch.inference_mode()
def _make(model: L2SAE, roi: str, name: str, recipe: Recipe) -> NamedStyle:
    latents = model.encode(_render(model.image_size, roi, recipe).to(model.device))
    vector = latents.style.mean(dim=0)
    decoded = model.decode(latents.structure, vector.expand_as(latents.style), latents.mattes)
    matte = latents.mattes[:, [model.roi_names.index(roi)]]
    lab = rgb_to_lab((decoded + 1) / 2)
    colour = (lab * matte).sum(dim=(0, 2, 3)) / (matte.sum() + 1e-6)
    return NamedStyle(roi, name, vector.cpu(), colour.cpu())


def _render(size: int, roi: str, recipe: Recipe) -> Tensor:
    """Faces (FACES, 3, size, size) in [-1, 1] with the factors of a style."""
    numbers, recorded = _pool()
    fit = np.ones(POOL, bool) if recipe.tone is None else recorded["monk_tone"] == recipe.tone
    if roi == "hair":
        fit &= ~np.isin(recorded["hair_style"], SPARSE_HAIR)
    chosen = np.flatnonzero(fit)[:FACES]
    few = {name: values[chosen] for name, values in numbers.items()}
    for name, code in recipe.colours.items():
        light = palette.linear(np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]))
        few[name] = np.broadcast_to(light, few[name].shape).copy()
    for name, value in recipe.numbers.items():
        few[name] = np.full_like(few[name], value)
    few["gain"] = np.minimum(few["gain"], 0.95 / (few["hair"] @ LUMINANCE))  # white hair keeps its strands
    return rendered_faces.paint_faces(few, SEED, chosen.tolist(), size, "cpu", [])[0]


@functools.cache
def _pool() -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[Any]]]:
    return rendered_faces.draw_factors(SEED, range(POOL), SCENE)


@click.command("make-styles")
@click.option("--model", "checkpoint", type=click.Path(path_type=Path), help="Checkpoint; default: the shipped model.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help=f"File to write; default: {FILE} beside the model.")
def command(checkpoint: Path | None, out: Path | None) -> None:
    """Make the named styles of a model."""
    model = load_model(checkpoint)
    out = out or (FOLDERS[0] if checkpoint is None else checkpoint.parent) / FILE
    styles = make_styles(model)
    tensors, metadata = pack_styles(styles, digest_model(model))
    atomic_write(out, save(tensors, metadata))
    click.echo(f"{len(styles)} styles of {len({style.roi for style in styles})} regions: {out}")
