"""The samples of a picture's chroma, given where it comes from.

Pixels that are not clipped tell their chroma; clipped ones only bound it. A sample that no pixel
tells is free: it starts from what is told about it, goes to where the pixels that it reaches allow
it (projections onto the half-planes of Cb, Cr that each pixel leaves; Kaczmarz 1937, Cimmino 1938),
and then, in whole numbers, to where most of them are explained.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..kernels.chroma import ChromaStruct
from .chroma_search import RGB, Source, clipped
from .upsampling import BICUBIC, COSITED, RULES, TRIANGLE, Tap, summed, taps, upsample

ROUNDS = 20  # of projections
INSIDE = 0.3  # of a value, how far projections go behind a bound, as chroma will be rounded
REACHES = (4, 4, 4, 4)  # how far free samples move in each sweep at most
SMALL_REACHES = (1, 1, 1, 2, 4)  # where all are free, and most are right
STEPS = 16  # of conjugate gradients
SMOOTHINGS = 4  # of what is filled in, at each of its sizes
OPEN = 1e4  # a bound of a clipped channel


def chroma_samples(rgb: RGB, source: Source) -> np.ndarray:
    """Cb and Cr of the source's lattice, uint8 (2, rows, cols), that explain most of a picture's
    pixels, R, G, B uint8 (H, W) each."""
    chroma, told = estimate_chroma(rgb, source)
    if source.rule == BICUBIC:
        return np.rint(chroma).astype(np.uint8)
    if source.rule != TRIANGLE and not told.all():
        chroma = _projected(rgb, source, chroma, told)
    return _moved(rgb, source, np.rint(chroma).astype(np.uint8), told)


def estimate_chroma(rgb: RGB, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """About what Cb and Cr are, float64 (2, rows, cols), and where a pixel tells them."""
    chroma, told = _told(rgb, source)
    chroma = _filled(chroma, told)
    if source.rule in (TRIANGLE, BICUBIC):
        return _filtered_back(rgb, source, chroma), np.zeros_like(told)
    return chroma, told


def _told(rgb: RGB, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Cb and Cr, float64 (2, rows, cols), and where a pixel tells them: the one that has the sample
    itself, or any of those that it is repeated in."""
    lattice, (height, width) = source.lattice, rgb[0].shape
    rows, cols = lattice.size(height, width)
    chroma, told = np.zeros((2, rows, cols)), np.zeros((rows, cols), dtype=bool)
    steps = (1, 1) if source.rule == COSITED else (lattice.row_step, lattice.col_step)
    cut = clipped(rgb)
    for dy in range(steps[0]):
        for dx in range(steps[1]):
            y = np.arange(rows) * lattice.row_step - lattice.row_phase + dy
            x = np.arange(cols) * lattice.col_step - lattice.col_phase + dx
            own = np.ix_(
                np.flatnonzero((y >= 0) & (y < height)), np.flatnonzero((x >= 0) & (x < width))
            )
            pixels = np.ix_(y[own[0][:, 0]], x[own[1][0]])
            i, j = np.nonzero(~told[own] & ~cut[pixels])
            r, g, b = (c[pixels][i, j] for c in rgb)
            found, sure = source.told((r, g, b))
            i, j = own[0][i[sure], 0], own[1][0, j[sure]]
            chroma[:, i, j], told[i, j] = found[:, sure], True
    return chroma, told


