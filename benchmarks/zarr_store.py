"""Zarr stores of image stacks: sizes and times against Blosc-Zstandard and JPEG XL.

    python -m benchmarks.zarr_store [-e N]... [--bits 8|16] PATH...

Each TIFF (of a folder, each in it) becomes an array of its shape whose chunks are its planes, in a
folder of its own. Prints Markdown: the bytes of all files of a store, over those of the samples,
and the seconds that it took to write all of it and to read all of it, several chunks at once as
zarr does. All that is read is compared. JPEG XL is imagecodecs' codec of numcodecs, for which the
array is one of zarr's format 2.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
import zarr
from imagecodecs.numcodecs import Jpegxl
from numcodecs.registry import register_codec
from zarr.codecs import BloscCodec

from benchmarks.tables import markdown
from inrcodec.zarr import Linr


class Form(NamedTuple):
    """A way to code the chunks: keywords of zarr.create_array."""

    name: str
    options: dict[str, Any]


class Store(NamedTuple):
    """bytes of a store, and seconds of writing and reading it."""

    size: int
    writing: float
    reading: float


def forms(efforts: Sequence[int]) -> list[Form]:
    """All that are compared."""
    register_codec(Jpegxl)  # so that arrays are read by its name
    return [
        Form("Blosc-Zstandard 5, shuffle", {"compressors": BloscCodec(cname="zstd", clevel=5)}),
        Form(
            "Blosc-Zstandard 9, bitshuffle",
            {"compressors": BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle")},
        ),
        *(
            Form(
                f"JPEG XL effort {effort}",
                {
                    "compressors": Jpegxl(lossless=True, effort=effort, numthreads=1),
                    "zarr_format": 2,
                },
            )
            for effort in (7, 9)
        ),
        *(
            Form(
                f"inrcodec effort {effort}",
                {"serializer": Linr(effort=effort), "compressors": None},
            )
            for effort in efforts
        ),
    ]


def measured(form: Form, stack: np.ndarray) -> Store:
    """Writes a store and reads it; SystemExit where another array comes back."""
    chunks = (*(1 for _ in stack.shape[:-2]), *stack.shape[-2:])
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        array = zarr.create_array(
            folder, shape=stack.shape, dtype=stack.dtype, chunks=chunks, **form.options
        )
        array[:] = stack
        written = time.perf_counter()
        same = np.array_equal(zarr.open_array(folder, mode="r")[:], stack)
        read = time.perf_counter()
        if not same:
            raise SystemExit(f"{form.name}: another array comes back")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Store(size, written - started, read - written)


def stacks(paths: Sequence[Path], bits: int) -> dict[str, np.ndarray]:
    """Those of so many bits a sample, of two axes and more, by name."""
    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.tif*")) if path.is_dir() else [path])
    ]
    found = {file.name: tifffile.imread(file) for file in files}
    return {name: stack for name, stack in found.items() if stack.dtype == f"u{bits // 8}"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    parser.add_argument("-e", "--effort", type=int, choices=range(1, 10), action="append")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16)
    options = parser.parse_args()
    found = stacks(options.paths, options.bits)
    if not found:
        parser.error(f"no TIFFs of uint{options.bits}")
    lines = []
    for form in forms(options.effort or [1, 5]):
        stores = [measured(form, stack) for stack in found.values()]
        total = Store(*(sum(numbers) for numbers in zip(*stores, strict=True)))
        raw = sum(stack.nbytes for stack in found.values())
        sizes = [str(store.size) for store in stores]
        rates = [f"{total.size}", f"{total.size / raw:.3f}"]
        lines.append([form.name, *sizes, *rates, f"{total.writing:.1f}", f"{total.reading:.1f}"])
    names = [f"{name} {'x'.join(map(str, stack.shape))}" for name, stack in found.items()]
    print(markdown(["codec", *names, "all", "of samples", "write s", "read s"], lines))


if __name__ == "__main__":
    main()
