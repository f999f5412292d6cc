"""Transforms of the target: PSNR and coded residuals (Zhang et al., AAAI 2025).

    python -m benchmarks.reproduce.target_transforms PATH... [--size N] [--width N] ... [--csv FILE]

Published, DIV2K, SIREN, PSNR at 5000 steps: 0-1 scaling 33.60, z-score 35.64, Box-Cox 35.47,
inverse 36.37, scaled 36.18, symmetric power 36.75. All eleven settings that the paper compares, by
SIREN at its published rate of 1e-4 and by FINER at 5e-4, of which no figure is known here; for
fewer than 256 units a layer rates are in proportion more, as those hardly move otherwise in fewer
steps. Measured: files of inrcodec.encode with layout "value", whose rate falls with the steps: PSNR
of the picture that the stored network gives (inrcodec.resample), and the bits per sub-pixel of the
residuals, which are the data section of the file. "scale 1.0", to -1 .. 1, is what is published as
scaled; all but 0-1 scaling, z-score and the other scales share its range.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import inrcodec
from inrcodec.coordinate.model import Coordinate

from .experiment import NONE, Crop, Curve, Experiment, Row, Scale, experiment, mean, middles
from .journal import signal_key

PUBLISHED_SCALE, REDUCED = Scale(512, 256, 4, 5000), Scale(96, 48, 4, 1000)
RATES = {"siren": 1e-4, "finer": 5e-4}
UNITS = 256  # a layer, of which these are
SETTINGS: dict[str, dict[str, Any]] = {
    "0-1 scaling": {"transform": "0-1"},
    "z-score": {"transform": "zscore"},
    "gamma 0.5": {"transform": "gamma", "power": 0.5},
    "gamma 2.0": {"transform": "gamma", "power": 2.0},
    "scale 0.5": {"transform": "scale", "factor": 1.0},
    "scale 1.0": {"transform": "scale", "factor": 2.0},
    "scale 2.0": {"transform": "scale", "factor": 4.0},
    "inverse": {"transform": "inverse"},
    "RPP": {"transform": "rpp"},
    "Box-Cox": {"transform": "box-cox"},
    "symmetric power": {"transform": "sym-power"},
}
PUBLISHED = {  # of SIREN
    "0-1 scaling": "33.60", "z-score": "35.64", "scale 1.0": "36.18", "inverse": "36.37",
    "Box-Cox": "35.47", "symmetric power": "36.75",
}  # fmt: skip


def rate(backbone: str, scale: Scale) -> float:
    """Of Adam, to begin with."""
    return RATES[backbone] * UNITS / scale.width


def fit(run: Experiment, crop: Crop, backbone: str, setting: str) -> tuple[Row, Curve]:
    """Encodes a crop by its values."""
    options = Coordinate(
        layout="value", backbone=backbone, width=run.scale.width, depth=run.scale.depth,
        steps=run.scale.steps, learning_rate=rate(backbone, run.scale), **SETTINGS[setting],
    )  # fmt: skip
    data = inrcodec.encode(
        crop.samples, model="coordinate", coordinate=options, device=run.device, seed=run.seed,
        threads=run.threads,
    )  # fmt: skip
    picture = inrcodec.resample(data, threads=run.threads).reshape(crop.samples.shape)
    error = float(((picture.astype(np.float64) - crop.samples) ** 2).mean())
    peak = (1 << crop.bits) - 1
    psnr = 10 * math.log10(peak**2 / error) if error else math.inf
    residual = 8 * inrcodec.info(data)["data_bytes"] / crop.samples.size
    row = {
        "image": crop.name,
        "bits": crop.bits,
        "backbone": backbone,
        "setting": setting,
        "psnr": psnr,
        "residual": residual,
    }
    return row, Curve(f"{backbone}, {setting}, {crop.name}", [residual], [psnr])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    curves: list[Curve] = []
    head = ["transform", "published PSNR", "PSNR", "residual bits a sub-pixel"]
    for backbone in RATES:
        lines = []
        for setting in SETTINGS:
            fits = [
                run.once(
                    [
                        "target_transforms",
                        signal_key(crop.name, crop.samples),
                        f"{backbone}, {setting}",
                    ],
                    partial(fit, run, crop, backbone, setting),
                )
                for crop in run.crops
            ]
            found = [row for row, _ in fits]
            published = PUBLISHED.get(setting, NONE) if backbone == "siren" else NONE
            cells = [mean([row[name] for row in found], ".3f") for name in ("psnr", "residual")]
            lines.append([setting, published, *cells])
            rows += found
            curves += [curve for _, curve in fits]
        title = f"Transforms of the target, {backbone} at {RATES[backbone]:g}"
        signals = f"{middles(run.crops)}; at {rate(backbone, run.scale):.1e}"
        run.print(title, signals, head, lines)
    run.write(rows, curves, "residual bits a sub-pixel", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
