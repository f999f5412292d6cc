"""PNG files: checked in full here, then decoded and encoded by OpenCV.

OpenCV alone does not do: it returns grey + alpha as colour, palettes as colours, drops the colour
key of grey images and all metadata, reads the first frame of an animation, and lets libpng write
its warnings to stderr. So it is given a copy with the chunks that matter for the samples and
nothing else; gamma, profiles and orientation never reach it, and the samples come back as they were
stored.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..coding.stored import DEFLATE, decompress_stored, filter_rows, scanlines
from ..errors import ImageError
from ..limits import DEFAULT, Limits, check_size
from .metadata import MAX_ENTRIES, PNG, Chunk, Metadata, frame_of
from .picture import Picture, PixelType

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MOST_OPENCV = 1_000_000  # pixels a side that libpng reads and writes there
_LEAST_OPENCV = 16  # samples that it is imported to write
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BITS = {
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_COLOURS = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGBA}
# First column, first row, column step and row step of the seven passes of an interlaced image.
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
# Ancillary chunks that stay true whatever the image data are packed like, though their names do not
# say so (PNG specification, third edition, 14.2: unsafe-to-copy).
_KNOWN_UNSAFE = (
    "cHRM", "cICP", "cLLI", "gAMA", "iCCP", "mDCV", "sBIT", "sRGB", "bKGD", "hIST", "tIME", "eXIf",
    "sPLT", "pCAL", "sCAL", "sTER",
)  # fmt: skip


class _Header(NamedTuple):
    width: int
    height: int
    bits: int
    colour: int
    compression: int
    filtering: int
    interlace: int


@dataclass
class _Parsed:
    """A legal PNG: what its picture is made of, and its ancillary chunks in their places."""

    header: _Header
    palette: bytes = b""
    transparency: bytes = b""
    stream: list[bytes] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_png(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a PNG; see images.read_picture for errors."""
    import cv2  # here and below: it takes a while, and most uses of the package need no PNG

    parsed = _parse(data, name, limits)
    header = parsed.header
    stream = _checked_stream(parsed, name)
    # indices are decoded as if they were grey
    plain = header._replace(colour=_GREY) if header.colour == _PALETTE else header
    chunks = [("IHDR", struct.pack(">IIBBBBB", *plain)), ("IDAT", stream)]
    wide = max(header.width, header.height) > _MOST_OPENCV
    decoded = _own_decoded(stream, plain, name) if wide else _decode(assemble(chunks), name)
    if wide:
        samples = decoded
    elif header.colour == _GREY_ALPHA:
        samples = np.ascontiguousarray(decoded[..., [0, 3]])
    elif decoded.ndim == 2:
        samples = decoded
    elif decoded.shape[2] == 3:
        samples = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    else:
        samples = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA)
    depth = header.bits if header.bits < 8 else 0
    if depth and not wide:
        samples //= 255 // ((1 << depth) - 1)  # which OpenCV scaled to 8 bits
    picture = Picture(samples, _type(parsed), _metadata(parsed), tuple(parsed.left_out))
    picture.check(f"{name}: damaged PNG")
    return picture


def _type(parsed: _Parsed) -> PixelType:
    header = parsed.header
    depth = header.bits if header.bits < 8 else 0
    if header.colour == _PALETTE:
        return PixelType(depth, parsed.palette, parsed.transparency)
    key = struct.unpack(f">{len(parsed.transparency) // 2}H", parsed.transparency)
    return PixelType(depth, key=key)


class Head(NamedTuple):
    """What a PNG says of its picture: height, width, channels and bits (8 or 16) of its samples,
    and what else Picture has."""

    height: int
    width: int
    channels: int
    bits: int
    type: PixelType
    metadata: Metadata | None
    left_out: tuple[str, ...]


def head_of(data: bytes, name: str, limits: Limits) -> Head:
    """What a PNG says of its picture, whose image data are not looked at. Raises as read_png."""
    parsed = _parse(data, name, limits)
    header = parsed.header
    if header.interlace:
        parsed.left_out.append("interlacing")
    return Head(
        header.height, header.width, _SAMPLES[header.colour], max(8, header.bits), _type(parsed),
        _metadata(parsed), tuple(parsed.left_out),
    )  # fmt: skip


def metadata_of(data: bytes, name: str) -> Metadata | None:
    """The ancillary chunks of a PNG, whose image data are not looked at. Raises ImageError."""
    return _metadata(_parse(data, name, Limits(pixels=1 << 62)))


def _metadata(parsed: _Parsed) -> Metadata | None:
    while parsed.chunks and parsed.chunks[-1][1] is None:
        parsed.chunks.pop()  # places that nothing follows
    return Metadata(PNG, chunks=tuple(parsed.chunks)) if parsed.chunks else None


