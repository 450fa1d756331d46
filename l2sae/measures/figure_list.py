"""The list of all figures: metric file by metric file, in the order in which tables show them."""

from l2sae.measures.figure_entry import Entry

# fmt: off

_WINDOW = "doi 10.1109/TIP.2003.819861"
_REINHARD = "doi 10.1109/38.946629"

PREPARE = (
    Entry("counts.<split>", "faces in the split `train`, `val` or `test`", unit="images",
          source="`l2sae/data/prepared.py`"),
    Entry("labels", "who made the labels: `human`, `template`, `rendered`, `weak`; figures on different kinds never "
          "share a table"),
    Entry("source", "`data.source`"),
    Entry("skipped", "what could not be used; the reasons are in the manifest", unit="files"),
    Entry("roi_pixel_shares.<split>.<roi>", "of all pixels, how many belong to the region", unit="share"),
    Entry("coverage.<attribute>.<group>", "test faces by tone, light and, where known, pose, occlusion, framing; at "
          "most 2,000", unit="images", source="`l2sae/data/coverage.py`"),
)

TRAIN = (
    Entry("step", "how long training ran", unit="steps"),
    Entry("parameters", "weights of the model", unit="numbers"),
    Entry("l1", "mean absolute error of reconstructions; like all losses before `train.loss` weighs it", unit="loss"),
    Entry("roi", "the same within each region, mean over regions", unit="loss"),
    Entry("ssim", "1 minus structural similarity, halved", unit="loss"),
    Entry("matte", "mattes against the truth", unit="loss"),
    Entry("swap", "swaps of rendered faces against their true pictures, where it has a weight", unit="loss"),
    Entry("statistics", "mean, spread and band energies of swapped regions against the reference's, where it has a "
          "weight", unit="loss"),
    Entry("patches", "patch distribution of swapped regions against the reference's, where it has a weight",
          unit="loss"),
    Entry("gan", "the model's against its image discriminator, where it has a weight", unit="loss"),
    Entry("noise_gan", "the same for noise edits", unit="loss"),
    Entry("cooccurrence", "the model's against its patch discriminator, where it has a weight", unit="loss"),
    Entry("discriminator", "the image discriminator's own", unit="loss"),
    Entry("cooccurrence_discriminator", "the patch discriminator's own", unit="loss"),
    Entry("r1", "gradient penalty of the image discriminator", unit="loss"),
    Entry("cooccurrence_r1", "gradient penalty of the patch discriminator", unit="loss"),
    Entry("grad.<network>", "norm of the last step's gradients, before clipping",
          source="`l2sae/training/validation.py`"),
    Entry("val_psnr", "reconstruction on the validation split", label="validation PSNR", unit="dB",
          direction="higher", digits=2),
    Entry("val_miou", "mattes on the validation split", label="validation mIoU", values="0…1", direction="higher"),
)

_RECONSTRUCTION = (
    Entry("reconstruction.psnr", "peak signal-to-noise ratio of the decoded photo; 1 level of error everywhere is 48 "
          "dB", "PSNR", "dB", digits=2, direction="higher", baseline="baseline.blur.psnr", headline="psnr",
          tables=("readme", "card", "summary", "runs", "ablation", "continual")),
    Entry("baseline.blur.psnr", "the photo reduced to as many numbers as structure and style hold, and back",
          "PSNR, blur baseline (same code size)", "dB", digits=2, direction="higher", tables=("readme",)),
    Entry("reconstruction.ssim", "structural similarity, Gaussian window of 11 × 11; 1 is equal", "SSIM",
          values="0…1", direction="higher", headline="ssim", tables=("readme", "card", "summary", "runs",
          "continual"), source=_WINDOW),
    Entry("reconstruction.l1", "mean absolute error, pictures in [0, 1]", "L1", values="0…1", digits=4,
          direction="lower", tables=("summary",)),
    Entry("reconstruction.lpips", "learned perceptual distance, AlexNet, version 0.1; 0 is equal", "LPIPS",
          values="0…", direction="lower", tables=("card",), source="arXiv 1801.03924, extra `lpips`"),
    Entry("reconstruction.perceptual", "distance of the features of EfficientNet-Lite0 between photo and decoded "
          "photo, in `bench`; not comparable with published LPIPS", "perceptual distance", values="0…", digits=2,
          direction="lower", tables=("card",), source="extra `perceptual`"),
    Entry("reconstruction.perceptual_backbone", "the network whose features are compared"),
)

