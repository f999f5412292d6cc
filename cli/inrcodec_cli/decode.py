"""`inrcodec decode`: .linr files to images."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import LinrError, VerificationError
from inrcodec.files.atomic import status_of
from inrcodec.files.images import EXTENSIONS
from inrcodec.files.places import extension_of, remove_source
from inrcodec.files.urls import is_url
from inrcodec.reconstruct import SCALES

from .batch import Batch, Job, Writing, writing_options
from .console import STREAM, label, tell, tell_left_out
from .coordinate import ResearchCommand
from .files import (
    LINR,
    SOURCE,
    check_output,
    device_option,
    kind_of,
    limit_option,
    member_names,
    not_carried,
    open_input,
    priors_option,
    read_region,
    threads_option,
    write_output,
)

if TYPE_CHECKING:
    from inrcodec import Limits, LinrFile, Picture, Prior
    from inrcodec.frames.output import Selection


MOST_NAMED = 3  # outputs of a file; of more the first and the last


@dataclass(frozen=True)
class _Work:
    """What is done with each file: which pixels of it, and what with them."""

    scale: int | None
    bits: int | None
    selection: Selection
    skip_damaged: bool
    device: str
    threads: int | None
    priors: tuple[Prior, ...]
    limits: Limits
    writing: Writing
    batch: Batch

    @property
    def original(self) -> bool:
        """Whether pixels are the image's, and not what networks have between them."""
        return self.scale is None and self.bits is None


@click.command(cls=ResearchCommand)
@click.argument("files", type=SOURCE, metavar="FILE...", nargs=-1, required=True)
@writing_options(
    f"File ({', '.join(EXTENSIONS)}) or folder to write to; 'OUT/' is made. With -r the tree is"
    " mirrored there."
)
@click.option(
    "--scale",
    type=click.IntRange(1, 64),
    help="Evaluate coordinate networks so many times as densely: not the original image.",
)
@click.option(
    "--reduce",
    type=click.Choice(["2", "4", "8"]),
    help="Every so many rows and columns only, for previews; not checked by the digest.",
)
@click.option(
    "--bits",
    type=click.IntRange(8, 16),
    help="Continue a joint coordinate network to more bits: not the original image.",
)
@click.option(
    "--frame",
    type=click.IntRange(min=0),
    metavar="N",
    help="One frame of several, the first being 0.  [all: in a TIFF, or x-0.png, x-1.png ...]",
)
@click.option(
    "--region",
    callback=lambda _, __, given: read_region(given),
    metavar="TOP,LEFT,HEIGHT,WIDTH",
    help="A part of the image alone, in its pixels; of tiles those that it touches are decoded.",
)
@click.option(
    "--skip-damaged",
    is_flag=True,
    help="Go on where a frame or tile is damaged, with 0 for its samples, and name it.",
)
@device_option
@threads_option
@priors_option
@limit_option
def decode(
    files: tuple[str, ...],
    reduce: str | None,
    frame: int | None,
    region: tuple[int, int, int, int] | None,
    **given: Any,
) -> None:
    """Decompress .linr files to the files they were made of, or the kind of image OUT says."""
    from inrcodec.frames.output import Selection

    writing = Writing.of(given)
    batch = Batch(writing.quiet)
    selection = Selection(frame, region, int(reduce or 1))
    work = _Work(**given, selection=selection, writing=writing, batch=batch)
    if not selection.whole and not work.original:
        raise click.UsageError(
            "--reduce and --region take pixels of the image, --scale and --bits do not."
        )
    whole = work.original and selection.whole and frame is None
    if writing.remove and not whole:
        raise click.UsageError("--rm is for whole images.")
    suffix = "" if work.original else ".resampled"
    suffix = f".{frame}{suffix}" if frame is not None else suffix
    suffix = f".region{suffix}" if region is not None else suffix
    suffix = f".reduced{suffix}" if reduce is not None else suffix
    ending = partial(_suffix, beginning=suffix, whole=whole, limits=work.limits)
    all_frames = work.original and frame is None
    jobs = batch.plan(files, LINR, writing, ending if all_frames else f"{suffix}.png")
    for job in jobs:
        if not _nameless(job.target) and extension_of(job.target) not in EXTENSIONS:
            raise click.UsageError(
                f"{label(job.target)} must end in one of {', '.join(EXTENSIONS)}."
            )
    for job in jobs:
        with batch.each(job.source):
            if writing.skips(job.target):
                batch.skipped += 1
            else:
                _decode(job, work)
    batch.end()


