"""The coefficients of blocks all of whose components have a sample for each pixel: grey, R, G, B,
and 4:4:4.

Pixels that are not clipped tell the samples, and rounding to the steps of the table gives the
coefficients, but for those with a step of 1 or 2, which a search finds. Clipped pixels, and what
is outside the picture, only bound them: alternating projections (onto what the pixels allow, and
onto multiples of the steps) lead near, then each component in turn is searched for within the
bounds that the pixels leave to it beside the other two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...history.chroma_search import clipped
from ..idct import component_samples
from ..pixels import JFIF
from .bounds import Bounds, allowed, chroma_bounds, luma_bounds
from .forward import CENTRE, basis, forward
from .partial import groups, solve_partial
from .search import search_blocks

ROUNDS = 3  # of projections
TURNS = 4  # of the three components
STEPS, FREE_STEPS = 300, 60  # of a search of blocks whose samples are told, and of others
DOUBTFUL = 3  # the largest step that rounding can mistake where all samples are told
FREE_REACH = 2  # steps that a coefficient moves where they are not
FREE = 1e6  # a bound that is none


def solve_planes(
    samples: np.ndarray, known: np.ndarray, tables: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The coefficients, int16 (n, 64) in zigzag order for each component, of samples uint8
    (components, n, 64), each a component of its own; known: bool (n, 64), the others are not."""
    found = []
    for own, table in zip(samples, tables, strict=True):
        bounds = Bounds(np.where(known, own, 0), np.where(known, own, 255))
        found.append(solve_bounded(own.astype(np.float32), bounds, table))
    return found


def solve_bounded(start: np.ndarray, bounds: Bounds, table: np.ndarray) -> np.ndarray:
    """The coefficients of blocks, int16 (n, 64), whose samples lie within bounds, (n, 64) each;
    start: float32 (n, 64), about the samples."""
    exact = bounds.least == bounds.most
    free = (bounds.least == 0) & (bounds.most == 255)
    told, none = exact.all(axis=1), free.all(axis=1)
    part = (exact | free).all(axis=1) & ~told & ~none
    part &= bool(groups(exact[part]))
    rest = ~told & ~none & ~part
    found = np.zeros(start.shape, dtype=np.int16)
    found[told] = _rounded(forward(start[told] - CENTRE), table)
    found[rest] = _projected(start[rest], Bounds(*(b[rest] for b in bounds)), table)
    found[none, 0] = _rounded(forward(start[none] - CENTRE), table)[:, 0]
    found[told | rest] = searched(
        found[told | rest], Bounds(*(b[told | rest] for b in bounds)), table
    )
    if part.any():
        begun = solve_partial(bounds.least[part], exact[part], table, found[told])
        found[part] = searched(begun, Bounds(*(b[part] for b in bounds)), table)
    return found


def searched(start: np.ndarray, bounds: Bounds, table: np.ndarray) -> np.ndarray:
    """Better coefficients, int16 (n, 64), than those to start with."""
    told = (bounds.least == bounds.most).all(axis=1)
    found = start.copy()
    doubtful, free = (table <= DOUBTFUL).astype(np.uint8), np.full(64, FREE_REACH, np.uint8)
    left = np.zeros(len(start), dtype=np.uint8)
    for which, reach, steps in ((told, doubtful, STEPS), (~told, free, FREE_STEPS)):
        least, most = (b[which] for b in bounds)
        found[which], left[which] = search_blocks(start[which], least, most, table, reach, steps)
    # flat blocks: the rounding of all samples alike can be more than a step
    again = told & (left > 0)
    least, most = (b[again] for b in bounds)
    found[again], _ = search_blocks(found[again], least, most, table, free, FREE_STEPS)
    return found


