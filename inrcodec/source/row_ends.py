"""Bits behind the last sample of a row that does not fill its bytes: any, and kept as they are."""

from __future__ import annotations

import numpy as np

from ..errors import CorruptError


def row_ends(rows: np.ndarray, bits: int) -> bytes:
    """The last byte of each of some rows, uint8 (n, stride) whose samples take so many bits, with
    nothing but what is behind these."""
    return (rows[:, -1] & _behind(bits)).tobytes()


def with_row_ends(rows: np.ndarray, bits: int, ends: bytes) -> np.ndarray:
    """Rows that have zeros there, with what row_ends gave. Raises CorruptError where that is of
    other rows."""
    found = np.frombuffer(ends, np.uint8)
    if len(found) != len(rows) or np.any(found & ~_behind(bits)):
        raise CorruptError("the bits behind the rows of a source file are of other rows")
    rows = rows.copy()
    rows[:, -1] |= found
    return rows


def _behind(bits: int) -> np.uint8:
    """Which bits of the last byte are behind so many."""
    return np.uint8((1 << -bits % 8) - 1)
