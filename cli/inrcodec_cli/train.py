"""`inrcodec train`: a prior of one's own from images of one kind."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .batch import Batch, refuse_inputs
from .console import STREAM, label
from .files import (
    IMAGES,
    OTHER_IMAGES,
    OUTPUT,
    PATH,
    SEED,
    check_output,
    fit_device_option,
    force_option,
    json_option,
    limit_option,
    quiet_option,
    read_input,
    threads_option,
    write_output,
)
from .progress import progress_bar

if TYPE_CHECKING:
    from inrcodec import Limits, Picture


@click.command()
@click.argument("paths", type=PATH, metavar="PATH...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=OUTPUT, metavar="FILE", required=True, help="The prior, NAME.prior say."
)
@fit_device_option
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    help="Seed of the fit, and of which images are taken.",
)
@threads_option
@limit_option
@force_option
@quiet_option
@json_option
def train(
    paths: tuple[str, ...],
    output: str,
    seed: int,
    limits: Limits,
    force: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a prior on images of one kind, those in folders included.

    `encode -e 1 --prior FILE` then takes such images at about the size of the default effort, and
    `decode` needs --prior FILE, or INRCODEC_PRIORS to name it or its folder. Up to 256 images are
    taken, at random; those that were JPEGs, and flat graphics, have no use for a prior. A CPU does
    without torch; --device cuda needs it.
    """
    if output == STREAM:
        raise click.UsageError("-o needs the name of a file.")
    batch = Batch(quiet, OTHER_IMAGES)
    files = [file for file, _ in batch.find(paths, IMAGES, recursive=True)]
    refuse_inputs([output], files)
    check_output(output, force)
    if not files:
        raise click.UsageError("no images that are read here.")
    from inrcodec import train as train_prior

    random.Random(seed).shuffle(files)
    started, read = time.perf_counter(), 0

    def pictures() -> Iterator[Picture]:
        from inrcodec.files.images import read_picture

        nonlocal read
        for file in files:
            with batch.each(file):
                picture = read_picture(read_input(file), label(file), limits)
                read += 1
                yield picture

    written = None
    with batch.each(output):
        with progress_bar(label(output), quiet) as progress:
            prior = train_prior(pictures(), seed=seed, limits=limits, progress=progress, **options)
        write_output(output, prior.data, force)
        written = prior
    if written is None:
        batch.end()
        return
    seconds = time.perf_counter() - started
    if as_json:
        facts = {"output": output, "digest": written.digest, "bytes": len(written.data)}
        facts |= {"images": read, "of": len(files), "seconds": seconds}
        batch.say(json.dumps(facts))
    elif not quiet:
        batch.say(
            f"{label(output)}  {len(written.data)} bytes  prior {written.digest}"
            f"  {read} of {len(files)} images  {seconds:.0f} s"
        )
    batch.end()
