"""Trains a shipped prior: the networks that an encode starts from, and effort 1 uses as they are.

    python training/prior.py [--passes N] [--seed N] [-o prior.bin] FOLDER

FOLDER holds photographs. They are seen turned, halved in size, brighter, darker, in other colours,
and with finer samples, so that the networks know more cameras than took them. JPEGs of them train
the networks of Y, Cb, Cr, as do those that have a JPEG history themselves (colour.py).

The priors in inrcodec/ never change, as files depend on them. prior2.bin came of this script and
--passes 24 in 14 minutes on two cores; prior1.bin of an earlier one, without the wide context.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import torch

from inrcodec.backend import Workers, numpy_backend
from inrcodec.colour import JFIF, find_jfif
from inrcodec.context import input_count
from inrcodec.fit import (
    plane_loss,
    plane_samples,
    start_plane,
    start_trunk,
    train,
    trunk_loss,
    trunk_samples,
    uniform_floor,
    untrained,
)
from inrcodec.float_networks import FloatNetwork
from inrcodec.images import read_image
from inrcodec.inference import ChannelNetworks
from inrcodec.layout import Layout, choose_layout
from inrcodec.networks import Network, Shape
from inrcodec.traversal import plane_shape, trunk_shape
from inrcodec.weights import Tensors, pack_weights
from inrcodec.windows import statistics_count

TRUNK_WIDTH, PLANE_WIDTH = 32, 16
SAMPLES = 6_000_000  # per network
BATCH = 8192
PLANE_STEPS = 6000
POSITIONS = 3

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


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """In one of its eight orientations."""
    image = image.swapaxes(0, 1) if orientation & 1 else image
    return np.ascontiguousarray(image[:: 1 - (orientation & 2), :: 1 - (orientation >> 1 & 2)])


def versions(image: np.ndarray, history: bool, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """What the networks of G, R, B see of a photograph. One with a JPEG history has little of a
    camera's noise at its full size."""
    for orientation in rng.permutation(8)[: 1 if history else 5]:
        yield turned(image, orientation)
    for gain in (1.0, rng.uniform(0.4, 1)):
        # the steps of 8 bits would be a comb in another tone curve
        dithered = image + rng.uniform(-0.5, 0.5, image.shape)
        yield toned(dithered, rng, gain)
    yield np.rint(halved(image, 2)).astype(np.uint8)
    yield toned(halved(image, 2), rng, rng.uniform(0.4, 1))
    yield toned(halved(image, 3), rng, 1.0)
    yield toned(saturated(halved(image, 2), rng), rng, 1.0)
    yield toned(halved(image, 2), rng, rng.uniform(0.4, 1), 4095)


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
        history = find_jfif(image) is not None
        for version in (jpegs if conversion else versions)(image, history, rng):
            planes = find_jfif(version) if conversion else version
            if planes is not None:
                layout = choose_layout(planes, conversion, wide=True)
                found.append((layout, planes))
    return found


def coordinates(position: int) -> slice:
    """Which inputs of a trunk INR are y and x."""
    end = input_count(position, wide=True) - statistics_count(position)
    return slice(end - 3, end - 1)


def trunk(found: list[Image], position: int, step: int, *, passes: int, seed: int) -> Tensors:
    """The trunk INR of a step of one position in the coding order."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    used = [image for image in found if image[0].channels[position].planes]
    parts = [
        trunk_samples(numpy_backend(), layout, image, position, step, rng, SAMPLES // len(used))
        for layout, image in used
    ]
    inputs, low, high = (torch.from_numpy(np.concatenate(p)) for p in zip(*parts, strict=True))
    inputs[:, coordinates(position)] = 0  # they mean something in one image only
    shape = trunk_shape(position, TRUNK_WIDTH, True)
    network = FloatNetwork(shape, "int", inputs, torch_rng)
    start_trunk(network)
    tensors = train(
        network,
        inputs,
        (low, high),
        trunk_loss(uniform_floor(8)),
        passes * len(low) // BATCH,
        BATCH,
        torch_rng,
        reporter(f"trunk {position}{'AB'[step]}"),
    )
    for name in ("w1", "bypass"):
        tensors[name].values[:, coordinates(position)] = 0
    return tensors


def planes(found: list[Image], trunks: list[tuple[Tensors, Tensors]], seed: int) -> list[Tensors]:
    """The plane INRs of all positions."""
    backend, rng = numpy_backend(), np.random.default_rng(seed)
    networks = []
    for position, pair in enumerate(trunks):
        shape = plane_shape(position, PLANE_WIDTH)
        a, b = (Network(trunk_shape(position, TRUNK_WIDTH, True), t, backend) for t in pair)
        networks.append(ChannelNetworks((a, b), Network(shape, logit_itself(shape), backend)))
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in trunks]
    with Workers(backend, 2) as workers:
        for layout, image in found:
            pairs = zip(networks, layout.channels, strict=True)
            coded = [n if c.planes else None for n, c in pairs]
            most = SAMPLES // len(found)
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


def logit_itself(shape: Shape) -> Tensors:
    """A plane INR that hands the mixture's logit on."""
    tensors = untrained(shape)
    tensors["bypass"].values[0, 0] = 1
    return tensors


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
    parser.add_argument("--passes", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("prior.bin"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = []
    for conversion in (0, JFIF):
        found = images(arguments.folder, conversion, np.random.default_rng(arguments.seed))
        jobs = [(position, step) for position in reversed(range(POSITIONS)) for step in (1, 0)]
        with ThreadPoolExecutor(2) as pool:
            fitted = pool.map(
                partial(trunk, found, passes=arguments.passes, seed=arguments.seed),
                *zip(*jobs, strict=True),
            )
            by_job = dict(zip(jobs, fitted, strict=True))
        trunks = [(by_job[position, 0], by_job[position, 1]) for position in range(POSITIONS)]
        corrections = planes(found, trunks, arguments.seed)
        for (a, b), plane in zip(trunks, corrections, strict=True):
            networks += [a, b, plane]
    arguments.output.write_bytes(pack_weights("int", networks))


if __name__ == "__main__":
    main()
