"""How large a coded image says that it is: bounded before a library is let at it, which believes
what it reads.

Each function takes the bytes of a file or codestream; it gives None for what is none of its kind.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple


class Size(NamedTuple):
    """channels, bits: 0 where they are not told; colours: whether they are grey or RGB."""

    width: int
    height: int
    channels: int = 0
    bits: int = 0
    colours: bool = True


_NO_FRAME = {0xC4, 0xC8, 0xCC}  # markers of JPEG among those of frames that begin none
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_GREY_OR_RGB = (b"\0\0\0\x10", b"\0\0\0\x11")
_JPEG_XL_BOX, _JPEG_2000_BOX = b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  "


def jpeg_size(data: bytes) -> Size | None:
    """Of a JPEG (ITU-T T.81, B.2.2)."""
    at = 2
    while data[at : at + 1] == b"\xff" and len(data) >= at + 10:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width, channels = struct.unpack_from(">HHB", data, at + 5)
            return Size(width, height, channels)
        alone = marker == 0xFF or marker == 1 or 0xD0 <= marker <= 0xD8
        at += 1 if marker == 0xFF else 2 if alone else 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def jpeg2000_size(data: bytes) -> Size | None:
    """Of a JPEG 2000 codestream or file (ISO/IEC 15444-1, A.5.1)."""
    start = data.find(b"\xff\x4f\xff\x51") if data.startswith(_JPEG_2000_BOX) else 0
    if start < 0 or data[start : start + 4] != b"\xff\x4f\xff\x51" or len(data) < start + 43:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    channels, depth = struct.unpack_from(">HB", data, start + 40)
    space = data.find(b"colr\1", 0, start)  # by number; other files have a colour profile, or none
    colours = space < 0 or data[space + 7 : space + 11] in _GREY_OR_RGB
    return Size(right - left, bottom - top, channels, (depth & 127) + 1, colours)


def webp_size(data: bytes) -> Size | None:
    """Of a WebP (its container's specification)."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Size(width + 1, height + 1)
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", data, 26)
    return Size(width & 0x3FFF, height & 0x3FFF)


def jpegxl_size(data: bytes) -> Size | None:
    """Of a JPEG XL codestream or file (ISO/IEC 18181-1, SizeHeader); of one with several frames
    None."""
    start = _jpegxl_start(data)
    if data[start : start + 2] != b"\xff\x0a":
        return None
    bits, at = int.from_bytes(data[start + 2 : start + 34], "little"), 0

    def read(count: int) -> int:
        nonlocal at
        value = bits >> at & (1 << count) - 1
        at += count
        return value

    def header() -> tuple[int, int]:
        small = read(1)

        def side() -> int:
            return 8 * (read(5) + 1) if small else read((9, 13, 18, 30)[read(2)]) + 1

        height = side()
        ratio = read(3)
        if not ratio:
            return side(), height
        times, over = _RATIOS[ratio - 1]
        return height * times // over, height

    width, height = header()
    if read(1):  # metadata that are all as usual
        return Size(width, height, 0, 8)
    if read(1):  # further fields
        read(3)  # orientation
        if read(1):
            header()
        if read(1) or read(1):  # a preview, behind which it is not known, or an animation
            return None
    if read(1):  # floating-point samples, which are refused where they are decoded
        return Size(width, height)
    depth = read(2)
    return Size(width, height, 0, (8, 10, 12)[depth] if depth < 3 else 1 + read(6))


def _jpegxl_start(data: bytes) -> int:
    """Where the codestream begins."""
    at = 0
    while data.startswith(_JPEG_XL_BOX) and at + 16 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"jxlc", b"jxlp"):
            return at + (8 if kind == b"jxlc" else 12) + 8 * (size == 1)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if size < 8:
            break
        at += size
    return at


def lerc_size(data: bytes) -> Size | None:
    """Of a Lerc2 blob (Esri's LERC), that may lie in a zlib or Zstandard stream."""
    if not data.startswith(b"Lerc2 ") or len(data) < 26:
        return None
    version = int.from_bytes(data[6:10], "little")
    height, width = struct.unpack_from("<II", data, 14 if version >= 3 else 10)
    return Size(width, height)


SIZES: dict[str, Callable[[bytes], Size | None]] = {
    "JPEG": jpeg_size,
    "JPEG 2000": jpeg2000_size,
    "WebP": webp_size,
    "JPEG XL": jpegxl_size,
    "LERC": lerc_size,
}
