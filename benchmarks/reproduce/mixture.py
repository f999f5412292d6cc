"""Several images from shared weight sets: PSNR and bpp (INR mixture network, arXiv 2409.13117).

    python -m benchmarks.reproduce.mixture kodak|cifar|imagenet|exact PATH... [--pictures DIR] ...

Published: all 24 of Kodak from 4 groups of 6 images, two sets of weights each with fixed
coefficients, 26.5 dB with as little as 0.2 bpp; SIREN, mean squared error, Adam at 2e-4 with cosine
restarts, lossy. Networks' sizes and steps are chosen here, on a GPU for about those 0.2 bpp.

kodak takes the middle squares of images, reduced by areas, in groups of 6; cifar, in place of
CIFAR-10, their quarters at 32 x 32 in groups of 12; imagenet the middle squares, larger, in groups
of 3. Measured: float networks as published, but for a rate in proportion to 1 / width, and then
their integer weights as a file has them: PSNR is of the picture that these give, bpp of their bytes
and, where they are learned, of the coefficients; "exact bpp" has the residuals, too, as the
coordinate model codes them. "a network for each" image is one of its own, narrower, so that all of
them have no more weights than two sets. exact: whole files of inrcodec.encode_set, whose joint
networks of bit planes are fitted to BER 0 and corrected.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn.functional import mse_loss

import inrcodec
from inrcodec.coding.backend import Workers, backend_for
from inrcodec.coding.rangecoder import Encoder
from inrcodec.coding.weights import pack_weights
from inrcodec.coordinate.correction import code_residuals
from inrcodec.coordinate.decode import Evaluation, read_tensors
from inrcodec.coordinate.fit import FIRST_BITS, Data
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.mixture import COEFFICIENT_BYTES, linear_coefficients
from inrcodec.coordinate.model import NETWORK, Coordinate, CoordinateModel
from inrcodec.coordinate.networks import coordinates
from inrcodec.coordinate.transforms import fit_transform
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image, write_image
from inrcodec_cli.files import write_output

from .experiment import (
    NONE,
    Crop,
    Curve,
    Experiment,
    Row,
    Scale,
    experiment,
    middle,
    middles,
    optimise,
)
from .journal import signal_key

RATE, RESTARTS = 2e-4, 4  # of 128 units; in all steps
SETTINGS = [(1, "learned"), (2, "fixed"), (2, "learned"), (3, "fixed"), (3, "learned")]
EXACT = [(0, "learned", NONE), (1, "learned", NONE), (2, "learned", NONE), (2, "fixed", NONE)]
COLUMNS = 6  # of a contact sheet


@dataclass(frozen=True)
class Simulation:
    """A published experiment: how many images share weights, what is taken of a file, the scales
    on a GPU and on a CPU, and what was published."""

    group: int
    cut: Callable[[Path, int], list[Crop]]
    full: Scale
    reduced: Scale
    published: str


def square(path: Path, size: int) -> list[Crop]:
    """The middle square of an image, reduced to size x size."""
    return [Crop(path.name, _reduced(_middle_square(path), size, path))]


def quarters(path: Path, size: int) -> list[Crop]:
    """The four quarters of the middle square of an image, each reduced to size x size."""
    image = _middle_square(path)
    half = len(image) // 2
    parts = [image[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    return [Crop(f"{path.name} {n}/4", _reduced(p, size, path)) for n, p in enumerate(parts, 1)]


def _middle_square(path: Path) -> np.ndarray:
    image = read_image(path.read_bytes(), str(path))
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise LinrError(f"{path}: not RGB of 8 bits")
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


def _reduced(image: np.ndarray, size: int, path: Path) -> np.ndarray:
    if len(image) < size:
        raise LinrError(f"{path}: {len(image)} pixels a side cannot be reduced to {size}")
    reduced: np.ndarray = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return reduced


def _full(size: int, width: int, depth: int) -> Scale:
    return Scale(size, width, depth, 10_000, known=False)


SIMULATIONS = {
    "kodak": Simulation(6, square, _full(512, 64, 4), Scale(64, 32, 4, 600), "26.5 dB at 0.2 bpp"),
    "cifar": Simulation(12, quarters, _full(32, 24, 3), Scale(32, 24, 3, 1000), NONE),
    "imagenet": Simulation(3, square, _full(256, 64, 4), Scale(96, 32, 4, 600), NONE),
}
OF_FILES = Simulation(
    6, lambda path, size: [middle(path, size)], _full(256, 512, 6), Scale(16, 128, 3, 1000), NONE
)


@dataclass(frozen=True)
class Compressed:
    """What a fit came to: the pictures of its stored weights, and bytes of what is stored."""

    pictures: list[np.ndarray]
    weights: int
    coefficients: int
    residuals: int


def _options(width: int, depth: int, coefficients: str) -> Coordinate:
    return Coordinate(
        layout="value", backbone="siren", width=width, depth=depth, coefficients=coefficients
    )


def _model(options: Coordinate, bits: int) -> CoordinateModel:
    return CoordinateModel(
        "int", options.layout, options.backbone, options.width, options.depth, options.constants(),
        (NETWORK,) * bits, 0,
    )  # fmt: skip


def _narrow(run: Experiment, images: Sequence[np.ndarray]) -> int:
    """The width at which a network for each image has no more weights than two sets for all."""

    def weights(width: int) -> int:
        options = _options(width, run.scale.depth, "fixed")
        return _model(options, 8 * images[0].itemsize).weights(images[0].shape[2])

    room = 2 * weights(run.scale.width) / len(images)
    return max((w for w in range(2, run.scale.width + 1) if weights(w) <= room), default=2)


def compress(
    run: Experiment, images: list[np.ndarray], sets: int, coefficients: str, width: int
) -> Compressed:
    """Fits the values of images to a mixture of weight sets; or of one image, with 0 sets, to a
    network of its own."""
    options = _options(width, run.scale.depth, coefficients)
    bits = 8 * images[0].itemsize
    model = _model(options, bits)
    model = replace(
        model, transform=fit_transform("none", np.stack(images), bits), sets=max(1, sets)
    )
    backend, rng = backend_for(run.device), torch.Generator().manual_seed(run.seed)
    device = torch.device(backend.device)
    linear = linear_coefficients(len(images), sets) if sets else None
    networks = FloatNetworks(model, options, images[0].shape[2], device, rng, linear)
    if sets and coefficients == "learned":
        networks.coefficients.requires_grad_()
    batches = repeat(Data(model, images, backend, device).part(slice(None)))
    for _ in optimise(networks, batches, run.scale.steps, mse_loss, partial(_rate, width)):
        pass
    networks.quantise(FIRST_BITS)
    tensors, mixed = networks.integers()
    packed = pack_weights(model.form, tensors)
    channels = images[0].shape[2]
    ys, xs = (coordinates(0, side, side - 1) for side in images[0].shape[:2])
    pictures, residuals = [], Encoder()
    with Workers(backend, run.threads) as workers:
        for number, image in enumerate(images):
            row = None if mixed is None else tuple(mixed[number].tolist())
            stored = read_tensors(model, channels, packed, row)
            predicted = Evaluation(model, stored, bits, backend, workers).values(ys, xs)
            code_residuals(residuals, predicted, image.astype(np.int64))
            pictures.append(predicted.astype(image.dtype))
    own = COEFFICIENT_BYTES * len(images) * sets if coefficients == "learned" else 0
    return Compressed(pictures, len(packed), own, len(residuals.finish()))


def _rate(width: int, progress: float) -> float:
    """Adam's rate at a part of the steps."""
    return RATE * 128 / width * (1 + math.cos(math.pi * (RESTARTS * progress % 1))) / 2


