"""How a TIFF's strips or tiles are packed again.

The recipe: `v`, the numbers of the packing (files.packing); `p`, what tiles have beyond the edge of
the image: 0 zeros, 1 the last row and column again, 2 the bytes `e`, tile by tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..files.packing import Packing, find_packing, unpack
from ..files.tiff_layout import SCHEMES, Layout, Piece
from ..files.tiff_samples import place_of, raw_of

ZEROS, REPEATED, STORED = range(3)
_REVERSED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


def pieces_of(samples: np.ndarray, layout: Layout, pads: int, stored: bytes) -> Iterator[bytes]:
    """The bytes of each piece, before they are packed, of an image (H, W, S). Raises ValueError
    where the stored pads are too few."""
    at = 0
    for piece in layout.pieces:
        part = samples[place_of(layout, piece)]
        short = layout.lines(piece) - part.shape[0], layout.cols - part.shape[1]
        if any(short):
            beyond = ((0, short[0]), (0, short[1]), (0, 0))
            part = np.pad(part, beyond, mode="edge" if pads == REPEATED else "constant")
            if pads == STORED:
                outside = _outside(layout, piece)
                size = int(outside.sum()) * part.itemsize * layout.depth
                given = np.frombuffer(stored[at : at + size], part.dtype.newbyteorder("<"))
                part[outside] = given.reshape(-1, layout.depth)
                at += size
        yield raw_of(part, layout)


def packed_pieces(
    samples: np.ndarray, layout: Layout, recipe: dict[str, Any]
) -> Iterator[tuple[Piece, bytes]]:
    """Each piece as it is in the file."""
