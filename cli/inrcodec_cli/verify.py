"""`inrcodec verify`: whether .linr files are whole, and whether one is an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from inrcodec.container.linr import SIGNATURE
from inrcodec.errors import LinrError, VerificationError

from .batch import FAILURES, Batch
from .console import STREAM, label, tell, tell_left_out
from .files import (
    LINR,
    SOURCE,
    device_option,
    limit_option,
    open_input,
    priors_option,
    quiet_option,
    read_input,
    recursive_option,
    threads_option,
)
from .verify_frames import verify_frames

if TYPE_CHECKING:
    from inrcodec import Picture


@click.command()
@click.argument("files", type=SOURCE, metavar="FILE... | FILE ORIGINAL", nargs=-1, required=True)
@recursive_option
@device_option
@threads_option
@priors_option
@limit_option
@quiet_option
def verify(files: tuple[str, ...], recursive: bool, quiet: bool, **options: Any) -> None:
    """Decode each FILE and check its digest; compare one with the image ORIGINAL if given.

    Samples have to be the same, and the palette, depth and metadata that FILE has. A FILE of frames
    has to have all pages of ORIGINAL; of a set of coordinate networks one image has to be it.
    """
    if files.count(STREAM) > 1 or (STREAM in files and len(files) > 2):
        raise click.UsageError("'-' must be the only input.")
    batch = Batch(quiet)
    if len(files) == 2 and _is_image(files[1]):
        with batch.each(files[0]):
            _verify(files[0], batch, options, files[1])
    else:
        for file, _ in batch.find(files, LINR, recursive):
            with batch.each(file):
                _verify(file, batch, options)
    batch.end()


def _is_image(path: str) -> bool:
    """Whether the second of two names is that of an image, and not of another .linr file."""
    if path == STREAM or not (os.path.isfile(path) or os.path.isdir(path)):
        return Path(path).suffix.lower() not in LINR
    if Path(path).suffix.lower() in LINR or os.path.isdir(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) != SIGNATURE
    except OSError:
        return True


def _verify(file: str, batch: Batch, options: dict[str, Any], original: str | None = None) -> None:
    from inrcodec import LinrFile, decode_picture
    from inrcodec import info as describe
    from inrcodec.files.images import read_picture
    from inrcodec.files.tiff_directory import Whole
    from inrcodec.frames.file import Frames
    from inrcodec.source.restore import is_source, restore

    limits = options["limits"]
    with open_input(file, whole=False) as opened, LinrFile(opened, **options) as linr:
        if isinstance(linr.contents.model, Frames):
            said = verify_frames(linr, file, batch, original, limits)
            if not batch.quiet:
                batch.say(f"{label(file)}: {said}")
            return
    data = read_input(file)
    count = describe(data, planes=False, limits=limits)["frames"]
    pictures = [decode_picture(data, frame=i, **options) for i in range(count)]
    source, said = pictures[0].source, "OK"
    if source is not None:
        try:
            restore(pictures[0], limits)
            said = "OK, byte for byte"
        except LinrError as error:
            tell(f"{label(file)}: {error}; picture and metadata do")
    if original is None:
        tell_left_out(file, pictures[0].left_out)
    else:
        try:
            wanted = read_input(original)
            if pictures[0].unread and source is not None:
                if not is_source(source, Whole(wanted)):
                    raise VerificationError(f"holds another file ({label(original)})")
                if not batch.quiet:
                    batch.say(f"{label(file)}: {said}")
                return
            expected = read_picture(wanted, label(original), limits)
        except FAILURES as error:
            batch.fail(original, error)
            return
        differences = [difference(picture, expected) for picture in pictures]
        if all(differences):
            what = differences[0] if count == 1 else f"none of {count} images is the same"
            raise VerificationError(f"{what} ({label(original)})")
        if source is None:
            tell_left_out(file, [*lacking(pictures[0], expected), *pictures[0].left_out])
        elif not is_source(source, Whole(wanted)):
            said = "OK, though the file was made of another one with this picture"
    if not batch.quiet:
        batch.say(f"{label(file)}: {said}")


def difference(picture: Picture, expected: Picture) -> str | None:
    """In what a decoded picture is another than an image file's, but for what it does not have."""
    if picture.type.space or expected.type.space:
        same = picture.type == expected.type and np.array_equal(picture.samples, expected.samples)
        return None if same else "components differ"
    image, wanted = picture.array(), expected.array()
    if image.dtype != wanted.dtype or image.shape != wanted.shape:
        return f"is {image.dtype} {image.shape} and not {wanted.dtype} {wanted.shape}"
    differing = int((image != wanted).sum())
    if differing:
        return f"{differing} of {image.size} samples differ"
    plain = type(picture.type)()
    if picture.type not in (expected.type, plain):
        return "palette, depth or transparent colour differ"
    if picture.type == expected.type and not (picture.samples == expected.samples).all():
        return "indices of the palette differ"
    if picture.metadata not in (expected.metadata, None):
        return "metadata differ"
    return None


def lacking(picture: Picture, expected: Picture) -> list[str]:
    """What an image file has and the decoded picture does not."""
    found = ["the palette or depth"] if picture.type != expected.type else []
    return [*found, *(["the metadata"] if picture.metadata != expected.metadata else [])]
