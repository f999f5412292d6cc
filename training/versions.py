"""What a prior is trained on: images, and how else they could have been taken and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np

from inrcodec.contents import planes_of
from inrcodec.files.images import EXTENSIONS, read_image
from inrcodec.files.picture import Picture
from inrcodec.history.chain import Chain
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice, Planes

JPEG_XL = ".jxl"

Make = Callable[[], np.ndarray]  # makes a version, uint8 or uint16


@dataclass(frozen=True)
class Image:
    """An image of a training set: samples uint8 or uint16, (H, W) or (H, W, 3); jpeg: whether it
    was a JPEG once; folder: that it lies in, and how many times its samples are seen."""

    samples: np.ndarray
    jpeg: bool
    folder: tuple[Path, int]

    @property
    def photograph(self) -> bool:
        """Whether it is one, of 8 bits; others are taken for scientific images."""
        return self.samples.ndim == 3 and self.samples.dtype == np.uint8


def read_images(folders: list[tuple[Path, int]]) -> list[Image]:
    """The grey and RGB images in folders, lossless JPEG XL and what inrcodec reads."""
    found = []
    for path, folder in sorted((path, f) for f in folders for path in f[0].iterdir()):
        if path.suffix not in (*EXTENSIONS, JPEG_XL):
            continue
        data = path.read_bytes()
        if path.suffix == JPEG_XL:
            samples = imagecodecs.jpegxl_decode(data)
        else:
            samples = read_image(data, path.name)
        if samples.ndim == 2 or samples.shape[2] == 3:
            found.append(Image(samples, without_history(samples) is not None, folder))
    return found


def without_history(samples: np.ndarray) -> Planes | None:
    """Y, Cb, Cr of an image that was a JPEG; else None."""
    chain = Chain((), planes_of(Picture(samples))).then(Jfif)
    return None if chain is None else chain.planes


def halved(image: np.ndarray, times: int) -> np.ndarray:
    """An image at a fraction of its size, float64: means of squares of pixels."""
    h, w = (n // times for n in image.shape[:2])
    squares = image[: h * times, : w * times].reshape(h, times, w, times, *image.shape[2:])
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


def versions(image: Image, rng: np.random.Generator) -> list[Make]:
    """What the networks of G, R, B see of an image."""
    return photographs(image, rng) if image.photograph else deep(image, rng)


def photographs(image: Image, rng: np.random.Generator) -> list[Make]:
    """Versions of a photograph. One with a JPEG history has little of a camera's noise at its full
    size."""
    samples = image.samples

    def tone(source: Make, gain: float | None = None, levels: int = 255) -> Make:
        return lambda: toned(source(), rng, gain or rng.uniform(0.4, 1), levels)

    def dithered() -> np.ndarray:
        # the steps of 8 bits would be a comb in another tone curve
        return samples + rng.uniform(-0.5, 0.5, samples.shape)

    def half() -> np.ndarray:
        return halved(samples, 2)

    def sensed() -> np.ndarray:
        return demosaiced(half() if image.jpeg else samples.astype(np.float64), rng)

    found: list[Make] = [
        partial(turned, samples, n) for n in rng.permutation(8)[: 1 if image.jpeg else 8]
    ]
    found += [tone(dithered, 1.0), tone(dithered)]
    found.append(lambda: np.rint(half()).astype(np.uint8))
    found += [tone(lambda: halved(samples, 3), 1.0), tone(half, levels=4095)]
    found += [tone(half), tone(lambda: saturated(half(), rng))]
    found += [tone(lambda: filtered(half(), rng)), tone(sensed)]
    found.append(tone(lambda: filtered(saturated(half(), rng), rng)))
    if not image.jpeg:
        found.append(tone(lambda: saturated(filtered(sensed(), rng), rng)))
    return found


def deep(image: Image, rng: np.random.Generator) -> list[Make]:
    """Versions of a scientific image: turned, halved in size, with less exposure."""
    samples = image.samples

    def dimmed() -> np.ndarray:
        return np.rint(samples * rng.uniform(0.2, 1)).astype(samples.dtype)

    found: list[Make] = [partial(turned, samples, n) for n in rng.permutation(8)]
    found.append(lambda: np.rint(halved(samples, 2)).astype(samples.dtype))
    return [*found, dimmed, dimmed]


def jpegs(image: Image, rng: np.random.Generator) -> list[Make]:
    """Decoded JPEGs: the photograph if it is one, and as others could have saved it; of a
    scientific image none."""
    samples, found = image.samples, list[Make]()
    if not image.photograph:
        return found

    def saved(times: int) -> np.ndarray:
        source = np.rint(halved(samples, times)).astype(np.uint8)
        pixels = turned(source, int(rng.integers(8)))
        subsampling, level = ("444", "422", "420")[rng.integers(3)], int(rng.integers(75, 99))
        data = imagecodecs.jpeg_encode(pixels, level=level, subsampling=subsampling)
        return np.asarray(imagecodecs.jpeg_decode(data))

    if image.jpeg:
        found += [partial(turned, samples, n) for n in range(8)]
        return [*found, partial(saved, 2)]
    return [partial(saved, times) for times in (1, 1, 1, 2, 2, 2)]


# How often a source of subsampled chroma is drawn, by the name of its conversion.
SOURCES = {"jfif": 2, "photo cd": 4, "bt.601": 2, "bt.601 full": 1, "bt.709": 2, "bt.709 full": 1}
LATTICES = (Lattice(2, 2), Lattice(2, 2), Lattice(2, 2), Lattice(1, 2), Lattice(2, 1))


def subsampled(image: Image, rng: np.random.Generator) -> list[Callable[[], Planes]]:
    """Planes with subsampled chroma, as Photo CD, video and JPEG have them, of a photograph in
    several versions, half of which were compressed; of a scientific image none."""
    if not image.photograph:
        return []

    def compressed(source: np.ndarray) -> np.ndarray:
        level, subsampling = int(rng.integers(60, 97)), ("444", "422", "420")[rng.integers(3)]
        pixels = np.rint(np.clip(source, 0, 255)).astype(np.uint8)
        data = imagecodecs.jpeg_encode(pixels, level=level, subsampling=subsampling)
        return np.asarray(imagecodecs.jpeg_decode(data))

    def made(change: Callable[[np.ndarray], np.ndarray], squeeze: bool) -> Planes:
        source = change(image.samples.astype(np.float64))
        source = turned(source, int(rng.integers(8)))
        gain = rng.uniform(0.5, 1.0)
        source = 255 * gain * (np.clip(source, 0, 255) / 255) ** rng.uniform(0.6, 1.5)
        return converted(compressed(source) if squeeze else source, rng)

    def half(source: np.ndarray) -> np.ndarray:
        return halved(source, 2)

    changes: list[Callable[[np.ndarray], np.ndarray]] = [
        half,
        lambda source: halved(source, 3),
        lambda source: saturated(half(source), rng),
        lambda source: filtered(half(source), rng),
        lambda source: demosaiced(half(source) if image.jpeg else source, rng),
        lambda source: filtered(saturated(half(source), rng), rng),
    ]
    return [partial(made, change, squeeze) for change in changes for squeeze in (False, True)]


def converted(rgb: np.ndarray, rng: np.random.Generator) -> Planes:
    """R, G, B as Y, Cb, Cr of some source, with chroma of a half of the size, of means or of a
    filter about each sample."""
    weights = np.array([SOURCES[each.name] for each in CONVERSIONS], dtype=np.float64)
    conversion = CONVERSIONS[rng.choice(len(CONVERSIONS), p=weights / weights.sum())]
    lattice = LATTICES[rng.integers(len(LATTICES))]
    slopes, offsets = conversion.slopes
    planes = np.moveaxis((rgb + 0.5 - offsets) @ np.linalg.inv(slopes).T, 2, 0)
    centred = rng.integers(2)
    channels = [planes[0]]
    for chroma in planes[1:]:
        for axis, step in enumerate((lattice.row_step, lattice.col_step)):
            if step == 2:
                chroma = np.moveaxis(chroma, axis, 0)
                before = np.concatenate([chroma[:1], chroma[:-1]])
                behind = np.concatenate([chroma[1:], chroma[-1:]])
                mean = (chroma + behind) / 2 if centred else (before + 2 * chroma + behind) / 4
                chroma = np.moveaxis(mean[::2], 0, axis)
        channels.append(chroma)
    whole = [np.clip(np.rint(channel), 0, 255).astype(np.uint8) for channel in channels]
    height, width = rgb.shape[:2]
    geometry = Geometry(height, width, 8, YCC, False, (WHOLE, lattice, lattice))
    return Planes(geometry, tuple(whole))
