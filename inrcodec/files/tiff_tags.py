"""What a TIFF's tags say of its samples, and what they say besides."""

from __future__ import annotations

import numpy as np

from ..errors import ImageError
from . import tiff_layout as at
from .metadata import FIELD_BYTES, TIFF, Metadata, Tag
from .picture import ALPHA, PREMULTIPLIED, UNSPECIFIED, PixelType
from .tiff_directory import Directory, Field
from .tiff_layout import Layout

# Tags that say how the image is stored; they are read, or written anew, and are no metadata.
STRUCTURE = {
    254, 255, at.WIDTH, at.HEIGHT, at.BITS, at.COMPRESSION, at.PHOTOMETRIC, 263, 264, 265,
    at.FILL_ORDER, at.STRIP_OFFSETS, at.SAMPLES, at.ROWS_PER_STRIP, at.STRIP_COUNTS, at.PLANAR, 288,
    289, 292, 293, at.PREDICTOR, 320, at.TILE_WIDTH, at.TILE_HEIGHT, at.TILE_OFFSETS,
    at.TILE_COUNTS, at.EXTRA_SAMPLES, at.SAMPLE_FORMAT, 347, 512, 513, 514, 515, 517, 518, 519, 520,
    521, 529, 530, 531, 532,
}  # fmt: skip
# Of these nothing is lost where the picture is written anew.
_RENEWED = STRUCTURE - {254, 255, 263, 264, 265, 288, 289, 292, 293, 320}
# Tags whose values are places in the file, where more is to be found.
_POINTERS = {330: "sub-images", 34665: "EXIF", 34853: "GPS", 40965: "interoperability"}
# Of ExtraSamples and back.
_EXTRAS = {0: UNSPECIFIED, 1: PREMULTIPLIED, 2: ALPHA}
WRITTEN_EXTRAS = {kind: number for number, kind in _EXTRAS.items()}


def type_of(layout: Layout, name: str) -> PixelType:
    """What a layout's samples stand for."""
    if layout.extra not in (-1, *_EXTRAS):
        raise ImageError(f"{name}: TIFF with extra samples of type {layout.extra}")
    bits = layout.bits
    if bits in (3, 5, 6, 7):
        raise ImageError(f"{name}: TIFF with {bits} bits per sample is not supported")
    return PixelType(
        depth=0 if bits in (8, 16) else bits,
        white=layout.photometric == at.WHITE,
        signed=layout.signed,
        extra=_EXTRAS.get(layout.extra, ALPHA),
    )


def tags_of(directory: Directory) -> Metadata | None:
    """The tags of a directory that do not describe how the image is stored."""
    tags = tuple[Tag, ...](
        (tag, field.kind, _little(bytes(field.values), field.kind, directory.order))
        for tag, field in sorted(directory.by_tag.items())
        if tag not in STRUCTURE and not _problem(field)
    )
    return Metadata(TIFF, tags=tags) if tags else None


def left_out_of(directory: Directory) -> tuple[str, ...]:
    """What of the other tags is lost where the picture is written anew, in words."""
    kept = [field for tag, field in sorted(directory.by_tag.items()) if tag not in _RENEWED]
    found = list(filter(None, map(_problem, kept)))
    if len(directory.by_tag) < len(directory.fields):
        found.append("a tag that stands twice")
    return tuple(found)


def _problem(field: Field) -> str:
    """Why a field cannot be kept, in words; nothing where it can."""
    if field.tag in _POINTERS or field.kind not in FIELD_BYTES or field.tag in STRUCTURE:
        return _POINTERS.get(field.tag, f"tag {field.tag}")
    return "" if field.size else f"tag {field.tag}, which lies outside the file"


def _little(values: bytes, kind: int, order: str) -> bytes:
    """Values of a field in little-endian bytes. Rationals are pairs of four bytes."""
    size = 4 if kind in (5, 10) else FIELD_BYTES[kind]
    if order == "<" or size == 1:
        return values
    return np.frombuffer(values, f">u{size}").astype(f"<u{size}").tobytes()
