"""JPEG files: sizes and times against JPEG XL's transcoding and Lepton.

    python -m benchmarks.jpeg [-e N]... PATH...

Prints Markdown: of each JPEG file the bytes that it takes in each form over its own, and totals of
the files that all forms take; seconds of the calls, one after the other in one process. Every file
is decoded again and compared byte for byte. JPEG XL needs imagecodecs, Lepton the package
lepton_jpeg_python; where they are not installed, or do not take a file, there is a dash.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.compare import find
from benchmarks.tables import markdown
from inrcodec.decode import decode_picture
from inrcodec.encode import encode, source_picture
from inrcodec.files.jpeg import EXTENSIONS
from inrcodec.source.restore import restore


class Form(NamedTuple):
    """A way to pack a JPEG file and to get it back."""

    name: str
    pack: Callable[[bytes], bytes]
    unpack: Callable[[bytes], bytes]


class Result(NamedTuple):
    """bytes, and seconds of both ways."""

    size: int
    packing: float
    unpacking: float


def ours(effort: int) -> Form:
    """inrcodec at an effort."""

    def pack(data: bytes) -> bytes:
        return encode(source_picture(data, "a JPEG"), effort=effort)

    def unpack(data: bytes) -> bytes:
        return restore(decode_picture(data))

    return Form(f"effort {effort}", pack, unpack)


def others() -> list[Form]:
    """What is installed."""
    found = []
    jxl: Any = _module("imagecodecs")
    if jxl is not None:
        found.append(Form("JPEG XL", jxl.jpegxl_encode_jpeg, jxl.jpegxl_decode_jpeg))
    lepton: Any = _module("lepton_jpeg_python")
    if lepton is not None:
        found.append(Form("Lepton", lepton.compress_bytes, lepton.decompress_bytes))
    return found


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def measure(form: Form, data: bytes) -> Result | None:
    """A file in a form; None where that does not take it, or give it back."""
    started = time.perf_counter()
    try:
        packed = form.pack(data)
        between = time.perf_counter()
        again = form.unpack(packed)
    except Exception as error:  # of whatever the others raise
        print(f"{form.name}: {str(error).splitlines()[0][:100]}", file=sys.stderr)
        return None
    done = time.perf_counter()
    if again != data:
        print(f"{form.name}: another file came back", file=sys.stderr)
        return None
    return Result(len(packed), between - started, done - between)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code: 1 where a file does not come back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-e", "--effort", type=int, action="append", choices=range(1, 10))
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    own = [ours(effort) for effort in options.effort or [5]]
    forms = [*own, *others()]
    lines, results, code = [], list[tuple[int, list[Result | None]]](), 0
    for path in find(options.paths, EXTENSIONS):
        data = path.read_bytes()
        found = [measure(form, data) for form in forms]
        code |= any(each is None for each in found[: len(own)])
        results.append((len(data), found))
        lines.append([path.name, str(len(data)), *(_cell(len(data), each) for each in found)])
    for name, chosen in (
        ("all", results),
        ("taken by all", [each for each in results if None not in each[1]]),
    ):
        total = sum(size for size, _ in chosen)
        cells = []
        for n in range(len(forms)):
            parts = [each[1][n] for each in chosen]
            done = [part for part in parts if part is not None]
            whole = Result(*(sum(column) for column in zip(*done, strict=True))) if done else None
            cells.append(_cell(total, whole) if len(done) == len(parts) else "-")
        lines.append([f"{name} ({len(chosen)})", str(total), *cells])
    print(markdown(["file", "bytes", *(form.name for form in forms)], lines))
    return code


def _cell(size: int, result: Result | None) -> str:
    if result is None:
        return "-"
    return f"{result.size / size:.4f}, {result.packing:.2f} s, {result.unpacking:.2f} s"


if __name__ == "__main__":
    sys.exit(main())
