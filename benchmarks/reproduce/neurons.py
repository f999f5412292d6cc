"""The frequencies of networks' units: FINER (Liu et al., CVPR 2024).

    python -m benchmarks.reproduce.neurons [PATH...] [--width N] ... [--plot FILE] [--pictures DIR]

Published, as pictures without figures, of networks fitted to an image: with wider ranges k of
FINER's first biases the units of the first layer have higher frequencies. Measured: the dominant
frequency of each unit, which is where the power of its activation over a grid of 512 x 512
coordinates, without the mean, is largest (2-D FFT), in cycles per image; the median and the 90th
percentile over the units of the first layer and of the last hidden one. A constant unit has 0.
Networks are as they are initialised, and, where there are images, fitted to the middle of each, too
(psnr.py says how). The grid is fine enough for k = 20: first layers then go up to some 200 cycles
along an axis.

--pictures: of each network a contact sheet of the first layer's units, by their frequency. A pixel
of it is the mean of 4 x 4, in which frequencies above some 128 cycles are grey.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat

import numpy as np
import torch
from torch.nn.functional import mse_loss

from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.transforms import fit_transform, forward
from inrcodec.errors import LinrError

from .analysis import (
    CASES,
    NARROWER,
    hidden,
    initialised,
    key,
    points,
    save,
    sheet,
    stretched,
    verdict,
)
from .experiment import (
    NONE,
    Crop,
    Curve,
    Experiment,
    Row,
    Scale,
    experiment,
    image_files,
    middle,
    middles,
    optimise,
)
from .journal import signal_key

PUBLISHED_SCALE, REDUCED = Scale(512, 256, 4, 5000), Scale(64, 128, 4, 500)
GRID = 512
STRIP, UNITS = 1 << 15, 16  # points, and units, at a time
FIGURES = ("first_median", "first_90th", "last_median", "last_90th")  # of a row
REDUCTION, COLUMNS = 4, 16  # of a contact sheet


def fit(run: Experiment, case: str, crop: Crop) -> FloatNetworks:
    """A network fitted to the values of a crop."""
    channels = crop.samples.shape[2]
    networks = initialised(run, case, channels)
    inputs = points(run, networks, run.scale.size)
    transform = fit_transform("none", crop.samples, crop.bits)
    values = forward(transform, crop.samples.reshape(1, -1, channels), crop.bits)
    targets = torch.from_numpy(values.astype(np.float32)).to(inputs.device)
    first = CASES[case][0]
    batches = repeat((inputs, targets))
    for _ in optimise(networks, batches, run.scale.steps, mse_loss, lambda t: first * 0.1**t):
        pass
    return networks


def activations(run: Experiment, networks: FloatNetworks, layer: int) -> np.ndarray:
    """A hidden layer's activations over the grid: float32 (units, GRID, GRID), of WIRE's complex
    units the real parts."""
    strips = points(run, networks, GRID).split(STRIP, 1)
    found = torch.cat([hidden(networks, layer, strip).real.cpu() for strip in strips])
    return found.T.reshape(-1, GRID, GRID).numpy()


def dominant(images: np.ndarray) -> np.ndarray:
    """The frequency at which each image has most power, its mean left out: float (n, H, W) ->
    float64 (n,), in cycles per image; 0 for a constant."""
    height, width = images.shape[1:]
    down, across = np.fft.fftfreq(height, 1 / height), np.fft.rfftfreq(width, 1 / width)
    frequencies = np.hypot(down[:, None], across).reshape(-1)
    result = []
    for start in range(0, len(images), UNITS):
        some = images[start : start + UNITS].astype(np.float64)
        size = np.abs(np.fft.rfft2(some)).reshape(len(some), -1)
        # in the mean's place what rounding may leave of a constant elsewhere
        size[:, 0] = 1e-6 * height * width * np.abs(some).max((1, 2))
        result.append(frequencies[size.argmax(1)])
    return np.concatenate(result)


def measure(run: Experiment, case: str, crop: Crop | None) -> tuple[Row, Curve]:
    """The units of a case, fitted to a crop or else as initialised: percentiles of the frequencies,
    and the part of the first layer's units by frequency."""
    networks = initialised(run, case) if crop is None else fit(run, case, crop)
    first = activations(run, networks, 1)
    frequencies = dominant(first)
    last = frequencies
    if run.scale.depth > 1:
        last = dominant(activations(run, networks, run.scale.depth))
    signal = "initialised" if crop is None else crop.name
    row: Row = {"signal": signal, "model": case, "units": len(frequencies)}
    for name, values in (("first", frequencies), ("last", last)):
        row[f"{name}_median"] = float(np.median(values))
        row[f"{name}_90th"] = float(np.percentile(values, 90))
    order = np.argsort(frequencies, kind="stable")
    if run.pictures is not None:
        units = stretched(first[order])
        side = GRID // REDUCTION
        small = units.reshape(-1, side, REDUCTION, side, REDUCTION).mean((2, 4))
        save(run, f"{signal}.{case}", "neurons", sheet(small, COLUMNS))
    parts = np.arange(1, len(order) + 1) / len(order)
    return row, Curve(f"{case}, {signal}", frequencies[order].tolist(), parts.tolist())


