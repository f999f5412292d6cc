"""JPEG files made of coefficients: baseline, with the Huffman tables of T.81, annex K."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from ..errors import CorruptError, ImageError
from .entropy.markers import STANDARD_TABLES, Component, Frame, Scan
from .entropy.plan import LIBJPEG, Notes, plan_of
from .entropy.scans import encode_scan
from .pixels import GREY, RGB
from .pixels import Frame as Pixels

_JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"
_ADOBE_RGB = b"Adobe\0\x64\0\0\0\0\0"
_MOST_BYTES = 6  # of a coefficient


def write(made: Pixels, coefficients: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> bytes:
    """A JPEG file of coefficients, int16 (rows, cols, 64) each, of made.blocks at least, and
    quantisation tables, uint16 (64,). Raises ImageError where no baseline file holds them."""
    ids = b"RGB" if made.colour == RGB else b"\1\2\3"
    factors = [(made.col_step, made.row_step), *[(1, 1)] * (made.components - 1)]
    steps = list(dict.fromkeys(table.astype("<u2").tobytes() for table in tables))
    numbers = [steps.index(table.astype("<u2").tobytes()) for table in tables]
    frame = Frame(
        made.width, made.height, 8, False,
        tuple(
            Component(ids[n], *pair, number)
            for n, (pair, number) in enumerate(zip(factors, numbers, strict=True))
        ),
    )  # fmt: skip
    wide = [max(np.frombuffer(step, "<u2")) > 255 for step in steps]
    if len(steps) > 4 or any(wide):
        raise ImageError("a baseline JPEG cannot hold the quantisation tables")
    huffman = tuple(
        (STANDARD_TABLES[n > 0], STANDARD_TABLES[0x10 | (n > 0)]) for n in range(made.components)
    )
    scan = Scan(0, 0, tuple(range(made.components)), 0, 63, 0, 0, huffman, 0)
    parts = []
    for number, own in enumerate(coefficients):
        rows, cols, _ = frame.shape(number)
        parts.append(np.ascontiguousarray(own[:rows, :cols]))
    plan = plan_of(frame, scan)
    empty = np.zeros(0, np.uint32)
    notes = Notes(
        LIBJPEG, plan.mcus, np.full(plan.ends(plan.mcus), 0xFF, np.uint8), empty,
        empty.reshape(0, 2),
    )  # fmt: skip
    most = 64 + _MOST_BYTES * sum(part.size for part in parts)
    try:
        coded = encode_scan(frame, scan, parts, notes, most)
    except CorruptError as error:
        raise ImageError("a baseline JPEG cannot hold the coefficients") from error
    out = [b"\xff\xd8"]

    def segment(marker: int, body: bytes) -> None:
        out.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)

    if made.colour == RGB:
        segment(0xEE, _ADOBE_RGB)
    else:
        segment(0xE0, _JFIF)
    for number, step in enumerate(steps):
        segment(0xDB, bytes([number]) + np.frombuffer(step, "<u2").astype(np.uint8).tobytes())
    about = struct.pack(">BHHB", 8, made.height, made.width, made.components)
    for c in frame.components:
        about += bytes([c.id, c.h << 4 | c.v, c.table])
    segment(0xC0, about)
    used = [0x00, 0x10] if made.colour == GREY else [0x00, 0x10, 0x01, 0x11]
    for kind in used:
        segment(0xC4, bytes([kind]) + STANDARD_TABLES[kind])
    selectors = [bytes([c.id, 0x11 * (n > 0)]) for n, c in enumerate(frame.components)]
    segment(0xDA, bytes([made.components]) + b"".join(selectors) + b"\0\x3f\0")
    return b"".join([*out, coded, b"\xff\xd9"])
