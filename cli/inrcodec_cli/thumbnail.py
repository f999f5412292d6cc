"""`inrcodec thumbnail`: a small PNG of a .linr file, as file managers ask for it."""

from __future__ import annotations

from typing import Any

import click

from .batch import Batch, refuse_inputs
from .files import OUTPUT, SOURCE, limit_option, open_input, threads_option, write_output


@click.command()
@click.argument("file", type=SOURCE)
@click.argument("output", type=OUTPUT)
@click.option(
    "-s",
    "--size",
    type=click.IntRange(1, 4096),
    default=256,
    show_default=True,
    help="Pixels of the longer side at most.",
)
@threads_option
@limit_option
def thumbnail(file: str, output: str, size: int, **options: Any) -> None:
    """Write a PNG of 8 bits of the .linr FILE to OUTPUT, upright and small.

    Whatever OUTPUT is called, and also where it exists, as file managers make it beforehand.
    """
    from inrcodec.files.images import write_image
    from inrcodec.thumbnail import thumbnail as thumbnail_of

    refuse_inputs([output], [file])
    batch = Batch()
    with batch.each(file):
        with open_input(file) as source:
            image = thumbnail_of(source, size, **options)
        write_output(output, write_image(image, ".png"), force=True)
    batch.end()