def psnr(image: np.ndarray, picture: np.ndarray) -> float:
    """In dB, to the full range of a sample; infinite if they are equal."""
    error = float(((picture.astype(np.float64) - image) ** 2).mean())
    return 10 * math.log10(float(np.iinfo(image.dtype).max) ** 2 / error) if error else math.inf


def fit(run: Experiment, name: str, number: int, crops: list[Crop], case: int) -> tuple[Row, Curve]:
    """Fits a group of images with one of SETTINGS, or, for the case behind them, a network to each:
    its row; and its pictures, if they were asked for."""
    images = [crop.samples for crop in crops]
    if case < len(SETTINGS):
        sets, coefficients = SETTINGS[case]
        found = [compress(run, images, sets, coefficients, run.scale.width)]
    else:
        width = _narrow(run, images)
        found = [compress(run, [image], 0, "fixed", width) for image in images]
    pictures = [picture for each in found for picture in each.pictures]
    if run.pictures is not None:
        run.pictures.mkdir(parents=True, exist_ok=True)
        setting = label(case).replace(",", "").replace(" ", "-")
        path = run.pictures / f"{name}-{number}-{setting}.png"
        write_output(str(path), write_image(contact_sheet(images, pictures), ".png"), run.force)
    levels = [psnr(*pair) for pair in zip(images, pictures, strict=True)]
    row: Row = {
        "group": number,
        "setting": label(case),
        "images": len(images),
        "psnr": sum(levels) / len(levels),
        "weights": sum(each.weights for each in found),
        "coefficients": sum(each.coefficients for each in found),
        "residuals": sum(each.residuals for each in found),
    }
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    bpp = 8 * (row["weights"] + row["coefficients"]) / pixels
    return row, Curve(f"{label(case)}, group {number}", [bpp], [row["psnr"]])


def label(case: int) -> str:
    """What a table calls one of SETTINGS, or the case behind them."""
    if case == len(SETTINGS):
        return "a network for each"
    sets, coefficients = SETTINGS[case]
    return f"{sets} set{'s' if sets > 1 else ''}, {coefficients}"


