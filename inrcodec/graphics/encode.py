"""Encoding with the graphics model: whether a picture is one for it, which way to code it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..coding.backend import Workers, numpy_backend
from ..context.encode import code
from ..context.file import Models
from ..context.layout import choose_layout
from ..context.prior import QUICK
from ..history.chain import Chain
from ..history.planes import Planes
from ..options import LEAST_EFFORT, FitOptions
from .boxes import CodedBox
from .code import NoRoomError, quick_enough
from .file import GraphicsImage, allows

# A picture may be one for the model if so many pixels are what one beside them is, or if it has
# so few colours for its pixels; photographs have a third at most, and a fifth at least.
REPEATED, FEW_COLOURS = 0.4, 0.15
ROWS_APART, COLOUR_ROWS_APART = 8, 32  # of those that are looked at
# What is coded to see which model is better, and which way to code: bands of rows, of so many
# pixels together.
BANDS, SAMPLE_PIXELS = 4, 1 << 16
# Of the context model's bytes, as the prior is: between these both are worth a trial, of efforts
# that have the time; a fit to graphics takes twenty times that of this model, for a few percent.
CLEARLY, HARDLY = 0.75, 1.3
# Of this model's bytes on the fast level, those of the context model, as the prior is, of a box
# within a picture that is worth a part of its own at the least effort; and a trial at others. A fit
# makes it 0.75 to 0.93 of that where the box is large, 0.95 to 1 where it is small.
PHOTOGRAPH, LARGE_PHOTOGRAPH, PERHAPS_PHOTOGRAPH = 0.99, 1.08, 1.3
# Levels of efforts; the last is for small pictures and few bits, too, which take little time.
FAST, MIDDLE, BEST = 4, 5, 6
BEST_EFFORT, SMALL_PIXELS, FEW_BITS = 6, 1 << 17, 4
SECONDS = 4e-6  # a pixel may take, to code and to decode it; the fast level a third
FOLLOWED_PIXELS = 1 << 15  # from where on a second thread decodes meanwhile
MOST_SAMPLES = 1 << 27  # in memory twice, in 2 bytes each

# Makes a file of what was coded.
Seal = Callable[[Chain, GraphicsImage], bytes]


def repeats(planes: Planes) -> bool:
    """Whether a picture's colours repeat as those of graphics do; quick."""
    geometry = planes.geometry
    if not allows(geometry) or geometry.height * geometry.width * geometry.channels > MOST_SAMPLES:
        return False
    if not quick_enough(geometry.height * geometry.width):
        return False
    rows = np.arange(min(1, geometry.height - 1), geometry.height, ROWS_APART)
    west, north = np.bool_(True), np.bool_(True)
    for plane in planes.channels:
        looked_at = plane[rows]
        west = west & (looked_at[:, 1:] == looked_at[:, :-1])
        north = north & (looked_at == plane[np.maximum(rows - 1, 0)])[:, 1:]
    alike = west | north
    if not alike.size or alike.mean() >= REPEATED:
        return True
    if len(planes.channels) < 3:
        return False
    colours = np.stack([p[::COLOUR_ROWS_APART].ravel() for p in planes.channels]).astype(np.uint64)
    packed = colours[0]
    for samples in colours[1:]:
        packed = packed << np.uint64(16) | samples
    if (colours[1:3] == colours[0]).all():
        return False  # no colours, but shades
    return np.unique(packed).size < FEW_COLOURS * packed.size


def likely_way(
    ways: Sequence[Chain], other: Chain, options: FitOptions, asked: bool = False
) -> tuple[Chain | None, bool]:
    """The way that the model codes a sample of the picture best in, None if the context model codes
    the sample of another way clearly better, unless this one was asked for; and whether the model
    that is not taken is not worth a trial."""
    sizes = []
    for way in ways:
        try:
            sample = _sample(way.planes)
            sizes.append(_estimate(way, sample, len(GraphicsImage.encode(sample, FAST).data)))
        except NoRoomError:
            return None, False
    drawn, way = min(sizes), ways[sizes.index(min(sizes))]
    if asked:
        return way, True
    sample = _sample(other.planes)
    networks = _estimate(other, sample, _by_networks(sample, options))
    taken, sure = judged(drawn / networks, options)
    return way if taken else None, sure


