"""`inrcodec encode`: images to .linr files."""

from __future__ import annotations

import json
import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import ImageError, LinrError, OutputExistsError

from .batch import Batch, Job, Writing, refuse_inputs, remove_source, writing_options
from .console import STREAM, label, tell, tell_left_out
from .coordinate import (
    Record,
    Research,
    ResearchCommand,
    coordinate_options,
    encode_mixture,
)
from .files import (
    IMAGES,
    OTHER_IMAGES,
    PATH,
    SOURCE,
    check_output,
    json_option,
    limit_option,
    read_input,
    read_priors,
    read_source,
    threads_option,
    write_output,
)
from .info import show
from .progress import progress_bar

if TYPE_CHECKING:
    from inrcodec import Coordinate, Limits, Picture


@dataclass(frozen=True)
class _Work:
    """What is done with each image: `library` are keywords of inrcodec.encode."""

    library: dict[str, Any]
    research: Research
    writing: Writing
    batch: Batch
    strip: bool
    strict: bool
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
    type=click.Choice(["auto", "context", "stored", "coordinate"]),
    default="auto",
    show_default=True,
    help="auto is the smaller of context and stored.",
)
@click.option(
    "--weights",
    type=click.Choice(["int", "fp16", "ternary"]),
    default="int",
    show_default=True,
    help="How the networks' weights are stored.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to fit the networks.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the fit."
)
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
@coordinate_options
def encode(
    images: tuple[str, ...],
    strip: bool,
    strict: bool,
    verbose: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Compress images to .linr files, beside the images unless -o says where.

    PNG, TIFF and PNM files come back byte for byte, others as pictures; what is lost is named.
    """
    if strip and strict:
        raise click.UsageError("--strip loses what --strict keeps.")
    if given["prior"] and (given["weights"] != "int" or given["model"] not in ("auto", "context")):
        raise click.UsageError("--prior is for context images with int weights.")
    writing = Writing.of(given)
    research = Research.of(given)
    _check_name(writing)
    batch = Batch(writing.quiet, OTHER_IMAGES)
    work = _Work(given, research, writing, batch, strip, strict, verbose, as_json)
    if research.mixture is not None:
        encode_mixture(images, research, writing, given, strip)
        return
    jobs = batch.plan(images, IMAGES, writing, ".linr")
    if research.preview is not None:
        refuse_inputs((_preview(research.preview, job.source) for job in jobs), images)
    if (as_json or verbose) and any(job.target == STREAM for job in jobs):
        raise click.UsageError("Only the file itself can go to stdout.")
    # Imported here, so that help and usage errors do not wait for the library.
    from inrcodec import Coordinate
    from inrcodec.options import default_effort

    coordinate = None
    if given["model"] == "coordinate":
        try:
            coordinate = Coordinate(**research.networks)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
    elif given["effort"] is None and given["model"] != "stored":
        given["effort"] = default_effort(lambda text: None if writing.quiet else tell(text))
    for job in jobs:
        with batch.each(job.source):
            if writing.skips(job.target):
                _check_skipped(job, given["limits"])
                batch.skipped += 1
            else:
                _encode(job, work, coordinate)
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


def _check_skipped(job: Job, limits: Limits) -> None:
    """Raise LinrError where an output that is there is of another file than the source, as far as
    it tells."""
    from inrcodec.contents import parse
    from inrcodec.source.restore import is_source

    try:
        source = parse(Path(job.target).read_bytes(), limits).source
    except LinrError as error:
        raise OutputExistsError(f"{label(job.target)} is there, and {error}") from None
    if source is not None and not is_source(source, read_input(job.source)):
        raise OutputExistsError(f"{label(job.target)} is there, and holds another file")


def _encode(job: Job, work: _Work, coordinate: Coordinate | None) -> None:
    """Encodes one image, and says what became of it."""
    from inrcodec import encode as encode_image
    from inrcodec import resample
    from inrcodec.encode import pixels_alone, source_picture
    from inrcodec.files.images import write_image

    source, target, writing, research = job.source, job.target, work.writing, work.research
    limits, threads = work.library["limits"], work.library["threads"]
    started = time.perf_counter()
    data, status = read_source(source)
    check_output(target, writing.force, makes_folder=job.makes_folder)
    picture = source_picture(data, label(source), limits, work.strip)
    if picture.jpeg is not None and work.library["model"] not in ("auto", "context"):
        picture = pixels_alone(picture)
    if work.strict and picture.left_out:
        raise ImageError(f"left out would be: {', '.join(picture.left_out)}")
    kept = bool(picture.left_out) and not writing.force
    removes = writing.remove and not kept
    tell_left_out(source, picture.left_out, "; kept" if writing.remove and kept else "")
    if picture.unread and not writing.quiet:
        tell(f"{label(source)}: kept as it is, as its pixels are not read ({picture.unread})")
    facts: dict[str, Any] = {}
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar(label(source), writing.quiet))
        watch = None
        if research.log_dir is not None:
            planes = research.networks.get("layout") != "value"
            watch = Record(research.log_dir, source, planes, stack)
        packed = encode_image(
            picture,
            coordinate=coordinate,
            progress=progress,
            # what the planes took is counted only where it will be shown
            report=facts.update if work.verbose or work.as_json else None,
            watch=watch,
            **work.library,
        )
    write_output(target, packed, writing.force, status)
    if research.preview is not None:
        Path(research.preview).mkdir(parents=True, exist_ok=True)
        alone = write_image(resample(packed, threads=threads, limits=limits), ".png")
        write_output(_preview(research.preview, source), alone, writing.force)
    if removes:
        remove_source(source, status)
    _say(
        job,
        work,
        picture,
        (data, packed),
        {"seconds": time.perf_counter() - started, "info": facts},
    )


def _say(
    job: Job, work: _Work, picture: Picture, files: tuple[bytes, bytes], more: dict[str, Any]
) -> None:
    data, packed = files
    samples = picture.samples
    height, width = samples.shape[:2]
    result = {
        "input": job.source,
        "output": job.target,
        "height": height,
        "width": width,
        "channels": samples.size // (height * width),
        "bits": samples.itemsize * 8,
        "input_bytes": len(data),
        "bytes": len(packed),
        "bpp": 8 * len(packed) / (height * width),
        "bpsp": 8 * len(packed) / samples.size,
        "byte_for_byte": picture.source is not None,
        "left_out": picture.left_out,
        "unread": picture.unread or None,
        **more,
    }
    if work.as_json:
        work.batch.say(json.dumps(result))
    elif not work.writing.quiet:
        kind = "PNG" if data.startswith(b"\x89PNG") else "input"
        change = 100 * len(packed) / len(data) - 100
        work.batch.say(
            f"{label(job.source)} -> {label(job.target, 'stdout')}  {result['bytes']} bytes"
            f"  {result['bpp']:.2f} bpp  {result['bpsp']:.3f} bpsp  ({kind} {change:+.1f} %)"
            f"  {result['seconds']:.1f} s",
            err=job.target == STREAM,
        )
        if work.verbose:
            show(label(job.target), more["info"], work.batch.say)


def _preview(folder: str, source: str) -> str:
    return str(Path(folder, f"{Path(label(source)).stem}.preview.png"))
