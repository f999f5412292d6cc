"""What the trunk INR sees of a sub-pixel: its decoded neighbourhood, in integers.

All inputs are differences to a base prediction or logarithms, in units of 1/256 (INPUT_UNIT) of
2^exponent sample values, so that 16-bit images look like 8-bit ones. They have 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..coding.backend import Backend
from .lattice import NEAR, tap
from .networks import INPUT_CLIP
from .pyramid import Unit
from .windows import OWN_STATISTICS, STATISTICS, window_statistics

INPUT_UNIT = 256

# Offsets in lattice units of the neighbours within the channel, behind the nearest four.
OWN_OFFSETS = (
    tuple((dy, dx) for dy in (-3, -1, 1, 3) for dx in (-3, -1, 1, 3) if 3 in (abs(dy), abs(dx)))
    + ((-5, -1), (-5, 1), (-1, -5), (-1, 5), (1, -5), (1, 5), (5, -1), (5, 1))
    + ((-5, -3), (-5, 3), (-3, -5), (-3, 5), (3, -5), (3, 5), (5, -3), (5, 3)),
    ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))
    + ((-3, 0), (0, -3), (0, 3), (3, 0))
    + ((-3, -2), (-3, 2), (-2, -3), (-2, 3), (2, -3), (2, 3), (3, -2), (3, 2))
    + ((-4, -1), (-4, 1), (-1, -4), (-1, 4), (1, -4), (1, 4), (4, -1), (4, 1)),
)
# Offsets of the neighbours in an earlier channel, of which every sample is known: a ring of 8, and
# 12 of the ring about it.
REFERENCE_OFFSETS = (
    tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
    + ((-2, 0), (0, -2), (0, 2), (2, 0))
    + ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))
)
FRAME_OFFSETS = REFERENCE_OFFSETS[:8]  # in another frame, which 12 more gain 0.2 % of

# Offsets in half lattice units of the samples of a Y at its full size between those: a ring of 8,
# and 8 of the ring about it.
FINE_OFFSETS = (
    tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))
    + ((-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1))
)  # fmt: skip
# Which of the three between has the samples whose row, column or both are odd in half units.
ODD = {(0, 1): 0, (1, 0): 1, (1, 1): 2}


def input_count(references: int, fine: bool = False, frames: int = 0) -> int:
    """How many inputs the trunk INR of a channel with that many earlier channels has; fine: the
    last of which is a Y of more samples; frames: others that it sees itself in."""
    own = len(NEAR[0]) + len(OWN_OFFSETS[0]) + 1 + 4 + OWN_STATISTICS
    of_references = references * (len(REFERENCE_OFFSETS) + 1 + STATISTICS)
    of_references += (2 if references else 0) + (len(FINE_OFFSETS) if fine else 0)
    return own + of_references + frames * (len(FRAME_OFFSETS) + 2 + STATISTICS)


def coordinates_at(references: int, fine: bool = False) -> slice:
    """Which inputs are y and x."""
    end = input_count(references, fine) - OWN_STATISTICS - references * STATISTICS
    return slice(end - 3, end - 1)


@dataclass(frozen=True)
class Surroundings:
    """What the points of a step see.

    own: planes of the level's phases of this channel, valid where earlier steps have been;
    references: those of earlier channels, whole, the nearest first; between: of a fine channel, of
    the last one half a lattice step to the right, below, and both; frames: this channel's in other
    frames, whole; int64 on the backend's device.
    size: (H, W) of the channel; bits: bit planes of this channel; exponent: the unit is 2^exponent
    samples; own_base: predict from this channel's neighbours alone, as suits chroma.
    """

    own: Any
    references: list[Any]
    between: list[Any]
    frames: list[Any]
    size: tuple[int, int]
    bits: int
    exponent: int
    own_base: bool


def _spread(xp: Any, values: list[Any], centre: Any) -> Any:
    """Four times the sum of absolute differences to a centre in quarters, elementwise."""
    total = 0
    for value in values:
        total = total + xp.abs(value * 4 - centre)
    return total


def context_inputs(backend: Backend, unit: Unit, seen: Surroundings) -> tuple[Any, Any]:
    """Base prediction and trunk inputs of the n points of a unit.

    Returns (base, inputs): base int64 (n,) in quarter samples, inputs int64 (f, n) with
    f = input_count(len(seen.references), bool(seen.between), len(seen.frames)), at most INPUT_CLIP
    in magnitude.
    """
    own, references, e, step = seen.own, seen.references, seen.exponent, unit.grid.step
    xp = backend.xp

    def scaled(quarters: Any) -> Any:
        """Differences in quarter samples to the unit of inputs."""
        return quarters * (INPUT_UNIT // 4) >> e

    def log2(spread: Any) -> Any:
        """log2 of four times an activity, in sixteenths of a unit, 16 of them at least."""
        return backend.log2((spread * 4 >> e) + 16) >> 2

    near = [tap(own, unit, o) for o in NEAR[step]]
    own_sum = near[0] + near[1] + near[2] + near[3]
    features: list[Any] = []
    activities = [log2(_spread(xp, near, own_sum))]
    base = own_sum
    if references:
        here = [tap(r, unit, (0, 0)) for r in references]
        a, b, c, d = differences = [
            n - tap(references[0], unit, o) for n, o in zip(near, NEAR[step], strict=True)
        ]
        highest = xp.maximum(xp.maximum(a, b), xp.maximum(c, d))
        lowest = xp.minimum(xp.minimum(a, b), xp.minimum(c, d))
        middle = (a + b + c + d - highest - lowest) * 2  # trimmed mean, in quarter samples
        base, other = here[0] * 4 + middle, own_sum
        if seen.own_base:
            base, other = other, base
        activities.append(log2(_spread(xp, differences, middle)))
        features.append(scaled(other - base))
    features += [scaled(value * 4 - base) for value in near]
    features += [scaled(tap(own, unit, offset) * 4 - base) for offset in OWN_OFFSETS[step]]
    for k, reference in enumerate(references):
        ring = [tap(reference, unit, o) - here[k] for o in REFERENCE_OFFSETS]
        features += [scaled(value * 4) for value in ring]
        activities.append(log2(sum(xp.abs(value) for value in ring[:8]) * 2))
    if seen.between:
        for dy, dx in FINE_OFFSETS:
            part = seen.between[ODD[dy & 1, dx & 1]]
            features.append(scaled((tap(part, unit, (dy >> 1, dx >> 1)) - here[-1]) * 4))
    # 64 units, from the lowest possible value to the highest
    level = (
        base << 12 - seen.bits if seen.bits <= 12 else base >> seen.bits - 12
    ) - 32 * INPUT_UNIT
    features += [*activities, level, *_coordinates(backend, unit, seen.size)]
    statistics, beside = window_statistics(
        backend, unit, own, [*references, *seen.frames], e, base, own_sum, scaled
    )
    features += statistics + [each for its in beside[: len(references)] for each in its]
    for frame, its in zip(seen.frames, beside[len(references) :], strict=True):
        there = tap(frame, unit, (0, 0))
        ring = [tap(frame, unit, o) - there for o in FRAME_OFFSETS]
        features += [scaled(value * 4) for value in ring]
        features.append(scaled(there * 4 - base))
        features += [log2(sum(xp.abs(value) for value in ring) * 2), *its]
    return base, xp.clip(xp.stack(features), -INPUT_CLIP, INPUT_CLIP)


def _coordinates(backend: Backend, unit: Unit, size: tuple[int, int]) -> list[Any]:
    """y and x in -16 .. 16 units and the level in units, each int64 (n,)."""
    xp, device, grid = backend.xp, backend.device, unit.grid
    axes = []
    for first, count, odd, length in (
        (unit.row, unit.rows, grid.row, size[0]),
        (unit.col, unit.cols, grid.col, size[1]),
    ):
        position = xp.arange(first, first + count, dtype=xp.int64, device=device) * 2 + odd
        position = position << grid.level
        axes.append(position * (32 * INPUT_UNIT) // length - 16 * INPUT_UNIT)
    shape = (unit.rows, unit.cols)
    y = xp.reshape(xp.broadcast_to(axes[0][:, None], shape), (-1,))
    x = xp.reshape(xp.broadcast_to(axes[1][None, :], shape), (-1,))
    return [y, x, xp.zeros_like(x) + grid.level * INPUT_UNIT]
