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
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .planes import Lattice

COSITED, REPEATED, TRIANGLE = RULES = ("cosited", "repeated", "triangle")


class Tap(NamedTuple):
    """The samples of which places have a part: both (places,)."""

    sample: np.ndarray
    part: np.ndarray


def upsample(
    samples: np.ndarray, lattice: Lattice, rule: str, height: int, width: int
) -> np.ndarray:
    """The samples of a lattice (or of a part of one that begins as it does) at the size of a
    picture: uint8 (height, width)."""
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


def taps(rule: str, step: int, phase: int, places: int, samples: int) -> list[Tap]:
    """What the first places of a direction are made of, before anything is rounded."""
    place = np.arange(places) + phase
    if step == 1 or rule == REPEATED:
        return [Tap(place // step, np.ones(places))]
    own, odd = place // 2, place % 2 == 1
    if rule == COSITED:
        one, other = np.where(odd, 0.5, 1.0), own + 1
    else:
        one, other = np.full(places, 0.75), np.where(odd, own + 1, own - 1)
    return [Tap(own, one), Tap(np.clip(other, 0, samples - 1), 1 - one)]
