"""Image fitting in PSNR: backbones, and FINER's first biases (Liu et al., CVPR 2024).

    python -m benchmarks.reproduce.psnr PATH... [--size N] [--width N] ... [--csv FILE]

Published, one image of 512 x 512, 3 hidden layers of 256 behind a first one, MSE, full batch, 5000
steps, rate times 0.1^(t/T): SIREN 40.06 dB, FINER 42.13 (first biases as PyTorch draws them, of
range k = 1 / sqrt 2), Gauss 35.05, WIRE 32.02; and, on one plot, FINER by k: 21.8 dB at 1 / sqrt 2,
26.9 at 5, 30 at 10, 32.2 at 20. Here the same loop on values whose range in use is scaled to
-1 .. 1, float weights; PSNR is the last step's, to the full range of a sample.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from torch.nn.functional import mse_loss

from inrcodec.coordinate.model import Coordinate

from .experiment import Crop, Curve, Experiment, Row, Scale, experiment, mean, train

PUBLISHED_SCALE, REDUCED = Scale(512, 256, 4, 5000), Scale(128, 64, 4, 500)
BACKBONES: dict[str, tuple[str, float, dict[str, Any]]] = {  # published dB, rate, constants
    "siren": ("40.06", 5e-4, {}),
    "finer": ("42.13", 5e-4, {"bias_range": math.sqrt(0.5)}),
    "gauss": ("35.05", 5e-3, {"scale": 30.0}),
    "wire": ("32.02", 5e-3, {"omega": 20.0, "scale": 10.0}),
}
BIASES = {math.sqrt(0.5): "21.8", 5.0: "26.9", 10.0: "30", 20.0: "32.2"}


def fit(
    run: Experiment, crop: Crop, label: str, rate: float, options: Coordinate
) -> tuple[Row, Curve]:
    """Fits the values of a crop: the row, and the PSNR by step."""
    levels = []
    used = int(crop.samples.max()) - int(crop.samples.min())
    peak = 2 * ((1 << crop.bits) - 1) / max(1, used)  # of a sample, where targets are -1 .. 1
    for outputs, targets in train(run, crop, options, mse_loss, lambda t: rate * 0.1**t):
        levels.append(10 * math.log10(peak**2 / float(mse_loss(outputs, targets))))
    row = {"image": crop.name, "bits": crop.bits, "model": label, "psnr": levels[-1]}
    return row, Curve(f"{label}, {crop.name}", range(1, len(levels) + 1), levels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    curves: list[Curve] = []
    cases = [(name, *case) for name, case in BACKBONES.items()]
    cases += [(f"finer, k {k:.3g}", db, 5e-4, {"bias_range": k}) for k, db in BIASES.items()]
    lines = []
    for label, published, rate, constants in cases:
        options = Coordinate(
            layout="value", backbone=label.split(",")[0], width=run.scale.width,
            depth=run.scale.depth, **constants,
        )  # fmt: skip
        fits = [fit(run, crop, label, rate, options) for crop in run.crops]
        lines.append([label, published, mean([row["psnr"] for row, _ in fits], ".2f")])
        rows += [row for row, _ in fits]
        curves += [curve for _, curve in fits]
    run.print("PSNR in dB", run.crops, ["model", "published", "measured"], lines)
    run.write(rows, curves, "step", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