def judged(part: float, options: FitOptions) -> tuple[bool, bool]:
    """Whether the model is worth a trial, and whether no other is, where a sample takes such a part
    of the context model's bytes."""
    if options.effort < BEST_EFFORT:
        return part < 1, part < 1
    return part <= HARDLY, part < CLEARLY


def compared(planes: Planes, options: FitOptions) -> float:
    """What part of the context model's bytes, as the prior is, a sample of planes takes on the fast
    level."""
    sample = _sample(planes)
    try:
        drawn = len(GraphicsImage.encode(sample, FAST).data)
    except NoRoomError:
        return math.inf
    return drawn / _by_networks(sample, options)


def beside_graphics(planes: Planes, options: FitOptions) -> tuple[float, bool]:
    """Of a box within a picture of graphics, about how many bytes this model takes on the fast
    level, and whether the context model may take fewer."""
    sample = _sample(planes, SAMPLE_PIXELS // 2)  # of several boxes, maybe
    try:
        drawn = len(GraphicsImage.encode(sample, FAST).data)
    except NoRoomError:
        return math.inf, True
    pixels, sampled = (g.height * g.width for g in (planes.geometry, sample.geometry))
    most = LARGE_PHOTOGRAPH if pixels >= SAMPLE_PIXELS else PHOTOGRAPH
    most = most if options.effort == LEAST_EFFORT else PERHAPS_PHOTOGRAPH
    return drawn * pixels / sampled, _by_networks(sample, options) < most * drawn


def encode_graphics(
    way: Chain, options: FitOptions, seal: Seal, boxes: Sequence[CodedBox] = ()
) -> bytes | None:
    """The file of a way, of which boxes are coded by others; None if it would be larger than the
    samples are."""
    geometry = way.planes.geometry
    pixels = geometry.height * geometry.width
    level = FAST if options.effort == LEAST_EFFORT else MIDDLE
    few = pixels <= SMALL_PIXELS or geometry.bits * geometry.channels <= FEW_BITS
    if options.effort >= BEST_EFFORT or (few and options.effort > LEAST_EFFORT):
        level = BEST
    if options.deadline - time.monotonic() < SECONDS * pixels:
        level = FAST
    try:
        worth = options.threads > 1 and pixels >= FOLLOWED_PIXELS
        decoded = options.decoded if worth else None
        return seal(way, GraphicsImage.encode(way.planes, level, decoded, boxes))
    except NoRoomError:
        return None


def _by_networks(sample: Planes, options: FitOptions) -> int:
    """The bytes of planes by the context model, as its prior is."""
    with Workers(numpy_backend(), options.threads) as workers:
        layout, prior = choose_layout(sample), Models.of_prior(options.prior or QUICK)
        return len(code(sample, layout, prior, b"", workers, options.priors).data)


def _estimate(way: Chain, sample: Planes, size: int) -> float:
    """The bytes of a picture of whose planes a sample takes so many: with what its steps take."""
    pixels = [g.height * g.width for g in (way.planes.geometry, sample.geometry)]
    sections = [section for step in way.steps for section in step.pack()[1]]
    return size * pixels[0] / pixels[1] + sum(len(section.payload) for section in sections)


def _sample(planes: Planes, pixels: int = SAMPLE_PIXELS) -> Planes:
    """Bands of a picture's rows, below each other; all of a small one."""
    geometry = planes.geometry
    rows = max(pixels // (BANDS * geometry.width), 8)
    if BANDS * rows >= geometry.height:
        return planes
    starts = [round(i * (geometry.height - rows) / (BANDS - 1)) for i in range(BANDS)]
    channels = tuple(
        np.concatenate([plane[start : start + rows] for start in starts])
        for plane in planes.channels
    )
    return replace(planes, geometry=replace(geometry, height=BANDS * rows), channels=channels)
