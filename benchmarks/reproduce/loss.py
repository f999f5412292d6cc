"""Steps to BER 0 by loss: Han et al., CVPR 2025 (LosslessINR), joint SIREN on Kodak.

    python -m benchmarks.reproduce.loss PATH... [--size N] [--width N] ... [--csv FILE]

Published: BCE 778 steps, MSE 1233. Both here in one loop: Adam at 1e-4 times 512 / width, all
points a step, float weights. For MSE an output above 1/2 decides for 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from inrcodec.coordinate.model import Coordinate

from .experiment import (
    Crop,
    Curve,
    Experiment,
    Row,
    Scale,
    experiment,
    middles,
    steps_to_zero,
    train,
)
from .journal import signal_key

PUBLISHED_SCALE, REDUCED = Scale(256, 512, 6, 10_000), Scale(32, 128, 6, 1000)
LOSSES: dict[str, tuple[str, Callable[..., Any], float]] = {  # published steps, loss, threshold
    "BCE": ("778", binary_cross_entropy_with_logits, 0.0),
    "MSE": ("1233", mse_loss, 0.5),
}


def fit(run: Experiment, crop: Crop, name: str) -> tuple[Row, Curve]:
    """Fits with a loss until the signs are right: the row, and the BER by step."""
    _, loss, threshold = LOSSES[name]
    options = Coordinate(backbone="siren", width=run.scale.width, depth=run.scale.depth)
    rate = 1e-4 * 512 / run.scale.width
    bers: list[float] = []
    for outputs, targets in train(run, crop, options, loss, lambda _: rate):
        bers.append(float(((outputs > threshold) != (targets > 0)).float().mean()))
        if not bers[-1]:
            break
    steps = None if bers[-1] else len(bers)
    row = {"image": crop.name, "bits": crop.bits, "loss": name, "steps": steps, "ber": bers[-1]}
    return row, Curve(f"{name}, {crop.name}", range(1, len(bers) + 1), bers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    curves: list[Curve] = []
    lines = []
    for name, (published, _, _) in LOSSES.items():
        fits = [
            run.once(
                ["loss", signal_key(crop.name, crop.samples), name], partial(fit, run, crop, name)
            )
            for crop in run.crops
        ]
        found = [row for row, _ in fits]
        lines.append([name, published, steps_to_zero(found, "steps", run.scale)])
        rows += found
        curves += [curve for _, curve in fits]
    run.print(
        "Steps to BER 0 by loss", middles(run.crops), ["loss", "published", "measured"], lines
    )
    run.write(rows, curves, "step", "BER")
    return 0


if __name__ == "__main__":
    sys.exit(main())
