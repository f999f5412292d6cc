"""Sizes and times against JPEG XL effort 9 in the same run, as a Markdown table.

    python benchmarks/compare.py [-e EFFORT] [-T THREADS] FILE_OR_FOLDER...

Each image is encoded and decoded by both, and compared sample by sample; sizes are those of whole
files. Times are of this process's calls, with what has to start started before. Needs imagecodecs
(pip install .[bench]).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

import inrcodec
from inrcodec.images import png_level9, read_image

EXTENSIONS = (".png", ".tif", ".tiff", ".ppm", ".pgm", ".pam")


def find(paths: list[Path]) -> list[Path]:
    """The image files among some files and folders."""
    found = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in EXTENSIONS]
    return found


def timed(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    """What a call returns, and its seconds."""
    started = time.perf_counter()
    result = call(*arguments, **options)
    return result, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("-e", "--effort", type=int, default=5)
    parser.add_argument("-T", "--threads", type=int, default=None)
    arguments = parser.parse_args()

    warm = np.zeros((64, 64, 3), np.uint8)
    inrcodec.decode(inrcodec.encode(warm, effort=1, model="context"))
    print("| image | PNG -9 | JPEG XL e9 | .linr | bpsp | / JXL | JXL enc s", end=" ")
    print("| enc s | ratio | dec s | ratio |")
    print("|---" * 11 + "|")
    totals = np.zeros(7)
    for path in find(arguments.paths):
        image = read_image(path.read_bytes(), path.name)
        options = {"lossless": True, "effort": 9, "numthreads": arguments.threads}
        jxl, jxl_time = timed(imagecodecs.jpegxl_encode, image, **options)
        data, encode_time = timed(
            inrcodec.encode, image, effort=arguments.effort, threads=arguments.threads
        )
        decoded, decode_time = timed(inrcodec.decode, data, threads=arguments.threads)
        if not np.array_equal(decoded, image):
            sys.exit(f"{path}: the decoded image differs")
        if not np.array_equal(imagecodecs.jpegxl_decode(jxl).reshape(image.shape), image):
            sys.exit(f"{path}: JPEG XL's decoded image differs")
        row = [len(png_level9(image)), len(jxl), len(data), image.size]
        totals += [*row, jxl_time, encode_time, decode_time]
        print(line(path.name, *row, jxl_time, encode_time, decode_time), flush=True)
    print(line("total", *totals))


def line(name: str, png: float, jxl: float, ours: float, samples: float, *times: float) -> str:
    """A row of the table."""
    jxl_time, encode_time, decode_time = times
    cells = [f"{png:.0f}", f"{jxl:.0f}", f"{ours:.0f}", f"{8 * ours / samples:.4f}"]
    cells += [f"{ours / jxl:.3f}", f"{jxl_time:.2f}", f"{encode_time:.1f}"]
    cells += [
        f"{encode_time / jxl_time:.1f}",
        f"{decode_time:.2f}",
        f"{decode_time / jxl_time:.2f}",
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