def _filled(chroma: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Chroma with what is not told filled in from a half of the size, and so on, smoothed."""
    if told.all() or told.size == 1:
        return chroma
    rows, cols = told.shape
    pad = (0, rows % 2), (0, cols % 2)
    squares = (rows + 1) // 2, 2, (cols + 1) // 2, 2
    number = np.pad(told, pad).reshape(squares).sum((1, 3))
    sums = np.pad(chroma * told, ((0, 0), *pad)).reshape(2, *squares).sum((2, 4))
    coarse = _filled(sums / np.maximum(number, 1), number > 0)
    found = np.where(told, chroma, coarse.repeat(2, 1).repeat(2, 2)[:, :rows, :cols])
    for _ in range(SMOOTHINGS):
        near = np.pad(found, ((0, 0), (1, 1), (1, 1)), mode="edge")
        mean = near[:, :-2, 1:-1] + near[:, 2:, 1:-1] + near[:, 1:-1, :-2] + near[:, 1:-1, 2:]
        found = np.where(told, chroma, mean / 4)
    return found


def _filtered_back(rgb: RGB, source: Source, start: np.ndarray) -> np.ndarray:
    """Chroma, float64 (2, rows, cols), whose upsampling is nearest to what the pixels tell that are
    not clipped, by least squares (conjugate gradients; Hestenes & Stiefel 1952)."""
    lattice, (height, width) = source.lattice, rgb[0].shape
    rows, cols = start.shape[1:]
    down = Doubling(taps(source.rule, lattice.row_step, lattice.row_phase, height, rows), rows)
    across = Doubling(taps(source.rule, lattice.col_step, lattice.col_phase, width, cols), cols)
    r, g, b = (c.reshape(-1) for c in rgb)
    found, sure = source.told((r, g, b))
    sure = sure.reshape(height, width).astype(np.float64)
    result = []
    for wanted, chroma in zip(found.reshape(2, height, width), start, strict=True):

        def back(pixels: np.ndarray) -> np.ndarray:
            return across.back(down.back(pixels * sure, 0), 1)

        def there(samples: np.ndarray) -> np.ndarray:
            return across.there(down.there(samples, 0), 1)

        residual = back(wanted - there(chroma))
        direction, size = residual, float((residual**2).sum())
        for _ in range(STEPS):
            if size < 1e-6 * chroma.size:
                break
            moved = back(there(direction))
            step = size / max(float((direction * moved).sum()), 1e-12)
            chroma = chroma + step * direction
            residual = residual - step * moved
            before, size = size, float((residual**2).sum())
            direction = residual + size / before * direction
        result.append(np.clip(chroma, 0, 255))
    return np.stack(result)


class Doubling:
    """The filter of one direction, from samples to places and, transposed, back."""

    def __init__(self, found: list[Tap], samples: int) -> None:
        self._taps = found
        # of each sample the places that it is a part of, one list for each that has several
        places = np.tile(np.arange(found[0].sample.size), len(found))
        of, part = (np.concatenate([getattr(t, name) for t in found]) for name in Tap._fields)
        order = np.argsort(of, kind="stable")
        number = np.bincount(of, minlength=samples)
        rank = np.arange(of.size) - np.repeat(np.cumsum(number) - number, number)
        self._back = []
        for n in range(int(number.max())):
            chosen = order[rank == n]
            place, weight = np.zeros(samples, dtype=np.int64), np.zeros(samples)
            place[of[chosen]], weight[of[chosen]] = places[chosen], part[chosen]
            self._back.append(Tap(place, weight))

    def there(self, samples: np.ndarray, axis: int) -> np.ndarray:
        """Samples along an axis at the places."""
        return summed(self._taps, samples, axis)

    def back(self, pixels: np.ndarray, axis: int) -> np.ndarray:
        """The transposed."""
        return summed(self._back, pixels, axis)


@dataclass(frozen=True)
class _Reached:
    """The pixels (n,) that free samples reach. samples: int64 (k, n), which samples each is made
    of; parts: float64 (k, n), what part of each; free: the same of those that are free."""

    values: np.ndarray  # float64 (3, n)
    samples: np.ndarray
    parts: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, rgb: RGB, source: Source, told: np.ndarray) -> _Reached:
        lattice, (height, width), (rows, cols) = source.lattice, rgb[0].shape, told.shape
        down = taps(source.rule, lattice.row_step, lattice.row_phase, height, rows)
        across = taps(source.rule, lattice.col_step, lattice.col_phase, width, cols)
        reached = np.zeros((height, width), dtype=bool)
        for y in down:
            for x in across:
                part = (y.part[:, None] > 0) & (x.part > 0)
                reached |= part & ~told[np.ix_(y.sample, x.sample)]
        i, j = np.nonzero(reached)
        pairs = [(Tap(*(a[i] for a in y)), Tap(*(a[j] for a in x))) for y in down for x in across]
        samples = np.stack([y.sample * cols + x.sample for y, x in pairs])
        parts = np.stack([y.part * x.part for y, x in pairs])
        free = parts * ~told.reshape(-1)[samples]
        return cls(np.stack([c[i, j] for c in rgb]).astype(np.float64), samples, parts, free)


def _half_planes(source: Source, values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What pixels (3, n) leave to Cb, Cr, Y being free within its range: vectors (2,) and bounds
    (n,), vector @ (Cb, Cr) <= bound."""
    slopes, offsets = source.conversion.slopes
    least = np.where(values == 0, -OPEN, values) - offsets[:, None]
    most = np.where(values == 255, OPEN, values + 1) - offsets[:, None]
    found = []
    for a in range(3):
        for b in range(3):
            if a != b:
                found.append((slopes[a, 1:] - slopes[b, 1:], most[a] - least[b]))
        found.append((slopes[a, 1:], most[a]))
        found.append((-slopes[a, 1:], 255 * slopes[a, 0] - least[a]))
    return [(vector, bound - INSIDE) for vector, bound in found]


def _projected(rgb: RGB, source: Source, chroma: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Chroma whose free samples went to where the pixels that they reach allow them; those that
    reach no pixel that is unexplained stay where they are."""
    reached = _Reached.of(rgb, source, ~_doubtful(rgb, source, chroma, told))
    planes = _half_planes(source, reached.values)
    flat = chroma.reshape(2, -1).copy()
    for _ in range(ROUNDS):
        here = (reached.parts * flat[:, reached.samples]).sum(axis=1)
        there = here.copy()
        for vector, bound in planes:
            beyond = np.maximum(vector @ there - bound, 0) / (vector @ vector)
            there -= beyond * vector[:, None]
        ask = np.abs(there - here).sum(axis=0) > 1e-3
        if not ask.any():
            break
        samples, free = reached.samples[:, ask].reshape(-1), reached.free[:, ask]
        weights = np.bincount(samples, free.reshape(-1), flat.shape[1])
        for channel, move in enumerate((there - here)[:, ask]):
            asked = np.bincount(samples, (free * move).reshape(-1), flat.shape[1])
            flat[channel] += asked / np.maximum(weights, 1e-9)
    return np.clip(flat, 0, 255).reshape(chroma.shape)


def _doubtful(rgb: RGB, source: Source, chroma: np.ndarray, told: np.ndarray) -> np.ndarray:
    """The free samples that reach pixels which chroma, rounded, does not explain: bool."""
    lattice, (height, width) = source.lattice, rgb[0].shape
    cb, cr = (
        upsample(c, lattice, source.rule, height, width) for c in np.rint(chroma).astype(np.uint8)
    )
    lumas = source.conversion.lumas(rgb, cb, cr)
    y, x = np.nonzero(lumas.least > lumas.most)
    found = np.zeros(told.shape, dtype=bool)
    for down in taps(source.rule, lattice.row_step, lattice.row_phase, height, told.shape[0]):
        for across in taps(source.rule, lattice.col_step, lattice.col_phase, width, told.shape[1]):
            part = (down.part[y] > 0) & (across.part[x] > 0)
            found[down.sample[y[part]], across.sample[x[part]]] = True
    return found & ~told


def _moved(rgb: RGB, source: Source, chroma: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Chroma whose free samples went, one after the other, to where most pixels are explained;
    as it is where there are no compiled loops."""
    library = kernels.library()
    if library is None:
        return chroma
    moves = np.ascontiguousarray(~told, dtype=np.uint8)
    pixels = [np.ascontiguousarray(c) for c in rgb]
    c, conversion, lattice = ChromaStruct(), source.conversion, source.lattice
    c.height, c.width = rgb[0].shape
    c.rows, c.cols = told.shape
    c.row_step, c.col_step = lattice.row_step, lattice.col_step
    c.row_phase, c.col_phase = lattice.row_phase, lattice.col_phase
    c.rule, c.divisor = RULES.index(source.rule), conversion.divisor
    c.r, c.g, c.b = (p.ctypes.data for p in pixels)
    c.cb, c.cr = (samples.ctypes.data for samples in chroma)
    c.moves, c.luma = moves.ctypes.data, conversion.luma.ctypes.data
    c.g_cb, c.g_cr = conversion.g_cb.ctypes.data, conversion.g_cr.ctypes.data
    (c.red_least, c.red_most), (c.blue_least, c.blue_most) = (
        [ends.ctypes.data for ends in interval] for interval in conversion.intervals
    )
    for reach in SMALL_REACHES if source.rule == TRIANGLE else REACHES:
        if not library.move_chroma(ctypes.addressof(c), reach):
            break
    return chroma
