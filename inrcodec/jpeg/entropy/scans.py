"""Scans of a JPEG file: entropy coded bytes become coefficients, and these the same bytes again.

Coefficients are, for each component of the frame, an array int16 (block rows, block columns, 64) in
zigzag order, of the shape that Frame.shape() says; a scan fills in its part of them.

Bytes as libjpeg writes them need nothing else: zeros that end a block are one EOB, EOB runs are as
long as they can be, padding bits are ones. Where an encoder has done otherwise, Notes say so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import kernels
from ...errors import CorruptError
from . import plain_decode, plain_encode
from .markers import MAX_COMPONENTS, Frame, Scan
from .plan import Notes, Plan, plan_of

_TABLE = 16 + 256


def decode_scan(
    data: bytes,
    frame: Frame,
    scan: Scan,
    coefficients: Sequence[np.ndarray],
    rule: int,
    most_notes: int,
) -> tuple[int, Notes]:
    """Fills coefficients in, and returns how many bytes of data from scan.start on hold them, and
    the notes with which encode_scan() writes these bytes again (if no other scan has the same
    bits). Where they are damaged, they end before, with a block before which no EOB run is open.
    rule: of Notes; most_notes: breaks and zeros, each; they end before that too."""
    plan, arrays = plan_of(frame, scan), [coefficients[i] for i in scan.components]
    body = np.frombuffer(data, np.uint8)[scan.start : scan.end]
    pads = np.empty(plan.ends(plan.mcus), np.uint8)
    library = kernels.library()
    if library is None:
        size, mcus, breaks, zeros = plain_decode.decode(
            bytes(body), plan, scan.tables, arrays, rule, pads, most_notes
        )
    else:
        breaks, zeros = np.empty(most_notes, np.uint32), np.empty((most_notes, 2), np.uint32)
        counts = np.empty(3, np.int32)
        size = library.decode_jpeg_scan(
            body, len(body), *_numbers(plan, scan, rule), *_addresses(arrays), pads,
            breaks, most_notes, zeros, most_notes, counts,
        )  # fmt: skip
        mcus = int(counts[0])
        breaks, zeros = breaks[: counts[1]].copy(), zeros[: counts[2]].copy()
    if not size:  # a hole has a byte at least
        mcus, breaks, zeros = 0, breaks[:0], zeros[:0]
    return size, Notes(rule, mcus, pads[: plan.ends(mcus)], breaks, zeros)


def encode_scan(
    frame: Frame, scan: Scan, coefficients: Sequence[np.ndarray], notes: Notes, room: int
) -> bytes:
    """The bytes of a scan, of which there is room for so many. Coefficients are of the shapes that
    the frame says. Raises CorruptError where notes are not of these coefficients, a coefficient has
    no code, or the room is too small."""
    plan, arrays = plan_of(frame, scan), [coefficients[i] for i in scan.components]
    if not 0 <= notes.mcus <= plan.mcus or len(notes.pads) != plan.ends(notes.mcus):
        raise CorruptError("a JPEG scan with other MCUs or padding than it has")
    library = kernels.library()
    if library is None:
        return plain_encode.encode(plan, scan.tables, arrays, notes, room)
    target = np.empty(room, np.uint8)
    size = library.encode_jpeg_scan(
        *_numbers(plan, scan, notes.rule), *_addresses(arrays), notes.mcus, notes.pads,
        notes.breaks, len(notes.breaks), notes.zeros, len(notes.zeros), target, room,
    )  # fmt: skip
    if size < 0:
        raise CorruptError("a JPEG scan that does not hold such coefficients")
    return target[:size].tobytes()


def _numbers(plan: Plan, scan: Scan, rule: int) -> tuple[np.ndarray, np.ndarray]:
    """The plan and the Huffman tables for the compiled loops."""
    tables = np.zeros((len(scan.tables), 2, _TABLE), np.uint8)
    for i, pair in enumerate(scan.tables):
        for j, table in enumerate(pair):
            tables[i, j, : len(table)] = np.frombuffer(table, np.uint8)
    flat = [*plan[:-1], len(plan.parts), rule, *(n for part in plan.parts for n in part)]
    return np.array(flat, np.int64), tables


def _addresses(arrays: list[np.ndarray]) -> list[int | None]:
    for array in arrays:
        if array.dtype != np.int16 or not array.flags.c_contiguous:
            raise TypeError("coefficients are contiguous arrays of int16")
    places = [array.ctypes.data for array in arrays]
    return [*places, *[None] * (MAX_COMPONENTS - len(places))]
