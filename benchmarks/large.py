"""Time and peak memory of effort 1 and of decoding, for large images.

    python benchmarks/large.py [--montage FOLDER] [--size WIDTHxHEIGHT] [-e EFFORT] [-T THREADS]
                               [IMAGE ...]

Each IMAGE is taken as it is. --montage adds one that is made of a folder's pictures (PNG, TIFF or
PNM), laid side by side in rows, over and over, until --size (12288x8192) is full.

Each encode and each decode is a Python process of its own, and so is a decode at an eighth of the
size. "encode" and "decode" are seconds of the library's call, samples to bytes and back; "process"
is the process from its start to its end, which reads and writes files too. The peak is the
process's resident memory at its most, the samples and NumPy included. Decoded samples are compared.
Prints Markdown. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from inrcodec.files.images import EXTENSIONS, read_image

ROOT = Path(__file__).resolve().parent.parent

# Children: samples.npy -> packed.linr -> decoded.npy. NumPy's files cost next to nothing to read.
CHILD = """
import json, re, sys, time
from pathlib import Path
import numpy as np
import inrcodec
source, target, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
{read}
started = time.perf_counter()
result = {call}
seconds = time.perf_counter() - started
{write}
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([seconds, int(peak[1]) * 1024]))
"""
ENCODE = CHILD.format(
    read="image = np.load(source)",
    call="inrcodec.encode(image, **options)",
    write="Path(target).write_bytes(result)",
)
DECODE = CHILD.format(
    read="data = Path(source).read_bytes()",
    call="inrcodec.decode(data, **options)",
    write="np.save(target, result)",
)


@dataclass(frozen=True)
class Taken:
    """What a child took: seconds of the call and of the process, bytes of memory at most."""

    seconds: float
    process: float
    peak: int

    def cells(self) -> list[str]:
        return [f"{self.seconds:.2f}", f"{self.process:.2f}", f"{self.peak / 2**30:.2f}"]


def child(code: str, source: Path, target: Path, options: dict[str, Any]) -> Taken:
    """Runs one; subprocess.CalledProcessError where it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(source), str(target), json.dumps(options)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    process = time.perf_counter() - started
    seconds, peak = json.loads(done.stdout)
    return Taken(seconds, process, peak)


def montage(folder: Path, width: int, height: int) -> np.ndarray:
    """A folder's images of the first one's type, side by side in rows, over and over; what is
    beyond the width is cut off, each row is as high as its lowest image."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)
    images = [read_image(path.read_bytes(), path.name) for path in paths]
    if not images:
        raise SystemExit(f"{folder}: no PNG, TIFF or PNM files")
    kind = images[0].shape[2:], images[0].dtype
    parts = cycle([image for image in images if (image.shape[2:], image.dtype) == kind])
    whole = np.empty((height, width, *kind[0]), kind[1])
    top = 0
    while top < height:
        row, filled = [], 0
        while filled < width:
            row.append(next(parts))
            filled += row[-1].shape[1]
        lowest = min(height - top, *(image.shape[0] for image in row))
        joined = np.concatenate([image[:lowest] for image in row], axis=1)
        whole[top : top + lowest] = joined[:, :width]
        top += lowest
    return whole


def measure(name: str, image: np.ndarray, effort: int, threads: int) -> list[str]:
    """The cells of an image; SystemExit if it does not come back."""
    with tempfile.TemporaryDirectory() as folder:
        samples, packed, decoded = (
            Path(folder, name) for name in ("samples.npy", "packed.linr", "decoded.npy")
        )
        np.save(samples, image)
        encoded = child(ENCODE, samples, packed, {"effort": effort, "threads": threads})
        whole = child(DECODE, packed, decoded, {"threads": threads})
        if not np.array_equal(np.load(decoded), image):
            raise SystemExit(f"{name}: the decoded image differs")
        eighth = child(DECODE, packed, decoded, {"threads": threads, "scale": 8})
        if not np.array_equal(np.load(decoded), image[::8, ::8]):
            raise SystemExit(f"{name}: the image at an eighth of its size differs")
        size = packed.stat().st_size
    rate = f"{8 * size / image.size:.4f}"
    shape = f"{image.shape[1]} x {image.shape[0]}"
    return [name, shape, str(size), rate, *encoded.cells(), *whole.cells(), *eighth.cells()]


def size_of(text: str) -> tuple[int, int]:
    """Width and height of WIDTHxHEIGHT."""
    width, height = (int(part) for part in text.split("x"))
    if width < 1 or height < 1:
        raise ValueError("a size is at least 1x1")
    return width, height


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE")
    parser.add_argument("--montage", type=Path, metavar="FOLDER")
    parser.add_argument("--size", type=size_of, default=(12288, 8192), metavar="WIDTHxHEIGHT")
    parser.add_argument("-e", "--effort", type=int, choices=range(1, 10), default=1)
    parser.add_argument("-T", "--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if not options.images and options.montage is None:
        parser.error("no image and no --montage")
    steps = ("encode", "decode", "an eighth")
    head = ["image", "size", "bytes", "bpsp"]
    head += [text for step in steps for text in (f"{step} s", "process s", "peak GiB")]
    for line in (head, ["---"] * 2 + ["---:"] * (len(head) - 2)):
        print("| " + " | ".join(line) + " |", flush=True)
    found = [(path.name, read_image(path.read_bytes(), str(path))) for path in options.images]
    if options.montage is not None:
        found.append(
            (f"montage of {options.montage.name}", montage(options.montage, *options.size))
        )
    for name, image in found:
        cells = measure(name, image, options.effort, options.threads)
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
