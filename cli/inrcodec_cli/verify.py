"""`inrcodec verify`: whether a .linr file is whole, and whether it is an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import VerificationError

from .files import (
    FAILURES,
    STREAM,
    device_option,
    label,
    limit_option,
    quiet_option,
    read_input,
    report,
    tell_left_out,
    threads_option,
)

if TYPE_CHECKING:
    from inrcodec import Limits, Picture


@click.command()
@click.argument("file", metavar="FILE")
@click.argument("original", metavar="[ORIGINAL]", required=False)
@device_option
@threads_option
@limit_option
@quiet_option
def verify(
    file: str, original: str | None, device: str, threads: int | None, limits: Limits, quiet: bool
) -> None:
    """Decode FILE, check its digest, and compare it with the image ORIGINAL if given.

    Samples have to be the same, and the palette, depth and metadata that FILE has. Of a FILE of
    several images, one has to be ORIGINAL.
    """
    from inrcodec import decode_picture
    from inrcodec import info as describe
    from inrcodec.files.images import read_picture

    if file == original == STREAM:
        raise click.UsageError("'-' must be the only input.")
    path = file
    try:
        data = read_input(file)
        options: dict[str, Any] = {"device": device, "threads": threads, "limits": limits}
        count = describe(data, planes=False, limits=limits)["images"]
        pictures = [decode_picture(data, index=i, **options) for i in range(count)]
        if original is not None:
            path = original
            expected = read_picture(read_input(original), label(original), limits)
            path = file
            differences = [difference(picture, expected) for picture in pictures]
            if all(differences):
                what = differences[0] if count == 1 else f"none of {count} images is the same"
                raise VerificationError(f"{what} ({label(original)})")
            tell_left_out(file, lacking(pictures[0], expected), quiet)
    except FAILURES as error:
        report(path, error)
        click.get_current_context().exit(1)
    if not quiet:
        click.echo(f"{label(file)}: OK")


def difference(picture: Picture, expected: Picture) -> str | None:
    """In what a decoded picture is another than an image file's, but for what it does not have."""
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
