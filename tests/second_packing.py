"""Packings of source files, section 2.4 of format_spec.md, for the second decoder: "none" and what
Python's zlib does."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from second_container import Array


class NotHereError(Exception):
    """A packing that this decoder does not have."""


def pack(raw: bytes, scheme: str, v: list[int]) -> bytes:  # 2.4
    if scheme == "none":
        assert not v, "a variant of nothing"
        return raw
    if scheme != "deflate" or v[0] not in (0, 3) or (v[0] == 0 and v[6] != 4096):
        raise NotHereError(f"{scheme} {v}")
    if v[0] == 0:
        _, header, level, window, memory, strategy, _ = v
        deflater = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
        blocks = deflater.compress(raw) + deflater.flush()
    else:
        _, header, empty, *sizes = v
        parts, at = list[bytes](), 0
        while at < len(raw) or not parts:
            size = sizes[min(len(parts), len(sizes) - 1)]
            parts.append(raw[at : at + size])
            at += size
        parts += [b""] * empty
        blocks = b"".join(
            struct.pack("<BHH", n == len(parts), len(part), len(part) ^ 0xFFFF) + part
            for n, part in enumerate(parts, 1)
        )
    return header.to_bytes(2, "big") + blocks + zlib.adler32(raw).to_bytes(4, "big")


def bits_of(samples: Array, bits: int) -> bytes:
    """Rows of samples (rows, columns, channels) in so many bits each, filled up with zeros."""
    each = samples[..., None].astype(np.int64) >> np.arange(bits)[::-1] & 1
    return np.packbits(each.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()


def filled_up(rows: Array, used: int, ends: Iterator[int]) -> Array:
    """Rows (rows, bytes) of so many bits with what is behind these."""
    if used % 8:
        for row, end in zip(rows, ends, strict=False):
            assert end >> -used % 8 == 0, "a row's end"
            row[-1] |= end
    return rows
