"""``docs/metrics.md``: the registry of figures as a page."""

from l2sae.measures.figure_entry import ARROWS
from l2sae.measures.registry import entries

_HEAD = """# The figures, key by key

Written by `python -m l2sae.bench metrics-page` from the registry, `l2sae/measures/figure_list.py`.

Every stage writes one small JSON file, `metrics/<stage>.json`. Dots in a key are levels of nesting. `<roi>` stands
for a region of `params.yaml`, other words in angle brackets for what the text says. `ci.<key>`, in the same file, is
the 95 % interval [low, high] of `<key>`: bootstrap over test images, `evaluate.bootstrap` resamples. `spread.<key>`
holds the percentiles {p25, p75, p95} of a timing. `baseline.*` is what a trivial method scores on the same images.
`null` stands where a package or its weights are absent; `<key>_reason` then says which, and the command that brings
them. ↑ means that more is better, ↓ that less is.

Unless stated: the test split; means over images; pictures at 128 × 128, or at the data's size where that is larger;
an edit is a swap at strength 1 in the composition `edit.compose`, from image *i* to the style of *i* + 1 … *i* + 4,
rounded to 8 bits. *dilated* means widened by 4 % of the image's width. Colours are CIELAB under D65."""
_FILES = {
    "prepare": "", "train": "", "evaluate": "",
    "benchmark": "Medians on the machine named in the file; they change from run to run.",
    "robustness": """\
Severity 1 is the mildest of five; `units.<distortion>` says what its number means. Occlusion, pose and light come
from rendered faces, so on photos they are `null`. PSNR is against the picture that was given.""",
    "provenance": "",
    "continual": "Written by `dvc repro continual/dvc.yaml`; the figures are those of `evaluate.json`.",
}  # fmt: skip
_TAIL = """## Files beside the metrics

`metrics/headline.json` repeats the few figures under short names that `dvc metrics` and `dvc exp show` follow:
HEADLINE.

`benchmarks/<name>.json` keeps a whole run with its machine and date (`make bench`);
`benchmarks/tuning/inversion.json` the grid search of the inversion baseline on the validation split (`python -m
l2sae.bench tune`).

`benchmarks/ablation/2026-11-23/` and `sim_to_real.json` of 2026-11-23 were measured before mattes weighed twice as
much, the learning rate fell along a line, and `detail` took over the decoded mean colour. What they compare was trained
and edited alike; `style.transfer` by `detail` is higher now, and nearer to that by `replace`.

`benchmarks/widgets.json` (`python -m l2sae.bench widgets`) holds what a user of the editors waits for, in JupyterLab
and headless Chromium, as {median, p95, max, count} in ms: `drag_ms` and `release_ms`, from a slider's event to the
frame with the new pixels (256 pixels while it moves, 512 when it is let go, `picture_side`); `steady.latency_ms`, the
same during a drag with an event every 16 ms, until pixels of that value or a later one, with `pictures_per_s` and MiB
at start and end. The pixels of `drag_ms`, `steady` (a strength) and `steady_blend` (a weight in a blend) are blended
in the browser from nine pictures along the slider's range; in `steady_kernel` every picture is the kernel's, as when
a place is dragged on the map; `brush.event_to_paint_ms` and `brush.frame_ms`, while the kernel is busy.
`first_picture_s` counts from running the notebook, its kernel started. `load` is the machine's load average before
the run: on a busy machine the times are not the editors'.

`benchmarks/exports.json` (`python -m l2sae.bench exports`): what it takes to render and export an edited photo of 1
and of 12 megapixels, `export_s`, to render and save it plainly, `save_s`, and what mark, signature and log add,
`overhead_s`."""


def metrics_markdown() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for stage, note in _FILES.items():
        rows = ["| key | unit | meaning | source |", "|---|---|---|---|"]
        for one in entries(stage):
            unit = f"{one.unit or one.values}{ARROWS[one.direction]}"
            rows.append(f"| `{one.key}` | {unit} | {one.meaning} | {one.source} |")
        parts += [f"## metrics/{stage}.json", *filter(None, [note]), "\n".join(rows)]
    short = [f"`{one.headline}` (`{one.key}`)" for one in entries() if one.headline]
    return "\n\n".join([*parts, _TAIL.replace("HEADLINE", ",\n".join(short))]) + "\n"
