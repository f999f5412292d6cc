"""Trains a shipped prior: the networks that an encode starts from, and effort 1 uses as they are.

    python training/prior.py [--passes N] [--seed N] [-o prior.bin] FOLDER

FOLDER holds photographs. They are seen turned, halved in size, brighter, darker, sharper, softer,
in other colours, as if demosaiced, and with finer samples, so that the networks know more cameras
than took them. JPEGs of them train the networks of Y, Cb, Cr, as do those that have a JPEG history
themselves (colour.py).

The priors in inrcodec/ never change, as files depend on them. prior3.bin came of this script as it
is in 15 minutes on two cores; prior1.bin and prior2.bin, whose networks are half as wide, of
earlier ones, without biases of each version, and prior1.bin without the wide context.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import torch

from inrcodec.coding.backend import Backend, Workers, numpy_backend
from inrcodec.coding.weights import BIAS_SHIFT, Tensors, pack_weights
from inrcodec.contents import planes_of
from inrcodec.context.fit import (
    logit_itself,
    plane_loss,
    plane_samples,
    start_plane,
    start_trunk,
    train,
    trunk_loss,
    trunk_samples,
    uniform_floor,
)
from inrcodec.context.float_networks import FloatNetwork
from inrcodec.context.inference import ChannelNetworks
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.neighbours import input_count
from inrcodec.context.networks import Network, Shape, Tensor
from inrcodec.context.traversal import plane_shape, trunk_shape
from inrcodec.context.windows import statistics_count
from inrcodec.files.images import read_image
from inrcodec.files.picture import Picture
from inrcodec.history.chain import Chain
from inrcodec.history.jfif import Jfif

TRUNK_WIDTH, PLANE_WIDTH = 64, 16
SAMPLES = 6_000_000  # per network
BATCH = 8192
PLANE_STEPS = 6000
PLANE_EVERY = 3  # versions: to see one takes a whole traversal
POSITIONS = 3
# What versions have of their own, at what part of the learning rate, and what the square costs.
BIASES = ("b1", "b2", "b3")
VERSIONS_RATE, VERSIONS_PENALTY = 0.3, 0.01

Image = tuple[Layout, np.ndarray]


def halved(image: np.ndarray, times: int) -> np.ndarray:
    """A photograph at a fraction of its size, float64: means of squares of pixels."""
    h, w = (n // times for n in image.shape[:2])
    squares = image[: h * times, : w * times].reshape(h, times, w, times, 3)
    return np.asarray(squares.mean(axis=(1, 3)))


def toned(
    image: np.ndarray, rng: np.random.Generator, gain: float, levels: int = 255
) -> np.ndarray:
    """With another contrast and exposure, rounded to levels + 1 values."""
    curve = (np.clip(image, 0, 255) / 255) ** rng.uniform(0.55, 1.7) * gain
    return np.rint(curve * levels).astype(np.uint8 if levels == 255 else np.uint16)


def saturated(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With more or less colour in another light."""
    grey = image @ np.array([0.3, 0.59, 0.11])
    colour = grey[:, :, None] + rng.uniform(0.6, 2.0) * (image - grey[:, :, None])
    return np.asarray(colour * rng.uniform(0.75, 1.3, 3))


def _neighbours(image: np.ndarray) -> np.ndarray:
    """A channel (H, W) at the nine places about each pixel, (3, 3, H, W)."""
    padded = np.pad(image, 1, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, image.shape)


def filtered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sharper or softer, as cameras make them."""
    aside = rng.uniform(-0.13, 0.2)
    row = np.array([aside, 1 - 2 * aside, aside])
    channels = np.moveaxis(image, 2, 0)
    return np.stack([np.einsum("i,j,ijyx->yx", row, row, _neighbours(c)) for c in channels], axis=2)


def demosaiced(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As from a sensor with noise behind Bayer's filters: G by neighbours and some of the Laplacian
    of what is there (as in Malvar et al. 2004), R and B by their differences to G."""
    rows, cols = (np.arange(n) + rng.integers(2) for n in image.shape[:2])
    y, x = rows[:, None] % 2, cols[None, :] % 2
    places = (y == 0) & (x == 0), y != x, (y == 1) & (x == 1)
    light = np.sqrt(np.clip(image, 0, 255) / 128 + 0.1)
    raw = image + rng.normal(size=image.shape) * rng.uniform(0, 2) * light
    mosaic = np.select(places, list(np.moveaxis(raw, 2, 0)))
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    tent = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    padded = np.pad(mosaic, 2, mode="reflect")
    far = padded[:-4, 2:-2] + padded[4:, 2:-2] + padded[2:-2, :-4] + padded[2:-2, 4:]
    green = np.einsum("ij,ijyx->yx", cross, _neighbours(mosaic))
    green += rng.uniform(0, 1) * (mosaic - far / 4) / 2
    green = np.where(places[1], mosaic, green)
    red, blue = (
        green + np.einsum("ij,ijyx->yx", tent, _neighbours(np.where(places[c], mosaic - green, 0)))
        for c in (0, 2)
    )
    return np.stack([red, green, blue], axis=2)


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """In one of its eight orientations."""
    image = image.swapaxes(0, 1) if orientation & 1 else image
    return np.ascontiguousarray(image[:: 1 - (orientation & 2), :: 1 - (orientation >> 1 & 2)])


