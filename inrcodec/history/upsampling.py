"""How decoders bring chroma of fewer samples to the size of the picture, in integers.

Each direction whose lattice has a step of 2 is doubled; sample k of the lattice belongs to places
2 k and 2 k + 1, counted from the lattice's first place, which its phase leaves outside the picture.

cosited: sample k lies at place 2 k, and what is between two (or four) is their mean, halves up; so
Photo CD has it (Kodak's pictures, measured), and MPEG-2 across.
repeated: both places have the sample. FFmpeg's swscale without full_chroma_int has it, and libjpeg
without fancy upsampling.
triangle: three parts of the sample and one of the nearest other, as libjpeg's fancy upsampling has
it (jdsample.c: h2v1, h1v2 and h2v2, whose rows come first and are not rounded).

Behind the last sample the last one is repeated, and before the first the first.

bicubic: FFmpeg's swscale with the flags bicubic, accurate_rnd and full_chroma_int, for pictures of
even sizes with half the chroma in both directions: four taps across, then four down, in integers,
and what comes of it is not rounded to a sample. Its taps at the ends are its own (measured).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .planes import Lattice

COSITED, REPEATED, TRIANGLE, BICUBIC = RULES = ("cosited", "repeated", "triangle", "bicubic")
FINE = 512  # of bicubic chroma in one
# Taps of two places of the middle, from two (one) samples before theirs on, and of the first three
# and the last three places by sample from the first, and back from the last: across in 2^-14, down
# in 2^-12.
LEAST_BICUBIC = 4  # samples of a direction
_ACROSS = (
    ((-461, 3943, 14284, -1382), (-1382, 14284, 3943, -461)),
    ((17729, -1345), (12902, 3943, -461), (3835, 13894, -1345)),
    ((17766, -1382), (12902, 3943, -461), (3482, 14284, -1382)),
)
_DOWN = (
    ((-115, 985, 3572, -346), (-346, 3572, 985, -115)),
    ((4432, -336), (3226, 985, -115), (959, 3473, -336)),
    ((4442, -346), (3226, 985, -115), (870, 3572, -346)),
)


class Tap(NamedTuple):
    """The samples of which places have a part: both (places,)."""

    sample: np.ndarray
    part: np.ndarray


def upsample(
    samples: np.ndarray, lattice: Lattice, rule: str, height: int, width: int
) -> np.ndarray:
    """The samples of a lattice (or of a part of one that begins as it does) at the size of a
    picture: uint8 (height, width); for bicubic int32, FINE times the difference to 128."""
    if rule == BICUBIC:
        return bicubic(samples, slice(0, height))
    if rule == REPEATED:
        for axis, step in enumerate((lattice.row_step, lattice.col_step)):
            samples = samples.repeat(step, axis) if step == 2 else samples
    else:
        double = lattice.row_step == 2, lattice.col_step == 2
        weigh = _cosited if rule == COSITED else _triangle
        samples = weigh(samples.astype(np.uint16), *double).astype(np.uint8)
    rows = slice(lattice.row_phase, lattice.row_phase + height)
    return samples[rows, lattice.col_phase : lattice.col_phase + width]


def _moved(samples: np.ndarray, axis: int, by: int) -> np.ndarray:
    """The sample before (-1) or behind (1) each along an axis; at the end the sample itself."""
    places = np.clip(np.arange(samples.shape[axis]) + by, 0, samples.shape[axis] - 1)
    return samples.take(places, axis)


def _woven(even: np.ndarray, odd: np.ndarray, axis: int) -> np.ndarray:
    """Two arrays, place by place along an axis."""
    shape = list(even.shape)
    shape[axis] *= 2
    both = np.empty(shape, dtype=even.dtype)
    both[(slice(None),) * axis + (slice(0, None, 2),)] = even
    both[(slice(None),) * axis + (slice(1, None, 2),)] = odd
    return both


def _cosited(samples: np.ndarray, rows: bool, cols: bool) -> np.ndarray:
    """Sums along each doubled axis, of which 2 or 4 parts are rounded at once."""
    for axis, double in enumerate((rows, cols)):
        if double:
            samples = _woven(2 * samples, samples + _moved(samples, axis, 1), axis)
    parts = rows + cols
    return (samples + (parts > 0) * (1 << parts >> 1)) >> parts


def _triangle(samples: np.ndarray, rows: bool, cols: bool) -> np.ndarray:
    for axis, double in enumerate((rows, cols)):
        if double:
            three = 3 * samples
            even, odd = three + _moved(samples, axis, -1), three + _moved(samples, axis, 1)
            samples = _woven(even, odd, axis)
    # what is added before 2 or 4 bits go: in the direction that is doubled last
    last = samples.shape[1] if cols else samples.shape[0]
    add = np.where(np.arange(last) % 2 == 0, *((8, 7) if rows and cols else (1, 2)))
    add = add.astype(np.uint16)
    return (samples + (add if cols else add[:, None])) >> (4 if rows and cols else 2)


def fits_bicubic(lattice: Lattice, height: int, width: int) -> bool:
    """Whether the bicubic rule is for pictures of that size with that lattice."""
    least = 2 * LEAST_BICUBIC
    even = height % 2 == 0 and width % 2 == 0
    return lattice == Lattice(2, 2) and even and min(height, width) >= least


def bicubic(samples: np.ndarray, rows: slice) -> np.ndarray:
    """All samples of a channel at some rows of the picture, by the bicubic rule."""
    count, cols = samples.shape
    down = [Tap(t.sample[rows], t.part[rows]) for t in _bicubic_taps(_DOWN, count)]
    first, last = min(t.sample.min() for t in down), max(t.sample.max() for t in down)
    across = summed(_bicubic_taps(_ACROSS, cols), samples[first : last + 1].astype(np.int64), 1)
    across = np.minimum(across >> 7, 32767)
    made = summed([Tap(t.sample - first, t.part) for t in down], across, 0)
    return ((made + FINE - (128 << 19)) >> 10).astype(np.int32)


def _bicubic_taps(kernel: tuple[Any, ...], samples: int) -> list[Tap]:
    """Of a direction of so many samples, LEAST_BICUBIC at least; parts are int64."""
    middle, first, last = kernel
    places = np.arange(2 * samples)
    sample = np.clip(places // 2 + places % 2 - 2 + np.arange(4)[:, None], 0, samples - 1)
    part = np.array(middle, dtype=np.int64)[places % 2].T.copy()
    for ends, at, step in ((first, np.arange(4), 1), (last, samples - 1 - np.arange(4), -1)):
        for n, numbers in enumerate(ends):
            place = n if step > 0 else 2 * samples - 1 - n
            sample[:, place], part[:, place] = at, 0
            part[: len(numbers), place] = numbers
    return [Tap(*each) for each in zip(sample, part, strict=True)]


def summed(found: list[Tap], values: np.ndarray, axis: int) -> np.ndarray:
    """The sum of the taps' parts of values along an axis."""
    parts = (
        (t.part[:, None] if axis == 0 else t.part) * values.take(t.sample, axis) for t in found
    )
    return np.asarray(sum(parts))


def taps(rule: str, step: int, phase: int, places: int, samples: int) -> list[Tap]:
    """What the first places of a direction are made of, before anything is rounded."""
    if rule == BICUBIC:
        return [Tap(t.sample, t.part / (1 << 14)) for t in _bicubic_taps(_ACROSS, samples)]
    place = np.arange(places) + phase
    if step == 1 or rule == REPEATED:
        return [Tap(place // step, np.ones(places))]
    own, odd = place // 2, place % 2 == 1
    if rule == COSITED:
        one, other = np.where(odd, 0.5, 1.0), own + 1
    else:
        one, other = np.full(places, 0.75), np.where(odd, own + 1, own - 1)
    return [Tap(own, one), Tap(np.clip(other, 0, samples - 1), 1 - one)]