def line(case: str, figures: dict[str, dict[str, float]]) -> list[str]:
    """A row of the table, of the figures by case."""
    own, published, word = figures[case], NONE, ""
    if case in NARROWER:
        narrower, published = figures[NARROWER[case]], "higher than the row above"
        claims = (("first_median", "median"), ("first_90th", "90th percentile"))
        word = verdict(*(
            (own[field] > narrower[field], f"{name} higher", f"{name} not higher")
            for field, name in claims
        ))  # fmt: skip
    return [case, published, *(f"{own[name]:.1f}" for name in FIGURES), word]


def table(run: Experiment, crops: Sequence[Crop]) -> tuple[list[Row], list[Curve]]:
    """Measures and prints: of networks fitted to crops the means, without crops of networks as they
    are initialised. Returns the rows and the curves."""
    signals: Sequence[Crop | None] = crops or [None]
    rows: list[Row] = []
    curves: list[Curve] = []
    figures: dict[str, dict[str, float]] = {}
    for case in CASES:
        found = []
        for crop in signals:
            signal = "initialised" if crop is None else signal_key(crop.name, crop.samples)
            what = key(run, "neurons", signal, case)
            row, curve = run.once(what, partial(measure, run, case, crop))
            found.append(row)
            curves.append(curve)
        figures[case] = {name: statistics.mean(row[name] for row in found) for name in FIGURES}
        rows += found
    head = ["network", "published", "first layer, median", "90th percentile",
            "last hidden layer, median", "90th percentile", "agrees"]  # fmt: skip
    lines = [line(case, figures) for case in CASES]
    title, fitted = (
        "Dominant frequencies of units",
        f"fitted to {middles(crops)}, " if crops else "",
    )
    run.print(title + ", fitted" * bool(crops), f"{fitted}in cycles per image", head, lines)
    return rows, curves


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(
        __doc__, PUBLISHED_SCALE, REDUCED, arguments, images=False, pictures=True,
        signals="images, or folders of such: networks are fitted to each, too",
    )  # fmt: skip
    try:
        crops = [middle(path, run.scale.size) for path in image_files(run.paths)]
    except LinrError as error:
        sys.exit(str(error))
    as_they_are = replace(run, scale=replace(run.scale, size=GRID, steps=0))
    rows, curves = table(as_they_are, [])
    if crops:
        more = table(run, crops)
        rows, curves = rows + more[0], curves + more[1]
    run.write(rows, curves, "cycles per image", "part of the first layer's units")
    return 0


if __name__ == "__main__":
    sys.exit(main())