_MASKS = (
    Entry("masks.miou", "mean over regions of `masks.iou.<roi>`", "mask mIoU", values="0…1", direction="higher",
          baseline="baseline.constant_mask.miou", headline="miou", tables=("readme", "card", "summary", "runs",
          "ablation", "continual")),
    Entry("baseline.constant_mask.miou", "the mean training mask above 0.5: what one scores without looking",
          "mask mIoU, constant mask", values="0…1", direction="higher", tables=("readme",)),
    Entry("masks.iou.<roi>", "matte above 0.5 against the true region: intersection over union of sums over all "
          "images", "IoU", values="0…1", direction="higher", mean="masks.miou", tables=("rois",)),
    Entry("masks.f1.<roi>", "the same as F1 (Dice)", "F1", values="0…1", direction="higher", mean="masks.mean_f1",
          tables=("rois",)),
    Entry("masks.mean_f1", "mean over regions of `masks.f1.<roi>`", "mask mean F1", values="0…1", direction="higher",
          tables=("summary",)),
    Entry("masks.boundary_f1", "F1 of the regions' outlines within 2 pixels, mean over regions",
          "boundary F1 at 2 px", values="0…1", direction="higher", headline="boundary", tables=("summary",
          "continual")),
)

_STYLE = (
    Entry("style.transfer.mean", "mean over regions of `style.transfer.<roi>`", "style transfer", values="…1",
          direction="higher", baseline="baseline.reinhard.transfer.mean", headline="transfer", tables=("readme",
          "summary", "ablation", "continual")),
    Entry("baseline.reinhard.transfer.mean", "mean and spread of colour matched inside the same mattes, no model of "
          "style", "style transfer, Reinhard", values="…1", direction="higher", tables=("readme",), source=_REINHARD),
    Entry("style.transfer.<roi>", "how far a swap moves the region's mean colour to the reference's: 1 − Σ distance "
          "after / Σ distance before, over pairs that differ by 10 ΔE or more; 0 is no edit, 1 all the way",
          "style transfer", values="…1", direction="higher"),
    Entry("style.transfer_detail.mean", "the same by the composition `detail`", "style transfer, detail", values="…1",
          direction="higher", baseline="baseline.reinhard.transfer.mean", tables=("card", "runs")),
    Entry("style.transfer_replace.mean", "the same by the composition `replace`", "style transfer, replace",
          values="…1", direction="higher", baseline="baseline.reinhard.transfer.mean", tables=("card", "runs")),
    Entry("style.transfer_detail.<roi>", "`style.transfer.<roi>` by the composition `detail`", "transfer, detail",
          values="…1", digits=2, direction="higher", tables=("rois",)),
    Entry("style.transfer_replace.<roi>", "`style.transfer.<roi>` by the composition `replace`", "transfer, replace",
          values="…1", digits=2, direction="higher", tables=("rois",)),
    Entry("style.transfer.pairs.<roi>", "how many pairs counted", unit="pairs"),
    Entry("baseline.reinhard.transfer.<roi>", "the same in each region", "transfer, Reinhard", values="…1", digits=2,
          direction="higher"),
    Entry("style.texture.mean", "mean over regions of `style.texture.<roi>`", "texture of the reference", values="…1",
          direction="higher", baseline="baseline.reinhard.texture.mean", headline="texture", tables=("card",
          "summary")),
    Entry("style.texture.<roi>", "as transfer, for the spread of L* and its mean gradient; below 0: further away than "
          "before", "texture", values="…1", digits=2, direction="higher", baseline="baseline.reinhard.texture.<roi>",
          tables=("rois",)),
    Entry("baseline.reinhard.texture.<roi>", "the same for Reinhard's method in the same mattes", values="…1",
          direction="higher", source=_REINHARD),
    Entry("style.patches.mean", "mean over regions of `style.patches.<roi>`", "patches of the reference", values="…1",
          direction="higher", baseline="baseline.reinhard.patches.mean", tables=("card", "summary", "ablation")),
    Entry("style.patches.<roi>", "1 − Σ distance of edit and reference / Σ distance of content and reference: sliced "
          "Wasserstein distance of 5 × 5 CIELAB patches without their means, at scales 1, 1/2, 1/4, inside the "
          "regions; pairs (*i*, *i* + 1)", "patches", values="…1", digits=2, direction="higher",
          baseline="baseline.reinhard.patches.<roi>", tables=("rois",), source="arXiv 2203.11862"),
    Entry("baseline.reinhard.patches.<roi>", "the same for Reinhard's method in the same mattes", values="…1",
          direction="higher"),
    Entry("style.hue_error.mean", "mean over regions of `style.hue_error.<roi>`", "hue error", "°", digits=1,
          direction="lower", baseline="baseline.reinhard.hue_error.mean", headline="hue", tables=("card", "summary")),
    Entry("style.hue_error.<roi>", "median angle between the hues of the mean colours of edit and reference, where "
          "both have a chroma above 10", "hue error", "°", digits=1, direction="lower",
          baseline="baseline.reinhard.hue_error.<roi>", tables=("rois",)),
    Entry("baseline.reinhard.hue_error.<roi>", "the same for Reinhard's method in the same mattes", unit="°",
          direction="lower"),
    Entry("style.noise_diversity.<roi>", "mean colour distance between noise edits with different seeds, at "
          "`edit.noise_sigma`", "noise diversity", "ΔE", digits=1, tables=("rois",)),
)

