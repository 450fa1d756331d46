"""What a bulk edit does to each photo, and the names that follow from it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from safetensors.torch import load as load_weights
from safetensors.torch import save as save_weights

from l2sae.bulk.onnx_export import OnnxGraphs, OnnxModel, export_graphs
from l2sae.editing.align import FacePlace, align_styles
from l2sae.editing.compose import Composition, check_composition
from l2sae.editing.edit_layers import Layer, assign_styles, expand_styles
from l2sae.editing.recipe import (
    PhotoRecord,
    Recipe,
    RecipeLayer,
)
from l2sae.editing.recipe_fields import ExactStyle, RecipeError, digest_model, digest_picture
from l2sae.editing.references import Reference, encode_reference
from l2sae.editing.session_layer import SessionLayer
from l2sae.editing.styles import Style
from l2sae.model import L2SAE
from l2sae.params import ModelParams
from l2sae.pictures.errors import EditError, in_range
from l2sae.pictures.metadata import check_choice
from l2sae.pictures.writing import FORMATS
from l2sae.provenance import Policy, load_policy
from l2sae.provenance.exporting import current_user
from l2sae.provenance.fingerprint import digest_text
from l2sae.rois import Roi

Backend = Literal["torch", "onnx"]
ID_DIGITS = 32
"""Of an export's id: as many as a UUID has."""


@dataclass(frozen=True)
class Job:
    """What is done to every photo; equal jobs have equal ids, and give a photo's export the same id wherever they run.

    Attributes:
        layers: of the edit; references are style vectors, encoded once.
        own_layers: instead, for the photo that a recipe was made on, with the mattes drawn there.
        own_sha256: digest of that photo's pixels.
        own_result: digest of the recorded result on it.
        own_place: where its face lies.
        compose: ``detail`` or ``replace``.
        model_sha256: of the model.
        align: ``auto`` edits the largest face; None takes a photo as a face crop.
        ending: of the files written: .png, .jpg, .jpeg or .webp.
        quality: of JPEG and WebP.
        recipes: whether a recipe is written beside each picture.
        purpose, policy, consent, unmarked: as for `l2sae.provenance.export`.
        backend: what runs the networks.
        metadata: ``keep`` for date, copyright, artist and resolution of each photo, or ``none``.
    """

    layers: tuple[SessionLayer, ...]
    compose: Composition
    model_sha256: str
    own_layers: tuple[SessionLayer, ...] = ()
    own_sha256: str | None = None
    own_result: str | None = None
    own_place: FacePlace = FacePlace()  # noqa: RUF009 - frozen
    align: str | None = None
    ending: str = ".png"
    quality: int = 95
    recipes: bool = False
    purpose: str = "research"
    policy: Policy = Policy()  # noqa: RUF009 - frozen
    consent: str | None = None
    unmarked: bool = False
    backend: Backend = "torch"
    metadata: str = "keep"

    def describe(self, model: L2SAE) -> dict[str, Any]:
        """The job as JSON, for the file that is kept with its results: whatever changes a picture or its manifest."""
        return {
            "model_sha256": self.model_sha256,
            "compose": self.compose,
            "layers": [
                {
                    "rois": list(layer.rois),
                    "style": json.loads(layer.style.record(model).model_dump_json()),
                    "strength": layer.strength,
                    "seed": layer.seed,
                }
                for layer in self.layers
            ],
            "own_sha256": self.own_sha256,
            "own_mattes": [None if one.matte is None else digest_picture(one.matte) for one in self.own_layers],
            "align": self.align,
            "ending": self.ending,
            "quality": self.quality,
            "recipes": self.recipes,
            "purpose": self.purpose,
            "policy_sha256": self.policy.digest,
            "consent_sha256": digest_text(self.consent) if self.consent else None,
            "unmarked": self.unmarked,
            "backend": self.backend,
            "metadata": self.metadata,
        }


def job_id(description: Mapping[str, Any]) -> str:
    """sha256 of a job's description."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def export_id(job: str, name: str, input_sha256: str) -> str:
    """The id of a photo's export: follows from job, the output's name, and the input file's bytes."""
    named = f"{job}\n{name}\n{input_sha256}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(named).hexdigest()[:ID_DIGITS]


