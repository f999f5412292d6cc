"""What the commands share: where bytes come from and go to, and how failures are told."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from inrcodec.errors import LinrError, OutputExistsError
from inrcodec.limits import Limits

if TYPE_CHECKING:
    import numpy as np

    from inrcodec import Picture, PixelType

STREAM = "-"

# Everything that one bad file can cause: the batch goes on after it.
FAILURES = (LinrError, OSError, MemoryError)

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
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda _, __, given: read_limits(given),
    help=f"Raise or lower a limit: {', '.join(f.name for f in fields(Limits))}.",
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


def report(path: str, error: BaseException) -> None:
    """Print one line about a failure to stderr."""
    if isinstance(error, MemoryError):
        text = "not enough memory"
    elif isinstance(error, OSError):
        text = error.strerror or str(error)
    else:
        text = str(error)
    name = label(path)
    # The reader of image files puts the name in front itself.
    click.echo(f"inrcodec: {name}: {text.removeprefix(f'{name}: ')}", err=True)


def tell_left_out(path: str, what: Sequence[str], quiet: bool) -> None:
    """Print one line to stderr about what of a file is not kept; the picture is."""
    if what and not quiet:
        click.echo(f"inrcodec: {label(path)}: left out: {', '.join(what)}", err=True)


def not_carried(picture: Picture, extension: str) -> list[str]:
    """What of a decoded picture a file of that extension does not hold."""
    from inrcodec.files.metadata import PNG, TIFF, for_kind

    kind = {".png": PNG, ".tif": TIFF, ".tiff": TIFF}.get(extension)
    lost = ["the palette"] if picture.type.palette and kind != PNG else []
    metadata = picture.metadata
    if metadata is not None and metadata.kind != kind:
        carried = len(for_kind(metadata, kind).facts()) if kind else 0
        some = "metadata but colour profile and resolution" if carried else "the metadata"
        lost.append(some)
    return lost


def kind_of(samples: np.ndarray, pixels: PixelType) -> str:
    """Channels and bits of an image, in words."""
    height, width = samples.shape[:2]
    kind = f"{samples.size // (height * width)} x {pixels.depth or samples.itemsize * 8} bit"
    return f"{kind}, {pixels.colours} colours" if pixels.palette else kind


def label(path: str, stream: str = "stdin") -> str:
    """Return the name of a file in messages, `stream` for '-'."""
    return stream if path == STREAM else path


def read_input(path: str) -> bytes:
    """Return the bytes of a file, or of stdin for '-'."""
    if path == STREAM:
        if sys.stdin is None:
            raise OSError("stdin is closed")
        return sys.stdin.buffer.read()
    return Path(path).read_bytes()


def open_input(path: str) -> BinaryIO:
    """A file to read in any order, or the bytes of what is none."""
    if path == STREAM:
        return io.BytesIO(read_input(path))
    if Path(path).is_fifo() or Path(path).is_char_device():
        return io.BytesIO(Path(path).read_bytes())
    return Path(path).open("rb")


def write_output(path: str, data: bytes, force: bool) -> None:
    """Write a file as a whole, or stdout for '-'. Raises LinrError naming the output."""
    from inrcodec.files.atomic import write_atomic

    if path == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        write_atomic(path, data, force=force)
    except OSError as error:
        raise LinrError(f"cannot write {path}: {error.strerror or error}") from None


def check_output(path: str, force: bool) -> None:
    """Raise LinrError now for an output that could not be written after minutes of work."""
    if path == STREAM:
        return
    if not Path(path).absolute().parent.is_dir():
        raise LinrError(f"cannot write {path}: no such folder")
    if not force and Path(path).is_file():
        raise OutputExistsError(f"{path}: the file exists, -f overwrites it")


def choose_outputs(inputs: Sequence[str], output: str | None, suffix: str) -> list[str]:
    """Return the output of each input; click.UsageError where that is not clear."""
    if len(inputs) > 1:
        if STREAM in inputs:
            raise click.UsageError("'-' must be the only input.")
        if output is not None and not os.path.isdir(output):
            raise click.UsageError("with several inputs -o must be an existing folder.")
    outputs = [_choose_output(source, output, suffix) for source in inputs]
    refuse_inputs(outputs, inputs)
    taken: dict[str, str] = {}
    for source, target in zip(inputs, outputs, strict=True):
        if target == STREAM:
            continue
        place = os.path.realpath(target)
        if place in taken:
            raise click.UsageError(f"{taken[place]} and {source} would both become {target}.")
        taken[place] = source
    if STREAM in outputs and sys.stdout is None:
        raise click.UsageError("stdout is closed: name an output with -o.")
    if STREAM in outputs and sys.stdout.isatty():
        raise click.UsageError("stdout is a terminal: name an output with -o.")
    return outputs


def refuse_inputs(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise click.UsageError for an output that is an input too, under whatever name."""
    known = {mark: path for path in inputs for mark in _marks(path)}
    for path in outputs:
        for mark in _marks(path):
            if mark in known:
                raise click.UsageError(f"{known[mark]} is input and output.")


def member_names(target: str, count: int) -> list[str]:
    """The outputs of a file's images: the target, or with several numbered ones like it.

    Raises UsageError for several at stdout."""
    if count == 1:
        return [target]
    if target == STREAM:
        raise click.UsageError("several images cannot go to stdout: name an output with -o.")
    path = Path(target)
    return [str(path.with_name(f"{path.stem}-{n}{path.suffix}")) for n in range(1, count + 1)]


def _marks(path: str) -> list[object]:
    """What tells a file from all others: its place, and its number if it exists (hard links)."""
    if path == STREAM:
        return []
    marks: list[object] = [os.path.realpath(path)]
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            marks.append((status.st_dev, status.st_ino))
    return marks


def _choose_output(source: str, output: str | None, suffix: str) -> str:
    if source != STREAM and not Path(source).name:
        raise click.UsageError(f"{source!r} is no file.")
    if output is None:
        return STREAM if source == STREAM else str(Path(source).with_suffix(suffix))
    if output != STREAM and os.path.isdir(output):
        name = Path("stdin" if source == STREAM else source).with_suffix(suffix).name
        return str(Path(output, name))
    return output
