"""The ternary model: a network of weights -1, 0, 1 for each plane (Han et al., CVPR 2025).

    python -m benchmarks.reproduce.ternary PATH... [--size N] [--width N] ... [--csv FILE]

Published: 128 x 128, 16 bits, 16 networks of 3 hidden layers (after the first) of 256 units, GELU,
205,056 weights each, BER 0 at 80,000 steps, by when the published rate has fallen to nothing;
656,179 bytes at 5 weights a byte. Measured: what inrcodec.encode does with layout "per-plane",
backbone "pe-gelu" and ternary weights: the step at which the stored networks have BER 0, and the
whole file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import inrcodec
from inrcodec.coordinate.fit import Step
from inrcodec.coordinate.model import Coordinate

from .experiment import (
    Crop,
    Curve,
    Experiment,
    Row,
    Scale,
    experiment,
    mean,
    middles,
    steps_to_zero,
)
from .journal import signal_key

PUBLISHED_SCALE, REDUCED = Scale(128, 256, 4, 80_000), Scale(32, 128, 3, 2000)


def fit(run: Experiment, crop: Crop) -> tuple[Row, Curve]:
    """Encodes a crop: its row, and the BER by step."""
    bers: list[float] = []

    def watch(step: Step) -> None:
        bers.append(float(step.ber.mean()))

    options = Coordinate(
        layout="per-plane", backbone="pe-gelu", width=run.scale.width, depth=run.scale.depth,
        steps=run.scale.steps,
    )  # fmt: skip
    data = inrcodec.encode(
        crop.samples, model="coordinate", coordinate=options, weights="ternary",
        device=run.device, seed=run.seed, threads=run.threads, watch=watch,
    )  # fmt: skip
    facts = inrcodec.info(data)
    wrong = [plane["ber"] for plane in facts["planes"]]
    ber = sum(wrong) / len(wrong)
    row = {
        "image": crop.name,
        "bits": crop.bits,
        "steps": None if ber else facts["coordinate"]["steps"],
        "ber": ber,
        "weights": facts["weights_bytes"],
        "bytes": len(data),
        "raw": crop.samples.nbytes,
    }
    return row, Curve(crop.name, range(1, len(bers) + 1), bers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    fits = [
        run.once(["ternary", signal_key(crop.name, crop.samples)], partial(fit, run, crop))
        for crop in run.crops
    ]
    rows = [row for row, _ in fits]
    curves = [curve for _, curve in fits]
    lines = [["published, 16 bits", "80000", "656179", "656179", "98304"]]
    for bits in (8, 16):
        found = [row for row in rows if row["bits"] == bits]
        if found:
            sizes = [mean([row[n] for row in found], ".0f") for n in ("weights", "bytes", "raw")]
            lines.append([f"{bits} bits", steps_to_zero(found, "steps", run.scale), *sizes])
    head = ["", "steps to BER 0", "bytes of weights", "bytes of the file", "of the samples"]
    run.print("Ternary networks, one a plane", middles(run.crops), head, lines)
    run.write(rows, curves, "step", "BER")
    return 0


if __name__ == "__main__":
    sys.exit(main())
