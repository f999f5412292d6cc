"""TIFF files with one image of 8 or 16 bits per sample, or a bitmap.

OpenCV is not used: it returns damaged 8-bit files as if they were whole, multiplies colours by
their alpha, rotates by the orientation tag and drops the second channel of grey + alpha. What this
reader does not know it refuses by name. The orientation tag is metadata, as in PNG: samples are
kept in the order in which they are stored.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits, check_size
from .metadata import FIELD_BYTES, TIFF, Metadata, Tag
from .packing import expand
from .picture import Picture

SIGNATURES = (b"II*\0", b"MM\0*")
BIG_SIGNATURES = (b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS = 266, 273, 277, 278, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS = 284, 317, 322, 323, 324
_TILE_COUNTS, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 325, 338, 339

_FIELD_TYPES = {1: "B", 3: "H", 4: "I"}
# Tags that say how the image is stored; they are read, or written anew, and are no metadata.
_STRUCTURE = {
    254, 255, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 263, 264, 265, _FILL_ORDER,
    _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR, 288, 289, 292, 293,
    _PREDICTOR, 320, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES,
    _SAMPLE_FORMAT, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
}  # fmt: skip
# Tags whose values are places in the file, where more is to be found.
_POINTERS = {330: "sub-images", 34665: "EXIF", 34853: "GPS", 40965: "interoperability"}
_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 5, 8, 32773, 32946
_SCHEMES = {
    _NONE: "none",
    _LZW: "lzw",
    _DEFLATE: "deflate",
    _OLD_DEFLATE: "deflate",
    _PACKBITS: "packbits",
}
_REFUSED_COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT G3",
    4: "CCITT G4",
    6: "JPEG",
    7: "JPEG",
    34712: "JPEG 2000",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
}
_REFUSED_PHOTOMETRICS = {3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "L*a*b*"}
_STRIP_BYTES = 1 << 20


def read_tiff(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a TIFF; see images.read_picture for errors."""
    order = "<" if data[:2] == b"II" else ">"
    tags, kept, left_out = _directory(data, order, name)
    width, height = _one(tags, _WIDTH, 0), _one(tags, _HEIGHT, 0)
    check_size(width, height, name, limits)
    bits, samples = _check_tags(tags, name)
    planes = samples if _one(tags, _PLANAR, 1) == 2 else 1
    tiled = _TILE_WIDTH in tags
    if tiled:
        across, down = _one(tags, _TILE_WIDTH, 0), _one(tags, _TILE_HEIGHT, 0)
        offsets, counts = tags.get(_TILE_OFFSETS, ()), tags.get(_TILE_COUNTS, ())
    else:
        across, down = width, min(_one(tags, _ROWS_PER_STRIP, height), height)
        offsets, counts = tags.get(_STRIP_OFFSETS, ()), tags.get(_STRIP_COUNTS, ())
    if not 1 <= across * down <= limits.pixels:
        raise ImageError(f"{name}: damaged TIFF, strips or tiles of {across} x {down} pixels")
    corners = [(y, x) for y in range(0, height, down) for x in range(0, width, across)]
    if not len(offsets) == len(counts) == len(corners) * planes:
        raise ImageError(f"{name}: damaged TIFF, {len(offsets)} strips or tiles")
    image = np.empty((height, width, samples), np.uint16 if bits == 16 else np.uint8)
    for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        plane, place = divmod(index, len(corners))
        y, x = corners[place]
        rows = down if tiled else min(down, height - y)
        if offset + count > len(data):
            raise ImageError(f"{name}: truncated TIFF, image data end at byte {offset + count}")
        part = _segment(
            data[offset : offset + count],
            (rows, across, samples // planes),
            bits,
            order,
            tags,
            name,
        )
        channels = slice(plane, plane + 1) if planes > 1 else slice(None)
        image[y : y + rows, x : x + across, channels] = part[: height - y, : width - x]
    if _one(tags, _PHOTOMETRIC, 1) == 0:
        image[..., 0] = np.iinfo(image.dtype).max - image[..., 0]
    metadata = Metadata(TIFF, tags=tuple(sorted(kept))) if kept else None
    return Picture(image[..., 0] if samples == 1 else image, metadata=metadata, left_out=left_out)


def write_tiff(image: np.ndarray, metadata: Metadata | None = None) -> bytes:
    """Encode a valid image of 1 to 4 channels as a TIFF with deflate compression; metadata, if any,
    are a TIFF's."""
    height, width = image.shape[:2]
    samples = image.shape[2] if image.ndim == 3 else 1
    pixels = image.reshape(height, width, samples)
    per_strip = max(1, _STRIP_BYTES // (width * samples * image.dtype.itemsize))
    strips = []
    for top in range(0, height, per_strip):
        steps = pixels[top : top + per_strip].copy()
        steps[:, 1:] -= pixels[top : top + per_strip, :-1]
        strips.append(zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes()))
    sizes = [len(strip) for strip in strips]
    starts = [8 + sum(sizes[:i]) for i in range(len(sizes))]
    tags: dict[int, tuple[str, list[int]]] = {
        _WIDTH: ("I", [width]),
        _HEIGHT: ("I", [height]),
        _BITS: ("H", [image.dtype.itemsize * 8] * samples),
        _COMPRESSION: ("H", [_DEFLATE]),
        _PHOTOMETRIC: ("H", [2 if samples > 2 else 1]),
        _STRIP_OFFSETS: ("I", starts),
        _SAMPLES: ("H", [samples]),
        _ROWS_PER_STRIP: ("I", [per_strip]),
        _STRIP_COUNTS: ("I", sizes),
        _PLANAR: ("H", [1]),
        _PREDICTOR: ("H", [2]),
        _SAMPLE_FORMAT: ("H", [1] * samples),
    }
    if samples in (2, 4):
        tags[_EXTRA_SAMPLES] = ("H", [2])
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    fields = [
        (tag, 3 if code == "H" else 4, struct.pack(f"<{len(numbers)}{code}", *numbers))
        for tag, (code, numbers) in tags.items()
    ]
    fields += [field for field in metadata.tags if field[0] not in _STRUCTURE] if metadata else []
    entries, values = [], b""
    values_start = 8 + len(body) + 2 + 12 * len(fields) + 4
    for tag, kind, packed in sorted(fields):
        if len(packed) > 4:
            place = struct.pack("<I", values_start + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries.append(struct.pack("<HHI", tag, kind, len(packed) // FIELD_BYTES[kind]) + place)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + directory + values


def _directory(
    data: bytes, order: str, name: str
) -> tuple[dict[int, tuple[int, ...]], list[Tag], tuple[str, ...]]:
    """Return the integer fields of the only image, its metadata, and what cannot be kept of it."""
    tags: dict[int, tuple[int, ...]] = {}
    kept: dict[int, Tag] = {}
    left_out: list[str] = []
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        (following,) = struct.unpack_from(order + "I", data, start + 2 + 12 * entries)
        for position in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", data, position)
            if tag in _POINTERS or (tag not in _STRUCTURE and kind not in FIELD_BYTES):
                left_out.append(_POINTERS.get(tag, f"tag {tag}"))
                continue
            size = count * FIELD_BYTES.get(kind, 0)
            if not 0 < size <= len(data):
                continue
            place = position + 8
            if size > 4:
                (place,) = struct.unpack_from(order + "I", data, place)
            if tag not in _STRUCTURE:
                if place + size > len(data):
                    raise struct.error
                kept[tag] = (tag, kind, _little(data[place : place + size], kind, order))
            elif kind in _FIELD_TYPES:
                tags[tag] = struct.unpack_from(f"{order}{count}{_FIELD_TYPES[kind]}", data, place)
    except struct.error:
        raise ImageError(f"{name}: truncated TIFF, a field lies outside the file") from None
    if following:
        raise ImageError(f"{name}: this TIFF holds several images; files of one can be encoded")
    return tags, list(kept.values()), tuple(left_out)


def _little(values: bytes, kind: int, order: str) -> bytes:
    """Values of a field in little-endian bytes. Rationals are pairs of four bytes."""
    size = 4 if kind in (5, 10) else FIELD_BYTES[kind]
    if order == "<" or size == 1:
        return values
    return np.frombuffer(values, f">u{size}").astype(f"<u{size}").tobytes()


def _one(tags: dict[int, tuple[int, ...]], tag: int, default: int) -> int:
    values = tags.get(tag, ())
    return values[0] if values else default


def _check_tags(tags: dict[int, tuple[int, ...]], name: str) -> tuple[int, int]:
    """Return bits per sample and samples per pixel of a TIFF that can be kept exactly."""
    compression = _one(tags, _COMPRESSION, _NONE)
    if compression not in _SCHEMES:
        kind = _REFUSED_COMPRESSIONS.get(compression, f"type {compression}")
        raise ImageError(f"{name}: TIFF with {kind} compression is not supported")
    photometric = _one(tags, _PHOTOMETRIC, -1)
    if photometric not in (0, 1, 2):
        kind = _REFUSED_PHOTOMETRICS.get(photometric, f"type {photometric}")
        raise ImageError(f"{name}: TIFF with {kind} colours is not supported")
    samples = _one(tags, _SAMPLES, 1)
    if samples not in ((3, 4) if photometric == 2 else (1, 2)):
        raise ImageError(f"{name}: TIFF with {samples} samples per pixel is not supported")
    if 1 in tags.get(_EXTRA_SAMPLES, ()):
        raise ImageError(f"{name}: TIFF with premultiplied alpha is not supported")
    formats = set(tags.get(_SAMPLE_FORMAT, (1,)))
    if formats != {1}:
        kind = {2: "signed", 3: "floating-point"}.get(max(formats), "unknown")
        raise ImageError(f"{name}: TIFF with {kind} samples is not supported")
    depths = set(tags.get(_BITS, (1,)))
    bits = max(depths)
    if len(depths) > 1 or bits not in (1, 8, 16) or (bits == 1 and samples > 1):
        raise ImageError(f"{name}: TIFF with {bits} bits per sample is not supported")
    if _one(tags, _FILL_ORDER, 1) != 1 and (bits == 1 or compression != _NONE):
        raise ImageError(f"{name}: TIFF with reversed bits is not supported")
    if _one(tags, _PREDICTOR, 1) not in ((1,) if bits == 1 else (1, 2)):
        raise ImageError(f"{name}: TIFF with an unknown predictor is not supported")
    return bits, samples


def _segment(
    packed: bytes,
    shape: tuple[int, int, int],
    bits: int,
    order: str,
    tags: dict[int, tuple[int, ...]],
    name: str,
) -> np.ndarray:
    """Decode one strip or tile to (rows, columns, samples)."""
    rows, columns, samples = shape
    line = (columns * samples * bits + 7) // 8
    compression = _one(tags, _COMPRESSION, _NONE)
    try:
        raw = expand(_SCHEMES[compression], packed, rows * line)
    except zlib.error as error:
        raise ImageError(f"{name}: damaged TIFF, image data do not inflate ({error})") from None
    if len(raw) != rows * line:
        raise ImageError(f"{name}: damaged TIFF, {len(raw)} of {rows * line} bytes in a strip")
    if bits == 1:
        lines = np.frombuffer(raw, np.uint8).reshape(rows, line)
        return (np.unpackbits(lines, axis=1, count=columns) * 255)[..., None]
    stored = np.frombuffer(raw, np.dtype(f"{order}u{bits // 8}")).reshape(shape)
    part = stored.astype(stored.dtype.newbyteorder("="))
    if _one(tags, _PREDICTOR, 1) == 2 and compression in (_LZW, _DEFLATE, _OLD_DEFLATE):
        np.cumsum(part, axis=1, dtype=part.dtype, out=part)
    return part
