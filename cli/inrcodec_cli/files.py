"""What the commands share: options, and where bytes come from and go to."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click
from click.shell_completion import CompletionItem

from inrcodec.errors import LinrError, OutputExistsError
from inrcodec.files import jpeg
from inrcodec.files.atomic import Data, status_of
from inrcodec.files.images import EXTENSIONS
from inrcodec.files.others import extensions_read
from inrcodec.files.places import Place, opened, prepare, write
from inrcodec.files.urls import is_url, local_path
from inrcodec.limits import Limits

from .console import STREAM, label, silence_stdout

if TYPE_CHECKING:
    import numpy as np

    from inrcodec import Picture, PixelType, Prior
    from inrcodec.frames.tiles import Tile

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
    """The name of a file or folder, which shells complete, or a URL; that of a standard stream
    becomes '-', and file:// a path. local: whether it has to be on this machine.

    What a name stands for is looked at where the file is worked on, so that it fails alone."""

    def __init__(self, streams: Sequence[str] = (), *, local: bool = False) -> None:
        super().__init__(readable=False)
        self._streams, self._local = streams, local

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if self._local and is_url(value):
            self.fail(f"{label(value)} has to be a folder of this machine.", param, ctx)
        name = local_path(value)
        return STREAM if name in self._streams else super().convert(name, param, ctx)


SEED = click.IntRange(0, (1 << 64) - 1)  # as options.MOST_SEED
SOURCE, OUTPUT, PATH, FOLDER = _File(_STDIN), _File(_STDOUT), _File(), _File(local=True)


class _Device(click.ParamType):
    """The name of a device, be it there or not. auto: whether "auto" is one, too."""

    name = "device"

    def __init__(self, *, auto: bool = False) -> None:
        self._names = ("auto", "cpu", "cuda") if auto else ("cpu", "cuda")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from inrcodec.coding.backend import is_cuda

        if value not in self._names and not is_cuda(value):
            self.fail(f"{value!r} is not one of {', '.join(self._names)} and cuda:N.", param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names if name.startswith(incomplete)]


fit_device_option = click.option(
    "--device",
    type=_Device(auto=True),
    metavar="[auto|cpu|cuda|cuda:N]",
    default="auto",
    show_default=True,
    help="Where to fit the networks; cuda:N is the GPU of that number.",
)
device_option = click.option(
    "--device",
    type=_Device(),
    metavar="[cpu|cuda|cuda:N]",
    default="cpu",
    show_default=True,
    help="Where to decode; cuda:N is the GPU of that number.",
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


def read_tile(given: str) -> Tile | str:
    """A tile's size of "auto", "none", N or HxW. Raises BadParameter."""
    from inrcodec.frames.tiles import checked_tile

    if given in ("auto", "none"):
        return given if given == "auto" else None
    sides = re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", given)
    if sides is None:
        raise click.BadParameter(f"{given!r} is no size such as 1024, 512x2048, auto or none.")
    try:
        return checked_tile((int(sides[1]), int(sides[2] or sides[1])))
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def read_region(given: str | None) -> tuple[int, int, int, int] | None:
    """A region of TOP,LEFT,HEIGHT,WIDTH. Raises BadParameter."""
    if given is None:
        return None
    numbers = given.split(",")
    if len(numbers) != 4 or not all(re.fullmatch("[0-9]{1,9}", n.strip()) for n in numbers):
        raise click.BadParameter(f"{given!r} is no TOP,LEFT,HEIGHT,WIDTH.")
    top, left, height, width = map(int, numbers)
    if not height or not width:
        raise click.BadParameter(f"{given!r} has no pixel.")
    return top, left, height, width


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


def kind_of(samples: np.ndarray, pixels: PixelType, bits: int | None = None) -> str:
    """Channels and bits of an image, in words; bits: how many, if not as many as it has."""
    height, width = samples.shape[:2]
    bits = bits or pixels.depth or samples.itemsize * 8
    kind = f"{samples.size // (height * width)} x {bits} bit"
    return f"{kind}, {pixels.colours} colours" if pixels.palette else kind


def read_input(path: str) -> bytes:
    """Return the bytes of a file, or of stdin for '-'."""
    return read_source(path)[0]


def read_source(path: str) -> tuple[bytes, os.stat_result | None]:
    """The bytes of a file or stdin, and what the system knew of a file as they were read."""
    with open_input(path) as file:
        status = status_of(file)
        return file.read(), status


def open_input(path: str, *, whole: bool = True) -> contextlib.AbstractContextManager[BinaryIO]:
    """A file to read in any order, or the bytes of what is none; whole: as places.opened."""
    return opened(source_place(path), whole=whole)


class _Stdin(io.BytesIO):
    """What came from stdin, with the name that it has in messages."""

    name = label(STREAM)


class _Stdout(io.RawIOBase):
    """Stdout as a file object to write to."""

    name = label(STREAM, "stdout")

    def write(self, data: Any) -> int:
        """Raises LinrError for what cannot be written, but BrokenPipeError where nobody reads."""
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            silence_stdout()
            text = f"cannot write {self.name}: {error.strerror or error}"
            raise LinrError(text) from None
        return len(data)


def source_place(path: str) -> Place:
    """What the library reads for a name: '-' is what comes from stdin."""
    if path != STREAM:
        return path
    if sys.stdin is None:
        raise OSError("stdin is closed")
    return _Stdin(sys.stdin.buffer.read())


def target_place(path: str) -> Place:
    """What the library writes to for a name: '-' is stdout."""
    return cast(BinaryIO, _Stdout()) if path == STREAM else path


def write_output(path: str, data: Data, force: bool, like: os.stat_result | None = None) -> None:
    """Write a file as a whole, or stdout for '-'. Raises OSError or LinrError naming the output."""
    write(target_place(path), data, force=force, like=like)


def check_output(path: str, force: bool, *, makes_folder: bool = False) -> None:
    """Raise OSError or LinrError now for an output that could not be written after minutes of work.

    makes_folder: make its folder if there is none."""
    if path == STREAM:
        return
    with force_named():
        prepare(path, force=force, make_folder=makes_folder)


@contextlib.contextmanager
def force_named() -> Iterator[None]:
    """Makes what is raised for an output that exists say which option overwrites it."""
    try:
        yield
    except OutputExistsError as error:
        raise OutputExistsError(f"{error}, -f overwrites it") from None


def refuse_terminal() -> None:
    """Raise click.UsageError where an output cannot go to stdout."""
    if sys.stdout is None:
        raise click.UsageError("stdout is closed: name an output with -o.")
    if sys.stdout.isatty():
        raise click.UsageError("stdout is a terminal: name an output with -o.")


def member_names(target: str, count: int) -> list[str]:
    """The outputs of a file's images: the target, or with several numbered ones like it, from 0 as
    frames are, in as many digits as keep them in order.

    Raises UsageError for several at stdout."""
    if count == 1:
        return [target]
    if target == STREAM:
        raise click.UsageError("several images cannot go to stdout: name an output with -o.")
    beginning, extension = os.path.splitext(target)
    digits = len(str(count - 1))
    return [f"{beginning}-{n:0{digits}}{extension}" for n in range(count)]
