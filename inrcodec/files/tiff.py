"""TIFF files with one image of up to 16 bits per sample.

Samples are the numbers in the file, never inverted, turned or multiplied; what they stand for is
the picture's type. The directory is read within bounds first (tiff_directory.py, tiff_layout.py);
strips and tiles are then unpacked by us (tiff_pages.py) where they are not, or by PackBits, LZW or
Deflate, and else by tifffile and imagecodecs (tiff_others.py), where that is installed. What this
reader does not know it refuses by name.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits
from . import tiff_layout as at
from .metadata import FIELD_BYTES, Metadata
from .picture import Picture, PixelType
from .tiff_directory import SIGNATURES, Bytes, Whole, read_directory
from .tiff_pages import open_pages
from .tiff_tags import STRUCTURE, WRITTEN_EXTRAS, tags_of

__all__ = ["SIGNATURES", "metadata_of", "read_tiff", "write_tiff"]

_STRIP_BYTES = 1 << 20


def read_tiff(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a TIFF of one image; see images.read_picture for errors."""
    pages = open_pages(Whole(data), name, limits)
    if len(pages) > 1:
        raise ImageError(f"{name}: this TIFF holds several images; files of one can be encoded")
    page = pages[0]
    samples = page.read(0, 0, page.height, page.width)
    return Picture(samples, page.type, page.metadata, pages.left_out)


def metadata_of(file: Bytes, name: str) -> Metadata | None:
    """The tags of a file's first directory that do not describe how the image is stored."""
    return tags_of(read_directory(file, name))


def write_tiff(picture: Picture) -> bytes:
    """Encode a valid picture as a TIFF with deflate compression; palettes and colour keys as
    colours and alpha; metadata, if any, are a TIFF's."""
    image, pixels = picture.samples, picture.type
    if pixels.palette or pixels.key:
        image, pixels = picture.array(), PixelType()
    height, width = image.shape[:2]
    samples = image.shape[2] if image.ndim == 3 else 1
    bits = pixels.depth if 0 < pixels.depth < 8 else 8 * image.itemsize
    plain = image.reshape(height, width, samples)
    if pixels.signed:
        plain = plain ^ plain.dtype.type(1 << bits - 1)
    per_strip = max(1, _STRIP_BYTES // (width * samples * image.dtype.itemsize))
    strips = [_strip(plain[top : top + per_strip], bits) for top in range(0, height, per_strip)]
    sizes = [len(strip) for strip in strips]
    starts = [8 + sum(sizes[:i]) for i in range(len(sizes))]
    tags: dict[int, tuple[str, list[int]]] = {
        at.WIDTH: ("I", [width]),
        at.HEIGHT: ("I", [height]),
        at.BITS: ("H", [bits] * samples),
        at.COMPRESSION: ("H", [8]),
        at.PHOTOMETRIC: ("H", [at.RGB if samples > 2 else at.WHITE if pixels.white else at.BLACK]),
        at.STRIP_OFFSETS: ("I", starts),
        at.SAMPLES: ("H", [samples]),
        at.ROWS_PER_STRIP: ("I", [per_strip]),
        at.STRIP_COUNTS: ("I", sizes),
        at.PLANAR: ("H", [1]),
        at.PREDICTOR: ("H", [1 if bits < 8 else 2]),
        at.SAMPLE_FORMAT: ("H", [1 + pixels.signed] * samples),
    }
    if samples in (2, 4):
        tags[at.EXTRA_SAMPLES] = ("H", [WRITTEN_EXTRAS[pixels.extra]])
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    fields = [
        (tag, 3 if code == "H" else 4, struct.pack(f"<{len(numbers)}{code}", *numbers))
        for tag, (code, numbers) in tags.items()
    ]
    if picture.metadata is not None:
        fields += [field for field in picture.metadata.tags if field[0] not in STRUCTURE]
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


def _strip(samples: np.ndarray, bits: int) -> bytes:
    """A strip of samples (lines, W, S), deflated; of whole bytes as differences."""
    if bits < 8:
        each = samples.reshape(len(samples), -1, 1) >> np.arange(bits, dtype=np.uint8)[::-1] & 1
        return zlib.compress(np.packbits(each.reshape(len(samples), -1), axis=1).tobytes())
    steps = samples.copy()
    steps[:, 1:] -= samples[:, :-1]
    return zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes())
