"""What a prior of one's own is worth: trained on the first half of each stack of alike images, used
on the second half, image by image.

    python -m benchmarks.own_prior [--effort N] STACK.tif...

Sizes are of whole files; the prior's own bytes stand beside them. Times are of the calls.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import inrcodec
from inrcodec.options import DEFAULT_EFFORT


def total(images: np.ndarray, **options: Any) -> tuple[int, float, float]:
    """Bytes, seconds to encode and to decode of images, one by one."""
    size, encoded, decoded = 0, 0.0, 0.0
    priors = [options["prior"]] if options["prior"] else []
    for image in images:
        started = time.perf_counter()
        data = inrcodec.encode(np.ascontiguousarray(image), **options)
        encoded += time.perf_counter() - started
        started = time.perf_counter()
        back = inrcodec.decode(data, priors=priors)
        decoded += time.perf_counter() - started
        if not np.array_equal(back, image):
            raise SystemExit("an image does not come back")
        size += len(data)
    return size, encoded, decoded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", type=int, default=DEFAULT_EFFORT, help="to compare with")
    parser.add_argument("stacks", metavar="STACK", nargs="+", type=Path)
    options = parser.parse_args()
    print(f"{'stack':24} {'way':>20} {'bytes':>10} {'ratio':>7} {'enc s':>7} {'dec s':>7}")
    for path in options.stacks:
        stack = tifffile.imread(path)
        first, second = np.array_split(stack, 2)
        started = time.perf_counter()
        prior = inrcodec.train(list(first))
        seconds = time.perf_counter() - started
        base = 0
        for name, effort, own in (
            (f"effort {options.effort}", options.effort, None),
            ("effort 1", 1, None),
            ("own prior, effort 1", 1, prior),
            ("own prior, effort 2", 2, prior),
        ):
            size, encoded, decoded = total(second, effort=effort, prior=own)
            base = base or size
            print(
                f"{path.name:24} {name:>20} {size:>10} {size / base:>7.4f}"
                f" {encoded:>7.1f} {decoded:>7.1f}"
            )
        print(
            f"{path.name:24} {len(second)} images; prior of {len(prior.data)} bytes,"
            f" trained on {len(first)} images in {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
