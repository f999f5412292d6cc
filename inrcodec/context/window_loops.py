"""The CPU's form of windows.py: the same integers in compiled loops (kernels.py has the rest)."""

from __future__ import annotations

import numpy as np

from ..coding.compiled import compiled
from .lattice import NEAR, PAD
from .windows import (
    FACTORS,
    HALVES,
    PARITIES,
    REACH,
    RIDGE,
    SLOPE_LIMIT,
    SLOPE_ONE,
    SLOPE_WINDOW,
    TAPS,
)


@compiled
def _add_window(table, grid, parity, first, last, rows, cols, total):  # type: ignore[no-untyped-def]
    """Adds to total (last - first, rows * cols) the sums of a grid in windows of HALVES[first] ..
    HALVES[last - 1]; table: scratch."""
    height, width = grid.shape
    table[0, : width + 1] = 0
    for y in range(height):
        table[y + 1, 0] = 0
        run = np.int64(0)
        for x in range(width):
            run += grid[y, x]
            table[y + 1, x + 1] = table[y, x + 1] + run
    for w in range(first, last):
        start = (REACH - HALVES[w]) // 2
        bottom = (REACH + HALVES[w]) // 2 - parity[0] + 1
        right = (REACH + HALVES[w]) // 2 - parity[1] + 1
        for i in range(rows):
            below, above = table[bottom + i], table[start + i]
            row = total[w - first, i * cols : (i + 1) * cols]
            for j in range(cols):
                row[j] += below[right + j] - below[start + j] - above[right + j] + above[start + j]


@compiled
def _errors(lattice, y, x, taps, rows, cols, out):  # type: ignore[no-untyped-def]
    """Errors of known samples, two lattice rows and columns apart from (y, x) on."""
    for i in range(rows):
        for j in range(cols):
            out[i, j] = 4 * np.int64(lattice[y + 2 * i, x + 2 * j])
        for n in range(4):
            row = lattice[y + 2 * i + taps[n, 0]]
            for j in range(cols):
                out[i, j] -= np.int64(row[x + taps[n, 1] + 2 * j])


_TAPS, _NEAR = np.array(TAPS), np.array(NEAR)
_PARITIES = np.array([PARITIES[0] * 2, PARITIES[1]])  # step A has one only
_PARITY_COUNTS, _FACTORS, _RIDGE = np.array([1, 2]), np.array(FACTORS), np.array(RIDGE)


@compiled
def window_rows(own, references, segment, step, log, out):  # type: ignore[no-untyped-def]
    """windows.window_statistics of a piece of a segment into out (k, n), but with the slopes'
    predictions less the sum of the four nearest, in quarter samples."""
    row, col, rows, cols, exponent = segment[0], segment[1], segment[2], segment[3], segment[6]
    n, windows, many = rows * cols, len(HALVES), references.shape[0]
    unit = float(1 << exponent)
    height, width = rows + REACH, cols + REACH
    errors, others = np.empty((height, width), np.int64), np.empty((height, width), np.int64)
    grid, table = np.empty((height, width), np.int64), np.empty((height + 1, width + 1), np.int64)
    totals = np.zeros((1 + many, windows, n), np.int64)
    products = np.zeros((2 * many, 1, n), np.int64)
    for p in range(_PARITY_COUNTS[step]):
        parity = _PARITIES[step, p]
        h, w = height - parity[0], width - parity[1]
        y, x = row - REACH + parity[0] + PAD, col - REACH + parity[1] + PAD
        _errors(own, y, x, _TAPS[step], h, w, errors)
        for r in range(-1, many):
            if r < 0:
                for i in range(h):
                    for j in range(w):
                        grid[i, j] = abs(errors[i, j])
            else:
                _errors(references[r], y, x, _TAPS[step], h, w, others)
                for i in range(h):
                    for j in range(w):
                        grid[i, j] = abs(errors[i, j] - others[i, j])
            _add_window(table, grid[:h, :w], parity, 0, windows, rows, cols, totals[r + 1])
            for which in range(2 if r >= 0 else 0):
                for i in range(h):
                    for j in range(w):
                        grid[i, j] = others[i, j] * (others[i, j] if which else errors[i, j])
                _add_window(
                    table, grid[:h, :w], parity, SLOPE_WINDOW, SLOPE_WINDOW + 1, rows, cols,
                    products[2 * r + which],
                )  # fmt: skip
    f = 0
    for r in range(-1, many):
        for w in range(windows):
            scale = _FACTORS[step, w] / unit
            for p in range(n):
                index = int(totals[r + 1, w, p] * scale) + 16
                out[f, p] = log[min(index, 65535)]
            f += 1
        if r < 0:
            continue
        ridge = _RIDGE[step] * unit * unit
        for i in range(rows):
            y, x = row + 2 * i + PAD, col + PAD
            for j in range(cols):
                p = i * cols + j
                product, square = products[2 * r, 0, p], products[2 * r + 1, 0, p]
                slope = np.floor((product + ridge) * SLOPE_ONE / (square + ridge))
                slope = min(max(slope, -SLOPE_LIMIT), SLOPE_LIMIT)
                error = 4 * np.int64(references[r, y, x + 2 * j])
                for k in range(4):
                    dy, dx = _NEAR[step, k, 0], _NEAR[step, k, 1]
                    error -= np.int64(references[r, y + dy, x + 2 * j + dx])
                out[f, p] = np.floor(slope * error * (1.0 / SLOPE_ONE))
        f += 1
