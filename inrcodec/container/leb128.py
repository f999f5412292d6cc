"""Lengths as LEB128: seven bits a byte, the lowest first, the high bit set on all but the last."""

from __future__ import annotations

from typing import BinaryIO

from ..errors import CorruptError, TruncatedError

MAX_BYTES = 8


def pack_length(number: int) -> bytes:
    """The bytes of a number of 0 or more."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_length(file: BinaryIO, name: str) -> int:
    """The number that stands next in a file. name: of what it is the length, for TruncatedError
    where the file ends and CorruptError where it has more than MAX_BYTES."""
    number = 0
    for shift in range(0, 7 * MAX_BYTES, 7):
        byte = file.read(1)
        if not byte:
            raise TruncatedError(f"the file ends within the length of {name}")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    raise CorruptError(f"the length of {name} has more than {MAX_BYTES} bytes")