def write_png(picture: Picture, level: int) -> bytes:
    """Encode a valid picture, compression level 0 to 9; metadata, if any, are a PNG's. Raises
    ImageError."""
    samples, pixels = picture.samples, picture.type
    plain = pixels == PixelType() and picture.metadata is None
    if plain and not _of_own(samples, pixels):
        return _opencv_png(samples, level)
    stream = image_data(picture, level)
    channels = samples.shape[2] if samples.ndim == 3 else 1
    bits = pixels.depth or 8 * samples.itemsize
    colour = _PALETTE if pixels.palette else _COLOURS[channels]
    header = _Header(samples.shape[1], samples.shape[0], bits, colour, 0, 0, 0)
    own = own_chunks(pixels) | {"IDAT": stream}
    chunks = list(picture.metadata.chunks) if picture.metadata is not None else []
    placed = [kind for kind, body in chunks if body is None]
    frame = frame_of(bool(pixels.palette), bool(own["tRNS"]))
    chunks += [(kind, None) for kind in frame[len(placed) :]]
    ordered = [(kind, own[kind] if body is None else body) for kind, body in chunks]
    return assemble([("IHDR", struct.pack(">IIBBBBB", *header)), *ordered])


def image_data(picture: Picture, level: int) -> bytes:
    """The image data of a valid picture, one zlib stream. Raises ImageError."""
    samples, pixels = picture.samples, picture.type
    if _of_own(samples, pixels):
        return _own_stream(samples, pixels, level)
    whole = _opencv_png(samples, level)
    return b"".join(_parse(whole, "the image", Limits(pixels=samples.size)).stream)


def _of_own(samples: np.ndarray, pixels: PixelType) -> bool:
    """Whether OpenCV does not write it."""
    grey_alpha = samples.ndim == 3 and samples.shape[2] == 2
    wide, tiny = max(samples.shape[:2]) > _MOST_OPENCV, samples.size < _LEAST_OPENCV
    return bool(grey_alpha or wide or tiny or pixels.palette or pixels.depth)


def own_chunks(pixels: PixelType) -> dict[str, bytes]:
    """The bodies of the chunks that a type of picture has; empty ones are not there."""
    transparency = pixels.alpha or struct.pack(f">{len(pixels.key)}H", *pixels.key)
    return {"PLTE": pixels.palette, "tRNS": transparency}


def _opencv_png(image: np.ndarray, level: int) -> bytes:
    import cv2

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


def _own_stream(samples: np.ndarray, pixels: PixelType, level: int) -> bytes:
    """The image data of types that OpenCV does not write. Indices are best left unfiltered."""
    rows, step = scanlines(samples, pixels.depth)
    plain = bool(pixels.palette or pixels.depth)
    return zlib.compress(filter_rows(rows, step, 0 if plain else None).tobytes(), level)


def chunks_of(data: bytes, name: str) -> Iterator[tuple[str, bytes, int]]:
    """The chunks up to IEND: name, body and where the chunk ends. Raises ImageError for a damaged
    one, and where IEND is missing."""
    kind, position = "", len(SIGNATURE)
    while kind != "IEND":
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
        yield kind, body, end
        position = end


def _parse(data: bytes, name: str, limits: Limits) -> _Parsed:
    parsed: _Parsed | None = None
    previous, position = "", 0
    for kind, body, end in chunks_of(data, name):
        if parsed is None:
            if kind == "CgBI":
                raise ImageError(f"{name}: a PNG in Xcode's own format (CgBI) is not supported")
            if kind != "IHDR" or len(body) != 13:
                raise ImageError(f"{name}: damaged PNG, it does not begin with a header")
            parsed = _Parsed(_Header(*struct.unpack(">IIBBBBB", body)))
            _check_header(parsed.header, name, limits)
        elif kind == "IDAT" and parsed.stream and previous != "IDAT":
            raise ImageError(f"{name}: damaged PNG, IDAT chunks are not consecutive")
        elif kind != "IEND":
            _take_chunk(parsed, kind, body, name)
        previous, position = kind, end
    if parsed is None or not parsed.stream:
        raise ImageError(f"{name}: damaged PNG, no image data")
    if parsed.header.colour == _PALETTE and not parsed.palette:
        raise ImageError(f"{name}: damaged PNG, no palette")
    if position < len(data):
        parsed.left_out.append(f"{len(data) - position} bytes behind the image")
    return parsed


