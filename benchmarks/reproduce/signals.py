"""Signals beside images: where they come from, and networks of one, two or three coordinates.

The product is an image codec and none of this is in its files: audio.py, video.py and shapes.py fit
float networks, with the loop, the initialisation and the transforms that images have.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch.nn.functional import mse_loss

from inrcodec.coding.backend import backend_for
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import NETWORK, ONE_BITS, Coordinate, CoordinateModel
from inrcodec.coordinate.transforms import OUTPUT_LIMIT, fit_transform, forward, inverse_table
from inrcodec.errors import LinrError

from .experiment import NONE, Curve, Experiment, Row, mean, optimise
from .journal import signal_key

# Of the published ones (Zhang et al., AAAI 2025), those that are of values alone
TRANSFORMS = ("0-1", "none", "zscore", "box-cox", "inverse", "gamma", "sym-power")
BACKBONES = ("siren", "finer")
VALUE_RATE = 5e-4  # of both, as published for images, times 0.1^(t/T)

EXTRA = "pip install 'inrcodec[reproduce]', or give files"

Fit = tuple[Row, Curve]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Signal:
    """Samples on a grid of one, two or three coordinates.

    samples: uint8 or uint16 (length of each axis, ..., channels). points: float32 (n, axes), where
    the samples are, in row-major order.
    """

    name: str
    samples: np.ndarray
    points: np.ndarray

    @property
    def bits(self) -> int:
        return 8 * self.samples.itemsize

    @property
    def channels(self) -> int:
        return int(self.samples.shape[-1])

    def psnr(self, mean_square: float) -> float:
        """In dB, to the full range of a sample, for a mean squared error of samples."""
        peak = (1 << self.bits) - 1
        return 10 * math.log10(peak**2 / mean_square) if mean_square else math.inf


@dataclass(frozen=True)
class SignalModel(CoordinateModel):
    """A coordinate model of as many coordinates as are asked for; no file holds one."""

    axes: int = 2

    @property
    def coordinates(self) -> int:
        return self.axes


def grid(*axes: np.ndarray) -> np.ndarray:
    """All points of a grid, float32 (n, axes) in row-major order, from the places on each axis."""
    places = np.meshgrid(*axes, indexing="ij")
    return np.stack(places, -1).reshape(-1, len(axes)).astype(np.float32)


def signal_networks(run: Experiment, options: Coordinate, axes: int, outputs: int) -> FloatNetworks:
    """One network of some coordinates, initialised with the run's seed, on its device."""
    model = SignalModel(
        "int", "value", options.backbone, options.width, options.depth, options.constants(),
        (NETWORK,), 0, axes=axes,
    )  # fmt: skip
    rng = torch.Generator().manual_seed(run.seed)
    return FloatNetworks(model, options, outputs, device_of(run), rng)


def device_of(run: Experiment) -> Any:
    return torch.device(backend_for(run.device).device)


def put(run: Experiment, array: np.ndarray) -> Any:
    """An array on the run's device, (1, *shape), as one network's inputs or targets."""
    return torch.from_numpy(array)[None].to(device_of(run))


def fit_values(run: Experiment, signal: Signal, options: Coordinate) -> list[float]:
    """Fits the values of a signal under options.transform: PSNR in dB by step.

    The loop of psnr.py: mean squared error of the targets, all points a step. PSNR is of the
    samples that the outputs stand for.
    """
    transform = fit_transform(options.transform, signal.samples, signal.bits)
    samples = signal.samples.reshape(-1, signal.channels)
    targets = put(run, forward(transform, samples, signal.bits))
    table = torch.from_numpy(inverse_table(transform, signal.bits)).to(targets.device)
    right = put(run, samples.astype(np.int64))
    networks = signal_networks(run, options, signal.points.shape[1], signal.channels)
    batches = repeat((put(run, signal.points), targets))
    levels = []
    for outputs in optimise(
        networks, batches, run.scale.steps, mse_loss, lambda t: options.rate * 0.1**t
    ):
        stored = torch.nan_to_num(outputs * (1 << ONE_BITS)).round().long()
        found = table[stored.clamp(-OUTPUT_LIMIT, OUTPUT_LIMIT - 1) + OUTPUT_LIMIT]
        # of 16 bits, squares are more than a float32 holds
        levels.append(signal.psnr(float((found - right).double().square().mean())))
    return levels


def fit_transforms(
    run: Experiment,
    name: str,
    signals: Sequence[Signal],
    fit: Callable[[Experiment, Signal, Coordinate], Fit],
    columns: Sequence[str],
) -> tuple[list[list[str]], list[Fit]]:
    """Fits signals under each of TRANSFORMS by each of BACKBONES: a table's lines, and the fits.

    name: of the experiment. columns: fields of a row, whose means over the signals are in a line,
    of one backbone after the other.
    """
    lines, fits = [], []
    drawn = 1 / math.sqrt(signals[0].points.shape[1])  # by PyTorch, as FINER's authors have it
    for transform in TRANSFORMS:
        cells = [transform, NONE]
        for backbone in BACKBONES:
            options = Coordinate(
                layout="value", backbone=backbone, width=run.scale.width, depth=run.scale.depth,
                transform=transform, learning_rate=VALUE_RATE, bias_range=drawn,
            )  # fmt: skip
            found = [
                run.once(
                    [name, signal_key(signal.name, signal.samples), transform, backbone],
                    partial(fit, run, signal, options),
                )
                for signal in signals
            ]
            cells += [mean([row[column] for row, _ in found], ".2f") for column in columns]
            fits += found
        lines.append(cells)
    return lines, fits


def middles(signals: Sequence[Signal]) -> str:
    """What a table says of its signals."""
    return "the middle of " + ", ".join(signal.name for signal in signals)


def packaged(package: str, path: str, advice: str) -> Path:
    """A file inside an installed package, which is not imported. Raises LinrError, with advice, if
    it is not there."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    raise LinrError(f"no {path} of the package {package}: {advice}")


def load(read: Callable[[], Sequence[Loaded]]) -> Sequence[Loaded]:
    """What read returns; ends the script with a message where files are missing or damaged."""
    try:
        return read()
    except (LinrError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def own_or_given(
    run: Experiment, read: Callable[[Path, int], Loaded], package: str, path: str, advice: str
) -> Sequence[Loaded]:
    """The signals of the files that were given, or else of one inside a package, as read has them
    of the scale's size; ends as load and says advice as packaged."""

    def found() -> list[Loaded]:
        paths = run.paths or [packaged(package, path, advice)]
        return [read(each, run.scale.size) for each in paths]

    return load(found)
