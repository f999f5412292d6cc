"""Sizes and times of inrcodec and of other lossless codecs, over images and folders of them.

    python -m benchmarks.compare [-e EFFORT[,EFFORT...]]... [-T THREADS] [--process]
                                 [--csv FILE] [--plot DIR] [-f] PATH...

Prints Markdown: for each folder a table of bytes, and one of sizes and times for each effort. Every
codec's output is decoded and compared sample by sample. A codec that refuses an image has an empty
cell, one that returns other samples has "fails"; neither counts in sums or as the best peer.

Times are of one call each in this process, after a smaller picture has warmed the codec up.
--process adds the time from the start of a whole `inrcodec encode` and `decode` process, which
reads a file and writes one, to its end. Threads (default: all cores) are for inrcodec and JPEG XL;
the others use one. WebP is at level 100, method 4. JPEG-LS has no colour transform. Sizes are of
whole files, JPEG 2000 and JPEG XL in the form that imagecodecs writes. Needs imagecodecs
(pip install .[bench]); charts need matplotlib (.[plot]).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np

import inrcodec
from benchmarks.tables import (
    FIELDS,
    GIVEN,
    JXL,
    TIMES,
    Image,
    Row,
    failed,
    is_own,
    own_name,
    rates,
    report,
    table,
)
from inrcodec.errors import LinrError
from inrcodec.files import jpeg
from inrcodec.files.images import EXTENSIONS, read_image
from inrcodec_cli.files import check_output, write_output
from inrcodec_cli.peers import Codec, equal, jpeg_xl, measure, timed, webp
from inrcodec_cli.plots import need_matplotlib, plot_rates

# JPEG files are for jpeg.py.
PIXELS = frozenset(EXTENSIONS) - frozenset(jpeg.EXTENSIONS)


def find(paths: Iterable[Path], endings: Collection[str] = PIXELS) -> list[Path]:
    """The image files among some files and folders, by the ends of their names, those of a folder
    together."""
    found = []
    for path in paths:
        inside = sorted(path.rglob("*"), key=lambda p: (p.parent, p)) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in endings or p == path]
    return found


def peers(image: np.ndarray, threads: int) -> dict[str, Codec]:
    """The other codecs by name, for images like this one."""

    def png(level: int) -> Codec:
        return lambda x: imagecodecs.png_encode(x, level=level), imagecodecs.png_decode

    return {
        "PNG 6": png(6),
        "PNG 9": png(9),
        "WebP": webp(image),
        "JPEG XL e7": jpeg_xl(7, threads),
        JXL: jpeg_xl(9, threads),
        "JPEG-LS": (imagecodecs.jpegls_encode, imagecodecs.jpegls_decode),
        "JPEG 2000": (
            lambda x: imagecodecs.jpeg2k_encode(x, level=0, reversible=True),
            imagecodecs.jpeg2k_decode,
        ),
    }


def own(effort: int, threads: int, history: bool = True) -> Codec:
    """inrcodec at an effort, with or without what images came from."""
    return (
        lambda x: inrcodec.encode(x, effort=effort, threads=threads, history=history),
        lambda data: inrcodec.decode(data, threads=threads),
    )


def measure_processes(path: Path, image: np.ndarray, effort: int, threads: int) -> Row:
    """The times of whole processes: an image file into a .linr file and that into a PNG."""
    command = [str(Path(sys.executable).with_name("inrcodec"))]
    with tempfile.TemporaryDirectory() as folder:
        packed, unpacked = Path(folder, "image.linr"), Path(folder, "image.png")
        options = ["-q", "-T", str(threads), "-o"]
        encode = [*command, "encode", str(path), "-e", str(effort), *options, str(packed)]
        decode = [*command, "decode", str(packed), *options, str(unpacked)]
        _, encode_seconds = timed(check, encode)
        _, decode_seconds = timed(check, decode)
        if not equal(read_image(unpacked.read_bytes()), image):
            sys.exit(f"{path}: the decoded file differs")
    return {"encode_process_seconds": encode_seconds, "decode_process_seconds": decode_seconds}


def check(command: list[str]) -> None:
    """Run a command; subprocess.CalledProcessError if it fails."""
    subprocess.run(command, check=True)


def warm_up(image: np.ndarray, codecs: Iterable[Codec], efforts: Iterable[int]) -> None:
    """Have every codec load what images like this one need."""
    height, width = image.shape[:2]
    # from all over the image, so that no channel is constant
    small = np.ascontiguousarray(image[:: -(-height // 48), :: -(-width // 48)])
    for codec in codecs:
        measure(small, codec)
    # efforts above 2 need nothing that 2 does not
    for effort in {min(effort, 2) for effort in efforts}:
        inrcodec.decode(inrcodec.encode(small, effort=effort, model="context"))


def compare(path: Path, efforts: Sequence[int], threads: int, process: bool) -> list[Row]:
    """The rows of one image file. Raises LinrError for a file that is no image."""
    given = path.read_bytes()
    image = read_image(given, str(path))
    height, width = image.shape[:2]
    others = peers(image, threads)
    warm_up(image, others.values(), efforts)
    facts = {
        "set": path.absolute().parent.name,
        "image": path.name,
        "height": height,
        "width": width,
        "channels": image.size // (height * width),
        "bits": 8 * image.itemsize,
    }
    rows: list[Row] = [{"codec": GIVEN, "bytes": len(given)}]
    for name, codec in others.items():
        rows.append({"codec": name, **measure(image, codec)[1]})
    for effort in efforts:
        data, measured = measure(image, own(effort, threads))
        if process and data is not None:
            measured |= measure_processes(path, image, effort, threads)
        rows.append({"codec": own_name(effort), **measured})
        if data is not None and inrcodec.info(bytes(data), planes=False)["history"]:
            measured = measure(image, own(effort, threads, history=False))[1]
        rows.append({"codec": own_name(effort, history=False), **measured})
    for row in rows:
        size = row.get("bytes")
        if size is not None:
            row |= {"bpp": 8 * size / (height * width), "bpsp": 8 * size / image.size}
    empty = dict.fromkeys((*FIELDS, *TIMES, "note"))
    return [empty | facts | row for row in rows]


def efforts_of(text: str) -> list[int]:
    """1 to 9 or several of them with commas between."""
    efforts = [int(part) for part in text.split(",")]
    if not all(1 <= effort <= 9 for effort in efforts):
        raise ValueError("an effort is 1 to 9")
    return efforts


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    parser.add_argument("-e", "--effort", action="append", type=efforts_of)
    parser.add_argument("-T", "--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--process", action="store_true", help="time whole processes too")
    parser.add_argument("--csv", metavar="FILE", help="a row for each image and codec")
    parser.add_argument("--plot", metavar="DIR", type=Path, help="a chart for each folder")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite existing files")
    options = parser.parse_args(arguments)
    efforts = sorted({e for several in options.effort or [[5]] for e in several})
    sets: dict[str, list[Path]] = {}
    for file in find(options.paths):
        sets.setdefault(file.absolute().parent.name, []).append(file)
    if not sets:
        parser.error("no PNG, TIFF or PNM files there")
    charts = {}
    try:
        if options.plot is not None:
            need_matplotlib()
            options.plot.mkdir(exist_ok=True)
            charts = {name: str(options.plot / f"{name}.png") for name in sets}
        for output in [*charts.values(), *([options.csv] if options.csv else [])]:
            check_output(output, options.force)
    except (LinrError, OSError) as error:
        parser.error(str(error))

    code = 0
    everything: list[Row] = []
    for name, files in sets.items():
        images: list[Image] = []
        for file in files:
            print(file, file=sys.stderr)
            try:
                rows = compare(file, efforts, options.threads, options.process)
            except (LinrError, OSError) as error:
                print(error, file=sys.stderr)
                code = 1
                continue
            for row in rows:
                if row["bytes"] is None and (is_own(row["codec"]) or failed(row)):
                    print(f"{file}: {row['codec']} {row['note']}", file=sys.stderr)
                    code = 1 if is_own(row["codec"]) else code
            images.append({row["codec"]: row for row in rows})
            everything += rows
            if options.csv is not None:
                write_output(options.csv, table(everything), force=True)
        if images:
            print(report(name, images, efforts), flush=True)
            if charts:
                plot_rates(charts[name], f"{name}, {len(images)} images", rates(images), True)
    return code


if __name__ == "__main__":
    sys.exit(main())
