"""Trains the shipped prior of DCT coefficients: the networks that an encode of a JPEG starts from.

    python training/coefficients.py [--passes N] [--samples N] [--versions N] [--seed N] [-o FILE]
                                    FOLDER ...

The folders hold JPEG files, which are seen as they are, and photographs without a JPEG past, in
lossless JPEG XL or what inrcodec reads, which are seen as so many versions: saved by Pillow at
random qualities and samplings, some of them reduced before. Of a network's samples as many of each
version are drawn as keep them at about N.

Files depend on the prior in inrcodec/jpeg: once released it never changes.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import Tensors, pack_weights
from inrcodec.context.compiled_fit import CompiledFit
from inrcodec.context.fit import uniform_floor
from inrcodec.context.parameters import Parameters
from inrcodec.context.schedule import Course, Samples, train
from inrcodec.files.images import read_image
from inrcodec.jpeg.coefficients.fit import start_mixture
from inrcodec.jpeg.coefficients.frequencies import NETWORKS
from inrcodec.jpeg.coefficients.layout import lay_out, levels_of
from inrcodec.jpeg.coefficients.magnitudes import VALUE_BITS
from inrcodec.jpeg.coefficients.prior import network_shape
from inrcodec.jpeg.coefficients.samples import CoefficientSamples, coefficient_samples
from inrcodec.source.jpeg import take_apart

QUALITIES = (50, 60, 70, 75, 75, 80, 85, 85, 90, 90, 92, 94, 95, 95, 96, 97, 98)
SAMPLINGS = (0, 0, 1, 2, 2, 2)  # Pillow's for 4:4:4, 4:2:2 and 4:2:0
REDUCED, FACTORS = 0.4, (0.5, 0.95)  # part of the versions, and by how much
TIMES = 3  # a JPEG file counts as so many versions
BATCH, LEARNING_RATE = 1024, 1.5e-2


def versions(path: Path, count: int, rng: np.random.Generator) -> list[bytes]:
    """The JPEGs that are made of an image file, or itself."""
    data = path.read_bytes()
    if data.startswith(b"\xff\xd8"):
        return [data] * TIMES
    image = imagecodecs.jpegxl_decode(data) if path.suffix == ".jxl" else read_image(data)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        return []
    found = []
    for _ in range(count):
        picture = Image.fromarray(image)
        if rng.random() < REDUCED:
            by = rng.uniform(*FACTORS)
            size = round(picture.width * by), round(picture.height * by)
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        file = io.BytesIO()
        quality, sampling = (int(rng.choice(each)) for each in (QUALITIES, SAMPLINGS))
        picture.save(file, "JPEG", quality=quality, subsampling=sampling)
        found.append(file.getvalue())
    return found


def look(data: bytes, most: int, rng: np.random.Generator) -> dict[int, CoefficientSamples]:
    """The samples of a JPEG by network, `most` of each."""
    file = take_apart(data, "a version")
    if file is None:
        return {}
    coefficients, steps = file.coefficients, file.markers.quantisation
    shapes = [c.shape[:2] for c in coefficients]
    components = lay_out(shapes, steps, [levels_of(c) for c in coefficients])
    with Workers(numpy_backend(), 1) as workers:
        return coefficient_samples(workers, components, coefficients, rng, most)


def learn(network: int, samples: CoefficientSamples, passes: float, seed: int) -> Tensors:
    """A network of the samples of all versions."""
    rows, low, high = samples
    rng = np.random.default_rng([seed, network])
    parameters = Parameters(network_shape(network), "int", rows, rng)
    start_mixture(parameters)
    order = rng.permutation(len(rows)).astype(np.int32)
    library = kernels.library()
    assert library is not None
    all_of_them = Samples(rows, low, high, uniform_floor(VALUE_BITS), order)
    engine = CompiledFit(library, parameters, all_of_them)
    course = Course(round(passes * len(rows) / BATCH), BATCH, LEARNING_RATE)
    started = time.monotonic()
    tensors = train(engine, parameters, len(rows), course, rng, lambda *_: None)
    bits, seconds = engine.bits(0, len(rows)), time.monotonic() - started
    print(f"network {network}: {len(rows)} samples, {bits:.4f} bits, {seconds:.0f} s", flush=True)
    return tensors


def main() -> None:
    """Trains as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--passes", type=float, default=20)
    parser.add_argument("--samples", type=int, default=1_500_000, help="of each network")
    parser.add_argument("--versions", type=int, default=3, help="of each photograph")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("coefficients.bin"))
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    options = parser.parse_args()
    paths = sorted(path for folder in options.folders for path in folder.iterdir())
    rng = np.random.default_rng(options.seed)
    made = [(data, path) for path in paths for data in _made(path, options.versions, rng)]
    most = -(-options.samples // max(1, len(made)))
    print(f"{len(made)} versions, {most} samples of each a network", flush=True)
    found: dict[int, list[CoefficientSamples]] = {n: [] for n in range(NETWORKS)}

    def seen(number: int) -> dict[int, CoefficientSamples]:
        return look(made[number][0], most, np.random.default_rng([options.seed, 1, number]))

    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for parts in pool.map(seen, range(len(made))):
            for network, part in parts.items():
                found[network].append(part)

    def train_one(network: int) -> Tensors:
        parts = found.pop(network)
        rows, low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
        return learn(network, (rows, low, high), options.passes, options.seed)

    with ThreadPoolExecutor(threads) as pool:
        networks = list(pool.map(train_one, range(NETWORKS)))
    options.output.write_bytes(pack_weights("int", networks))


def _made(path: Path, count: int, rng: np.random.Generator) -> list[bytes]:
    try:
        return versions(path, count, rng)
    except Exception as error:  # of whatever else lies in the folder
        print(f"{path.name}: {error}")
        return []


if __name__ == "__main__":
    main()