def _suffix(source: str, beginning: str, whole: bool, limits: Limits) -> str:
    """The ending of an output: of all pixels that of the file that a .linr was made of; of a part
    of several frames TIFF; PNG where it does not say, or cannot be read twice."""
    from inrcodec.decode import extension_encoded
    from inrcodec.frames.file import Frames
    from inrcodec.reconstruct import read_contents

    if source == STREAM or not (is_url(source) or os.path.isfile(source)):
        return f"{beginning}.png"
    try:
        with open_input(source, whole=False) as file:
            contents = read_contents(file, max(SCALES), limits)
    except (LinrError, OSError):
        return f"{beginning}.png"  # which is told when its turn comes
    if whole:
        return beginning + extension_encoded(contents)
    several = contents.images > 1 and isinstance(contents.model, Frames)
    return f"{beginning}.tif" if several else f"{beginning}.png"


def _nameless(target: str) -> bool:
    return target == STREAM or (os.path.exists(target) and not os.path.isfile(target))


def _decode(job: Job, work: _Work) -> None:
    """Decodes one file, of one frame or several, and says what became of it."""
    from inrcodec import LinrFile
    from inrcodec.decode import extension_encoded

    started = time.perf_counter()
    damaged = list[LinrError]()
    with ExitStack() as stack:
        opened = stack.enter_context(open_input(job.source, whole=work.selection.whole))
        status = status_of(opened)
        data = b"" if work.original else opened.read()
        opened.seek(0)
        file = stack.enter_context(
            LinrFile(
                opened, device=work.device, threads=work.threads, priors=work.priors,
                limits=work.limits, damaged=damaged.append if work.skip_damaged else None,
            )
        )  # fmt: skip
        nameless = _nameless(job.target)
        extension = extension_encoded(file.contents) if nameless else extension_of(job.target)
        outputs = _outputs(file, job.target, extension, work)
        left = {name: what for name, what in outputs.items() if not work.writing.skips(name)}
        if not left:
            work.batch.skipped += 1
            return
        whole = len(left) == len(outputs)
        decoding = _Decoding(file, data, status, job, damaged, len(outputs) > 1)
        for name, what in left.items():
            if len(outputs) > 1:
                work.batch.claim(name, job.source)
            check_output(name, work.writing.force, makes_folder=job.makes_folder)
            exact = _write(name, what, extension, decoding, work)
            whole = whole and exact is not None
        first = next(iter(left.values())).frame or 0
        shown = file.facts(first)
        size = file.box(first, work.selection.region).reduced(work.selection.scale)
    for error in {str(error): error for error in damaged}.values():
        work.batch.fail(job.source, error)
    if work.writing.remove and not damaged and (whole or work.writing.force):
        remove_source(job.source, status)
    if work.writing.quiet:
        return
    height, width = size.height * (work.scale or 1), size.width * (work.scale or 1)
    several = len(left) if len(left) > 1 else file.frames if None in _frames(left) else 1
    work.batch.say(
        f"{label(job.source)} -> {_listed(list(left))}"
        f"  {width} x {height}, {kind_of(shown.samples, shown.type, work.bits)}"
        + (f", {several} frames" if several > 1 else "")
        + f"  {time.perf_counter() - started:.1f} s"
        + ("  byte for byte" if exact else "")
        + ("" if work.original else "  (the networks' picture, not the original image)"),
        err=job.target == STREAM,
    )


def _listed(names: list[str]) -> str:
    shown = [label(name, "stdout") for name in names]
    return ", ".join(shown) if len(shown) <= MOST_NAMED else f"{shown[0]} ... {shown[-1]}"


