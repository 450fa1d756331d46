"""The parameters, in typed sections: what values each may have, and which go together."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from l2sae.rois import RESERVED_NAMES, Roi

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A group of parameters: frozen, with unknown keys refused and types not coerced (an int may serve as float)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SplitRatios(Section):
    """Share of the images in each split; a hash of each file's name decides."""

    train: Share
    val: Share
    test: Share

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test must be 1, got {self.train + self.val + self.test:g}")
        return self


class SplitFolders(Section):
    """Sub-folders of ``data.root`` for each split; with no ``val``, ``val_share`` of train is held out."""

    train: tuple[str, ...] = Field(min_length=1, strict=False)
    val: tuple[str, ...] = Field(default=(), strict=False)
    test: tuple[str, ...] = Field(min_length=1, strict=False)


CropScale = Annotated[
    float, Field(ge=1, le=3, description="side of the crops of photos, in sides of a face's crop; 2 shows long hair")
]
MaxYaw = Annotated[
    float, Field(ge=0, le=90, description="degrees by which heads are turned to a side at most; 0 leaves photos alone")
]
Labelled = Literal["portraits", "photos", "webmorph", "label_map", "celebamask_hq", "lapa", "helen"]


class SourceParams(Section):
    """One of several sources of photos."""

    source: Labelled
    root: str
    scheme: str | dict[str | int, str] | None = None
    split: SplitRatios | SplitFolders | Literal["official"] | None = Field(default=None, description="null: data.split")
    crop_scale: CropScale = 1.0
    max_yaw: MaxYaw = 0.0


class DataParams(Section):
    """Where faces and labels come from."""

    source: Literal["rendered", "mixed", Labelled]
    root: str | None = Field(description="folder of the data set; null only for rendered faces")
    sources: tuple[SourceParams, ...] = Field(
        default=(), strict=False, description="what source: mixed puts together; each is split by itself"
    )
    image_size: Annotated[int, Field(ge=16, le=1024)]
    scheme: str | dict[str | int, str] | None = Field(description="label scheme: a known name, or id or colour -> part")
    teacher: str | None = Field(
        default=None, description="'shipped' or a checkpoint whose mattes improve weak labels; null: none"
    )
    crop_scale: CropScale = 1.0
    max_yaw: MaxYaw = 0.0
    split: SplitRatios | SplitFolders | Literal["official"]
    count: Annotated[int, Field(ge=10)] = Field(description="number of faces to render")
    held: dict[str, float] = Field(default_factory=dict, description="factors of rendered faces that do not vary")
    max_skipped: Share = Field(description="the stage fails when a larger share of the files is unusable")


class ModelParams(Section):
    """Size of the networks. A structure tensor is (C, image_size / stride, image_size / stride)."""

    structure_stride: Literal[4, 8, 16]
    structure_width: Annotated[int, Field(ge=4)]
    context_channels: Annotated[int, Field(ge=0)]
    style_dim: Count
    width: Annotated[int, Field(ge=8)]
    moments: bool = Field(
        default=False, description="the style sees spreads beside means, and holds the mean colour of each region"
    )
    relief: bool = Field(default=False, description="lightness of single pixels has a short way through the structure")
    sliced: bool = Field(default=True, description="each matte from its ROI's slice alone; off is an ablation")

    def style_size(self, regions: int) -> int:
        """Length of a style vector for so many ROIs: with ``moments``, their colours and that of the rest end it."""
        return self.style_dim + (3 * (regions + 1) if self.moments else 0)


SWAP_LOSSES = ("statistics", "patches", "swap")  # what train.style_from holds back


class LossWeights(Section):
    """Weight of each training loss; 0 removes its cost.

    Checkpoints that were written before a loss existed load with its default. A discriminator is built only where a
    loss that needs it has a weight.
    """

    l1: Weight
    roi: Weight = Field(description="L1 within each ROI, averaged over ROIs")
    ssim: Weight
    matte: Weight
    statistics: Weight = Field(default=0.0, description="a swap's regions have the reference's colours and texture")
    patches: Weight = Field(default=0.0, description="a swap's regions have the reference's distribution of patches")
    swap: Weight = Field(default=0.0, description="swaps of rendered faces against their truth; needs train.triples")
    gan: Weight = Field(default=0.0, description="realism of reconstructed and swapped images")
    noise_gan: Weight = Field(default=0.0, description="realism of images whose style was moved by noise")
    cooccurrence: Weight = Field(default=0.0, description="texture of a swap against patches of its reference")
    r1: Weight = Field(default=0.0, description="gradient penalty of the image discriminator")
    cooccurrence_r1: Weight = Field(default=0.0, description="gradient penalty of the patch discriminator")

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not any(self.model_dump(exclude={"r1", "cooccurrence_r1"}).values()):
            raise ValueError("every loss has weight 0: nothing would be learned")
        return self


