"""PNG files: checked in full here, then decoded and encoded by OpenCV.

OpenCV alone does not do: it returns grey + alpha as colour, drops the colour key of grey images,
reads the first frame of an animation, and lets libpng write its warnings to stderr. So it is given
a copy with the chunks that matter for the samples and nothing else; gamma, profiles and
orientation never reach it, and the samples come back as they were stored.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import cv2
import numpy as np

from .errors import ImageError
from .limits import check_size
from .stored import filter_rows, scanlines

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BITS = {
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
# First column, first row, column step and row step of the seven passes of an interlaced image.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


class _Header(NamedTuple):
    width: int
    height: int
    bits: int
    colour: int
    compression: int
    filtering: int
    interlace: int


def read_png(data: bytes, name: str) -> np.ndarray:
    """Decode a PNG; see images.read_image for shapes and errors."""
    header, palette, transparency, stream = _parse(data, name)
    _check_stream(stream, header, name)
    chunks = [("IHDR", struct.pack(">IIBBBBB", *header))]
    if header.colour == _PALETTE:
        chunks.append(("PLTE", palette))
        if transparency:
            chunks.append(("tRNS", transparency))
    decoded = _decode(_assemble([*chunks, ("IDAT", stream)]), name)
    if header.colour == _GREY_ALPHA:
        image = np.ascontiguousarray(decoded[..., [0, 3]])
    elif decoded.ndim == 2:
        image = decoded
    elif decoded.shape[2] == 3:
        image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    else:
        image = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA)
    if transparency and header.colour != _PALETTE:
        image = _with_key_alpha(image, transparency, header)
    return image


def write_png(image: np.ndarray, level: int) -> bytes:
    """Encode a valid image of 1 to 4 channels, compression level 0 to 9. Raises ImageError."""
    if image.ndim == 3 and image.shape[2] == 2:
        return _write_grey_alpha(image, level)
    if image.ndim == 3:
        order = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        image = cv2.cvtColor(np.ascontiguousarray(image), order)
    try:
        done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])
    except cv2.error as error:
        raise ImageError(f"the image cannot be written as PNG ({error.err})") from None
    if not done:
        raise ImageError("the image cannot be written as PNG")
    return data.tobytes()


def _parse(data: bytes, name: str) -> tuple[_Header, bytes, bytes, bytes]:
    """Return the header, PLTE, tRNS (empty where absent) and the joined IDAT of a legal PNG."""
    header: _Header | None = None
    palette = transparency = b""
    parts: list[bytes] = []
    previous = ""
    position = len(SIGNATURE)
    while previous != "IEND":
        if position + 12 > len(data):
            raise ImageError(f"{name}: truncated PNG, no IEND chunk")
        (length,) = struct.unpack_from(">I", data, position)
        kind_bytes = data[position + 4 : position + 8]
        end = position + 12 + length
        if not (kind_bytes.isalpha() and kind_bytes.isascii()):
            raise ImageError(f"{name}: damaged PNG, chunk with an illegal name at byte {position}")
        kind = kind_bytes.decode("ascii")
        if end > len(data):
            raise ImageError(f"{name}: truncated PNG, the file ends inside chunk {kind}")
        body = data[position + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind_bytes)) != int.from_bytes(data[end - 4 : end], "big"):
            raise ImageError(f"{name}: damaged PNG, wrong CRC of chunk {kind}")
        if header is None:
            if kind != "IHDR" or length != 13:
                raise ImageError(f"{name}: damaged PNG, it does not begin with a header")
            header = _Header(*struct.unpack(">IIBBBBB", body))
            _check_header(header, name)
        elif kind == "IDAT":
            if parts and previous != "IDAT":
                raise ImageError(f"{name}: damaged PNG, IDAT chunks are not consecutive")
            parts.append(body)
        elif kind == "PLTE":
            if palette or parts or length % 3 or not 3 <= length <= 768:
                raise ImageError(f"{name}: damaged PNG, illegal or misplaced palette")
            palette = body
        elif kind == "tRNS":
            sizes = {_GREY: [2], _RGB: [6], _PALETTE: range(1, len(palette) // 3 + 1)}
            if transparency or parts or length not in sizes.get(header.colour, ()):
                raise ImageError(f"{name}: damaged PNG, illegal or misplaced transparency")
            transparency = body
        elif kind == "acTL":
            raise ImageError(f"{name}: an animated PNG holds several images, only one can be kept")
        elif kind[0].isupper() and kind != "IEND":
            raise ImageError(f"{name}: damaged PNG, unknown critical chunk {kind}")
        previous = kind
        position = end
    if header is None or not parts:
        raise ImageError(f"{name}: damaged PNG, no image data")
    if header.colour == _PALETTE and not palette:
        raise ImageError(f"{name}: damaged PNG, no palette")
    return header, palette, transparency, b"".join(parts)


def _check_header(header: _Header, name: str) -> None:
    if header.bits not in _BITS.get(header.colour, ()):
        raise ImageError(
            f"{name}: damaged PNG, {header.bits} bits with colour type {header.colour} do not exist"
        )
    if header.compression or header.filtering or header.interlace > 1:
        raise ImageError(f"{name}: damaged PNG, unknown compression, filter or interlace method")
    check_size(header.width, header.height, name)


def _check_stream(stream: bytes, header: _Header, name: str) -> None:
    """Refuse image data of any other length than the header's, and unknown filters."""
    pixel_bits = header.bits * _SAMPLES[header.colour]
    passes = _PASSES if header.interlace else ((0, 0, 1, 1),)
    sizes = []
    for left, top, across, down in passes:
        columns = (header.width - left + across - 1) // across
        rows = (header.height - top + down - 1) // down
        if columns > 0 and rows > 0:
            sizes.append((rows, 1 + (columns * pixel_bits + 7) // 8))
    expected = sum(rows * line for rows, line in sizes)
    expand = zlib.decompressobj()
    try:
        lines = expand.decompress(stream, expected + 1)
    except zlib.error as error:
        raise ImageError(f"{name}: damaged PNG, image data do not inflate ({error})") from None
    if len(lines) > expected or (expand.eof and expand.unused_data):
        raise ImageError(f"{name}: damaged PNG, more image data than {expected} bytes")
    if len(lines) < expected or not expand.eof:
        raise ImageError(f"{name}: truncated PNG, {len(lines)} of {expected} bytes of image data")
    start = 0
    for rows, line in sizes:
        filters = np.frombuffer(lines, np.uint8, rows * line, start)[::line]
        if filters.max() > 4:
            raise ImageError(f"{name}: damaged PNG, unknown filter {filters.max()}")
        start += rows * line


def _decode(data: bytes, name: str) -> np.ndarray:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{name}: OpenCV cannot decode this PNG ({error.err})") from None
    if decoded is None:
        raise ImageError(f"{name}: OpenCV cannot decode this PNG")
    return decoded


def _with_key_alpha(image: np.ndarray, transparency: bytes, header: _Header) -> np.ndarray:
    """Append the alpha that a colour key means: 0 where a pixel equals the key."""
    top = 2**header.bits - 1
    key = np.frombuffer(transparency, ">u2").astype(np.int64) & top
    full = np.iinfo(image.dtype).max
    samples = image.reshape(*image.shape[:2], -1)
    # Samples of 1, 2 and 4 bits were scaled to 8.
    hit = (samples == key * (full // top)).all(axis=2)
    alpha = np.where(hit, 0, full).astype(image.dtype)
    return np.dstack([samples, alpha])


def _write_grey_alpha(image: np.ndarray, level: int) -> bytes:
    header = _Header(image.shape[1], image.shape[0], image.dtype.itemsize * 8, _GREY_ALPHA, 0, 0, 0)
    stream = zlib.compress(filter_rows(*scanlines(image)).tobytes(), level)
    return _assemble([("IHDR", struct.pack(">IIBBBBB", *header)), ("IDAT", stream)])


def _assemble(chunks: list[tuple[str, bytes]]) -> bytes:
    parts = [SIGNATURE]
    for kind, body in [*chunks, ("IEND", b"")]:
        tagged = kind.encode("ascii") + body
        parts.append(struct.pack(">I", len(body)) + tagged + struct.pack(">I", zlib.crc32(tagged)))
    return b"".join(parts)