def _frames(outputs: dict[str, Selection]) -> list[int | None]:
    return [what.frame for what in outputs.values()]


@dataclass(frozen=True)
class _Decoding:
    """A file that is being decoded: itself, its bytes where networks are asked for more than its
    image, what the system knows of it, what is damaged so far; whether it becomes several files,
    and what was said to be left out of these."""

    file: LinrFile
    data: bytes
    status: os.stat_result | None
    job: Job
    damaged: list[LinrError]
    several: bool
    told: set[str] = field(default_factory=set)


def _outputs(file: LinrFile, target: str, extension: str, work: _Work) -> dict[str, Selection]:
    """The files to write, and what of the file goes into each: of several frames all into a TIFF,
    else each into one of its own."""
    from inrcodec.frames.file import Frames
    from inrcodec.frames.output import TIFF_EXTENSIONS, shown_as_animation

    chosen = work.selection
    if chosen.frame is not None and not chosen.frame < file.frames:
        frames = f"0 to {file.frames - 1}" if file.frames > 1 else "0"
        raise LinrError(f"there is no frame {chosen.frame}, only {frames}")
    parts = isinstance(file.contents.model, Frames)
    together = extension in TIFF_EXTENSIONS or (
        extension == ".png" and chosen.whole and shown_as_animation(file)
    )
    if file.frames == 1 or chosen.frame is not None or (parts and together):
        return {target: chosen}
    names = member_names(target, file.frames)
    return {name: chosen._replace(frame=frame) for frame, name in enumerate(names)}


def _write(
    name: str, what: Selection, extension: str, decoding: _Decoding, work: _Work
) -> bool | None:
    """Writes one image file; whether it is the file that was encoded, None where anything of that
    is lost."""
    from inrcodec.frames.output import comes_back, file_of_frames

    file, writing = decoding.file, work.writing
    other = list[str]()
    if work.original:
        try:
            packed = file_of_frames(file, extension, what, other.append, work.limits)
        except ValueError as error:
            raise LinrError(str(error)) from None
        exact = comes_back(file, extension, what) and not other
    else:
        packed, exact = _resampled(decoding.data, what.frame or 0, extension, work), False
    several = what.frame is None and file.frames > 1
    if writing.remove and not exact and not several:
        assert isinstance(packed, bytes)
        _check(packed, file.picture(what.frame or 0), work.limits)
    write_output(name, packed, writing.force, decoding.status)
    for text in () if decoding.damaged else other:
        tell(f"{label(name)}: {text}")
    frames = range(file.frames) if several else [what.frame or 0]
    part = what.region is not None or (several and not what.whole)  # has no metadata
    lost = dict[str, None]()
    for frame in () if exact else frames:
        facts = file.facts(frame)
        if part and facts.metadata is not None:
            facts, lost["the metadata"] = replace(facts, metadata=None), None
        lost |= dict.fromkeys(not_carried(facts, extension))
    keeps = bool(lost or other) and writing.remove and not writing.force
    note = f"; {label(decoding.job.source)} is kept" if keeps else ""
    new = [text for text in lost if text not in other and text not in decoding.told]
    tell_left_out(decoding.job.source if decoding.several else name, new, note)
    if decoding.several:
        decoding.told.update(new)
    return None if lost or other else exact


def _resampled(data: bytes, frame: int, extension: str, work: _Work) -> bytes:
    """An image file of what networks have between the pixels, or in more bits."""
    from inrcodec import Picture, resample
    from inrcodec.files.images import write_picture

    options: dict[str, Any] = {"threads": work.threads, "limits": work.limits, "frame": frame}
    options |= {"bits": work.bits, "device": work.device}
    try:
        return write_picture(Picture(resample(data, scale=work.scale or 1, **options)), extension)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _check(packed: bytes, picture: Picture, limits: Limits) -> None:
    """Raises VerificationError for an image file that does not hold the picture."""
    from inrcodec.files.images import read_image

    image, wanted = read_image(packed, limits=limits), picture.array()
    if image.dtype != wanted.dtype or image.shape != wanted.shape or (image != wanted).any():
        raise VerificationError("the image that would be written is not the picture")
