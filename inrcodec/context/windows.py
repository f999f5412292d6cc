"""What windows around a sub-pixel say of the place: how noisy it is, and how steeply this channel
follows the others.

A known sample's error is its difference to the mean of four known samples about it: the diagonal
ones in step B, those two away in step A. In windows of three sizes the magnitudes are summed of the
errors of this channel, and of how much they differ from the same errors of each earlier channel.
Least squares over a window (as in Li & Orchard 2001, edge-directed prediction, with one regressor)
gives the slope of this channel's errors over an earlier channel's, and so a prediction from that
channel's error here. All sums are of integers below 2^53, and the one division of each slope is
IEEE 754's, rounded down.
"""

from __future__ import annotations

from typing import Any

from ..coding.backend import Backend
from ..coding.tables import UNIT
from .lattice import NEAR, PAD, tap
from .pyramid import Segment

HALVES = (2, 4, 8)  # of the windows' sides, in lattice units
REACH = HALVES[-1]
SLOPE_WINDOW = 1  # the slope is that of HALVES[1]
SLOPE_ONE, SLOPE_LIMIT = 1024, 4096
# log2 is taken of 128 times the mean error in units, about: a sum times FACTORS[step][window]
FACTORS = ((8.0, 2.0, 0.5), (2.0, 1.0, 0.25))
RIDGE = (128, 256)  # as if so much (error in quarter units)^2 had a slope of 1, by step
# Offsets between known samples and the four that their errors are differences to,
TAPS = (((-2, 0), (0, -2), (0, 2), (2, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1)))
# and between sub-pixels that are coded and known ones, modulo 2.
PARITIES = (((1, 1),), ((1, 0), (0, 1)))


def statistics_count(references: int) -> int:
    """How many inputs the windows give to a trunk INR."""
    return len(HALVES) + references * (len(HALVES) + 1)


def _grid(lattice: Any, segment: Segment, parity: tuple[int, int], offset: tuple[int, int]) -> Any:
    """The samples at an offset from each known one of a parity in reach, (rows, cols)."""
    starts = segment.row - REACH + parity[0], segment.col - REACH + parity[1]
    y, x = (s + o + PAD for s, o in zip(starts, offset, strict=True))
    rows, cols = segment.rows + REACH - parity[0], segment.cols + REACH - parity[1]
    return lattice[y : y + 2 * rows - 1 : 2, x : x + 2 * cols - 1 : 2]


def _errors(segment: Segment, lattice: Any) -> list[Any]:
    """Errors of the known samples about a segment, in quarter samples, for each parity."""
    errors = []
    for parity in PARITIES[segment.step]:
        a, b, c, d = (_grid(lattice, segment, parity, o) for o in TAPS[segment.step])
        errors.append(_grid(lattice, segment, parity, (0, 0)) * 4 - (a + b + c + d))
    return errors


def _sums(backend: Backend, segment: Segment, grids: list[Any], halves: tuple[int, ...]) -> Any:
    """For each window the sums (n,) of what grids hold of its known samples."""
    xp = backend.xp
    totals: list[Any] = [0] * len(halves)
    for (py, px), grid in zip(PARITIES[segment.step], grids, strict=True):
        # of 2^20 squares of 16-bit errors float64 could not hold the sum
        table = xp.zeros(
            (grid.shape[0] + 1, grid.shape[1] + 1), dtype=xp.int64, device=backend.device
        )
        grid = xp.astype(grid, xp.int64)
        table[1:, 1:] = xp.cumulative_sum(xp.cumulative_sum(grid, axis=0), axis=1)
        for n, half in enumerate(halves):
            first = (REACH - half) // 2
            y, x = (REACH + half) // 2 - py + 1, (REACH + half) // 2 - px + 1
            rows, cols = segment.rows, segment.cols
            below, above = table[y : y + rows, :], table[first : first + rows, :]
            right, left = slice(x, x + cols), slice(first, first + cols)
            totals[n] = totals[n] + (
                below[:, right] - below[:, left] - above[:, right] + above[:, left]
            )
    return [xp.astype(xp.reshape(total, (-1,)), xp.float64) for total in totals]


def window_statistics(
    backend: Backend,
    segment: Segment,
    own: Any,
    references: Any,
    exponent: int,
    base: Any,
    own_sum: Any,
) -> list[Any]:
    """statistics_count(len(references)) inputs, float64 (n,), of the n pixels of a segment.

    own, references, exponent: as in context.Surroundings, float64; base: the prediction that inputs
    are relative to, own_sum: the sum of the four nearest known samples of this channel, both (n,)
    in quarter samples.
    """
    xp, step, unit = backend.xp, segment.step, float(1 << exponent)

    def logarithms(grids: list[Any]) -> list[Any]:
        sums = _sums(backend, segment, [xp.abs(g) for g in grids], HALVES)
        indices = [
            xp.clip(xp.floor(total * (factor / unit)) + 16, 16, 65535)
            for total, factor in zip(sums, FACTORS[step], strict=True)
        ]
        return [backend.look_up(backend.log, index) for index in indices]

    errors = _errors(segment, own)
    features = logarithms(errors)
    half = (HALVES[SLOPE_WINDOW],)
    for reference in references:
        others = _errors(segment, reference)
        pairs = list(zip(errors, others, strict=True))
        features += logarithms([a - b for a, b in pairs])
        (product,) = _sums(backend, segment, [a * b for a, b in pairs], half)
        (square,) = _sums(backend, segment, [b * b for b in others], half)
        ridge = RIDGE[step] * unit * unit
        slope = xp.floor((product + ridge) * SLOPE_ONE / (square + ridge))
        slope = xp.clip(slope, -SLOPE_LIMIT, SLOPE_LIMIT)
        here, *near = (tap(reference, segment, o) for o in ((0, 0), *NEAR[step]))
        error = here * 4 - (near[0] + near[1] + near[2] + near[3])
        predicted = own_sum + xp.floor(slope * error * (1 / SLOPE_ONE))
        features.append((predicted - base) * (UNIT / 4 / unit))
    return features
