"""A seed set: a few training faces of a prepared folder, kept so that a later training does not forget them.

Command line: ``python -m l2sae.data.seed_set data/prepared data/replay --count 256``.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import click
import torch

from l2sae.data.dataset import MANIFEST, PreparedError, SplitWriter, open_split, read_manifest
from l2sae.pictures.conversions import values_to_levels

SPLIT = "train"


def keep_seed_set(source: str | Path, out: str | Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Copy ``count`` random training faces of the prepared folder ``source`` to the prepared folder ``out``.

    Equal arguments over equal folders write equal bytes; ``out`` is replaced only after success.

    Returns:
        The manifest of ``out``.

    Raises:
        PreparedError: ``source`` is not a prepared folder, or has fewer training faces.
    """
    dataset, manifest, out = open_split(source, SPLIT), read_manifest(source), Path(out)
    if not 1 <= count <= len(dataset):
        raise PreparedError(f"{source}: {count} faces asked for, there are {len(dataset)} to train on: change --count")
    drawn = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    chosen = sorted(drawn[:count].tolist())
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    writer = SplitWriter(partial / SPLIT, dataset.image_size, len(dataset.rois))
    for index in chosen:
        face = dataset.batch([index])
        image = values_to_levels(face.images).permute(0, 2, 3, 1).numpy()
        writer.add(image, face.labels.numpy(), dataset.attributes.iloc[[index]])
    writer.close()
    items = [manifest["items"][SPLIT][index] for index in chosen]
    kept = manifest | {"counts": {SPLIT: count}, "items": {SPLIT: items}, "skipped": []}
    kept.pop("roi_pixel_shares", None)
    (partial / MANIFEST).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return kept


@click.command(help=__doc__)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", default=256, show_default=True, help="Faces to keep.")
@click.option("--seed", default=0, show_default=True)
def main(source: Path, out: Path, count: int, seed: int) -> None:
    """Command line of this module."""
    try:
        kept = keep_seed_set(source, out, count, seed)
    except PreparedError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{out}: {kept['counts'][SPLIT]} faces of {source}")


if __name__ == "__main__":
    main()
