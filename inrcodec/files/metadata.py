"""What an image file holds besides its picture: colour profiles, resolution, text, EXIF, times.

Kept in the order and the bytes of the file that it comes from, and read without decoding a pixel.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from ..errors import CorruptError, LimitError

PNG, TIFF = "png", "tiff"
_RAW, _DEFLATE = 0, 1
_MAX_PROFILE = 1 << 26
MAX_ENTRIES = 1 << 16
_TEXTS = ("tEXt", "zTXt", "iTXt", "iCCP", "sPLT")  # that begin with a name and a zero byte
_PNG_FRAME = ("PLTE", "tRNS", "IDAT")  # that say where the others stand
_PNG_FORBIDDEN = ("IHDR", "IEND", "fdAT")
_PNG_TIMING = {"acTL": 8, "fcTL": 26}  # bytes of what frames may have (timing.py)
# Of a TIFF's values, by field type.
FIELD_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_TAG_NAMES = {
    269: "DocumentName", 270: "ImageDescription", 271: "Make", 272: "Model", 274: "Orientation",
    282: "XResolution", 283: "YResolution", 285: "PageName", 296: "ResolutionUnit",
    297: "PageNumber", 305: "Software", 306: "DateTime", 315: "Artist", 316: "HostComputer",
    318: "WhitePoint", 319: "PrimaryChromaticities", 700: "XMP", 33432: "Copyright", 33723: "IPTC",
    34377: "Photoshop", 34675: "ICC profile",
}  # fmt: skip

# Of a PNG: a chunk's name and body; with None, where the file's own PLTE, tRNS or image data stood.
Chunk = tuple[str, "bytes | None"]
# Of a TIFF: tag, field type (1 to 12), values in little-endian bytes.
Tag = tuple[int, int, bytes]


@dataclass(frozen=True)
class Metadata:
    """Of a PNG its ancillary chunks, of a TIFF the tags that do not describe how it is stored."""

    kind: str  # PNG or TIFF
    chunks: tuple[Chunk, ...] = ()
    tags: tuple[Tag, ...] = ()

    def check(self) -> None:
        """Raises CorruptError for entries that no file of the kind has."""
        if self.kind == PNG:
            _check_chunks(self.chunks)
        else:
            _check_tags(self.tags)

    def facts(self) -> list[dict[str, Any]]:
        """One dict per entry: its name, its bytes and, of a text, what it is called."""
        if self.kind == TIFF:
            return [
                {"name": _TAG_NAMES.get(tag, f"tag {tag}"), "bytes": len(body)}
                for tag, _, body in self.tags
            ]
        found: list[dict[str, Any]] = []
        for name, body in self.chunks:
            if body is not None:
                fact: dict[str, Any] = {"name": name, "bytes": len(body)}
                if name in _TEXTS:
                    fact["keyword"] = body.partition(b"\0")[0][:79].decode("latin-1")
                found.append(fact)
        return found


def frame_of(palette: bool, transparency: bool) -> list[str]:
    """The chunks of a PNG's picture that its metadata stand between, in their order."""
    return ["PLTE"] * palette + ["tRNS"] * transparency + ["IDAT"]


def for_kind(metadata: Metadata, kind: str) -> Metadata:
    """The metadata for a file of another kind: colour profile and resolution are carried over."""
    if metadata.kind == kind:
        return metadata
    if kind == TIFF:
        found = dict(metadata.chunks)
        tags: list[Tag] = []
        physical, profile = found.get("pHYs"), _inflated_profile(found.get("iCCP"))
        if physical is not None and len(physical) == 9 and physical[8] == 1:
            across, down, _ = struct.unpack(">IIB", physical)
            tags += [(282, 5, struct.pack("<II", across, 100))]  # per metre -> per centimetre
            tags += [(283, 5, struct.pack("<II", down, 100)), (296, 3, struct.pack("<H", 3))]
        if profile:
            tags.append((34675, 7, profile))
        return Metadata(TIFF, tags=tuple(tags))
    values = {tag: body for tag, _, body in metadata.tags}
    chunks: list[Chunk] = []
    if 34675 in values:
        chunks.append(("iCCP", b"ICC profile\0\0" + zlib.compress(values[34675], 9)))
    per_metre = [_per_metre(values.get(tag), values.get(296)) for tag in (282, 283)]
    if all(per_metre):
        chunks.append(("pHYs", struct.pack(">IIB", *per_metre, 1)))
    return Metadata(PNG, chunks=tuple(chunks))


def _inflated_profile(body: bytes | None) -> bytes:
    """The ICC profile in an iCCP chunk; nothing where there is none, or a damaged or huge one."""
    _, _, rest = (body or b"").partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], _MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if inflate.eof else b""


def _per_metre(ratio: bytes | None, unit: bytes | None) -> int:
    """A TIFF's resolution in pixels per metre, 0 where there is none."""
    if ratio is None or len(ratio) != 8 or unit not in (None, b"\2\0", b"\3\0"):
        return 0
    over, under = struct.unpack("<II", ratio)
    metres = 100 if unit == b"\3\0" else 1 / 0.0254
    per_metre = round(over * metres / under) if under else 0
    return per_metre if per_metre < 1 << 31 else 0