class AdversaryParams(Section):
    """The discriminators and how they learn; without effect where no adversarial loss has a weight."""

    learning_rate: Annotated[float, Field(gt=0)] = Field(default=0.002, description="Adam's, before R1 rescales it")
    width: Annotated[int, Field(ge=8)] = Field(default=512, description="most channels of the image discriminator")
    patch_width: Annotated[int, Field(ge=8)] = Field(default=384, description="most channels of the patch one")
    crops: Count = Field(default=8, description="patches of each image")
    r1_interval: Count = Field(default=16, description="steps between two gradient penalties")


class CheckpointParams(Section):
    """How often the state of a training is written, so that a killed one goes on; null is never."""

    steps: Count | None = None
    seconds: Annotated[float, Field(ge=0)] | None = 60.0


class TrainParams(Section):
    """Optimisation. Exactly one of ``steps`` and ``minutes`` is given."""

    steps: Count | None
    minutes: Annotated[float, Field(gt=0)] | None
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0)]
    muon_learning_rate: Weight = Field(description="of the kernels of encoders and generator; 0 leaves all to AdamW")
    warmup_steps: Annotated[int, Field(ge=0)]
    ema_half_life: Weight = Field(description="half-life of the weight average, in steps; 0 switches it off")
    recolour: Share = Field(
        description="probability that a target is recoloured too; structure's input always is; 0 = off"
    )
    augment: Share = Field(description="strength of random rotation, scale, shift and flip")
    light: Share = Field(default=0.0, description="strength of random exposure, white balance and tone curve")
    # earlier checkpoints, written before these keys existed, were trained with 0
    damage: Share = Field(default=0.0, description="share of the faces that are blurred, noisy or both")
    fringes: Share = Field(default=0.0, description="share of the faces whose hair is drawn down over the forehead")
    half_size: Share = Field(default=0.0, description="share of the training, at its start, on faces of half the size")
    init: str = Field(description="'shipped', 'random', or the path of a checkpoint to start from")
    rendered_share: Share = Field(description="share of each batch drawn from freshly rendered faces")
    loss: LossWeights
    # earlier checkpoints lack these keys: they load with the values of the default preset
    betas: tuple[Share, Share] = Field(default=(0.9, 0.98), strict=False, description="AdamW's")
    weight_decay: Weight = Field(default=1e-4, description="AdamW's")
    final_rate: Share = Field(default=0.0, description="share of the learning rate that is left at the end; 1 = flat")
    adversary: AdversaryParams = AdversaryParams()
    precision: Literal["float32", "tf32", "bf16"] = Field(default="float32", description="bf16 is mixed precision")
    accumulate: Count = Field(default=1, description="parts that a batch is worked through in, to save memory")
    compile: bool = Field(default=False, description="torch.compile the networks")
    devices: Count = Field(default=1, description="processes of each node, one a GPU; batch_size is that of all")
    nodes: Count = Field(default=1, description="machines; each runs the stage, see l2sae.training.launch")
    triples: Annotated[int, Field(ge=0)] = Field(
        default=0, description="rendered triples of content, reference and truth a step, beside batch_size"
    )
    style_from: Share = Field(
        default=0.0, description="share of the training, at its start, without the losses statistics, patches and swap"
    )
    replay: Share = Field(default=0.0, description="share of each batch drawn from the faces of an earlier training")
    checkpoint: CheckpointParams = CheckpointParams()

    @field_validator("init", mode="before")
    @classmethod
    def _name_random(cls, given: object) -> object:
        return "random" if given is None else given  # as checkpoints from before the name say it

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("give exactly one of steps and minutes")
        parts = self.accumulate * self.devices * self.nodes
        if self.batch_size % parts:
            raise ValueError(f"train.batch_size must be a multiple of accumulate * devices * nodes = {parts}")
        if self.triples % parts:
            raise ValueError(f"train.triples must be a multiple of accumulate * devices * nodes = {parts}")
        if (self.loss.swap > 0) != (self.triples > 0):
            raise ValueError("train.loss.swap needs train.triples, which serve it alone: give both or neither")
        penalties = {"r1", "cooccurrence_r1"}
        if self.style_from and not any(self.loss.model_dump(exclude=penalties | set(SWAP_LOSSES)).values()):
            raise ValueError("train.style_from leaves no loss at the start: give it 0, or another loss a weight")
        return self