_COUNTERFACTUALS = (
    Entry("style.counterfactual.detail.mean.psnr",
          "mean over regions of `style.counterfactual.detail.<roi>.psnr`",
          "edit against its true picture", unit="dB", digits=2,
          direction="higher", baseline="style.counterfactual.reinhard.mean.psnr", headline="cf_psnr",
          tables=("readme", "card", "summary", "runs", "ablation")),
    Entry("style.counterfactual.in_light.mean.psnr",
          "mean over regions of `style.counterfactual.in_light.<roi>.psnr`, as photos beside face crops are edited",
          "edit that keeps the light against its true picture", unit="dB", digits=2,
          direction="higher", baseline="style.counterfactual.reinhard.mean.psnr",
          tables=("readme", "card", "summary", "runs")),
    Entry("style.counterfactual.detail.mean.delta_e",
          "mean over regions of `style.counterfactual.detail.<roi>.delta_e`",
          "edit against its true picture", unit="CIEDE2000", digits=2,
          direction="lower", baseline="style.counterfactual.reinhard.mean.delta_e", headline="cf_delta_e",
          tables=("readme", "card", "summary", "runs")),
    Entry("style.counterfactual.detail.mean.texture",
          "mean over regions of `style.counterfactual.detail.<roi>.texture`",
          "texture of the true picture", values="…1",
          direction="higher", baseline="style.counterfactual.reinhard.mean.texture", headline="cf_texture",
          tables=("readme", "card", "summary", "runs")),
    Entry("style.counterfactual.<method>.<roi>.psnr", "rendered data: the edit by `detail`, `in_light` (`detail` "
          "as photos are edited: in the light of the content, eyes by their irises), `replace`, `reinhard` or "
          "`none` (no edit) against the true picture of the content face with the reference's style of that region; "
          "inside the true region, over 48 faces that were not prepared, where the truth differs from the content by "
          "5 CIEDE2000 or more", "PSNR", "dB", digits=2, direction="higher",
          source="`l2sae/measures/counterfactuals.py`"),
    Entry("style.counterfactual.<method>.<roi>.delta_e", "the same as mean colour difference", "colour difference",
          "CIEDE2000", digits=2, direction="lower"),
    Entry("style.counterfactual.<method>.<roi>.texture", "1 − Σ distance of edit and truth / Σ distance of content "
          "and truth, of patches as in `style.patches.<roi>`", "texture", values="…1", digits=2, direction="higher"),
    Entry("style.counterfactual.<method>.<roi>.transfer", "1 − Σ distance of edit and reference / Σ distance of "
          "content and reference, of mean CIELAB colours; 1 takes the reference's light along", "transfer",
          values="…1", digits=2),
    Entry("style.counterfactual.truth.mean.transfer", "the same for the true pictures: the transfer of a right edit",
          "transfer of the true pictures", values="…1", digits=2),
    Entry("style.counterfactual.pairs.<roi>", "how many faces counted", unit="faces"),
    Entry("style.counterfactual_relit.detail.mean.psnr", "mean over regions, see below",
          "edit against its true picture, reference in other light",
          unit="dB", digits=2, direction="higher", baseline="style.counterfactual_relit.reinhard.mean.psnr"),
    Entry("style.counterfactual_relit.detail.mean.delta_e", "mean over regions, see below",
          "edit against its true picture, reference in other light",
          unit="CIEDE2000", digits=2, direction="lower", baseline="style.counterfactual_relit.reinhard.mean.delta_e"),
    Entry("style.counterfactual_relit.detail.mean.texture", "mean over regions, see below",
          "texture of the true picture, reference in other light",
          values="…1", direction="higher", baseline="style.counterfactual_relit.reinhard.mean.texture"),
    Entry("style.counterfactual_relit.<method>.<roi>.<name>", "the same where the reference is "
          "seen under other, hard light; the truth is the same, since light is not style"),
    Entry("style.counterfactual_relit.pairs.<roi>", "how many faces counted", unit="faces"),
)

