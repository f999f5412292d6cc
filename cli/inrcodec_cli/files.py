"""What the commands share: options, and where bytes come from and go to."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from inrcodec.errors import LinrError, OutputExistsError
from inrcodec.files import jpeg
from inrcodec.files.atomic import status_of, write_atomic, written_in_place
from inrcodec.files.images import EXTENSIONS
from inrcodec.files.others import extensions_read
from inrcodec.limits import Limits

from .console import STREAM, label, silence_stdout

if TYPE_CHECKING:
    import numpy as np

    from inrcodec import Picture, PixelType, Prior

# What is taken from folders, by its name's end, and what is an image, too, but not read here.
IMAGES, LINR = frozenset((*EXTENSIONS, *extensions_read())), frozenset((".linr",))
JPEGS = frozenset(jpeg.EXTENSIONS)
OTHER_IMAGES = (
    frozenset(
        (".avif", ".bmp", ".dng", ".exr", ".gif", ".heic", ".heif", ".j2c", ".j2k", ".jp2", ".jpeg")
        + (".jpf", ".jpg", ".jxl", ".qoi", ".tga", ".webp")
    )
    - IMAGES
)

_STDIN = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


class _File(click.Path):
    """The name of a file or folder, which shells complete; that of a standard stream becomes '-'.

    What a name stands for is looked at where the file is worked on, so that it fails alone."""

    def __init__(self, streams: Sequence[str] = ()) -> None:
        super().__init__(readable=False)
        self._streams = streams

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return STREAM if value in self._streams else super().convert(value, param, ctx)


SOURCE, OUTPUT, PATH = _File(_STDIN), _File(_STDOUT), _File()

device_option = click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where to decode.",
)
threads_option = click.option(
    "-T", "--threads", type=click.IntRange(min=1), help="Threads to use.  [default: all cores]"
)
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Print only errors, and what of a file is not kept."
)
recursive_option = click.option(
    "-r", "--recursive", is_flag=True, help="Take the files in folders, and in theirs."
)
limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda _, __, given: read_limits(given),
    help=f"Raise or lower a limit: {', '.join(f.name for f in fields(Limits))}.",
)
priors_option = click.option(
    "--prior",
    "priors",
    type=PATH,
    multiple=True,
    metavar="FILE",
    callback=lambda _, __, given: read_priors(given),
    help="A prior that files were made from, beside those that INRCODEC_PRIORS names.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")


def read_limits(given: Sequence[str]) -> Limits:
    """The limits of NAME=VALUE, a whole number as 1000, 1e9 or 2^30. Raises BadParameter."""
    names, chosen = [field.name for field in fields(Limits)], {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in names:
            raise click.BadParameter(f"{text!r} is no NAME=VALUE with NAME of {', '.join(names)}.")
        number = re.fullmatch(r"([0-9]{1,20})(?:([e^])([0-9]{1,2}))?", value)
        if number is None:
            raise click.BadParameter(f"{value!r} is no whole number such as 1000, 1e9 or 2^30.")
        base, form, exponent = int(number[1]), number[2], int(number[3] or 0)
        chosen[name] = base**exponent if form == "^" else base * 10**exponent
    return Limits(**chosen)


def read_priors(paths: Sequence[str]) -> tuple[Prior, ...]:
    """The priors in files. Raises LinrError naming the file."""
    from inrcodec import Prior

    found = []
    for path in paths:
        try:
            found.append(Prior.read(path))
        except (LinrError, OSError) as error:
            text = (isinstance(error, OSError) and error.strerror) or error
            raise LinrError(f"{label(path)}: {text}") from None
    return tuple(found)


def not_carried(picture: Picture, extension: str) -> list[str]:
    """What of a decoded picture a file of that extension does not hold."""
    from inrcodec.files.images import not_kept
    from inrcodec.files.metadata import PNG, TIFF, for_kind
    from inrcodec.source.skeleton import JPEG

    kind = {".png": PNG, ".tif": TIFF, ".tiff": TIFF}.get(extension)
    lost = list(not_kept(picture, extension))
    metadata = picture.metadata
    if metadata is not None and metadata.kind != kind:
        carried = {fact["name"] for fact in for_kind(metadata, kind).facts()} if kind else set()
        profile = ["colour profile"] if carried & {"iCCP", "ICC profile"} else []
        resolution = ["resolution"] if carried & {"pHYs", "XResolution"} else []
        some = " and ".join([*profile, *resolution])
        lost.append(f"metadata but {some}" if some else "the metadata")
    source = picture.source
    if source is not None and source.kind == JPEG and extension not in jpeg.EXTENSIONS:
        names = jpeg.not_carried(bytes(source.sparse.read(0, len(source.sparse))))
        lost += [f"the segments {', '.join(names)}"] if names else []
    return lost


def kind_of(samples: np.ndarray, pixels: PixelType) -> str:
    """Channels and bits of an image, in words."""
    height, width = samples.shape[:2]
    kind = f"{samples.size // (height * width)} x {pixels.depth or samples.itemsize * 8} bit"
    return f"{kind}, {pixels.colours} colours" if pixels.palette else kind


def read_input(path: str) -> bytes:
    """Return the bytes of a file, or of stdin for '-'."""
    return read_source(path)[0]


def read_source(path: str) -> tuple[bytes, os.stat_result | None]:
    """The bytes of a file or stdin, and what the system knew of a file as they were read."""
    with open_input(path) as file:
        status = status_of(file)
        return file.read(), status


def open_input(path: str) -> BinaryIO:
    """A file to read in any order, or the bytes of what is none."""
    if path == STREAM:
        if sys.stdin is None:
            raise OSError("stdin is closed")
        return io.BytesIO(sys.stdin.buffer.read())
    file = open(path, "rb")  # noqa: SIM115
    if file.seekable():
        return file
    with file:
        return io.BytesIO(file.read())


def write_output(path: str, data: bytes, force: bool, like: os.stat_result | None = None) -> None:
    """Write a file as a whole, or stdout for '-'. Raises LinrError naming the output."""
    try:
        if path == STREAM:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            write_atomic(path, data, force=force, like=like)
    except OSError as error:
        if path == STREAM:
            if isinstance(error, BrokenPipeError):
                raise
            silence_stdout()
        name = label(path, "stdout")
        raise LinrError(f"cannot write {name}: {error.strerror or error}") from None


def check_output(path: str, force: bool, *, makes_folder: bool = False) -> None:
    """Raise LinrError now for an output that could not be written after minutes of work.

    makes_folder: make its folder if there is none."""
    if path == STREAM:
        return
    try:
        folder = os.path.dirname(os.path.abspath(path))
        if makes_folder:
            os.makedirs(folder, exist_ok=True)
        if not os.path.isdir(folder):
            raise LinrError(f"cannot write {label(path)}: no such folder")
        if os.path.isdir(path):
            raise LinrError(f"cannot write {label(path)}: is a directory")
    except OSError as error:
        raise LinrError(f"cannot write {label(path)}: {error.strerror}") from None
    if not force and os.path.isfile(path) and not written_in_place(path):
        raise OutputExistsError(f"{label(path)}: the file exists, -f overwrites it")


def refuse_terminal() -> None:
    """Raise click.UsageError where an output cannot go to stdout."""
    if sys.stdout is None:
        raise click.UsageError("stdout is closed: name an output with -o.")
    if sys.stdout.isatty():
        raise click.UsageError("stdout is a terminal: name an output with -o.")


def member_names(target: str, count: int) -> list[str]:
    """The outputs of a file's images: the target, or with several numbered ones like it.

    Raises UsageError for several at stdout."""
    if count == 1:
        return [target]
    if target == STREAM:
        raise click.UsageError("several images cannot go to stdout: name an output with -o.")
    path = Path(target)
    return [str(path.with_name(f"{path.stem}-{n}{path.suffix}")) for n in range(1, count + 1)]