def pack_metadata(metadata: Metadata) -> bytes:
    """A byte for how the rest is packed, then a MessagePack list: the kind, and the entries."""
    entries = metadata.chunks if metadata.kind == PNG else metadata.tags
    raw = msgpack.packb([metadata.kind, entries])
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    small = squeeze.compress(raw) + squeeze.flush()
    return min(bytes([_RAW]) + raw, bytes([_DEFLATE]) + small, key=len)


def unpack_metadata(payload: bytes, limit: int) -> Metadata | None:
    """Undoes pack_metadata; None for a kind or packing that this reader does not know, which it may
    skip. Expands to `limit` bytes at most: LimitError beyond. Raises CorruptError where damaged."""
    if not payload:
        raise CorruptError("the section of metadata is empty")
    method, raw = payload[:1], payload[1:]
    if method == bytes([_DEFLATE]):
        raw = inflated(raw, limit, "the metadata")
    elif method != bytes([_RAW]):
        return None
    if len(raw) > limit:
        raise LimitError(f"more than {limit} bytes of metadata (limit: metadata)")
    reader = msgpack.Unpacker(max_array_len=MAX_ENTRIES, max_buffer_size=max(1, len(raw)))
    reader.feed(raw)
    try:
        if reader.read_array_header() != 2:
            raise CorruptError("the metadata are not a kind and a list")
        kind = read_scalar(reader, raw)
        if kind not in (PNG, TIFF):
            return None
        rows: Any = tuple(_entry(reader, raw, 2 if kind == PNG else 3) for _ in _counted(reader))
        if reader.tell() != len(raw):
            raise CorruptError("bytes follow the metadata")
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise CorruptError("the metadata are not MessagePack") from error
    metadata = Metadata(PNG, chunks=rows) if kind == PNG else Metadata(TIFF, tags=rows)
    metadata.check()
    return metadata


def inflated(stream: bytes, limit: int, what: str, window: bytes = b"") -> bytes:
    """What one raw deflate stream holds, but no more than a byte beyond a limit; window: what it
    may refer to before its first byte. Raises CorruptError, in which `what` is named."""
    expand = zlib.decompressobj(-15, zdict=window)
    try:
        raw = expand.decompress(stream, limit + 1)
    except zlib.error as error:
        raise CorruptError(f"{what} do not inflate ({error})") from None
    if len(raw) <= limit and (not expand.eof or expand.unused_data):
        raise CorruptError(f"{what} are not one whole deflate stream")
    return raw


def _counted(reader: msgpack.Unpacker) -> range:
    count = reader.read_array_header()
    if not 1 <= count <= MAX_ENTRIES:
        raise CorruptError(f"{count} entries of metadata; 1 to {MAX_ENTRIES} are legal")
    return range(count)


def _entry(reader: msgpack.Unpacker, raw: bytes, length: int) -> tuple[Any, ...]:
    if reader.read_array_header() != length:
        raise CorruptError(f"an entry of the metadata is not of {length} parts")
    return tuple(read_scalar(reader, raw) for _ in range(length))


def read_scalar(reader: msgpack.Unpacker, raw: bytes) -> Any:
    """The next value; no list or map, millions of which would fit into few bytes."""
    first = raw[reader.tell() : reader.tell() + 1]
    if b"\x80" <= first <= b"\x9f" or b"\xdc" <= first <= b"\xdf":
        raise CorruptError("a list or map within an entry of the metadata")
    return reader.unpack()


def _check_chunks(entries: Sequence[Any]) -> None:
    seen: list[str] = []
    for entry in entries:
        if len(entry) != 2 or not isinstance(entry[0], str):
            raise CorruptError("an entry of the metadata is not a chunk")
        name, body = entry
        if len(name) != 4 or not (name.isascii() and name.isalpha()) or name in _PNG_FORBIDDEN:
            raise CorruptError(f"metadata with a chunk {name[:8]!r}")
        if body is None:
            if name not in _PNG_FRAME or name in seen:
                raise CorruptError(f"metadata with no body of chunk {name}")
            seen.append(name)
        elif not isinstance(body, bytes) or not (name[0].islower() or name == "PLTE"):
            raise CorruptError(f"metadata with a critical chunk {name}")
        elif name in _PNG_TIMING:
            if len(body) != _PNG_TIMING[name] or name in seen:
                raise CorruptError(f"metadata with two chunks {name}, or one of another size")
            seen.append(name)
        elif name == "tRNS":
            raise CorruptError("metadata with a body of chunk tRNS, which is the picture's own")
    if entries and entries[-1][1] is None:
        raise CorruptError("metadata that end in a place for the picture's own chunks")


def _check_tags(entries: Sequence[Any]) -> None:
    before = -1
    for entry in entries:
        if list(map(type, entry)) != [int, int, bytes]:
            raise CorruptError("an entry of the metadata is not a TIFF tag")
        tag, kind, body = entry
        if not before < tag < 1 << 16 or kind not in FIELD_BYTES:
            raise CorruptError(f"metadata with tag {tag} of type {kind}")
        if not body or len(body) % FIELD_BYTES[kind]:
            raise CorruptError(f"metadata with {len(body)} bytes in tag {tag} of type {kind}")
        before = tag