_EDITS = (
    Entry("structure.miou_drop", "`masks.miou` of the photo minus that of the edited photo encoded again",
          "mIoU lost by an edit", values="−1…1", digits=4, direction="lower", headline="drop", tables=("readme",
          "card", "summary")),
    Entry("structure.edge_correlation", "Pearson correlation of the Sobel magnitude of L* inside the region, edit "
          "against photo; 1 keeps every edge", "edges kept by an edit (correlation)", values="−1…1",
          direction="higher", headline="edges", tables=("card", "summary", "ablation")),
    Entry("locality.inside_mean", "mean change inside the true region, of 255", "change inside the ROI",
          "8-bit levels", digits=2, tables=("summary",)),
    Entry("locality.outside_mean", "mean change, of 255, outside the dilated true region", "change outside the ROI",
          "8-bit levels", direction="lower", headline="outside", tables=("readme", "card", "summary", "runs",
          "ablation")),
    Entry("locality.outside_share", "share of those pixels that change by more than 2 levels",
          "pixels changed outside the ROI", values="0…1", direction="lower", tables=("summary",), percent=True),
    Entry("locality.outside_max_given_mattes", "largest change outside when the true mattes are given: 0",
          unit="levels", direction="lower"),
    Entry("disentanglement.cross_talk", "a slice perturbed by noise of its own spread: change of the other mattes "
          "over that of its own; 0 is perfect, and so by construction of SMPN", "slice cross-talk", values="0…",
          digits=4, direction="lower", tables=("summary", "ablation"), source="`l2sae/measures/disentanglement.py`"),
    Entry("disentanglement.probe_own.<roi>", "IoU of a linear probe that reads the region off its own slice",
          "probe, own slice", values="0…1", digits=2, tables=("rois",)),
    Entry("disentanglement.probe_other.<roi>", "the same off the best of the other slices", "probe, best other",
          values="0…1", digits=2, tables=("rois",)),
    Entry("disentanglement.probe.<roi>", "the first minus the second; above 0 the slice holds its region best",
          values="−1…1"),
    Entry("realism.kid.<method>", "distance between the distributions of edits by `detail`, `replace`, `reinhard` and "
          "of the photos, in features of EfficientNet-Lite0, in `bench`; 0 is none; image *i* is edited in its region "
          "*i* mod R; not comparable with published KID or FID", "KID of edits", values="0…", digits=4,
          direction="lower", source="arXiv 1801.01401, extra `perceptual`"),
    Entry("realism.kid_backbone", "the network whose features are compared"),
    Entry("realism.fid", "Fréchet Inception distance between edits and photos; 0 is the same distribution; few images "
          "bias it upwards", "FID of edits", values="0…", digits=1, direction="lower", tables=("card",),
          source="arXiv 1706.08500, extra `fid`"),
    Entry("identity.cosine", "cosine of dlib's face embeddings of edit and original, aligned alike; the first 64 "
          "faces, image *i* edited in its region *i* mod R with the next face's style",
          "identity (cosine of face embeddings)", values="−1…1", direction="higher", tables=("card",),
          baseline="baseline.other_face.identity", source="extra `faces`"),
    Entry("baseline.other_face.identity", "the same cosine for two different faces: how little it says. dlib's "
          "embeddings of different people are often above 0.8", values="−1…1"),
)

_COUNTS = (
    Entry("labels", "as in `prepare.json`"),
    Entry("counts.images", "how many were measured", unit="images"),
    Entry("counts.available", "of how many", unit="images"),
    Entry("counts.without.<roi>", "measured images that do not show the region", unit="images"),
    Entry("counts.missed.<roi>", "images that show the region, of which the matte found nothing; they count as 0",
          unit="images"),
    Entry("counts.skipped", "files of the source that `prepare` left out", unit="files"),
    Entry("sizes.figures", "side of the pictures that figures are computed on", unit="pixels"),
    Entry("sizes.data", "of the data", unit="pixels"),
    Entry("sizes.model", "of the model", unit="pixels"),
)