def contact_sheet(images: Sequence[np.ndarray], pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Images (H, W, C) in rows, each row above that of what became of them."""
    blank = np.zeros_like(images[0])
    rows = []
    for at in range(0, len(images), COLUMNS):
        for part in (images[at : at + COLUMNS], pictures[at : at + COLUMNS]):
            rows.append(np.concatenate([*part, *[blank] * (COLUMNS - len(part))], axis=1))
    return np.concatenate(rows)


def _signals(crops: Sequence[Crop]) -> str:
    """What keys call a group of images."""
    return ", ".join(signal_key(crop.name, crop.samples) for crop in crops)


def simulate(run: Experiment, name: str, simulation: Simulation) -> None:
    """The table of a lossy simulation."""
    count = -(-len(run.crops) // simulation.group)
    groups = np.array_split(np.arange(len(run.crops)), count)
    rows: list[Row] = []
    curves, lines = [], []
    for case in range(len(SETTINGS) + 1):
        found = []
        for number, group in enumerate(groups, 1):
            crops = [run.crops[index] for index in group]
            key = ["mixture", name, _signals(crops), label(case)]
            if run.pictures is not None:  # which are made along with the fit
                key.append(str(run.pictures))
            found.append(run.once(key, partial(fit, run, name, number, crops, case))[0])
        pixels = len(run.crops) * run.scale.size**2
        level = sum(row["psnr"] * row["images"] for row in found) / len(run.crops)
        lossy = sum(row["weights"] + row["coefficients"] for row in found)
        exact = lossy + sum(row["residuals"] for row in found)
        published = simulation.published if label(case) == "2 sets, fixed" else NONE
        figures = [f"{level:.2f}", f"{8 * lossy / pixels:.2f}", f"{8 * exact / pixels:.2f}"]
        lines.append([label(case), published, *figures])
        rows += found
        curves.append(Curve(label(case), [8 * lossy / pixels], [level]))
    shown = ", ".join(crop.name for crop in run.crops)
    signals = f"{len(run.crops)} images in {count} groups, reduced: {shown}"
    head = ["weights", "published", "PSNR", "bpp", "exact bpp"]
    run.print(f"Mixture networks: {name}", signals, head, lines)
    run.write(rows, curves, "bpp", "PSNR in dB")


def encode(run: Experiment, sets: int, coefficients: str) -> tuple[Row, Curve]:
    """Encodes the crops into one file from weight sets, or, with 0 of them, into one for each."""
    options = Coordinate(
        backbone="siren", width=run.scale.width, depth=run.scale.depth, steps=run.scale.steps,
        coefficients=coefficients,
    )  # fmt: skip
    place: dict[str, Any] = {"device": run.device, "seed": run.seed, "threads": run.threads}
    images = [crop.samples for crop in run.crops]
    if sets:
        files = [inrcodec.encode_set(images, sets=sets, coordinate=options, **place)]
        shown = [inrcodec.resample(files[0], frame=number) for number in range(len(images))]
    else:
        place |= {"model": "coordinate", "coordinate": options}
        files = [inrcodec.encode(image, **place) for image in images]
        shown = [inrcodec.resample(data) for data in files]
    wrong, squares = 0, 0.0
    for crop, image in zip(run.crops, shown, strict=True):
        picture = image.reshape(crop.samples.shape)
        squares += float(((picture.astype(np.float64) - crop.samples) ** 2).mean()) / len(images)
        wrong += int(np.bitwise_count(picture ^ crop.samples).sum())
    size = sum(map(len, files))
    bpp = 8 * size / sum(image.shape[0] * image.shape[1] for image in images)
    level = 10 * math.log10(((1 << run.crops[0].bits) - 1) ** 2 / squares) if squares else math.inf
    row = {
        "files": f"{sets} sets, {coefficients}" if sets else "a file for each",
        "psnr": level,
        "ber": wrong / sum(8 * image.nbytes for image in images),
        "bytes": size,
        "bpp": bpp,
    }
    return row, Curve(row["files"], [bpp], [level])


def whole_files(run: Experiment) -> None:
    """The table of exact files."""
    fits = []
    for sets, coefficients, _ in EXACT:
        key = ["mixture", "exact", _signals(run.crops), f"{sets} {coefficients}"]
        fits.append(run.once(key, partial(encode, run, sets, coefficients)))
    lines = []
    for (row, _), (_, _, published) in zip(fits, EXACT, strict=True):
        figures = [f"{row['psnr']:.2f}", f"{row['ber']:.2g}", str(row["bytes"])]
        lines.append([row["files"], published, *figures, f"{row['bpp']:.1f}"])
    head = ["", "published", "PSNR", "BER", "bytes", "bpp"]
    run.print("Mixture networks: exact files", middles(run.crops), head, lines)
    run.write([row for row, _ in fits], [curve for _, curve in fits], "bpp", "PSNR in dB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    names = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names.add_argument("simulation", choices=(*SIMULATIONS, "exact"), help="and -h for its options")
    name = names.parse_args(given[:1]).simulation
    simulation = SIMULATIONS.get(name, OF_FILES)
    run = experiment(
        __doc__, simulation.full, simulation.reduced, given[1:],
        cut=simulation.cut, pictures=name in SIMULATIONS,
    )  # fmt: skip
    if name in SIMULATIONS:
        simulate(run, name, simulation)
    else:
        whole_files(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
