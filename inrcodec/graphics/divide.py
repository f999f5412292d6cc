"""Where a picture of graphics has photographs: boxes of pixels that are like none beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..history.planes import Planes
from .boxes import MOST_BOXES, Box

LEAST_PIXELS = 1 << 13  # of a photograph that is looked for
# A picture is cut where so few of a row's or column's pixels are like neither their western nor
# their northern neighbour (are busy), in so many rows or columns beside each other.
QUIET, GAP = 0.005, 2
PHOTOGRAPH = 0.5  # so many pixels of a piece are busy that is one as a whole
# In other pieces pixels are counted in square cells, of which there are so many at most. One of a
# photograph has so many busy pixels, one of none fewer; what that costs, in cells that gain.
CELL, MOST_CELLS = 8, 1 << 15
BUSY, FLAT, COST = 0.6, 0.3, 3.0
# The side of a window between photographs, and of how many of its pixels there is something to see.
WINDOW, WINDOW_BUSY = 128, 500
EDGE = 0.4  # of a row's or column's pixels within a box, from where it is one of it
STEADY = 4  # rows or columns that have to be


def find_boxes(channels: Sequence[np.ndarray]) -> list[Box]:
    """Boxes of a picture's planes (H, W) that look like photographs, in ascending order; none
    meets another, or is all of the picture."""
    height, width = channels[0].shape
    busy = _unlike(channels)
    boxes: list[Box] = []
    for piece in _pieces(busy, Box(0, 0, height, width)):
        inside = busy[piece.slices]
        if inside.mean() >= PHOTOGRAPH:
            boxes.append(piece)
        elif inside.sum() >= LEAST_PIXELS * BUSY:
            boxes += [
                Box(piece.top + top, piece.left + left, rows, cols)
                for top, left, rows, cols in _within(inside)
            ]
    boxes = sorted(boxes, key=lambda box: box.height * box.width)[-MOST_BOXES:]
    return [] if boxes == [Box(0, 0, height, width)] else sorted(boxes)


def without(planes: Planes, boxes: Sequence[Box]) -> Planes:
    """Planes that are flat in boxes."""
    channels = []
    for plane in planes.channels:
        flat = plane.copy()
        for box in boxes:
            flat[box.slices] = plane[box.top, box.left]
        channels.append(flat)
    return replace(planes, channels=tuple(channels))


def find_windows(channels: Sequence[np.ndarray], boxes: Sequence[Box]) -> list[Box]:
    """Windows between boxes, one in each quarter of a picture, of the fewest pixels that are like
    none beside them, but enough to see by what the picture was."""
    busy = _unlike(channels).astype(np.int32)
    for box in boxes:
        busy[box.slices] = -WINDOW * WINDOW  # so that no window has a pixel of a box
    sums = np.pad(busy.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0)))
    rows, cols = (min(WINDOW, size) for size in busy.shape)
    inside = sums[rows:, cols:] - sums[:-rows, cols:] - sums[rows:, :-cols] + sums[:-rows, :-cols]
    inside[inside < WINDOW_BUSY] = WINDOW * WINDOW + 1
    height, width = ((size + 1) // 2 for size in inside.shape)
    windows = []
    for top in range(0, inside.shape[0], height):
        for left in range(0, inside.shape[1], width):
            quarter = inside[top : top + height, left : left + width]
            row, col = divmod(int(quarter.argmin()), quarter.shape[1])
            if quarter[row, col] <= WINDOW * WINDOW:
                windows.append(Box(top + row, left + col, rows, cols))
    return windows


def _pieces(busy: np.ndarray, whole: Box) -> list[Box]:
    """What quiet rows and columns cut a box into, and its pieces (Nagy and Seth 1984, recursive
    X-Y cuts); those that are large enough."""
    pieces, waiting = list[Box](), [whole]
    while waiting:
        box = waiting.pop()
        if box.height * box.width < LEAST_PIXELS:
            continue
        inside = busy[box.slices]
        rows, cols = (_loud(inside.mean(axis=axis) > QUIET) for axis in (1, 0))
        if rows == [(0, box.height)] and cols == [(0, box.width)]:
            pieces.append(box)
        waiting += [
            Box(box.top + top, box.left + left, bottom - top, right - left)
            for top, bottom in rows
            for left, right in cols
            if (bottom - top, right - left) != (box.height, box.width)
        ]
    return pieces


def _loud(loud: np.ndarray) -> list[tuple[int, int]]:
    """Runs of rows or columns, from and to, without quiet ones but for gaps that are too small."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] < GAP:
            start = runs.pop()[0]
        runs.append((start, stop))
    return runs