BENCHMARK = (
    *(Entry(key, meaning) for key, meaning in (("device", "machine"), ("threads", "of PyTorch"), ("torch", "version"),
          ("dtype", "number format"), ("roi", "the region that was edited"))),
    Entry("latency_ms.encode", "both encoders, one picture", "encode", "ms", digits=1, direction="lower",
          tables=("speed",)),
    Entry("latency_ms.decode", "the generator", "decode", "ms", digits=1, direction="lower", tables=("speed",)),
    Entry("latency_ms.masks", "the mask predictor", "mattes", "ms", digits=1, direction="lower", tables=("speed",)),
    Entry("latency_ms.edit", "one edit from the photo's pixels to the edited pixels, encoding included", "one edit",
          "ms", digits=1, direction="lower", headline="edit_ms", tables=("readme", "runs", "speed")),
    Entry("latency_ms.edit_12mp", "the same on a photo of 4000 × 3000", "edit of a 12-megapixel photo", "ms",
          digits=1, direction="lower", tables=("speed",)),
    Entry("latency_ms.slider", "a changed style on an encoded photo, to the bytes of a PNG", "slider", "ms", digits=1,
          direction="lower", headline="slider_ms", tables=("speed",)),
    Entry("throughput.edit_images_per_s.<batch>", "edits in batches", unit="1/s"),
    Entry("throughput.train_images_per_s", "training, data included", unit="1/s"),
    Entry("memory.peak_mb", "the most that the process (on a GPU: its tensors) held", unit="MB"),
    Entry("roofline.ratio", "time of an edit over the time of its convolutions and matrix products at the machine's "
          "peak; 1 is the limit", unit="×"),
    Entry("roofline.edit_gflop", "operations of one edit", unit="GFLOP"),
    Entry("roofline.peak_gflop_per_s", "the fastest 3 × 3 convolution found", unit="GFLOP/s"),
    Entry("roofline.parts.<part>.gflop", "operations of `encode`, `decode`, `masks`", unit="GFLOP"),
    Entry("roofline.parts.<part>.gflop_per_s", "the speed that each reaches", unit="GFLOP/s"),
    Entry("profile", "operations with the most time of their own in one edit: {operation, ms, share, calls}; measured "
          "under the profiler, so read the shares", unit="list", source="`l2sae/measures/scaling.py`"),
    Entry("scaling.resolution", "{width, height, megapixels, ms, peak_mb}: one edit by size of the photo; memory is "
          "the most so far", unit="list"),
    Entry("scaling.rois", "{rois, ms, ms_own_styles}: one edit of several regions, with one style for all or one for "
          "each", unit="list"),
    Entry("inversion.seconds", "one edit whose style is found by optimisation (mode `style`), until it transfers as "
          "much as the encoder's", unit="s", source="`l2sae/measures/inversion.py`"),
    Entry("inversion.ratio", "that time over `latency_ms.edit`; a lower bound where `inversion.reached` is below 1",
          unit="×"),
    Entry("inversion.steps", "mean steps needed", unit="steps"),
    Entry("inversion.reached", "share of pairs that got there within `benchmark.inversion_steps`", unit="share"),
    *(Entry(f"inversion.curve.<mode>.{name}", f"along the optimisation in mode `style`, `both` or `warm`: {meaning}",
          unit="list") for name, meaning in (("seconds", "time"), ("steps", "steps"), ("transfer", "style transfer"),
          ("psnr", "PSNR (dB) of the reference as decoded"))),
    Entry("comparison.faces", "pairs that the methods are compared on: face *i* with the next", unit="faces",
          source="`l2sae/measures/method_comparison.py`"),
    Entry("comparison.<method>.transfer", "style transfer pooled over the regions of these pairs",
          "style transfer, same pairs",
          values="…1", digits=2, direction="higher", tables=("methods",)),
    Entry("comparison.<method>.edge_correlation", "as `structure.edge_correlation`", "edge correlation",
          values="−1…1", digits=2, direction="higher", tables=("methods",)),
    Entry("comparison.<method>.outside_mean", "as `locality.outside_mean`", "change outside", "levels",
          direction="lower", tables=("methods",)),
    Entry("comparison.<method>.seconds", "one edit by `detail`, `replace`, `reinhard`, `inversion_style`, "
          "`inversion_both`, `inversion_warm`; inversion after the steps that were enough on the validation split "
          "(64, 16, 2)", "time", "s", direction="lower", tables=("methods",)),
)

