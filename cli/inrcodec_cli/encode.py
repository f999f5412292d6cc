"""`inrcodec encode`: images to .linr files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import LinrError

from .batch import Batch, Job, Writing, refuse_inputs, writing_options
from .console import STREAM, label, tell, tell_left_out
from .coordinate import (
    Previews,
    Record,
    Research,
    ResearchCommand,
    coordinate_options,
    encode_mixture,
    with_option,
)
from .files import (
    IMAGES,
    OTHER_IMAGES,
    PATH,
    SEED,
    SOURCE,
    fit_device_option,
    force_named,
    json_option,
    limit_option,
    read_priors,
    read_tile,
    source_place,
    target_place,
    threads_option,
    write_output,
)
from .info import show
from .progress import count_bar, progress_bar
from .scale_out import client_of, dask_option

if TYPE_CHECKING:
    from inrcodec.encode_file import Work
    from inrcodec.frames.tiles import Tile


@dataclass(frozen=True)
class _Run:
    """What is done with each image, and how it is told."""

    work: Work
    research: Research
    writing: Writing
    batch: Batch
    verbose: bool
    as_json: bool


@click.command(cls=ResearchCommand)
@click.argument("images", type=SOURCE, metavar="IMAGE...", nargs=-1, required=True)
@writing_options("File or folder to write to; 'OUT/' is made. With -r the tree is mirrored there.")
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(1, 9),
    help="1 is fastest, 9 smallest.  [5]",
)
@click.option(
    "--model",
    type=click.Choice(["auto", "context", "graphics", "stored", "coordinate"]),
    default="auto",
    show_default=True,
    help="auto takes what does best on a sample, and divides photographs off graphics.",
)
@click.option(
    "--weights",
    type=click.Choice(["int", "fp16", "ternary"]),
    default="int",
    show_default=True,
    help="How the networks' weights are stored.",
)
@fit_device_option
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the fit.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    callback=lambda _, __, given: _number(given),
    metavar="S",
    help="Stop fitting in time to be done in about S seconds an image.",
)
@click.option(
    "--no-history",
    "history",
    flag_value=False,
    default=True,
    help="Do not look for what images came from: Photo CD, video, JPEG, fewer pixels.",
)
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    callback=lambda _, __, given: read_tile(given),
    metavar="SIZE",
    help="Tiles that decode alone: N or HxW pixels, multiples of 16, or none. auto: 1024 of TIFFs"
    " of more than 2^25 pixels.",
)
@click.option(
    "--prior",
    type=PATH,
    metavar="FILE",
    callback=lambda _, __, given: read_priors([given])[0] if given else None,
    help="Start from a prior that `inrcodec train` made; decoding needs it, too.",
)
@click.option(
    "--strip",
    is_flag=True,
    help="Keep the picture alone: no metadata, and not what makes the file come back as it was.",
)
@click.option(
    "--strict", is_flag=True, help="Fail where anything of a file but the picture would be lost."
)
@threads_option
@limit_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show what the networks got wrong, per bit plane."
)
@json_option
@dask_option
@coordinate_options
def encode(
    images: tuple[str, ...],
    strip: bool,
    strict: bool,
    verbose: bool,
    as_json: bool,
    dask: str | None,
    tile: Tile | str,
    **given: Any,
) -> None:
    """Compress images to .linr files, beside the images unless -o says where.

    PNG, TIFF, PNM and JPEG files come back byte for byte, others as pictures; what is lost is
    named. A file of several images becomes one of frames.
    """
    if strip and strict:
        raise click.UsageError("--strip loses what --strict keeps.")
    if given["prior"] and (given["weights"] != "int" or given["model"] not in ("auto", "context")):
        raise click.UsageError("--prior is for context images with int weights.")
    writing = Writing.of(given)
    research = Research.of(given)
    _check_name(writing)
    batch = Batch(writing.quiet, OTHER_IMAGES)
    if tile != "auto" and (research.mixture is not None or given["model"] == "coordinate"):
        raise click.UsageError("--tile is not for the coordinate model.")
    if dask is not None and (research.mixture or research.preview or research.log_dir):
        raise click.UsageError("--mixture, --preview and --log-dir are not for --dask.")
    if research.mixture is not None:
        encode_mixture(images, research, writing, given, strip)
        return
    jobs = batch.plan(images, IMAGES, writing, ".linr")
    if research.preview is not None:
        previews = (path for job in jobs for path in research.previews_of(job.source))
        refuse_inputs(previews, images)
    if (as_json or verbose) and any(job.target == STREAM for job in jobs):
        raise click.UsageError("Only the file itself can go to stdout.")
    if dask is not None and any(STREAM in (job.source, job.target) for job in jobs):
        raise click.UsageError("--dask is not for stdin and stdout.")
    # Imported here, so that help and usage errors do not wait for the library.
    from inrcodec import Coordinate
    from inrcodec.encode_file import Work, check_skipped
    from inrcodec.options import default_effort

    if given["model"] == "coordinate":
        try:
            given["coordinate"] = Coordinate(**research.networks)
        except ValueError as error:
            raise click.UsageError(f"{with_option(error)}.") from None
    elif given["effort"] is None and given["model"] not in ("stored", "graphics"):
        given["effort"] = default_effort(lambda text: None if writing.quiet else tell(text))
    work = Work(
        given,
        tile,
        writing.force,
        strip,
        strict,
        make_folder=any(job.makes_folder for job in jobs),
        remove=writing.remove,
        count=verbose or as_json,
    )
    run = _Run(work, research, writing, batch, verbose, as_json)
    if dask is not None:
        _encode_on(dask, jobs, run)
        batch.end()
        return
    for job in jobs:
        with batch.each(job.source):
            if writing.skips(job.target):
                check_skipped(job.source, job.target, work.limits)
                batch.skipped += 1
            else:
                _encode(job, run)
    batch.end()


def _check_name(writing: Writing) -> None:
    name = writing.output or ""
    # it would be taken for an image, and may stand where one was
    image = Path(name).suffix.lower() in (*IMAGES, *OTHER_IMAGES)
    if image and not writing.folder and not writing.force:
        raise click.UsageError(
            f"{label(name)} is an image's name, for which a .linr file needs -f."
        )


def _number(given: float | None) -> float | None:
    """Raise BadParameter for what click takes for a number, but is none."""
    if given is not None and math.isnan(given):
        raise click.BadParameter("nan is no number of seconds.")
    return given


def _encode_on(address: str, jobs: list[Job], run: _Run) -> None:
    """Encodes images on a Dask cluster, and says what became of them: last, what failed."""
    known = {(job.source, job.target): job for job in jobs}
    failed: list[tuple[str, str]] = []
    with client_of(address, run.work.options["threads"]) as client, ExitStack() as stack:
        from inrcodec.dask import outcomes  # which is there if a client is

        found = outcomes(((job.source, job.target) for job in jobs), run.work, client)
        step = stack.enter_context(count_bar(len(jobs), run.writing.quiet))
        for outcome in stack.enter_context(closing(found)):
            job, facts = known[outcome.source, outcome.target], outcome.facts
            step()
            if outcome.error is not None:
                failed.append((job.source, outcome.reason))
            elif facts is None:
                run.batch.skipped += 1
            else:
                _tell(job, run, facts["left_out"], facts["unread"])
                _say(job, run, facts)
    for source, reason in sorted(failed):
        run.batch.fail(source, LinrError(reason))


def _encode(job: Job, run: _Run) -> None:
    """Encodes one image, and says what became of it."""
    from inrcodec import resample
    from inrcodec.encode_file import encode_one
    from inrcodec.files.images import write_image

    writing, research, options = run.writing, run.research, dict(run.work.options)
    with force_named(), ExitStack() as stack:
        options["progress"] = stack.enter_context(progress_bar(label(job.source), writing.quiet))
        watches: list[Callable[[Any], None]] = []
        if research.log_dir is not None:
            planes = research.networks.get("layout") != "value"
            watches.append(Record(research.log_dir, job.source, planes, writing.force, stack))
        if research.preview is not None:
            watches.append(Previews(research, job.source, writing.force))
        if watches:
            options["watch"] = lambda step: [watch(step) for watch in watches]
        packed, facts = encode_one(
            source_place(job.source),
            target_place(job.target),
            replace(run.work, options=options),
            lambda left_out, unread: _tell(job, run, left_out, unread),
        )
    if research.preview is not None and packed is not None:
        reading = {name: options[name] for name in ("threads", "limits")}
        alone = write_image(resample(packed, **reading), ".png")
        write_output(research.preview_of(job.source), alone, writing.force)
    _say(job, run, facts)


def _tell(job: Job, run: _Run, left_out: Sequence[str], unread: str | None) -> None:
    """Says on stderr what of an image is not kept, or kept unread."""
    kept = run.writing.remove and not run.writing.force
    tell_left_out(job.source, left_out, "; kept" if kept else "")
    if unread and not run.writing.quiet:
        tell(f"{label(job.source)}: kept as it is, as its pixels are not read ({unread})")


def _say(job: Job, run: _Run, facts: dict[str, Any]) -> None:
    """Says what became of an image."""
    if run.as_json:
        run.batch.say(json.dumps({**facts, "input": job.source, "output": job.target}))
    elif not run.writing.quiet:
        kind = "PNG" if facts["input_png"] else "input"
        change = 100 * facts["bytes"] / facts["input_bytes"] - 100
        run.batch.say(
            f"{label(job.source)} -> {label(job.target, 'stdout')}  {facts['bytes']} bytes"
            f"  {facts['bpp']:.2f} bpp  {facts['bpsp']:.3f} bpsp  ({kind} {change:+.1f} %)"
            f"{_frames(facts)}"
            f"  {facts['seconds']:.1f} s",
            err=job.target == STREAM,
        )
        if run.verbose:
            show(label(job.target), facts["info"], run.batch.say)


def _frames(facts: dict[str, Any]) -> str:
    return f"  {facts['frames']} frames" if facts["frames"] > 1 else ""
