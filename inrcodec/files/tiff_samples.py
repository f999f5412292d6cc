"""Bytes of a TIFF's strips and tiles, unpacked, to samples and back."""

from __future__ import annotations

import numpy as np

from .tiff_layout import Layout, Piece


def samples_of(raw: bytes, layout: Layout, lines: int) -> np.ndarray:
    """The samples of a piece of so many rows: uint8 up to 8 bits, else uint16 (lines, cols, depth);
    signed ones above their least."""
    bits, per_line = layout.bits, layout.cols * layout.depth
    if bits in (8, 16):
        stored = np.frombuffer(raw, np.dtype(f"{layout.directory.order}u{bits // 8}"))
        part = stored.astype(stored.dtype.newbyteorder("="))
    else:
        packed = np.frombuffer(raw, np.uint8).reshape(lines, layout.line_bytes)
        each = np.unpackbits(packed, axis=1, count=per_line * bits)
        weights = 1 << np.arange(bits)[::-1]
        part = (each.reshape(-1, bits) @ weights).astype(np.uint16 if bits > 8 else np.uint8)
    part = part.reshape(lines, layout.cols, layout.depth)
    if layout.predictor:
        np.cumsum(part, axis=1, dtype=part.dtype, out=part)
    return part ^ part.dtype.type(_sign(layout))


def raw_of(samples: np.ndarray, layout: Layout) -> bytes:
    """Undoes samples_of; bits behind the samples of a row are 0."""
    bits, part = layout.bits, samples ^ samples.dtype.type(_sign(layout))
    if layout.predictor:
        part[:, 1:] = np.diff(part, axis=1)
    if bits in (8, 16):
        return part.astype(np.dtype(f"{layout.directory.order}u{bits // 8}")).tobytes()
    each = part.reshape(len(part), -1, 1) >> np.arange(bits, dtype=part.dtype)[::-1] & 1
    return np.packbits(each.reshape(len(part), -1).astype(np.uint8), axis=1).tobytes()


def place_of(layout: Layout, piece: Piece) -> tuple[slice, slice, slice]:
    """The rows, columns and samples of an image (H, W, S) that a piece has."""
    rows = slice(piece.row, min(piece.row + layout.rows, layout.height))
    cols = slice(piece.col, min(piece.col + layout.cols, layout.width))
    planes = slice(piece.plane, piece.plane + 1) if layout.planes > 1 else slice(None)
    return rows, cols, planes


def _sign(layout: Layout) -> int:
    """The bit that makes signed samples unsigned ones in the same order."""
    return 1 << layout.bits - 1 if layout.signed else 0
