"""TIFF files with one image of up to 16 bits per sample.

Samples are the numbers in the file, never inverted, turned or multiplied; what they stand for is
the picture's type. The directory is read within bounds first (tiff_directory.py, tiff_layout.py);
strips and tiles are then unpacked here where they are not, or by PackBits, LZW or Deflate, and else
by tifffile and imagecodecs, where that is installed. What this reader does not know it refuses by
name.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits
from . import tiff_layout as at
from .coded_size import SIZES
from .metadata import FIELD_BYTES, TIFF, Metadata, Tag
from .picture import ALPHA, PREMULTIPLIED, UNSPECIFIED, Picture, PixelType
from .tiff_directory import SIGNATURES, Bytes, Directory, Whole, has_directory, read_directory
from .tiff_layout import SCHEMES, Layout, read_layout
from .tiff_samples import place_of, raw_piece, samples_of

__all__ = ["SIGNATURES", "metadata_of", "read_tiff", "write_tiff"]

# Tags that say how the image is stored; they are read, or written anew, and are no metadata.
_STRUCTURE = {
    254, 255, at.WIDTH, at.HEIGHT, at.BITS, at.COMPRESSION, at.PHOTOMETRIC, 263, 264, 265,
    at.FILL_ORDER, at.STRIP_OFFSETS, at.SAMPLES, at.ROWS_PER_STRIP, at.STRIP_COUNTS, at.PLANAR, 288,
    289, 292, 293, at.PREDICTOR, 320, at.TILE_WIDTH, at.TILE_HEIGHT, at.TILE_OFFSETS,
    at.TILE_COUNTS, at.EXTRA_SAMPLES, at.SAMPLE_FORMAT, 347, 512, 513, 514, 515, 517, 518, 519, 520,
    521, 529, 530, 531, 532,
}  # fmt: skip
# Of these nothing is lost where the picture is written anew.
_RENEWED = _STRUCTURE - {254, 255, 263, 264, 265, 288, 289, 292, 293, 320}
# Tags whose values are places in the file, where more is to be found.
_POINTERS = {330: "sub-images", 34665: "EXIF", 34853: "GPS", 40965: "interoperability"}
_STRIP_BYTES = 1 << 20
# One directory can stand for several images: by tags of ImageDepth, MetaMorph or Zeiss (LSM, whose
# sizes, X to T, are little-endian), and what descriptions of ImageJ, tifffile and OME have.
_DEPTH, _UIC2, _LSM = 32997, 33629, 34412
_LSM_SIZES = struct.Struct("<8x5i")
_STACK_MARKS = (b"ImageJ=", b'"shape"', b"shape=(", b"<OME")
# Of ExtraSamples and back.
_EXTRAS = {0: UNSPECIFIED, 1: PREMULTIPLIED, 2: ALPHA}
_WRITTEN_EXTRAS = {kind: number for number, kind in _EXTRAS.items()}


def read_tiff(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a TIFF; see images.read_picture for errors."""
    file = Whole(data)
    directory = read_directory(file, name)
    layout = read_layout(directory, len(data), name, limits)
    if has_directory(file, directory) or _stacked(data, directory, layout):
        raise ImageError(f"{name}: this TIFF holds several images; files of one can be encoded")
    if layout.compression in SCHEMES:
        kind = np.uint8 if layout.bits <= 8 else np.uint16
        image = np.empty((layout.height, layout.width, layout.samples), kind)
        for piece in layout.pieces:
            place, lines = place_of(layout, piece), layout.lines(piece)
            part = samples_of(raw_piece(data, layout, piece, name), layout, lines)
            rows, cols = (axis.stop - axis.start for axis in place[:2])
            image[place] = part[:rows, :cols]
    else:
        image = _by_tifffile(data, layout, name)
    pixels = _type_of(layout, name)
    metadata, left_out = metadata_of(file, name)
    if len(directory.by_tag) < len(directory.fields):
        left_out = (*left_out, "a tag that stands twice")
    used = sum(layout.counts) + sum(len(f.values) for f in directory.fields)
    used += 64 + 20 * len(directory.fields)
    if len(data) > used:
        left_out = (*left_out, f"about {len(data) - used} bytes that no tag points to")
    samples = image[..., 0] if layout.samples == 1 else image
    return Picture(samples, pixels, metadata, left_out)


