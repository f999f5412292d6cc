"""Transforms of the target: PSNR and coded residuals (Zhang et al., AAAI 2025).

    python -m benchmarks.reproduce.target_transforms PATH... [--size N] [--width N] ... [--csv FILE]

Published, DIV2K, SIREN, PSNR at 5000 steps: 0-1 scaling 33.60, z-score 35.64, box-cox 35.47,
inverse 36.37, scaled 36.18, symmetric power 36.75. Measured: files of inrcodec.encode with layout
"value": PSNR of the picture that the stored network gives (inrcodec.resample), and the bits per
sub-pixel of the residuals, which is the data section of the file. "none" is what is published as
"scaled", to -1 .. 1; "gamma" is a power without the calibration and the soft boundary.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

import inrcodec
from inrcodec.coordinate.model import Coordinate
from inrcodec.coordinate.transforms import TRANSFORMS

from .experiment import MISSING, NONE, Crop, Curve, Experiment, Row, Scale, experiment, mean

PUBLISHED_SCALE, REDUCED = Scale(512, 256, 4, 5000), Scale(128, 128, 4, 500)
PUBLISHED = {
    "0-1 scaling": "33.60", "none": "36.18", "zscore": "35.64", "box-cox": "35.47",
    "inverse": "36.37", "gamma": NONE, "sym-power": "36.75",
}  # fmt: skip


def fit(run: Experiment, crop: Crop, transform: str) -> Row:
    """Encodes a crop by its values."""
    options = Coordinate(
        layout="value", backbone="siren", width=run.scale.width, depth=run.scale.depth,
        steps=run.scale.steps, transform=transform, learning_rate=5e-4,
    )  # fmt: skip
    data = inrcodec.encode(
        crop.samples, model="coordinate", coordinate=options, device=run.device, seed=run.seed,
        threads=run.threads,
    )  # fmt: skip
    picture = inrcodec.resample(data).reshape(crop.samples.shape).astype(np.float64)
    error = float(((picture - crop.samples) ** 2).mean())
    peak = (1 << crop.bits) - 1
    return {
        "image": crop.name,
        "bits": crop.bits,
        "transform": transform,
        "psnr": 10 * math.log10(peak**2 / error) if error else math.inf,
        "residual": 8 * inrcodec.info(data)["data_bytes"] / crop.samples.size,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    lines = []
    for transform, published in PUBLISHED.items():
        cells = [MISSING, ""]
        if transform in TRANSFORMS:
            found = [fit(run, crop, transform) for crop in run.crops]
            cells = [mean([row[name] for row in found], ".3f") for name in ("psnr", "residual")]
            rows += found
        lines.append([transform, published, *cells])
    head = ["transform", "published PSNR", "PSNR", "residual bits a sub-pixel"]
    run.print("Transforms of the target", run.crops, head, lines)
    curves = [Curve(row["transform"], [row["residual"]], [row["psnr"]]) for row in rows]
    run.write(rows, curves, "residual bits a sub-pixel", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