def _within(busy: np.ndarray) -> list[Box]:
    """Boxes in a piece that is not a photograph as a whole."""
    height, width = busy.shape
    cell = CELL
    while -(-height // cell) * -(-width // cell) > MOST_CELLS:
        cell *= 2
    gains = _gains(busy, cell)
    boxes: list[Box] = []
    while len(boxes) < MOST_BOXES:
        gain, box = _best(gains)
        if gain * cell * cell < LEAST_PIXELS:
            break
        gains[box.slices] = -COST
        coarse = _in_pixels(box, cell, height, width)
        for each in (_fitted(busy, coarse, cell), coarse):
            if not any(each.meets(other) for other in boxes):
                boxes.append(each)
                break
    return boxes


def _unlike(channels: Sequence[np.ndarray]) -> np.ndarray:
    """Which pixels are like neither neighbour, bool (H, W)."""
    west, north = np.zeros((2, *channels[0].shape), bool)
    west[:, 0] = north[0] = True
    for plane in channels:
        west[:, 1:] |= plane[:, 1:] != plane[:, :-1]
        north[1:] |= plane[1:] != plane[:-1]
    return west & north


def _gains(busy: np.ndarray, cell: int) -> np.ndarray:
    """What each cell, float64 (rows, cols), is worth in a box."""
    rows, cols = (np.arange(0, size, cell) for size in busy.shape)
    counts = np.add.reduceat(np.add.reduceat(busy.astype(np.int64), rows, axis=0), cols, axis=1)
    sizes = np.outer(np.diff(rows, append=busy.shape[0]), np.diff(cols, append=busy.shape[1]))
    part = counts / sizes
    return np.where(part >= BUSY, 1.0, np.where(part >= FLAT, 0.0, -COST))


def _best(gains: np.ndarray) -> tuple[float, Box]:
    """The rectangle of the greatest sum: by the runs of greatest sums of all bands of rows (Bentley
    1984, Programming pearls)."""
    if len(gains) > gains.shape[1]:  # as the time goes with the square of the rows
        gain, turned = _best(gains.T)
        return gain, Box(turned.left, turned.top, turned.width, turned.height)
    rows = len(gains)
    sums = np.vstack([np.zeros(gains.shape[1]), gains.cumsum(axis=0)])
    most, best = 0.0, Box(0, 0, 0, 0)
    for top in range(rows):
        bands = (sums[top + 1 :] - sums[top]).cumsum(axis=1)
        ends = np.hstack([np.zeros((rows - top, 1)), bands])
        runs = bands - np.minimum.accumulate(ends[:, :-1], axis=1)
        at = int(runs.argmax())
        if runs.flat[at] > most:
            most = float(runs.flat[at])
            band, last = divmod(at, gains.shape[1])
            left = int(ends[band, : last + 1].argmin())
            best = Box(top, left, band + 1, last + 1 - left)
    return most, best


def _in_pixels(box: Box, cell: int, height: int, width: int) -> Box:
    """A box of cells."""
    top, left = box.top * cell, box.left * cell
    return Box(top, left, min(box.height * cell, height - top), min(box.width * cell, width - left))


def _fitted(busy: np.ndarray, box: Box, reach: int) -> Box:
    """A box with its edges moved to those of the photograph, by less than so many pixels."""
    rows, cols = box.slices
    top, bottom = _ends(busy[:, cols].mean(axis=1), rows, reach)
    left, right = _ends(busy[top:bottom].mean(axis=0), cols, reach)
    return Box(top, left, bottom - top, right - left)


def _ends(part: np.ndarray, found: slice, reach: int) -> tuple[int, int]:
    """From where on, and to where, a photograph has rows or columns of which such parts are busy;
    as found where that is not to be seen."""
    steady = np.convolve(part >= EDGE, np.ones(STEADY, int), "valid") == STEADY
    start, stop = found.start, found.stop
    first = np.flatnonzero(steady[max(start - reach, 0) : start + reach])
    begin = max(stop - reach - STEADY, 0)
    last = np.flatnonzero(steady[begin : stop + reach - STEADY])
    return (
        max(start - reach, 0) + int(first[0]) if first.size else start,
        begin + int(last[-1]) + STEADY if last.size else stop,
    )
