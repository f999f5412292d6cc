"""What the trunk INR sees of a sub-pixel: its decoded neighbourhood as integers in float64.

All inputs are differences to a base prediction or logarithms, in units of 1/1024 (tables.UNIT) of
2^exponent sample values, so that 16-bit images look like 8-bit ones. Every operation is exact:
sums of integers, minima and maxima, multiplication by powers of two, floors and table look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..coding.backend import Backend
from ..coding.tables import UNIT
from .lattice import NEAR, tap
from .pyramid import Segment
from .windows import statistics_count, window_statistics

INPUT_CLIP = 1 << 17  # 128 units

# Offsets in lattice units of the neighbours within the channel, the near four first.
OWN_OFFSETS = (
    NEAR[0]
    + tuple((dy, dx) for dy in (-3, -1, 1, 3) for dx in (-3, -1, 1, 3) if 3 in (abs(dy), abs(dx))),
    NEAR[1]
    + ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))
    + ((-3, 0), (0, -3), (0, 3), (3, 0)),
)
# and in the wide context eight more.
FAR_OFFSETS = (
    ((-5, -1), (-5, 1), (-1, -5), (-1, 5), (1, -5), (1, 5), (5, -1), (5, 1)),
    ((-3, -2), (-3, 2), (-2, -3), (-2, 3), (2, -3), (2, 3), (3, -2), (3, 2)),
)
# Offsets of the neighbours in an earlier channel, of which every pixel is known: a ring of 8 and 4.
REFERENCE_OFFSETS = tuple(
    (dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)
) + ((-2, 0), (0, -2), (0, 2), (2, 0))


def input_count(references: int, wide: bool = False) -> int:
    """How many inputs the trunk INR of a channel with that many earlier channels has, in the wide
    context or the plain one."""
    own = len(OWN_OFFSETS[0]) + 1 + 4
    plain = own + references * (len(REFERENCE_OFFSETS) + 1) + (2 if references else 0)
    return plain + (len(FAR_OFFSETS[0]) + statistics_count(references) if wide else 0)


def _spread(xp: Any, values: list[Any], centre: Any) -> Any:
    """Sum of absolute differences to a centre, elementwise."""
    total = xp.abs(values[0] - centre)
    for value in values[1:]:
        total = total + xp.abs(value - centre)
    return total


@dataclass(frozen=True)
class Surroundings:
    """What the pixels of a step see.

    own: padded lattice of this channel, valid where earlier steps have been; references: padded
    lattices of earlier channels, whole, the nearest first, in a list, or in one array for the
    compiled loops. All of the backend's sample_type.
    size: (H, W); planes: bit planes of this channel; exponent: the unit is 2^exponent samples;
    own_base: predict from this channel's neighbours alone, as suits chroma; wide: whether trunk
    INRs see more neighbours and the statistics of windows.py, too.
    """

    own: Any
    references: Any
    size: tuple[int, int]
    planes: int
    exponent: int
    own_base: bool
    wide: bool = False


def context_inputs(backend: Backend, segment: Segment, seen: Surroundings) -> tuple[Any, Any]:
    """Base prediction and trunk inputs of the n pixels of a segment.

    Returns (base, inputs): base float64 (n,) in quarter samples, inputs float64 (f, n) with
    f = input_count(len(seen.references)), integers below INPUT_CLIP in magnitude.
    """
    own, references = seen.own, seen.references
    xp = backend.xp
    scale = UNIT / (1 << seen.exponent)  # a power of two, and exact
    near = [tap(own, segment, o) for o in OWN_OFFSETS[segment.step][:4]]
    own_sum = near[0] + near[1] + near[2] + near[3]

    def log2(activity: Any) -> Any:
        """log2 of an activity in sixteenths of a unit, 16 of them at least."""
        index = xp.clip(xp.floor(activity * (16 / (1 << seen.exponent))) + 16, 16, 65535)
        return backend.look_up(backend.log, index)

    features: list[Any] = []
    activities = [log2(_spread(xp, near, own_sum * 0.25))]
    if len(references):
        here = [tap(r, segment, (0, 0)) for r in references]
        differences = [
            n - tap(references[0], segment, o)
            for n, o in zip(near, OWN_OFFSETS[segment.step][:4], strict=True)
        ]
        a, b, c, d = differences
        highest = xp.maximum(xp.maximum(a, b), xp.maximum(c, d))
        lowest = xp.minimum(xp.minimum(a, b), xp.minimum(c, d))
        middle = (a + b + c + d - highest - lowest) * 2  # trimmed mean, in quarter samples
        base, other = here[0] * 4 + middle, own_sum
        if seen.own_base:
            base, other = other, base
        activities.append(log2(_spread(xp, differences, middle * 0.25)))
        features.append((other - base) * (scale / 4))
    else:
        base = own_sum
    for value in near:
        features.append((value * 4 - base) * (scale / 4))
    farther = FAR_OFFSETS[segment.step] if seen.wide else ()
    for offset in (*OWN_OFFSETS[segment.step][4:], *farther):
        features.append((tap(own, segment, offset) * 4 - base) * (scale / 4))
    for k, reference in enumerate(references):
        ring = [tap(reference, segment, o) for o in REFERENCE_OFFSETS]
        features += [(value - here[k]) * scale for value in ring]
        activities.append(log2(_spread(xp, ring[:8], here[k]) * 0.5))

    level = (base * (64 * UNIT / (4 << seen.planes))) - 32 * UNIT
    features += [*activities, level, *_coordinates(backend, segment, seen.size)]
    if seen.wide:
        features += window_statistics(
            backend, segment, own, references, seen.exponent, base, own_sum
        )
    inputs = xp.stack(features)
    return base, xp.clip(xp.floor(inputs), -INPUT_CLIP, INPUT_CLIP)


def _coordinates(backend: Backend, segment: Segment, size: tuple[int, int]) -> list[Any]:
    """y and x in -16 .. 16 units and the level in units, each float64 (n,)."""
    xp, device = backend.xp, backend.device
    s = 1 << segment.level
    axes = []
    for first, count, length in (
        (segment.row, segment.rows, size[0]),
        (segment.col, segment.cols, size[1]),
    ):
        position = xp.arange(count, dtype=xp.float64, device=device) * (2 * s) + first * s
        axes.append(xp.floor(position * (32 * UNIT) / length) - 16 * UNIT)
    shape = (segment.rows, segment.cols)
    y = xp.reshape(xp.broadcast_to(axes[0][:, None], shape), (-1,))
    x = xp.reshape(xp.broadcast_to(axes[1][None, :], shape), (-1,))
    return [y, x, xp.zeros_like(x) + segment.level * UNIT]