def _take_chunk(parsed: _Parsed, kind: str, body: bytes, name: str) -> None:
    """Takes a chunk between IHDR and IEND."""
    if len(parsed.chunks) + len(parsed.left_out) > MAX_ENTRIES:
        raise ImageError(f"{name}: PNG with more than {MAX_ENTRIES} chunks")
    colour = parsed.header.colour
    if kind == "IDAT":
        if not parsed.stream:
            parsed.chunks.append((kind, None))
        parsed.stream.append(body)
    elif kind == "PLTE":
        again = parsed.palette or any(other == kind for other, _ in parsed.chunks)
        if again or parsed.stream or len(body) % 3 or not 3 <= len(body) <= 768:
            raise ImageError(f"{name}: damaged PNG, illegal or misplaced palette")
        if colour == _PALETTE:
            parsed.palette = body
        # elsewhere it is a suggestion
        parsed.chunks.append((kind, None if colour == _PALETTE else body))
    elif kind == "tRNS":
        sizes = {_GREY: [2], _RGB: [6], _PALETTE: range(1, len(parsed.palette) // 3 + 1)}
        if colour in (_GREY_ALPHA, _RGBA):  # readers pay no heed to it
            parsed.left_out.append("chunk tRNS beside an alpha channel")
            return
        if parsed.transparency or parsed.stream or len(body) not in sizes.get(colour, ()):
            raise ImageError(f"{name}: damaged PNG, illegal or misplaced transparency")
        parsed.transparency = body
        parsed.chunks.append((kind, None))
    elif kind in ("acTL", "fcTL", "fdAT"):
        raise ImageError(f"{name}: an animated PNG, of several images or damaged")
    elif kind[0].isupper():
        raise ImageError(f"{name}: damaged PNG, unknown critical chunk {kind}")
    elif kind[3].isupper() and kind not in _KNOWN_UNSAFE:
        # it may speak of the image data as they are packed here, and would lie of others
        parsed.left_out.append(f"chunk {kind}, which is not safe to copy")
    else:
        parsed.chunks.append((kind, body))


def _check_header(header: _Header, name: str, limits: Limits) -> None:
    if header.bits not in _BITS.get(header.colour, ()):
        raise ImageError(
            f"{name}: damaged PNG, {header.bits} bits with colour type {header.colour} do not exist"
        )
    if header.compression or header.filtering or header.interlace > 1:
        raise ImageError(f"{name}: damaged PNG, unknown compression, filter or interlace method")
    check_size(header.width, header.height, name, limits)


def _checked_stream(parsed: _Parsed, name: str) -> bytes:
    """The image data, one zlib stream. Refuses one of any other length than the header's, and
    unknown filters."""
    header, stream = parsed.header, b"".join(parsed.stream)
    pixel_bits = header.bits * _SAMPLES[header.colour]
    passes = PASSES if header.interlace else ((0, 0, 1, 1),)
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
    if len(lines) > expected:
        raise ImageError(f"{name}: damaged PNG, more image data than {expected} bytes")
    if len(lines) == expected and not expand.eof:
        raise ImageError(f"{name}: damaged PNG, the checksum of its image data is missing")
    if len(lines) < expected:
        raise ImageError(f"{name}: truncated PNG, {len(lines)} of {expected} bytes of image data")
    start = 0
    for rows, line in sizes:
        filters = np.frombuffer(lines, np.uint8, rows * line, start)[::line]
        if filters.max() > 4:
            raise ImageError(f"{name}: damaged PNG, unknown filter {filters.max()}")
        start += rows * line
    behind = len(expand.unused_data)
    if behind:
        parsed.left_out.append(f"{behind} bytes behind the image data")
    if header.interlace:
        parsed.left_out.append("interlacing")
    return stream[: len(stream) - behind]


def _own_decoded(stream: bytes, header: _Header, name: str) -> np.ndarray:
    """Samples of an image that is too wide or high for libpng as OpenCV sets it up."""
    if header.interlace:
        raise ImageError(
            f"{name}: interlaced PNG of {header.width} x {header.height} pixels is not supported"
        )
    channels = _SAMPLES[header.colour]
    shape = (header.height, header.width) + ((channels,) if channels > 1 else ())
    kind, depth = (np.uint16 if header.bits == 16 else np.uint8), header.bits % 8
    payload = bytes([DEFLATE]) + stream[2:-4]  # without zlib's header and checksum
    return decompress_stored(payload, shape, kind, depth)


def _decode(data: bytes, name: str) -> np.ndarray:
    import cv2

    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{name}: OpenCV cannot decode this PNG ({error.err})") from None
    if decoded is None:
        raise ImageError(f"{name}: OpenCV cannot decode this PNG")
    return decoded


def assemble(chunks: Sequence[tuple[str, bytes]]) -> bytes:
    """A file of chunks, and IEND behind them."""
    parts = [SIGNATURE]
    for kind, body in [*chunks, ("IEND", b"")]:
        tagged = kind.encode("ascii") + body
        parts.append(struct.pack(">I", len(body)) + tagged + struct.pack(">I", zlib.crc32(tagged)))
    return b"".join(parts)
