"""Tiles: a page cut into rectangles that decode alone, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

MAX_TILE = 1 << 16
TILE_STEP = 16  # tiles' sides are multiples of it, as TIFF's are; so reduced tiles fit together
Tile = int | tuple[int, int] | None


def checked_tile(tile: Tile) -> tuple[int, int] | None:
    """Height and width of tiles; ValueError for what cannot be these."""
    if tile is None:
        return None
    sides = tuple(tile) if isinstance(tile, Iterable) else (tile, tile)
    legal = range(TILE_STEP, MAX_TILE + 1, TILE_STEP)
    whole = all(isinstance(side, int | np.integer) for side in sides)
    if len(sides) != 2 or not whole or not all(side in legal for side in sides):
        raise ValueError(f"tile is {tile}; sides can be multiples of {TILE_STEP} up to {MAX_TILE}")
    return int(sides[0]), int(sides[1])


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    def within(self, other: Box) -> Box:
        """What is in both; of height or width 0 where there is nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        height, width = min(self.bottom, other.bottom) - top, min(self.right, other.right) - left
        return Box(top, left, max(0, height), max(0, width))

    def reduced(self, scale: int) -> Box:
        """The box of its pixels whose row and column are multiples of a scale, in an image of these
        alone."""
        top, left = -(-self.top // scale), -(-self.left // scale)
        return Box(top, left, -(-self.bottom // scale) - top, -(-self.right // scale) - left)

    def slices(self, origin: Box) -> tuple[slice, slice]:
        """Where it lies in an array of another box that it is in."""
        top, left = self.top - origin.top, self.left - origin.left
        return slice(top, top + self.height), slice(left, left + self.width)


@dataclass(frozen=True)
class Grid:
    """The tiles of a page of height x width pixels: tile = (height, width) of each but the last;
    None: the page is one tile."""

    height: int
    width: int
    tile: tuple[int, int] | None = None

    @property
    def whole(self) -> Box:
        """All of the page."""
        return Box(0, 0, self.height, self.width)

    @property
    def size(self) -> tuple[int, int]:
        """Of a tile, but of those at the lower and right edges."""
        return self.tile or (self.height, self.width)

    @property
    def columns(self) -> int:
        """How many tiles are beside each other."""
        return -(-self.width // self.size[1])

    def __len__(self) -> int:
        return -(-self.height // self.size[0]) * self.columns

    def __getitem__(self, number: int) -> Box:
        rows, cols = self.size
        at = Box(number // self.columns * rows, number % self.columns * cols, rows, cols)
        return at.within(self.whole)

    def __iter__(self) -> Iterator[Box]:
        return (self[number] for number in range(len(self)))

    def touched(self, box: Box) -> Iterator[int]:
        """The numbers of the tiles that have a pixel of a box."""
        rows, cols = self.size
        for row in range(box.top // rows, -(-box.bottom // rows)):
            for col in range(box.left // cols, -(-box.right // cols)):
                yield row * self.columns + col