def solve_ycc(rgb: np.ndarray, known: np.ndarray, tables: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The coefficients of Y, Cb, Cr, int16 (n, 64) each in zigzag order, of blocks of R, G, B,
    uint8 (3, n, 64); known: bool (n, 64), the others are not."""
    flat = tuple(c.reshape(-1) for c in rgb)
    made, exact = JFIF.preimages(flat)
    made = made.reshape(rgb.shape)
    told = exact.reshape(known.shape) & known & ~clipped((rgb[0], rgb[1], rgb[2]))
    whole = (told == known).all(axis=1)  # no clipped pixel
    found = [np.empty(known.shape, dtype=np.int16) for _ in range(3)]
    for own, new in zip(found, solve_planes(made[:, whole], told[whole], tables), strict=True):
        own[whole] = new
    rest = ~whole
    if rest.any():
        parts = rgb[:, rest], made[:, rest], told[rest], known[rest]
        for own, new in zip(found, _solve_bounded_ycc(*parts, tables), strict=True):
            own[rest] = new
    return found


def samples_of(coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The samples of blocks, uint8 (n, 64), of coefficients (n, 64)."""
    return component_samples(coefficients[:, None], table).reshape(-1, 64)


def _rounded(coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(coefficients / table.astype(np.float32)), -32767, 32767)


def _projected(start: np.ndarray, bounds: Bounds, table: np.ndarray) -> np.ndarray:
    """Coefficients (n, 64) from projections of samples (n, 64) onto bounds and steps in turn."""
    least = np.where(bounds.least == 0, -FREE, bounds.least.astype(np.float32))
    most = np.where(bounds.most == 255, FREE, bounds.most.astype(np.float32))
    samples, steps = start, table.astype(np.float32)
    for _ in range(ROUNDS):
        samples = np.clip(samples, least, most)
        coefficients = _rounded(forward(samples - CENTRE), table)
        samples = (coefficients * steps) @ basis() + CENTRE
    return coefficients


def _solve_bounded_ycc(
    rgb: np.ndarray,
    made: np.ndarray,
    told: np.ndarray,
    known: np.ndarray,
    tables: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """What solve_ycc does to blocks with a pixel that does not tell its samples; made: the samples
    that the others tell."""
    found = [own.astype(np.int16) for own in _projected_ycc(rgb, made, told, known, tables)]
    samples = [samples_of(own, table) for own, table in zip(found, tables, strict=True)]
    for _ in range(TURNS):
        lost = np.logical_or.reduce([a != b for a, b in zip(JFIF.rgb(*samples), rgb, strict=True)])
        bad = np.flatnonzero((lost & known).any(axis=1))
        if not bad.size:
            break
        here = [s[bad] for s in samples]
        pixels = rgb[0, bad], rgb[1, bad], rgb[2, bad]
        for component in (1, 2, 0):
            if component:
                bounds = chroma_bounds(pixels, tuple(here), component)
            else:
                bounds = luma_bounds(pixels, here[1], here[2])
            least, most = (
                np.where(known[bad], b, end) for b, end in zip(bounds, (0, 255), strict=True)
            )
            own = made[component][bad]
            least, most = (np.where(told[bad], own, b).astype(np.uint8) for b in (least, most))
            table = tables[component]
            better = searched(found[component][bad], Bounds(least, most), table)
            found[component][bad] = better
            here[component] = samples_of(better, table)
            samples[component][bad] = here[component]
    return found


def _projected_ycc(
    rgb: np.ndarray,
    made: np.ndarray,
    told: np.ndarray,
    known: np.ndarray,
    tables: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """As _projected, of three components whose pixels are cut to 0 .. 255."""
    samples = made.astype(np.float32)
    for _ in range(ROUNDS):
        samples = np.where(known, allowed(rgb, samples), samples)
        samples = np.where(told, made, samples)
        found = [
            _rounded(forward(own - CENTRE), table)
            for own, table in zip(samples, tables, strict=True)
        ]
        samples = np.stack(
            [
                (own * table.astype(np.float32)) @ basis() + CENTRE
                for own, table in zip(found, tables, strict=True)
            ]
        )
    return found
