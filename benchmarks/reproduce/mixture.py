"""Several images from shared weight sets: PSNR and bpp (INR mixture network, arXiv 2409.13117).

    python -m benchmarks.reproduce.mixture PATH... [--size N] [--width N] ... [--csv FILE]

Published: all 24 of Kodak from 4 groups of 6 images, two sets each with fixed coefficients, SIREN,
lossy, 26.5 dB. Measured: crops in one file of inrcodec.encode_set, exact, from one and two sets,
with learned and with fixed coefficients, beside a file for each crop. PSNR is of the pictures that
the stored networks give, bpp of whole files.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import inrcodec
from inrcodec.coordinate.model import Coordinate

from .experiment import NONE, Curve, Experiment, Row, Scale, experiment

PUBLISHED_SCALE, REDUCED = Scale(256, 512, 6, 10_000), Scale(16, 128, 3, 1000)
CASES = [(0, "learned", NONE), (1, "learned", NONE), (2, "learned", NONE), (2, "fixed", "26.5 dB")]


def quality(run: Experiment, files: list[bytes]) -> tuple[float, float]:
    """PSNR and BER of the networks' pictures: of a file for each crop, or of one for all."""
    squares, wrong, count = 0.0, 0, 0
    for number, crop in enumerate(run.crops):
        data, index = (files[0], number) if len(files) == 1 else (files[number], 0)
        picture = inrcodec.resample(data, frame=index).reshape(crop.samples.shape).astype(np.int64)
        squares += float(((picture - crop.samples) ** 2).mean()) / len(run.crops)
        different = (picture ^ crop.samples.astype(np.int64)).reshape(-1)
        wrong += sum(int((different >> plane & 1).sum()) for plane in range(crop.bits))
        count += crop.samples.size * crop.bits
    peak = (1 << run.crops[0].bits) - 1
    return 10 * math.log10(peak**2 / squares) if squares else math.inf, wrong / count


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    images = [crop.samples for crop in run.crops]
    rows: list[Row] = []
    lines = []
    for sets, coefficients, published in CASES:
        options = Coordinate(
            backbone="siren", width=run.scale.width, depth=run.scale.depth, steps=run.scale.steps,
            coefficients=coefficients,
        )  # fmt: skip
        place: dict[str, Any] = {"device": run.device, "seed": run.seed, "threads": run.threads}
        if sets:
            files = [inrcodec.encode_set(images, sets=sets, coordinate=options, **place)]
        else:
            files = [
                inrcodec.encode(image, model="coordinate", coordinate=options, **place)
                for image in images
            ]
        psnr, ber = quality(run, files)
        size = sum(map(len, files))
        bpp = 8 * size / sum(image.shape[0] * image.shape[1] for image in images)
        label = f"{sets} sets, {coefficients}" if sets else "a file for each"
        rows.append({"files": label, "psnr": psnr, "ber": ber, "bytes": size, "bpp": bpp})
        lines.append([label, published, f"{psnr:.2f}", f"{ber:.2g}", str(size), f"{bpp:.1f}"])
    head = ["", "published", "PSNR", "BER", "bytes", "bpp"]
    run.print(f"{len(images)} images", run.crops, head, lines)
    curves = [Curve(row["files"], [row["bpp"]], [row["psnr"]]) for row in rows]
    run.write(rows, curves, "bpp", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
