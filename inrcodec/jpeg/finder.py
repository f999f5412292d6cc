"""The JPEG that a picture was: its coefficients, found in its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..history.chroma_search import LEAST_PIXELS, Source, few_unclipped, find_sources
from ..history.upsampling import TRIANGLE
from .forward import CENTRE, forward
from .grid import find_grid
from .half import HalfChroma, Told
from .pixels import GREY, JFIF, RGB, YCC, Frame, decode
from .tables import CHROMA, LUMA, likely_table
from .turned import Orientation, Turned
from .whole import samples_of, solve_planes, solve_ycc

TRIED = 150  # blocks that tell an orientation
CONVERTED = 0.85  # of the pixels that are not clipped, so that they are of Y, Cb, Cr
AGREEING = 0.7  # of the pixels that tell their chroma
LEAST_EXACT = 0.2  # of the blocks that are tried


@dataclass(frozen=True, eq=False)
class Found:
    """A JPEG of which a picture is a part, turned.

    top, left: the row and the column of the frame at which the picture, turned back, begins;
    tables: uint16 (64,), coefficients: int16 (rows, cols, 64), frame.blocks of each component, both
    in zigzag order; wrong: bool (H, W), the pixels of the picture that they do not lead to.
    """

    orientation: Orientation
    frame: Frame
    top: int
    left: int
    tables: tuple[np.ndarray, ...]
    coefficients: tuple[np.ndarray, ...]
    wrong: np.ndarray

    def pixels(self) -> np.ndarray:
        """What they lead to: uint8 (H, W) or (H, W, 3)."""
        return _pixels(
            self.orientation, self.frame, self.top, self.left, self.coefficients, self.tables
        )


def find_jpeg(picture: np.ndarray) -> Found | None:
    """The JPEG that a picture, uint8 (H, W) or (H, W, 3), was once; None if there seems to be
    none."""
    grid = find_grid(picture)
    if grid is None:
        return None
    colour = _colour(picture)
    if colour == YCC:
        channels = (np.ascontiguousarray(picture[..., c]) for c in range(3))
        for source in find_sources(tuple(channels)):  # type: ignore[arg-type]
            return _half(picture, grid, source) if source.conversion is JFIF else None
    tried = [
        Turned.of(picture, Orientation(transposed), colour, grid[::-1] if transposed else grid)
        for transposed in (False, True)
    ]
    shares = [_exact_share(each) for each in tried]
    best = int(np.argmax(shares))
    return _solved(picture, tried[best]) if shares[best] >= LEAST_EXACT else None


def _half(picture: np.ndarray, grid: tuple[int, int], source: Source) -> Found | None:
    """A JPEG with subsampled chroma."""
    whole = [
        Turned.of(picture, Orientation(transposed), YCC, grid[::-1] if transposed else grid)
        for transposed in (False, True)
    ]
    shares = [_exact_share(each) for each in whole]
    if max(shares) < LEAST_EXACT:
        return None
    transposed = shares[1] > shares[0]
    rgb = tuple(np.ascontiguousarray(picture[..., c]) for c in range(3))
    told = Told.of((rgb[0], rgb[1], rgb[2]), source)
    steps = source.lattice.row_step, source.lattice.col_step
    steps = steps[::-1] if transposed else steps
    best: tuple[float, Turned, HalfChroma, list[np.ndarray]] | None = None
    for orientation in _mirrored(transposed, steps, source.rule):
        ways = [
            (turned, HalfChroma.of(turned, told, source.rule))
            for begin in _begins(picture.shape, grid, orientation, steps)
            for turned in [
                Turned.of(picture, orientation, YCC, begin, (8 * steps[0], 8 * steps[1]))
            ]
        ]
        turned, half = max(ways, key=lambda way: way[1].zeros())
        tables = half.tables()
        share = half.agreeing(half.rounded(tables), tables)
        if best is None or share > best[0]:
            best = share, turned, half, tables
    assert best is not None
    share, turned, half, tables = best
    if share < AGREEING:
        return None
    tables = [_tables(turned)[0], *tables]
    found = half.solve(half.start(tables[1:]), tables)
    return _found(picture, turned, half.frame, found, tables)


def _mirrored(transposed: bool, steps: tuple[int, int], rule: str) -> list[Orientation]:
    """The orientations whose upsampling differs: triangles round in turn along the columns, or
    along the rows if only these are doubled."""
    plain = Orientation(transposed)
    if rule != TRIANGLE:
        return [plain]
    rows = (steps[1] == 1) != transposed
    return [plain, Orientation(transposed, rows, not rows)]


def _begins(
    shape: tuple[int, ...], grid: tuple[int, int], orientation: Orientation, steps: tuple[int, int]
) -> list[tuple[int, int]]:
    """Where MCUs may begin in the picture turned back."""
    mirrored = orientation.rows_mirrored, orientation.cols_mirrored
    first = [
        (size - g) % 8 if m else g for size, g, m in zip(shape, grid, mirrored, strict=False)
    ]
    if orientation.transposed:
        first = first[::-1]
    return [
        (first[0] + 8 * y, first[1] + 8 * x) for y in range(steps[0]) for x in range(steps[1])
    ]


def _colour(picture: np.ndarray) -> str:
    if picture.ndim == 2:
        return GREY
    some = few_unclipped((picture[..., 0], picture[..., 1], picture[..., 2]))
    few = some[0].size < LEAST_PIXELS
    return YCC if few or JFIF.preimages(some)[1].mean() >= CONVERTED else RGB


def _tables(turned: Turned) -> list[np.ndarray]:
    """A table for each component, the same for all but Y."""
    coefficients = [forward(own.astype(np.float32) - CENTRE) for own in turned.told]
    if turned.colour == RGB:
        return [likely_table(np.concatenate(coefficients), LUMA)] * 3
    tables = [likely_table(coefficients[0], LUMA)]
    if turned.colour == YCC:
        tables += [likely_table(np.concatenate(coefficients[1:]), CHROMA)] * 2
    return tables


def _exact_share(turned: Turned) -> float:
    """The share of some blocks whose first component the likely table explains."""
    some = turned.told[:1, :TRIED]
    if not some.size:
        return 0.0
    table = _tables(turned)[0]
    made = samples_of(solve_planes(some, np.ones(some.shape[1:], dtype=bool), [table])[0], table)
    return float((made == some[0]).all(axis=1).mean())


def _solved(picture: np.ndarray, turned: Turned) -> Found:
    tables = _tables(turned)
    rows, cols = turned.shape
    found = [np.zeros((rows, cols, 64), dtype=np.int16) for _ in tables]
    solve = solve_ycc if turned.colour == YCC else solve_planes
    for here, samples, known in turned.batches():
        for own, new in zip(found, solve(samples, known, tables), strict=True):
            own[here] = new.reshape(-1, cols, 64)
    return _found(picture, turned, Frame(*turned.size, turned.colour), found, tables)


def _found(
    picture: np.ndarray,
    turned: Turned,
    frame: Frame,
    coefficients: Sequence[np.ndarray],
    tables: Sequence[np.ndarray],
) -> Found:
    place = turned.orientation, frame, turned.top, turned.left
    made = _pixels(*place, coefficients, tables)
    wrong = np.asarray(np.atleast_3d(made != picture).any(axis=2))
    return Found(*place, tuple(tables), tuple(coefficients), wrong)


def _pixels(
    orientation: Orientation,
    frame: Frame,
    top: int,
    left: int,
    coefficients: Sequence[np.ndarray],
    tables: Sequence[np.ndarray],
) -> np.ndarray:
    decoded = decode(frame, coefficients, tables)
    return np.ascontiguousarray(orientation.apply(decoded[top:, left:]))
