"""The JPEG that a picture was: its coefficients, found in its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..history.chroma_search import LEAST_PIXELS, few_unclipped
from .forward import CENTRE, forward
from .grid import find_grid
from .pixels import GREY, JFIF, RGB, YCC, Frame, decode
from .tables import CHROMA, LUMA, likely_table
from .turned import Orientation, Turned
from .whole import samples_of, solve_planes, solve_ycc

TRIED = 150  # blocks that tell an orientation
CONVERTED = 0.85  # of the pixels that are not clipped, so that they are of Y, Cb, Cr
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
    tried = [
        Turned.of(picture, Orientation(transposed), colour, grid[::-1] if transposed else grid)
        for transposed in (False, True)
    ]
    shares = [_exact_share(each) for each in tried]
    best = int(np.argmax(shares))
    return _solved(picture, tried[best]) if shares[best] >= LEAST_EXACT else None


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
    frame = Frame(*turned.size, turned.colour)
    place = turned.orientation, frame, turned.top, turned.left
    made = _pixels(*place, found, tables)
    wrong = np.asarray(np.atleast_3d(made != picture).any(axis=2))
    return Found(*place, tuple(tables), tuple(found), wrong)


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