def versions(image: np.ndarray, history: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """What the networks of G, R, B see of a photograph. One with a JPEG history has little of a
    camera's noise at its full size."""
    for orientation in rng.permutation(8)[: 1 if history else 8]:
        yield turned(image, orientation)
    for gain in (1.0, rng.uniform(0.4, 1)):
        # the steps of 8 bits would be a comb in another tone curve
        dithered = image + rng.uniform(-0.5, 0.5, image.shape)
        yield toned(dithered, rng, gain)
    half = halved(image, 2)
    yield np.rint(half).astype(np.uint8)
    yield toned(halved(image, 3), rng, 1.0)
    yield toned(half, rng, rng.uniform(0.4, 1), 4095)
    whole = half if history else image.astype(np.float64)
    shown = [half, saturated(half, rng), filtered(half, rng), filtered(saturated(half, rng), rng)]
    shown.append(demosaiced(whole, rng))
    if not history:
        shown.append(saturated(filtered(demosaiced(whole, rng), rng), rng))
    for version in shown:
        yield toned(version, rng, rng.uniform(0.4, 1))


def jpegs(image: np.ndarray, history: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Decoded JPEGs: the photograph if it is one, and as others could have saved it."""
    if history:
        for orientation in range(8):
            yield turned(image, orientation)
    sources = [halved(image, 2)] if history else [image, halved(image, 2)]
    for source in sources:
        for _ in range(1 if history else 3):
            pixels = turned(np.rint(source).astype(np.uint8), int(rng.integers(8)))
            subsampling = ("444", "422", "420")[rng.integers(3)]
            level = int(rng.integers(75, 99))
            saved = imagecodecs.jpeg_encode(pixels, level=level, subsampling=subsampling)
            yield imagecodecs.jpeg_decode(saved)


def images(folder: Path, conversion: int, rng: np.random.Generator) -> list[Image]:
    """Every version of every photograph, as G, R, B or as Y, Cb, Cr."""
    found = []
    for path in sorted(folder.iterdir()):
        image = read_image(path.read_bytes(), path.name)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            continue
        history = without_history(image) is not None
        for version in (jpegs if conversion else versions)(image, history, rng):
            planes = without_history(version) if conversion else version
            if planes is not None:
                layout = choose_layout(planes, conversion, wide=True)
                found.append((layout, planes))
    return found


def without_history(image: np.ndarray) -> np.ndarray | None:
    """Y, Cb, Cr of an image that was a JPEG, (H, W, 3); else None."""
    chain = Chain((), planes_of(Picture(image))).then(Jfif)
    return None if chain is None else chain.planes.array()


def coordinates(position: int) -> slice:
    """Which inputs of a trunk INR are y and x."""
    end = input_count(position, wide=True) - statistics_count(position)
    return slice(end - 3, end - 1)


class OfVersions(FloatNetwork):
    """The float twin with changes to the biases for each version of a photograph, as the fit to an
    image will change them: so the weights learn what all cameras share and how they differ (shift
    modulations; Dupont et al. 2022, "From data to functa", section 3).

    inputs, x: as FloatNetwork's, and a last column with the version's number below `versions`.
    """

    def __init__(self, shape: Shape, inputs: Any, rng: torch.Generator, versions: int) -> None:
        super().__init__(shape, "int", inputs[:, :-1], rng)
        for name in BIASES:
            size = versions, self.parameters[name].shape[0]
            self.parameters[f"of {name}"] = torch.zeros(size).requires_grad_()

    def _of_versions(self, name: str) -> Any:
        return VERSIONS_RATE * self.parameters[f"of {name}"]

    def __call__(self, weights: dict[str, Any], x: Any) -> Any:
        p, version = self._whole(self._stored(weights)), x[:, -1].long()
        shifted = {name: p[name] + self._of_versions(name)[version] for name in BIASES}
        return self._run({**p, **shifted}, x[:, :-1])

    def spread(self) -> Any:
        """Mean over the versions of the sum of the squares of their changes."""
        return sum(self._of_versions(name).square().sum(1).mean() for name in BIASES)

    def tensors(self) -> Tensors:
        """Those of the mean over the versions."""
        with torch.no_grad():
            for name in BIASES:
                mean = self.parameters[f"of {name}"].mean(0)
                self.parameters[name] += VERSIONS_RATE * mean
                self.parameters[f"of {name}"] -= mean
        return super().tensors()

    def tensors_of(self, tensors: Tensors) -> list[Tensors]:
        """Those of each version, after tensors() gave those of the mean."""
        found = [dict(tensors) for _ in range(len(self.parameters["of b1"]))]
        for name in BIASES:
            mean = np.ldexp(tensors[name].values.astype(np.float64), -tensors[name].shift)
            biases = mean + self._of_versions(name).detach().numpy()
            for of_version, values in zip(found, biases, strict=True):
                stored = np.rint(np.ldexp(values, BIAS_SHIFT)).astype(np.int64)
                of_version[name] = Tensor(stored, BIAS_SHIFT)
        return found


def trunk(
    found: list[Image], position: int, step: int, *, passes: int, seed: int
) -> tuple[Tensors, list[Tensors]]:
    """The trunk INR of a step of one position in the coding order, and as each version that has
    this channel changes it."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    used = [image for image in found if image[0].channels[position].planes]
    parts = [
        trunk_samples(numpy_backend(), layout, image, position, step, rng, SAMPLES // len(used))
        for layout, image in used
    ]
    inputs, low, high = (torch.from_numpy(np.concatenate(p)) for p in zip(*parts, strict=True))
    inputs[:, coordinates(position)] = 0  # they mean something in one image only
    numbers = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    inputs = torch.cat([inputs, torch.from_numpy(numbers.astype(np.float32))[:, None]], 1)
    shape = trunk_shape(position, TRUNK_WIDTH, True)
    network = OfVersions(shape, inputs, torch_rng, len(parts))
    start_trunk(network)
    bits = trunk_loss(uniform_floor(8))
    tensors = train(
        network,
        inputs,
        (low, high),
        lambda *batch: bits(*batch) + VERSIONS_PENALTY * network.spread(),
        passes * len(low) // BATCH,
        BATCH,
        torch_rng,
        reporter(f"trunk {position}{'AB'[step]}"),
    )
    for name in ("w1", "bypass"):
        tensors[name].values[:, coordinates(position)] = 0
    return tensors, network.tensors_of(tensors)


def planes(
    found: list[Image], trunks: list[tuple[list[Tensors], list[Tensors]]], seed: int
) -> list[Tensors]:
    """The plane INRs of all positions; trunks: of each the A and B of every version."""
    backend, rng = numpy_backend(), np.random.default_rng(seed)
    left = [zip(*pair, strict=True) for pair in trunks]
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in trunks]
    with Workers(backend, 2) as workers:
        for number, (layout, image) in enumerate(found):
            coded = [
                networks_of(position, *next(left[position]), backend) if channel.planes else None
                for position, channel in enumerate(layout.channels)
            ]
            if number % PLANE_EVERY:
                continue
            most = SAMPLES * PLANE_EVERY // len(found)
            samples = plane_samples(backend, workers, layout, image, coded, rng, most)
            for part, channel in zip(parts, layout.channels, strict=True):
                if channel.index in samples:
                    part.append(samples[channel.index])
    result = []
    for position, part in enumerate(parts):
        inputs, bits = (torch.from_numpy(np.concatenate(p)) for p in zip(*part, strict=True))
        torch_rng = torch.Generator().manual_seed(seed + position)
        network = FloatNetwork(plane_shape(position, PLANE_WIDTH), "int", inputs, torch_rng)
        start_plane(network)
        report = reporter(f"plane {position}")
        result.append(
            train(network, inputs, (bits,), plane_loss, PLANE_STEPS, BATCH, torch_rng, report)
        )
    return result


def networks_of(position: int, a: Tensors, b: Tensors, backend: Backend) -> ChannelNetworks:
    """A channel's networks with a plane INR that changes nothing."""
    shape, plane = trunk_shape(position, TRUNK_WIDTH, True), plane_shape(position, PLANE_WIDTH)
    trunks = Network(shape, a, backend), Network(shape, b, backend)
    return ChannelNetworks(trunks, Network(plane, logit_itself(plane), backend))


def reporter(name: str) -> Callable[[float, float], None]:
    """A report function for train that prints to stderr now and then."""
    last = [time.monotonic()]

    def report(fraction: float, bits: float) -> None:
        if time.monotonic() - last[0] > 20 or fraction == 1:
            last[0] = time.monotonic()
            print(f"{name}: {fraction:.0%}, {bits:.4f} bpsp", file=sys.stderr, flush=True)

    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passes", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("prior.bin"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = []
    for conversion in (0, 1):
        found = images(arguments.folder, conversion, np.random.default_rng(arguments.seed))
        jobs = [(position, step) for position in reversed(range(POSITIONS)) for step in (1, 0)]
        with ThreadPoolExecutor(2) as pool:
            fitted = pool.map(
                partial(trunk, found, passes=arguments.passes, seed=arguments.seed),
                *zip(*jobs, strict=True),
            )
            by_job = dict(zip(jobs, fitted, strict=True))
        pairs = [(by_job[position, 0], by_job[position, 1]) for position in range(POSITIONS)]
        corrections = planes(found, [(a[1], b[1]) for a, b in pairs], arguments.seed)
        for ((a, _), (b, _)), plane in zip(pairs, corrections, strict=True):
            networks += [a, b, plane]
    arguments.output.write_bytes(pack_weights("int", networks))


if __name__ == "__main__":
    main()
