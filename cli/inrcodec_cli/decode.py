"""`inrcodec decode`: .linr files to images."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from inrcodec.reconstruct import SCALES
from inrcodec.errors import LinrError, VerificationError
from inrcodec.files.atomic import status_of
from inrcodec.files.images import EXTENSIONS
from inrcodec.files.places import extension_of, remove_source
from inrcodec.files.urls import is_url
from inrcodec.source.restore import is_source

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
    threads_option,
    write_output,
)

if TYPE_CHECKING:
    from inrcodec import Limits, Picture, Prior
    from inrcodec.contents import Contents


@dataclass(frozen=True)
class _Work:
    """What is done with each file: which pixels of it, and what with them."""

    scale: int | None
    bits: int | None
    every: int
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
@device_option
@threads_option
@priors_option
@limit_option
def decode(files: tuple[str, ...], reduce: str | None, **given: Any) -> None:
    """Decompress .linr files to the files they were made of, or the kind of image OUT says."""
    writing = Writing.of(given)
    batch = Batch(writing.quiet)
    work = _Work(**given, every=int(reduce or 1), writing=writing, batch=batch)
    if reduce is not None and not work.original:
        raise click.UsageError("--reduce takes pixels of the image, --scale and --bits do not.")
    if writing.remove and not (work.original and reduce is None):
        raise click.UsageError("--rm is for whole images.")
    suffix = ".resampled.png" if not work.original else ".reduced.png"
    whole = work.original and not reduce
    jobs = batch.plan(
        files, LINR, writing, partial(_suffix, limits=work.limits) if whole else suffix
    )
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


def _suffix(source: str, limits: Limits) -> str:
    """The ending of the file that a .linr was made of; PNG where it does not say, or cannot be read
    twice."""
    from inrcodec.decode import extension_encoded
    from inrcodec.reconstruct import read_contents

    if source == STREAM or not (is_url(source) or os.path.isfile(source)):
        return ".png"
    try:
        with open_input(source, whole=False) as file:
            return extension_encoded(read_contents(file, max(SCALES), limits))
    except (LinrError, OSError):
        return ".png"  # which is told when its turn comes


def _nameless(target: str) -> bool:
    return target == STREAM or (os.path.exists(target) and not os.path.isfile(target))


def _decode(job: Job, work: _Work) -> None:
    """Decodes one file, of one image or several, and says what became of it."""
    from inrcodec.decode import extension_encoded, file_of
    from inrcodec.reconstruct import read_contents

    started = time.perf_counter()
    writing = work.writing
    with open_input(job.source, whole=work.every == 1) as file:
        status = status_of(file)
        contents = read_contents(file, work.every, work.limits)
        file.seek(0)
        data = b"" if work.original else file.read()
    nameless = _nameless(job.target)
    extension = extension_encoded(contents) if nameless else extension_of(job.target)
    names = member_names(job.target, contents.images)
    left = [name for name in names if not writing.skips(name)]
    if not left:
        work.batch.skipped += 1
        return
    whole = left == names
    for index, name in enumerate(names):
        if name not in left:
            continue
        if len(names) > 1:
            work.batch.claim(name, job.source)
        check_output(name, writing.force, makes_folder=job.makes_folder)
        picture = _picture(contents, data, index, work)
        other = list[str]()
        packed = file_of(picture, extension, other.append, work.limits)
        exact = picture.source is not None and not other and is_source(picture.source, packed)
        if writing.remove and not exact:
            _check(packed, picture, work.limits)
        write_output(name, packed, writing.force, status)
        for text in other:
            tell(f"{label(name)}: {text}")
        lost = [] if exact else [*not_carried(picture, extension), *other]
        whole = whole and not lost
        keeps = bool(lost) and writing.remove and not writing.force
        note = f"; {label(job.source)} is kept" if keeps else ""
        tell_left_out(name, [what for what in lost if what not in other], note)
    if writing.remove and (whole or writing.force):
        remove_source(job.source, status)
    if writing.quiet:
        return
    samples = picture.samples
    height, width = samples.shape[:2]
    work.batch.say(
        f"{label(job.source)} -> {', '.join(label(name, 'stdout') for name in left)}"
        f"  {width} x {height}, {kind_of(samples, picture.type)}"
        + (f", {len(left)} images" if len(left) > 1 else "")
        + f"  {time.perf_counter() - started:.1f} s"
        + ("  byte for byte" if exact else "")
        + ("" if work.original else "  (the networks' picture, not the original image)"),
        err=job.target == STREAM,
    )


def _picture(contents: Contents, data: bytes, index: int, work: _Work) -> Picture:
    from inrcodec import Picture, resample
    from inrcodec.coding.backend import backend_for
    from inrcodec.reconstruct import picture_of
    from inrcodec.options import Reading

    options: dict[str, Any] = {"threads": work.threads, "limits": work.limits, "frame": index}
    if work.original:
        backend = backend_for(work.device)
        return picture_of(
            contents, Reading(backend, scale=work.every, priors=work.priors, **options)
        )
    options |= {"bits": work.bits, "device": work.device}
    try:
        return Picture(resample(data, scale=work.scale or 1, **options))
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def _check(packed: bytes, picture: Picture, limits: Limits) -> None:
    """Raises VerificationError for an image file that does not hold the picture."""
    from inrcodec.files.images import read_image

    image, wanted = read_image(packed, limits=limits), picture.array()
    if image.dtype != wanted.dtype or image.shape != wanted.shape or (image != wanted).any():
        raise VerificationError("the image that would be written is not the picture")