def make_job(
    model: L2SAE,
    rois: str | Sequence[str] | None,
    style: Style | Mapping[str, Style] | None,
    recipe: Recipe | None,
    strength: float,
    seed: int,
    compose: str,
    align: str | None,
    policy: str | Path | Policy | None,
    **options: Any,
) -> Job:
    """Check all that can be checked before any photo is read, and encode the references.

    Raises:
        EditError: whatever is wrong, as one message; FaceNotFoundError, RecipeError and PolicyError are among them.
    """
    if (recipe is None) == (style is None):
        raise EditError('give either a recipe, or rois and a style, e.g. rois=("hair",), style=Swap(reference)')
    if align not in (None, "auto"):
        raise EditError(f"align={align!r}: give 'auto' for the largest face of each photo, or None for face crops")
    model_sha256 = digest_model(model)
    if recipe is None:
        styles = expand_styles(assign_styles(rois, style), model.roi_names)
        made: dict[str, Any] = {"layers": _layers(model, align_styles(styles) if align else styles, strength, seed)}
    else:
        if rois is not None:
            raise EditError("a recipe says which regions are edited: leave rois out")
        if model_sha256 != recipe.model_sha256:
            raise RecipeError(
                f"model_sha256: made with model {recipe.model_sha256[:12]}..., not {model_sha256[:12]}..."
            )
        compose, made = recipe.compose, _recipe_layers(model, recipe)
    check_composition(compose)
    job = Job(compose=compose, model_sha256=model_sha256, align=align, policy=load_policy(policy), **made, **options)  # type: ignore[arg-type]
    _check(model, job)
    return job


def draft_recipe(model: L2SAE, job: Job) -> Recipe:
    """The job as a recipe of no photo, by which a policy judges it."""
    layers = tuple(
        RecipeLayer(rois=layer.rois, style=layer.style.record(model), strength=layer.strength, seed=layer.seed)
        for layer in (*job.layers, *job.own_layers)
    )
    photo = PhotoRecord(path=None, sha256="0" * 64)
    return Recipe(photo=photo, model_sha256=job.model_sha256, compose=job.compose, layers=layers, result_sha256=None)


def _check(model: L2SAE, job: Job) -> None:
    if job.ending not in FORMATS:
        raise EditError(f"ending={job.ending!r}: give one of {', '.join(FORMATS)}")
    check_choice(job.metadata)
    if job.backend not in get_args(Backend):
        raise EditError(f"backend={job.backend!r}: give one of {', '.join(get_args(Backend))}")
    if not in_range(job.quality, 1, 100):
        raise EditError(f"quality={job.quality}: give 1 to 100")
    _require_rois(model, [roi for layer in job.layers for roi in layer.rois])
    job.policy.check(job.purpose, job.consent, draft_recipe(model, job), job.unmarked, current_user())


def _require_rois(model: L2SAE, rois: Iterable[str]) -> None:
    if unknown := set(rois) - set(model.roi_names):
        raise EditError(f"unknown ROI {', '.join(sorted(unknown))}: this model has {', '.join(model.roi_names)}")


def _layers(model: L2SAE, styles: Mapping[str, Style], strength: float, seed: int) -> tuple[SessionLayer, ...]:
    """One layer for each style, of all ROIs that take it."""
    Layer(styles, strength, seed)  # checks them
    _require_rois(model, styles)  # before any reference is read
    together: dict[Style, list[str]] = {}
    for roi, style in styles.items():
        together.setdefault(style, []).append(roi)
    return tuple(
        SessionLayer(tuple(rois), _encoded(model, style, rois), float(strength), int(seed))
        for style, rois in together.items()
    )


def _recipe_layers(model: L2SAE, recipe: Recipe) -> dict[str, Any]:
    own = [
        SessionLayer(record.rois, _encoded(model, style, ()), record.strength, record.seed, matte)
        for record, (style, matte) in zip(recipe.layers, recipe.resolved(), strict=True)
    ]
    layers = tuple(SessionLayer(one.rois, one.style, one.strength, one.seed) for one in own)
    return {
        "layers": layers,
        "own_layers": tuple(own),
        "own_sha256": recipe.photo.sha256,
        "own_result": recipe.result_sha256,
        "own_place": recipe.photo.place(),
    }


def _encoded(model: L2SAE, style: Style, rois: Sequence[str]) -> Style:
    """The style with style vectors (1, D) in place of references: none is read or encoded again for each photo."""

    def encode(reference: Reference) -> Reference:
        vectors = encode_reference(model, reference, rois).cpu().numpy()
        return ExactStyle(vectors) if isinstance(reference, ExactStyle) else vectors

    return style.with_references(encode)


@dataclass(frozen=True)
class PackedModel:
    """A model as bytes and plain values, for other processes and machines."""

    weights: bytes
    params: ModelParams
    rois: tuple[Roi, ...]
    image_size: int
    device: str
    graphs: OnnxGraphs | None = None

    @classmethod
    def of(cls, model: L2SAE, backend: Backend = "torch") -> "PackedModel":
        """Pack a model; its device is kept by name. For ``onnx`` it is exported first."""
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        graphs = export_graphs(model) if backend == "onnx" else None
        return cls(save_weights(weights), model.params, model.rois, model.image_size, str(model.device), graphs)

    def open(self) -> L2SAE:
        """The model again, with equal weights, on its device, for inference; with graphs, in ONNX Runtime."""
        model = L2SAE(self.params, self.rois, self.image_size)
        model.load_state_dict(load_weights(self.weights))
        if self.graphs is not None:
            return OnnxModel(model, self.graphs)
        return model.to(self.device).eval()
