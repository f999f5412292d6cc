"""Trains the shipped prior: the networks that an encode starts from, and effort 1 uses as they are.

    python training/prior.py [--passes N] [--seed N] [-o prior.bin] FOLDER

FOLDER holds photographs. Those with a JPEG history (colour.py) train the networks of Y, Cb, Cr, and
all of them those of G, R, B. inrcodec/prior1.bin never changes, as files depend on it; it came of
--passes 30 in 17 minutes on two cores, when fit.py still picked each batch's rows anew.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from inrcodec.backend import Workers, numpy_backend
from inrcodec.colour import JFIF
from inrcodec.encode import undo_colour
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

TRUNK_WIDTH, PLANE_WIDTH = 32, 16
SAMPLES = 1 << 22  # per network
BATCH = 8192
PLANE_STEPS = 6000
POSITIONS = 3

Image = tuple[Layout, np.ndarray]


def images(folder: Path, conversion: int, rng: np.random.Generator) -> list[Image]:
    """Every photograph in a few of its eight orientations: those without a JPEG history in more,
    as there are fewer of them."""
    found = []
    for path in sorted(folder.iterdir()):
        image = read_image(path.read_bytes(), path.name)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            continue
        layout, planes, _ = undo_colour(image)
        if conversion and not layout.conversion:
            continue
        for orientation in rng.permutation(8)[: 2 if conversion else 1 if layout.conversion else 4]:
            turned = planes if conversion else image
            turned = turned.swapaxes(0, 1) if orientation & 1 else turned
            turned = turned[:: 1 - (orientation & 2), :: 1 - (orientation >> 1 & 2)]
            found.append((choose_layout(turned, conversion), np.ascontiguousarray(turned)))
    return found


def trunk(found: list[Image], position: int, step: int, *, passes: int, seed: int) -> Tensors:
    """The trunk INR of a step of one position in the coding order."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    used = [image for image in found if image[0].channels[position].planes]
    parts = [
        trunk_samples(numpy_backend(), layout, image, position, step, rng, SAMPLES // len(used))
        for layout, image in used
    ]
    inputs, low, high = (torch.from_numpy(np.concatenate(p)) for p in zip(*parts, strict=True))
    inputs[:, -3:-1] = 0  # y and x mean something in one image only
    shape = trunk_shape(position, TRUNK_WIDTH)
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
        tensors[name].values[:, -3:-1] = 0
    return tensors


def planes(found: list[Image], trunks: list[tuple[Tensors, Tensors]], seed: int) -> list[Tensors]:
    """The plane INRs of all positions."""
    backend, rng = numpy_backend(), np.random.default_rng(seed)
    networks = []
    for position, pair in enumerate(trunks):
        shape = plane_shape(position, PLANE_WIDTH)
        a, b = (Network(trunk_shape(position, TRUNK_WIDTH), t, backend) for t in pair)
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
    parser.add_argument("--passes", type=int, default=30)
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
