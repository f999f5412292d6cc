"""What is said on stdout and stderr, in one line and without what a terminal would act on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from inrcodec.files.places import name_of

STREAM = "-"


def printable(text: str) -> str:
    r"""The text with escapes for all that a terminal acts on or an encoding cannot hold.

    >>> print(printable("caf\udce9\x1b[2J.png"))
    caf\xe9\x1b[2J.png
    """
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python has a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def label(path: str, stream: str = "stdin") -> str:
    """Return the name of a file in messages, `stream` for '-'."""
    return stream if path == STREAM else printable(name_of(path))


def tell(text: str) -> None:
    """Print one line to stderr; if nobody can be told, it is left."""
    with contextlib.suppress(OSError):
        click.echo(f"inrcodec: {printable(text)}", err=True)


def report(path: str, error: BaseException) -> str:
    """Print one line about a failure to stderr. Returns what is wrong, without the name."""
    if isinstance(error, MemoryError):
        text = "not enough memory"
    elif isinstance(error, OSError):
        text = error.strerror or str(error)
    else:
        text = printable(str(error))
    name = label(path) or "''"
    # The reader of image files puts the name in front itself.
    text = text.removeprefix(f"{name}: ")
    tell(f"{name}: {text}")
    return text


def tell_left_out(path: str, what: Sequence[str], note: str = "") -> None:
    """Print one line to stderr about what of a file is not kept; the picture is."""
    if what:
        tell(f"{label(path)}: left out: {', '.join(what)}{note}")


def silence_stdout() -> None:
    """Let what is still to be said, or in Python's buffers, go nowhere: stdout takes no more."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
