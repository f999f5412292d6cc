"""Bytes of a TIFF's strips and tiles, unpacked, to samples and back."""

from __future__ import annotations

import zlib

import numpy as np

from ..errors import ImageError
from .packing import expand
from .tiff_directory import Bytes
from .tiff_layout import SCHEMES, Layout, Piece

_SAMPLES_AT_ONCE = 1 << 20  # each bit takes bytes here
# So many bytes, and so many more, may those of a piece take when they are packed.
_PACKED_TIMES, _PACKED_MORE = 16, 1 << 24
_MIRRORED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


def mirrored(packed: bytes, layout: Layout) -> bytes:
    """The bytes of a piece, as they are read, from those in the file, or the other way round."""
    return packed.translate(_MIRRORED) if layout.reversed_bits else packed


def packed_piece(file: Bytes, layout: Layout, piece: Piece) -> bytes:
    """A piece as the file has it, but for the order of bits; no more than any packing needs."""
    wanted = layout.lines(piece) * layout.line_bytes
    most = _PACKED_TIMES * wanted + _PACKED_MORE if layout.compression != 1 else wanted
    return mirrored(bytes(file.read(piece.offset, min(piece.count, most))), layout)


def unpacked(packed: bytes, layout: Layout, piece: Piece, name: str = "the file") -> bytes:
    """A piece, unpacked. Raises ImageError where it is damaged."""
    wanted = layout.lines(piece) * layout.line_bytes
    try:
        raw = expand(SCHEMES[layout.compression], packed, wanted)
    except zlib.error as error:
        raise ImageError(f"{name}: damaged TIFF, image data do not inflate ({error})") from None
    return _whole(raw, wanted, name)


def raw_part(
    file: Bytes, layout: Layout, piece: Piece, rows: range, cols: range, name: str
) -> np.ndarray:
    """The samples of some rows and columns of a piece, counted in it, of which the file has the
    bytes as they are: uint8 or uint16 (rows, cols, depth)."""
    start, stride = piece.offset, layout.line_bytes
    if layout.lines(piece) * stride > piece.count:
        said = f"{piece.count} of {layout.lines(piece) * stride}"
        raise ImageError(f"{name}: damaged TIFF, {said} bytes in a strip")
    pixel = layout.depth * layout.bits // 8 if layout.bits in (8, 16) else 0
    if pixel and len(cols) * 2 <= layout.cols:  # tiles of a wide image
        size = len(cols) * pixel
        at = range(start + cols.start * pixel + rows.start * stride, start + len(file), stride)
        raw = b"".join(file.read(place, size) for place in at[: len(rows)])
        raw = _whole(mirrored(raw, layout), len(rows) * size, name)
        return samples_of(raw, layout, len(rows), len(cols))
    raw = bytes(file.read(start + rows.start * stride, len(rows) * stride))
    raw = _whole(mirrored(raw, layout), len(rows) * stride, name)
    return samples_of(raw, layout, len(rows))[:, cols.start : cols.stop]


def _whole(raw: bytes, wanted: int, name: str) -> bytes:
    if len(raw) != wanted:
        raise ImageError(f"{name}: damaged TIFF, {len(raw)} of {wanted} bytes in a strip")
    return raw


def samples_of(raw: bytes, layout: Layout, lines: int, cols: int = 0) -> np.ndarray:
    """The samples of a piece of so many rows, and columns if it has not all: uint8 up to 8 bits,
    else uint16 (lines, cols, depth); signed ones above their least."""
    cols = cols or layout.cols
    bits, per_line = layout.bits, cols * layout.depth
    if bits in (8, 16):
        stored = np.frombuffer(raw, np.dtype(f"{layout.directory.order}u{bits // 8}"))
        part = stored.astype(stored.dtype.newbyteorder("="))
    else:
        packed = np.frombuffer(raw, np.uint8).reshape(lines, layout.line_bytes)
        each = np.unpackbits(packed, axis=1, count=per_line * bits)
        weights = 1 << np.arange(bits)[::-1]
        part = (each.reshape(-1, bits) @ weights).astype(np.uint16 if bits > 8 else np.uint8)
    part = part.reshape(lines, cols, layout.depth)
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
    lines = max(1, _SAMPLES_AT_ONCE // max(1, layout.cols * layout.depth))
    packed = []
    for top in range(0, len(part), lines):
        some = part[top : top + lines]
        each = some.reshape(len(some), -1, 1) >> np.arange(bits, dtype=part.dtype)[::-1] & 1
        packed.append(np.packbits(each.reshape(len(some), -1).astype(np.uint8), axis=1).tobytes())
    return b"".join(packed)


def place_of(layout: Layout, piece: Piece) -> tuple[slice, slice, slice]:
    """The rows, columns and samples of an image (H, W, S) that a piece has."""
    rows = slice(piece.row, min(piece.row + layout.rows, layout.height))
    cols = slice(piece.col, min(piece.col + layout.cols, layout.width))
    planes = slice(piece.plane, piece.plane + 1) if layout.planes > 1 else slice(None)
    return rows, cols, planes


def _sign(layout: Layout) -> int:
    """The bit that makes signed samples unsigned ones in the same order."""
    return 1 << layout.bits - 1 if layout.signed else 0
