"""Image fitting in PSNR: backbones, and FINER's first biases (Liu et al., CVPR 2024); and the BER
of the values on 16 bits, where bit planes set in (Han et al., CVPR 2025, LosslessINR).

    python -m benchmarks.reproduce.psnr PATH... [--size N] [--width N] ... [--csv FILE]

Published, one image of 512 x 512, 3 hidden layers of 256 behind a first one, MSE, full batch, 5000
steps, rate times 0.1^(t/T): SIREN 40.06 dB, FINER 42.13 (first biases as PyTorch draws them, of
range k = 1 / sqrt 2), Gauss 35.05, WIRE 32.02; and, on one plot, FINER by k: 21.8 dB at 1 / sqrt 2,
26.9 at 5, 30 at 10, 32.2 at 20. On 16 bits: ReLU 30.79 dB and BER .246, WIRE 32.28 and .228, Gauss
40.50 and .192, SIREN 40.64 and .164, FINER 47.04 and .128. Here the same loop for all, on values
whose range in use is scaled to -1 .. 1, float weights; PSNR is the last step's, to the full range
of a sample, BER that of the bits of the samples which it comes to.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import mse_loss

from inrcodec.coordinate.model import Coordinate

from .experiment import Crop, Curve, Experiment, Row, Scale, experiment, mean, middles, train
from .journal import signal_key

PUBLISHED_SCALE, REDUCED = Scale(512, 256, 4, 5000), Scale(64, 64, 4, 500)
Setting = tuple[float, dict[str, Any]]  # the rate, and constants
SETTINGS: dict[str, Setting] = {
    "siren": (5e-4, {}),
    "finer": (5e-4, {"bias_range": math.sqrt(0.5)}),
    "gauss": (5e-3, {"scale": 30.0}),
    "wire": (5e-3, {"omega": 20.0, "scale": 10.0}),
    "pe-relu": (1e-3, {}),
}
PUBLISHED = {"siren": "40.06", "finer": "42.13", "gauss": "35.05", "wire": "32.02"}
BIASES = {math.sqrt(0.5): "21.8", 5.0: "26.9", 10.0: "30", 20.0: "32.2"}
ON_16_BITS = {  # dB and BER
    "pe-relu": ("30.79", ".246"),
    "wire": ("32.28", ".228"),
    "gauss": ("40.50", ".192"),
    "siren": ("40.64", ".164"),
    "finer": ("47.04", ".128"),
}


def fit(run: Experiment, crop: Crop, label: str, setting: Setting) -> tuple[Row, Curve]:
    """Fits the values of a crop: the row, and the PSNR by step."""
    rate, constants = setting
    options = Coordinate(
        layout="value", backbone=label.split(",")[0], width=run.scale.width,
        depth=run.scale.depth, **constants,
    )  # fmt: skip
    levels = []
    least, greatest = int(crop.samples.min()), int(crop.samples.max())
    half = max(1, greatest - least) / 2  # of the range, where targets are -1 .. 1
    peak = (1 << crop.bits) - 1
    for outputs, targets in train(run, crop, options, mse_loss, lambda t: rate * 0.1**t):
        levels.append(10 * math.log10((peak / half) ** 2 / float(mse_loss(outputs, targets))))
    values = torch.clamp(torch.round((outputs + 1) * half + least), 0, peak).reshape(-1)
    wrong = values.cpu().numpy().astype(crop.samples.dtype) ^ crop.samples.reshape(-1)
    row = {
        "image": crop.name,
        "bits": crop.bits,
        "model": label,
        "psnr": levels[-1],
        "ber": int(np.bitwise_count(wrong).sum()) / (wrong.size * crop.bits),
    }
    return row, Curve(f"{label}, {crop.name}", range(1, len(levels) + 1), levels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    curves: list[Curve] = []

    def measured(crops: list[Crop], label: str, setting: Setting) -> list[Row]:
        fits = [
            run.once(
                ["psnr", signal_key(crop.name, crop.samples), label],
                partial(fit, run, crop, label, setting),
            )
            for crop in crops
        ]
        rows.extend(row for row, _ in fits)
        curves.extend(curve for _, curve in fits)
        return [row for row, _ in fits]

    if crops := run.of_bits(8):
        settings = {name: (SETTINGS[name], published) for name, published in PUBLISHED.items()}
        for k, published in BIASES.items():
            settings[f"finer, k {k:.3g}"] = (5e-4, {"bias_range": k}), published
        lines = []
        for label, (setting, published) in settings.items():
            found = measured(crops, label, setting)
            lines.append([label, published, mean([row["psnr"] for row in found], ".2f")])
        run.print("PSNR in dB", middles(crops), ["model", "published", "measured"], lines)
    if crops := run.of_bits(16):
        lines = []
        for label, figures in ON_16_BITS.items():
            found = measured(crops, label, SETTINGS[label])
            forms = {"psnr": ".2f", "ber": ".3f"}
            cells = [mean([row[name] for row in found], form) for name, form in forms.items()]
            lines.append([label, *figures, *cells])
        head = ["model", "published PSNR", "BER", "PSNR", "BER"]
        run = replace(run, published=replace(PUBLISHED_SCALE, known=False))
        run.print("Values of 16 bits", middles(crops), head, lines)
    run.write(rows, curves, "step", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
