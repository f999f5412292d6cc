"""JPEG files: the coefficients that they hold, the pixels these lead to, and their metadata."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..errors import ImageError
from ..history.upsampling import TRIANGLE
from ..jpeg.entropy.markers import SIGNATURE, Markers
from ..jpeg.pixels import GREY, RGB, YCC, Frame
from ..jpeg.step import Jpeg, blocks_of
from ..jpeg.writer import write
from ..limits import DEFAULT, Limits
from ..source.jpeg import JpegFile, find
from .metadata import PNG, Chunk, Metadata
from .picture import OTHER_COLOURS, Picture, PixelType

__all__ = ["EXTENSIONS", "SIGNATURE", "metadata_of", "not_carried", "read_jpeg", "write_jpeg"]

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif")
_APP1, _APP2, _APP14, _COM, _SOS = 0xE1, 0xE2, 0xEE, 0xFE, 0xDA
_APP0 = 0xE0
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_MOST_SEGMENTS = 1 << 12


def read_jpeg(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """A JPEG file's picture, with the coefficients that it is of; see images.read_picture for
    errors."""
    return picture_of(find(data, name, limits), data, name)


def picture_of(file: JpegFile, data: bytes, name: str) -> Picture:
    """The picture of a file that was taken apart."""
    frame, markers = file.frame, file.markers
    channels = len(frame.components)
    if channels == 2:
        raise ImageError(f"{name}: JPEG with two components")
    made = _frame_of(data, markers)
    factors = () if made else tuple((c.h, c.v) for c in frame.components)
    step = Jpeg(
        made, factors, blocks_of(file.coefficients, markers.quantisation),
        size=(frame.height, frame.width), coefficients=file.coefficients,
    )  # fmt: skip
    pixels = PixelType() if made else PixelType(space=OTHER_COLOURS)
    samples = step.pixels(file.coefficients, (frame.height, frame.width))
    return Picture(samples, pixels, metadata_of(data), jpeg=step)


def write_jpeg(picture: Picture) -> bytes:
    """A JPEG file that libjpeg-turbo decodes to the picture's samples, of the coefficients of the
    JPEG that it is. Raises ImageError where there is none, or none of this picture alone."""
    step = picture.jpeg
    if step is None:
        raise ImageError("a .jpg of this picture would not be without loss, a .png is")
    frame, upright = step.frame, not any(step.orientation)
    cut = step.top or step.left or step.area is not None
    if frame is None or not upright or cut or step.exceptions is not None:
        raise ImageError("no .jpg is this picture: it was turned, cut or changed after it was one")
    if frame.rule != TRIANGLE and (frame.row_step, frame.col_step) != (1, 1):
        raise ImageError("no .jpg is this picture: its chroma was repeated, as few decoders do")
    if (frame.height, frame.width) != picture.samples.shape[:2]:
        raise ImageError("no .jpg is this picture: it was cut after it was one")
    data = write(frame, step.coefficients, [own.table() for own in step.blocks])
    if not np.array_equal(read_jpeg(data, "the JPEG").samples, picture.samples):
        raise ImageError("no .jpg is this picture")
    return data


def _frame_of(data: bytes, markers: Markers) -> Frame | None:
    """What libjpeg makes of a file's components; None where that is no grey or RGB, or they are
    sampled in ways that differ among decoders (jdapimin.c, default_decompress_parms)."""
    frame, components = markers.frame, markers.frame.components
    size = frame.height, frame.width
    if len(components) == 1:
        return Frame(*size, GREY)
    if len(components) != 3:
        return None
    first, *others = ((c.h, c.v) for c in components)
    if _colour(data, markers) == RGB:
        return Frame(*size, RGB) if set(others) == {first} else None
    steps = [(first[1] / v, first[0] / h) for h, v in others]
    if len(set(steps)) != 1 or not set(steps[0]) <= {1, 2}:
        return None
    return Frame(*size, YCC, int(steps[0][0]), int(steps[0][1]))


def _colour(data: bytes, markers: Markers) -> str:
    """YCC or RGB, of three components."""
    found = segments(data)
    if any(kind == _APP0 and body.startswith(b"JFIF\0") for kind, body in found):
        return YCC
    adobe = [body for kind, body in found if kind == _APP14 and body.startswith(b"Adobe")]
    if adobe and len(adobe[-1]) >= 12:
        return RGB if adobe[-1][11] == 0 else YCC
    return RGB if bytes(c.id for c in markers.frame.components) == b"RGB" else YCC


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """The marker and body of each segment before the first scan, as far as they are whole."""
    found, at = list[tuple[int, bytes]](), 2
    while at + 4 <= len(data) and data[at] == 0xFF and len(found) < _MOST_SEGMENTS:
        kind = data[at + 1]
        if kind == 0xFF:  # fill
            at += 1
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _SOS or size < 2 or at + 2 + size > len(data):
            break
        found.append((kind, data[at + 4 : at + 2 + size]))
        at += 2 + size
    return found


def metadata_of(data: bytes) -> Metadata | None:
    """The colour profile, EXIF, XMP, resolution and comments of a file, as a PNG has them."""
    chunks, profile = list[Chunk](), dict[int, bytes]()
    seen = set[str]()

    def put(name: str, body: bytes) -> None:
        if name not in seen:
            chunks.append((name, body))
            seen.add(name)

    found = segments(data)
    for kind, body in found:
        if kind == _APP2 and body.startswith(_ICC) and len(body) > 14:
            profile.setdefault(body[12], body[14:])
    if profile and sorted(profile) == list(range(1, len(profile) + 1)):
        whole = b"".join(profile[n] for n in sorted(profile))
        put("iCCP", b"ICC profile\0\0" + zlib.compress(whole, 9))
    for kind, body in found:
        if kind == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            unit, across, down = struct.unpack_from(">BHH", body, 7)
            metres = {1: 1 / 0.0254, 2: 100}.get(unit)
            if metres and across and down:
                put("pHYs", struct.pack(">IIB", round(across * metres), round(down * metres), 1))
        elif kind == _APP1 and body.startswith(_EXIF) and len(body) > 14:
            put("eXIf", body[6:])
        elif kind == _APP1 and body.startswith(_XMP):
            put("iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + body[len(_XMP) :])
        elif kind == _COM and b"\0" not in body:
            put("tEXt", b"Comment\0" + body)
    return Metadata(PNG, tuple(chunks)) if chunks else None


def not_carried(data: bytes) -> tuple[str, ...]:
    """What of a file's segments metadata_of leaves, in words: those that no PNG has, and all but
    the first of a kind that it has once."""
    carried, seen, names = (b"JFIF\0", b"Adobe", _EXIF, _XMP), set[tuple[int, bytes]](), list[str]()
    for kind, body in segments(data):
        mark = next((each for each in carried if body.startswith(each)), b"")
        once = (kind, mark) not in seen
        seen.add((kind, mark))
        if kind == _COM and not (once and b"\0" not in body):
            names.append("COM")
        elif 0xE0 <= kind <= 0xEF and not body.startswith(_ICC) and not (mark and once):
            names.append(f"APP{kind - 0xE0}")
    return tuple(dict.fromkeys(names))