class EditParams(Section):
    """Defaults of an edit."""

    compose: Literal["detail", "replace"]
    noise_sigma: Weight


class EvaluateParams(Section):
    """What the evaluate stage measures."""

    pairs_per_image: Count
    noise_seeds: Annotated[int, Field(ge=2)]
    bootstrap: Annotated[int, Field(ge=10)] = Field(description="resamples for the 95 % intervals")
    max_images: Count
    weights: str | None = Field(  # a default here: checkpoints of before it had this key load
        default=None, description="folder with weight files for LPIPS and FID; null looks in PyTorch's cache"
    )


class RobustnessParams(Section):
    """What the robustness stage measures; the severities are part of the benchmark's definition."""

    faces: Annotated[int, Field(ge=2)] = Field(description="faces at each severity of each condition")
    group_faces: Annotated[int, Field(ge=2)] = Field(description="test faces compared by skin tone, pose, ...")
    bootstrap: Annotated[int, Field(ge=10)] = Field(description="resamples for the 95 % intervals")


class BenchmarkParams(Section):
    """What the benchmark stage times."""

    repeats: Annotated[int, Field(ge=3)]
    batch_sizes: tuple[Count, ...] = Field(min_length=1, strict=False)
    inversion_steps: Count


class ProvenanceParams(Section):
    """What the provenance stage marks, attacks and looks for.

    The defaults are those of the default preset: earlier checkpoints, which lack this section, load with them.
    """

    images: Annotated[int, Field(ge=2)] = Field(default=24, description="test pictures to mark and sign")
    unmarked: Count = Field(default=48, description="pictures without a mark, for the false-positive rate")
    attacks: tuple[str, ...] = Field(
        default=("none", "jpeg_75", "jpeg_50", "resize_half", "crop_10", "bright_10", "noise_5", "screenshot"),
        min_length=1, strict=False, description="names from l2sae.provenance.attacks",
    )  # fmt: skip
    edits: Annotated[int, Field(ge=2)] = Field(default=96, description="test faces to measure the localiser on")
    localiser_faces: Annotated[int, Field(ge=2)] = Field(default=200, description="edited faces that it learns from")
    localiser_init: Literal["shipped"] | None = Field(default="shipped", description="localiser to go on from")
    localiser_steps: Count = Field(default=50, description="updates of the localiser")
    bootstrap: Annotated[int, Field(ge=10)] = Field(default=1000, description="resamples for the 95 % intervals")


class FiguresParams(Section):
    """What the figures stage draws."""

    faces: Annotated[int, Field(ge=2)]
    dpi: Count


class Params(Section):
    """All parameters of the pipeline, resolved."""

    preset: str
    seed: Annotated[int, Field(ge=0)]
    determinism: Literal["strict", "fast"]
    device: Literal["auto", "cpu", "cuda", "mps"]
    data: DataParams
    rois: tuple[Roi, ...] = Field(min_length=1, strict=False)
    model: ModelParams
    train: TrainParams
    edit: EditParams
    evaluate: EvaluateParams
    # earlier checkpoints lack this section: they load with its defaults; params.yaml must name it
    robustness: RobustnessParams = RobustnessParams(faces=48, group_faces=1000, bootstrap=1000)
    benchmark: BenchmarkParams
    provenance: ProvenanceParams = ProvenanceParams()
    figures: FiguresParams

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [roi.name for roi in self.rois]
        if clash := sorted({name for name in names if names.count(name) > 1} | set(names) & set(RESERVED_NAMES)):
            raise ValueError(f"rois: {', '.join(clash)}: names must be unique and none of {', '.join(RESERVED_NAMES)}")
        if self.data.image_size % (multiple := max(16, 2 * self.model.structure_stride)):
            raise ValueError(f"data.image_size must be a multiple of {multiple}")
        loss = self.train.loss
        if self.train.half_size and (loss.gan or loss.noise_gan or loss.cooccurrence):
            raise ValueError("train.half_size must be 0 here: discriminators are made for one size")
        if self.train.half_size and self.data.image_size % (2 * multiple):
            raise ValueError(f"data.image_size must be a multiple of {2 * multiple}, or train.half_size 0")
        if self.determinism == "strict" and self.train.minutes is not None:
            raise ValueError("train.minutes makes runs differ: under determinism: strict give train.steps")
        if (self.data.source == "mixed") != bool(self.data.sources):
            raise ValueError(
                "data.sources names what data.source: mixed puts together; leave it empty for other sources"
            )
        if self.data.source not in ("rendered", "mixed") and self.data.root is None:
            raise ValueError(f"data.root is required for data.source: {self.data.source}; give the data set's folder")
        return self
