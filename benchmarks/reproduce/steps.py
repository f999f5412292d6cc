"""Steps to BER 0 by backbone: the joint network of LosslessINR (Han et al., CVPR 2025).

    python -m benchmarks.reproduce.steps PATH... [--size N] [--width N] ... [--csv FILE]

Published: SIREN 790 +- 109 steps (DIV2K and Kodak, 8 bits) and 3450 +- 877 (TESTIMAGES and MIT-5k,
16 bits); the other backbones on Kodak and TESTIMAGES. BCE, Adam at 1e-4, all points a step.

Measured: what inrcodec.encode does. "float" is the first step at which the signs of all logits are
right, as published; "stored" the step at which that holds for the integer networks that a decoder
reads from the file. The fit differs from the published one in a warm-up of 2 % and a cosine of the
rate over --steps (loss.py has it as published). Rates are in proportion to 1 / width. Bits grow as
size^2 and weights as width^2: a width of twice the size keeps their published ratio.
On a GPU the published size should need about 25 GB (8 bits) or 50 GB (16 bits), which nobody tried.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import inrcodec
from inrcodec.coordinate.fit import Step
from inrcodec.coordinate.model import Coordinate

from .experiment import (
    NONE,
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

PUBLISHED_SCALE, REDUCED = Scale(256, 512, 6, 10_000), Scale(32, 64, 6, 2000)
PUBLISHED = {  # of 8 and of 16 bits
    "siren": {8: "790 ± 109", 16: "3450 ± 877"},
    "finer": {8: "428", 16: "1464"},
    "hash-grid": {8: "1130", 16: "4668"},
    "diner": {8: "3347", 16: "3915"},
    "gauss": {8: "7931", 16: "29546"},
}
# The rate at a width of 512: published for SIREN, for others what was found to go well.
BACKBONES: dict[str, tuple[float, dict[str, Any]]] = {
    "siren": (1e-4, {}),
    "finer": (1e-4, {}),
    "hash-grid": (5e-4, {}),
    "diner": (5e-5, {}),
    "gauss": (5e-4, {"scale": 10.0}),
    "pe-relu": (5e-4, {}),
}


def fit(run: Experiment, crop: Crop, backbone: str) -> tuple[Row, Curve]:
    """Encodes a crop with a backbone: its row, and the BER by step."""
    rate, constants = BACKBONES[backbone]
    size: dict[str, Any] = {
        "width": run.scale.width,
        "depth": run.scale.depth,
        "steps": run.scale.steps,
    }
    options = Coordinate(
        backbone=backbone, learning_rate=rate * 512 / run.scale.width, **size, **constants
    )
    bers: list[float] = []
    first: list[int] = []

    def watch(step: Step) -> None:
        bers.append(float(step.ber.mean()))
        if not step.ber.any():
            first.append(step.step)

    started = time.perf_counter()
    data = inrcodec.encode(
        crop.samples, model="coordinate", coordinate=options, device=run.device, seed=run.seed,
        threads=run.threads, watch=watch,
    )  # fmt: skip
    seconds, facts = time.perf_counter() - started, inrcodec.info(data)
    wrong = [plane["ber"] for plane in facts["planes"]]
    ber = sum(wrong) / len(wrong)
    row = {
        "image": crop.name,
        "bits": crop.bits,
        "backbone": backbone,
        "rate": options.rate,
        "float": first[0] if first else None,
        "stored": None if ber else facts["coordinate"]["steps"],
        "ber": ber,
        "bpsp": facts["bpsp"],
        "seconds": seconds,
    }
    label = f"{backbone}, {crop.name}"
    return row, Curve(label, range(1, len(bers) + 1), bers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(__doc__, PUBLISHED_SCALE, REDUCED, arguments)
    rows: list[Row] = []
    curves: list[Curve] = []
    head = ["backbone", "published", "float", "stored", "bpsp of the file", "seconds"]
    for bits in (8, 16):
        crops, lines = run.of_bits(bits), []
        if not crops:
            continue
        for backbone in BACKBONES:
            fits = [
                run.once(
                    ["steps", signal_key(crop.name, crop.samples), backbone],
                    partial(fit, run, crop, backbone),
                )
                for crop in crops
            ]
            found = [row for row, _ in fits]
            rows += found
            curves += [curve for _, curve in fits]
            cells = [
                steps_to_zero(found, "float", run.scale),
                steps_to_zero(found, "stored", run.scale),
                mean([row["bpsp"] for row in found], ".1f"),
                mean([row["seconds"] for row in found], ".0f"),
            ]
            lines.append([backbone, PUBLISHED.get(backbone, {}).get(bits, NONE), *cells])
        run.print(f"Steps to BER 0, {bits} bits", middles(crops), head, lines)
    run.write(rows, curves, "step", "BER")
    return 0


if __name__ == "__main__":
    sys.exit(main())