def metadata_of(file: Bytes, name: str) -> tuple[Metadata | None, tuple[str, ...]]:
    """The tags of a file's first directory that do not describe how the image is stored, and what
    of the others cannot be kept, in words."""
    directory = read_directory(file, name)
    kept, left_out = list[Tag](), list[str]()
    for tag, field in sorted(directory.by_tag.items()):
        if tag in _RENEWED:
            continue
        if tag in _POINTERS or field.kind not in FIELD_BYTES or tag in _STRUCTURE:
            left_out.append(_POINTERS.get(tag, f"tag {tag}"))
        elif not field.values:
            left_out.append(f"tag {tag}, which lies outside the file")
        else:
            kept.append(
                (tag, field.kind, _little(bytes(field.values), field.kind, directory.order))
            )
    return Metadata(TIFF, tags=tuple(kept)) if kept else None, tuple(left_out)


def _type_of(layout: Layout, name: str) -> PixelType:
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


def _stacked(data: bytes, directory: Directory, layout: Layout) -> bool:
    """Whether one directory stands for several images, one behind the other, as ImageJ, MetaMorph
    and tifffile write stacks."""
    if directory.number(_DEPTH, 1) > 1 or _planes(directory) > 1:
        return True
    texts = [bytes(f.values[:1024]) for f in directory.fields if f.tag == 270]
    if not any(mark in text for text in texts for mark in _STACK_MARKS):
        return False
    try:
        with _tifffile(data) as tif:
            samples = sum(int(np.prod(series.shape)) for series in tif.series)
    except Exception:  # of whatever the text made tifffile do, which then tells us nothing
        return False
    # what is not in the file cannot be lost
    more = samples > layout.width * layout.height * layout.samples
    return more and samples * layout.bits // 8 <= len(data)


def _planes(directory: Directory) -> int:
    """How many a MetaMorph stack or LSM file has; 1 of others."""
    stack, lsm = directory.by_tag.get(_UIC2), directory.by_tag.get(_LSM)
    planes = stack.count if stack is not None else 1
    if lsm is not None and len(lsm.values) >= _LSM_SIZES.size:
        _, _, depth, _, times = _LSM_SIZES.unpack_from(lsm.values)
        planes = max(planes, max(depth, 1) * max(times, 1))
    return planes


@contextlib.contextmanager
def _tifffile(data: bytes) -> Iterator[Any]:
    """A file as tifffile opens it; what that logs is not for users."""
    import tifffile

    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            yield tif
    finally:
        logger.disabled = before


def _by_tifffile(data: bytes, layout: Layout, name: str) -> np.ndarray:
    """The samples (H, W, S) of a file whose compression is imagecodecs'."""
    kind = at.OTHER_COMPRESSIONS.get(layout.compression, f"type {layout.compression}")
    for piece in layout.pieces if kind in SIZES else ():
        size = SIZES[kind](data[piece.offset : piece.offset + piece.count])
        if size is None or size[0] * size[1] > layout.cols * layout.rows or size[2] > layout.depth:
            raise ImageError(f"{name}: TIFF with {kind} compression of another size than it says")
    if layout.compression not in at.OTHER_COMPRESSIONS:
        raise ImageError(f"{name}: TIFF with {kind} compression is not supported")
    try:
        with _tifffile(data) as tif:
            image: Any = tif.pages.first.asarray(maxworkers=1)
    except Exception as error:  # damage shows in any way that a codec has
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ImageError(f"{name}: TIFF with {kind} compression cannot be read ({said})") from None
    wanted = (layout.height, layout.width, layout.samples)
    if image.size != np.prod(wanted) or image.dtype.itemsize != (1 if layout.bits <= 8 else 2):
        raise ImageError(f"{name}: TIFF with {kind} compression of another shape than it says")
    if layout.planes > 1:
        image = np.moveaxis(image.reshape(layout.samples, *wanted[:2]), 0, 2)
    if layout.signed:
        image = image.view(f"u{image.dtype.itemsize}") ^ (1 << layout.bits - 1)
    return np.ascontiguousarray(image.reshape(wanted)).astype(
        np.uint8 if layout.bits <= 8 else np.uint16, copy=False
    )


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
        tags[at.EXTRA_SAMPLES] = ("H", [_WRITTEN_EXTRAS[pixels.extra]])
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    fields = [
        (tag, 3 if code == "H" else 4, struct.pack(f"<{len(numbers)}{code}", *numbers))
        for tag, (code, numbers) in tags.items()
    ]
    if picture.metadata is not None:
        fields += [field for field in picture.metadata.tags if field[0] not in _STRUCTURE]
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


def _little(values: bytes, kind: int, order: str) -> bytes:
    """Values of a field in little-endian bytes. Rationals are pairs of four bytes."""
    size = 4 if kind in (5, 10) else FIELD_BYTES[kind]
    if order == "<" or size == 1:
        return values
    return np.frombuffer(values, f">u{size}").astype(f"<u{size}").tobytes()