ROBUSTNESS = (
    *(Entry(name, "{severity, level, miou, transfer, psnr, outside_share} by severity",
          unit="list") for name in ("occlusion", "pose", "lighting", "blur", "jpeg", "noise", "resolution")),
    Entry("undisturbed.<distortion>.<figure>", "the same figures of the same faces without the distortion"),
    *(Entry(f"half.<distortion>.<figure>.{name}", f"where mIoU or transfer falls to half of that: {meaning}")
      for name, meaning in (("level", "the level"), ("severity", "the severity"),
                            ("reached", "whether it does within the range"))),
    Entry("units.<distortion>", "unit of the levels"),
    Entry("labels", "as in `prepare.json`"),
    Entry("counts.faces", "for each condition", unit="faces"),
    Entry("groups.<attribute>.<value>.<figure>", "the same figures by skin tone and the other recorded factors, with "
          "the worst-to-best ratio"),
    Entry("groups.<attribute>.statement", "what the numbers of this attribute allow one to say"),
)

PROVENANCE = (
    Entry("counts.marked", "pictures that were marked", unit="pictures"),
    Entry("counts.unmarked", "pictures that were looked at without a mark", unit="pictures"),
    Entry("watermark.jpeg_75.bit_accuracy", "see `watermark.<attack>.bit_accuracy`",
          "bits of the mark read after JPEG 75", values="0…1", direction="higher", headline="mark_jpeg"),
    Entry("watermark.<attack>.bit_accuracy", "bits read correctly after the attack", "bits read correctly",
          unit="share", direction="higher"),
    Entry("watermark.<attack>.detected", "exports recognised as marked", unit="share", direction="higher"),
    Entry("watermark.false_positive_rate", "unmarked pictures taken for marked", unit="share", direction="lower"),
    Entry("watermark.psnr", "how little the mark changes", "PSNR of the mark", "dB", direction="higher", digits=1,
          headline="mark_psnr"),
    Entry("manifest.<case>", "share of cases in which the reader says right: an intact, altered or stripped manifest"),
    Entry("detector.detail.none.auc", "see below", "edited pictures found (AUC)", values="0…1", direction="higher",
          headline="found_auc"),
    Entry("detector.<composition>.<attack>.auc", "how well edited pictures are found", values="0…1",
          direction="higher"),
    Entry("detector.<composition>.<attack>.iou", "how well edited places are found", values="0…1", direction="higher"),
    Entry("detector.<composition>.by_roi.<rois>.auc", "the same for edits of one region, or of all, without an "
          "attack", values="0…1", direction="higher"),
    Entry("detector.<composition>.edits", "edits that were looked for", unit="pictures"),
    Entry("detector.other_model.<composition>.none.auc", "edits of a model that the localiser has not seen: the "
          "shipped localiser on edits of this model", values="0…1", direction="higher"),
    Entry("detector.other_model.<composition>.none.iou", "the same for edited places", values="0…1",
          direction="higher"),
)

CONTINUAL = (
    Entry("old.<figure>.before", "on the test split of the faces that the model was trained on, before it went on",
          source="`l2sae/measures/forgetting.py`"),
    Entry("old.<figure>.after", "the same afterwards"),
    Entry("new.<figure>.before", "on the test split of the new faces, before"),
    Entry("new.<figure>.after", "the same afterwards"),
    Entry("forgetting.<figure>", "what was lost on the old faces; positive is worse"),
    Entry("gain.<figure>", "what was won on the new faces; positive is better"),
)

EVALUATE = (*_COUNTS, *_RECONSTRUCTION, *_MASKS, *_COUNTERFACTUALS, *_STYLE, *_EDITS)

STAGES = {
    "prepare": PREPARE,
    "train": TRAIN,
    "evaluate": EVALUATE,
    "benchmark": BENCHMARK,
    "robustness": ROBUSTNESS,
    "provenance": PROVENANCE,
    "continual": CONTINUAL,
}

"""Stage -> figures of ``metrics/<stage>.json``."""
