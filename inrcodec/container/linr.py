"""The .linr container: bytes <-> header fields and section payloads. format_spec.md is normative.

A file is a signature, a version and a chain of sections, each with its length and CRC-32. Parsing
is a flat chain of named checks; nothing is allocated from a stated size before it is bounded.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import Any

import msgpack
import numpy as np

from ..coding.weights import FORMS
from ..context.layout import MAX_EXPONENT, Channel, Layout, references
from ..context.prior import MAX_RANK, PRIORS, is_wide
from ..coordinate.mixture import Member, pack_members, unpack_members
from ..coordinate.model import MAX_WIDTH as MAX_COORDINATE_WIDTH
from ..coordinate.model import PLANE_MODES, CoordinateModel, check_model
from ..errors import (
    ChecksumError,
    CorruptError,
    NotLinrError,
    TruncatedError,
    UnsupportedVersionError,
)
from ..files.metadata import Metadata, pack_metadata, unpack_metadata
from ..files.picture import PLAIN, PixelType, pack_type, unpack_type
from ..history.colour_table import index_depth, pack_table, unpack_table
from ..history.jfif import JFIF
from ..history.value_ranks import Values, pack_values, unpack_values
from ..limits import DEFAULT, Limits, check_size
from .fields import unpack_fields

SIGNATURE = b"\x89LNR\r\n\x1a\n"
MAJOR = 1
STORED, CONTEXT, COORDINATE = 0, 1, 2
MODES = ("stored", "context", "coordinate")
HEADER, WEIGHTS, DATA, EXCEPTIONS, VALUES, IMAGES = b"H", b"W", b"D", b"X", b"V", b"A"
TYPE, TABLE, METADATA = b"P", b"C", b"m"
TAGS = (HEADER, WEIGHTS, DATA, EXCEPTIONS, VALUES, IMAGES, TYPE, TABLE, METADATA)
# The minor versions that brought them; the last one is also metadata's and pixel types'.
VALUES_MINOR, COORDINATE_MINOR, PICTURE_MINOR = 3, 4, 5
MAX_HEADER = 1024
MAX_WIDTH = 64
DIGEST_BYTES = 16


@dataclass(frozen=True)
class Models:
    """What the context model of a file is made of."""

    form: str  # of the weights: weights.FORMS
    trunk_width: int
    plane_width: int
    prior: int = 0  # one of prior.PRIORS where the weights are changes to it
    rank: int = 0  # of the changes to w1 and w2 of prior 2 and later ones

    @classmethod
    def of_prior(cls, prior: int, rank: int = 0) -> Models:
        """Models that start from a prior."""
        return cls("int", PRIORS[prior].trunk_width, PRIORS[prior].plane_width, prior, rank)


@dataclass(frozen=True)
class LinrFile:
    """A parsed file. The layout is that of the samples as they are coded: with a table of colours,
    of indices into it. Its channels in a stored image have no meaning but their number."""

    version: str
    layout: Layout
    digest: bytes  # BLAKE2b-128 of the samples, little-endian, in C order
    models: Models | None  # of a context image
    weights: bytes
    data: bytes
    exceptions: bytes = b""  # to the colour conversion
    values: Values = ()  # where the layout is that of ranks (remapping.py)
    coordinate: CoordinateModel | None = None
    members: tuple[Member, ...] = ()  # where there are several images
    table: np.ndarray | None = None  # of colours (n, C), of which the layout's samples are indices
    type: PixelType = PLAIN  # of the samples
    metadata: Metadata | None = None

    @property
    def channels(self) -> int:
        """How many samples a pixel has."""
        return len(self.layout.channels) if self.table is None else self.table.shape[1]

    @property
    def bits(self) -> int:
        """Of a sample: 8 or 16."""
        return self.layout.sample_bits if self.table is None else 8 * self.table.itemsize

    @property
    def stored_depth(self) -> int:
        """Bits to which a stored image's samples are packed: 1, 2, 4, or 0 for all."""
        return self.type.depth if self.table is None else index_depth(len(self.table))

    @property
    def images(self) -> int:
        """How many there are."""
        return max(1, len(self.members))

    @property
    def mode(self) -> int:
        """STORED, CONTEXT or COORDINATE."""
        if self.coordinate is not None:
            return COORDINATE
        return STORED if self.models is None else CONTEXT


def pack(file: LinrFile) -> bytes:
    """The bytes of a file."""
    layout, models = file.layout, file.models
    header: dict[str, Any] = {
        "s": [layout.height, layout.width, file.channels],
        "b": file.bits,
        "m": file.mode,
        "d": file.digest,
    }
    sections = [(DATA, file.data)]
    if models is not None:
        header |= {
            "o": [c.index for c in layout.channels],
            "l": [c.lowest for c in layout.channels],
            "p": [c.planes for c in layout.channels],
            "e": layout.exponent,
            "f": FORMS.index(models.form),
        }
        if models.prior:
            header["q"] = models.prior
            if models.rank and file.weights:
                header["r"] = models.rank
        else:
            header["w"] = [models.trunk_width, models.plane_width]
        if layout.conversion:
            header["c"] = layout.conversion
        if file.weights or not models.prior:
            sections.insert(0, (WEIGHTS, file.weights))
        if file.exceptions:
            sections.append((EXCEPTIONS, file.exceptions))
        if file.values:
            sections.append((VALUES, pack_values(file.values, layout.sample_bits)))
    if file.coordinate is not None:
        header |= file.coordinate.header()
        sections.insert(0, (WEIGHTS, file.weights))
        if file.members:
            sections.append((IMAGES, pack_members(file.members)))
    if file.table is not None:
        sections.insert(0, (TABLE, pack_table(file.table)))
    if file.type != PLAIN:
        sections.insert(0, (TYPE, pack_type(file.type)))
    if file.metadata is not None:
        sections.insert(0, (METADATA, pack_metadata(file.metadata)))
    sections.insert(0, (HEADER, msgpack.packb(header)))
    body = b"".join(_section(tag, payload) for tag, payload in sections)
    # the least version that has what the file uses
    rich = file.table is not None or file.type != PLAIN or file.metadata is not None
    minor = max(
        PRIORS[models.prior].minor if models is not None and models.prior else 0,
        VALUES_MINOR if file.values else 0,
        COORDINATE_MINOR if file.coordinate is not None else 0,
        PICTURE_MINOR if rich else 0,
    )
    return SIGNATURE + bytes((MAJOR, minor)) + body


def _section(tag: bytes, payload: bytes) -> bytes:
    crc = zlib.crc32(tag + payload)
    return tag + _varint(len(payload)) + payload + crc.to_bytes(4, "little")


def _varint(number: int) -> bytes:
    """LEB128: seven bits a byte, the lowest first, the high bit set on all but the last."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def parse(data: bytes, limits: Limits = DEFAULT) -> LinrFile:
    """Parses and checks a file, short of its pixels. Raises a LinrError by cause."""
    if data[: len(SIGNATURE)] != SIGNATURE:
        if SIGNATURE.startswith(data[: len(SIGNATURE)]):
            raise TruncatedError("the file ends within its signature")
        raise NotLinrError("not a .linr file: the signature is missing")
    if len(data) < len(SIGNATURE) + 2:
        raise TruncatedError("the file ends within its version")
    major, minor = data[len(SIGNATURE) : len(SIGNATURE) + 2]
    if major != MAJOR:
        raise UnsupportedVersionError(f"format version {major}.{minor}; this reader knows {MAJOR}")
    sections = _sections(data, len(SIGNATURE) + 2, limits)
    if HEADER not in sections:
        raise CorruptError("the header section is missing")
    return _file(f"{major}.{minor}", sections, limits)


def _sections(data: bytes, at: int, limits: Limits = DEFAULT) -> dict[bytes, bytes]:
    """The payloads of all known sections, by tag; every checksum is checked."""
    found: dict[bytes, bytes] = {}
    count = 0
    while at < len(data):
        count += 1
        limits.check("sections", count, f"the file: {count} or more sections")
        tag = data[at : at + 1]
        length, start = _read_varint(data, at + 1)
        end = start + length
        if end + 4 > len(data):
            raise TruncatedError(f"the file ends within section {tag!r}")
        payload = data[start:end]
        if zlib.crc32(tag + payload) != int.from_bytes(data[end : end + 4], "little"):
            raise ChecksumError(f"the checksum of section {tag!r} does not match")
        at = end + 4
        if tag in TAGS:
            if tag in found:
                raise CorruptError(f"section {tag!r} appears twice")
            found[tag] = payload
        elif not b"a" <= tag <= b"z":
            raise UnsupportedVersionError(f"section {tag!r} needs a newer reader")
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            raise TruncatedError("the file ends within a section's length")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise CorruptError("a section's length has more than 8 bytes")


def _file(version: str, sections: dict[bytes, bytes], limits: Limits) -> LinrFile:
    header = unpack_fields(sections[HEADER], "header", MAX_HEADER)
    mode = _integer(header, "m", 0, 255)
    if mode >= len(MODES):
        raise UnsupportedVersionError(f"model {mode} needs a newer reader")
    digest = header.pop("d", None)
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise CorruptError("the digest in the header is not 16 bytes")
    bits = _integer(header, "b", 8, 16)
    if bits not in (8, 16):
        raise CorruptError(f"{bits} bits per sample: 8 or 16 are legal")
    height, width, count = _integers(header, "s", 3, 1, 1 << 31)
    if count > 4:
        raise CorruptError(f"{count} channels: 1 to 4 are legal")
    check_size(width, height, "the file", limits)
    pixels, table = PLAIN, None
    if TYPE in sections:
        pixels = unpack_type(sections[TYPE], count, bits)
    metadata = _metadata(sections, pixels, limits)
    if TABLE in sections:
        if mode == COORDINATE:
            raise CorruptError("a table of colours of an image of the coordinate model")
        table = unpack_table(sections[TABLE], bits, count)
        bits, count = 8, 1  # of the indices

    channels = tuple(Channel(i, 0, bits, ()) for i in range(count))
    layout, models = Layout(height, width, bits, channels, 0), None
    coordinate: CoordinateModel | None = None
    members: tuple[Member, ...] = ()
    if mode == COORDINATE:
        if IMAGES in sections:
            members = unpack_members(sections[IMAGES], len(sections.get(DATA, b"")))
            if digest_of_members(members) != digest:
                raise ChecksumError("the digests of the images do not match the file's")
        sets = len(members[0].coefficients) if members else 1
        coordinate = _coordinate(header, bits, count, sets, limits)
    elif mode == CONTEXT:
        layout = _layout(header, layout)
        models = _models(header, WEIGHTS in sections)
        layout = replace(layout, wide=is_wide(models.prior))
    if WEIGHTS not in sections and (mode == COORDINATE or (models and not models.prior)):
        raise CorruptError("the weights section is missing")
    if header:
        raise UnsupportedVersionError(f"header field {next(iter(header))!r} needs a newer reader")
    if mode != COORDINATE and IMAGES in sections:
        raise CorruptError("several images of a model that is not coordinate")
    if mode == STORED and WEIGHTS in sections:
        raise CorruptError("a stored image has no weights")
    if EXCEPTIONS in sections and not (layout.conversion and sections[EXCEPTIONS]):
        raise CorruptError("colour exceptions without a conversion, or none at all")
    values: Values = ()
    if VALUES in sections:
        if models is None or layout.conversion or table is not None:
            raise CorruptError("value remapping of a stored image, or besides another mapping")
        values = unpack_values(sections[VALUES], bits, count)
    if DATA not in sections:
        raise CorruptError("the data section is missing")
    return LinrFile(
        version, layout, digest, models, sections.get(WEIGHTS, b""), sections[DATA],
        sections.get(EXCEPTIONS, b""), values, coordinate, members, table, pixels, metadata,
    )  # fmt: skip


def _layout(header: dict[str, Any], plain: Layout) -> Layout:
    """Takes a context image's layout out of the header; plain: its size, bits and channels."""
    bits, count = plain.sample_bits, len(plain.channels)
    order = tuple(_integers(header, "o", count, 0, count - 1))
    if len(set(order)) != count or (count in (2, 4) and order[-1] != count - 1):
        raise CorruptError("the coding order is no order of the channels with alpha last")
    lowest = _integers(header, "l", count, 0, (1 << bits) - 1)
    planes = _integers(header, "p", count, 0, bits)
    channels = tuple(map(Channel, order, lowest, planes, references(order)))
    exponent, conversion = _integer(header, "e", 0, MAX_EXPONENT), 0
    if "c" in header:
        conversion = _integer(header, "c", 1, 255)
        if conversion != JFIF:
            raise UnsupportedVersionError(f"conversion {conversion} needs a newer reader")
        if bits != 8 or count < 3:
            raise CorruptError("a colour conversion of an image that is not 8-bit colour")
    return replace(plain, channels=channels, exponent=exponent, conversion=conversion)


def _models(header: dict[str, Any], weights: bool) -> Models:
    """Takes a context image's models out of the header; weights: whether the file has a section of
    them."""
    form = _integer(header, "f", 0, 255)
    if form >= len(FORMS):
        raise UnsupportedVersionError(f"weight form {form} needs a newer reader")
    if "q" not in header:
        return Models(FORMS[form], *_integers(header, "w", 2, 1, MAX_WIDTH))
    prior = _integer(header, "q", 1, 255)
    if prior not in PRIORS:
        raise UnsupportedVersionError(f"prior {prior} needs a newer reader")
    if FORMS[form] != "int":
        raise CorruptError("changes to a prior are in the int form")
    rank = _integer(header, "r", 1, MAX_RANK) if weights and prior > 1 else 0
    return Models.of_prior(prior, rank)


def _metadata(sections: dict[bytes, bytes], pixels: PixelType, limits: Limits) -> Metadata | None:
    """The metadata, if they are of a kind that this reader knows."""
    if METADATA not in sections:
        return None
    metadata = unpack_metadata(sections[METADATA], limits.metadata)
    if not pixels.allows(metadata):
        raise CorruptError("metadata of another type of picture")
    return metadata


def digest_of_members(members: tuple[Member, ...]) -> bytes:
    """The digest in the header of a file of several images: of the images' digests."""
    digests = b"".join(member.digest for member in members)
    return hashlib.blake2b(digests, digest_size=DIGEST_BYTES).digest()


def _coordinate(
    header: dict[str, Any], bits: int, channels: int, sets: int, limits: Limits
) -> CoordinateModel:
    """Takes a coordinate model's fields out of the header."""
    return check_model(
        _integer(header, "k", 0, 255),
        _integer(header, "a", 0, 255),
        _integers(header, "w", 2, 1, MAX_COORDINATE_WIDTH),
        header.pop("g", None),
        _integers(header, "n", bits, 0, len(PLANE_MODES) - 1),
        _integer(header, "f", 0, 255),
        _integer(header, "t", 0, (1 << 32) - 1),
        _transform(header),
        channels,
        sets,
        limits,
    )


def _transform(header: dict[str, Any]) -> Any:
    """Takes what is there of a value transform out of the header; None where nothing is."""
    if "v" in header and header["v"] is None:
        raise CorruptError("a transform that is nil")
    return header.pop("v", None)


def _integer(header: dict[str, Any], key: str, low: int, high: int) -> int:
    """Takes a field out of the header."""
    value = header.pop(key, None)
    if type(value) is not int or not low <= value <= high:
        raise CorruptError(f"header field {key!r} is not an integer in {low}..{high}")
    return value


def _integers(header: dict[str, Any], key: str, count: int, low: int, high: int) -> list[int]:
    """Takes a field of several integers out of the header."""
    values = header.pop(key, None)
    if not isinstance(values, list) or len(values) != count:
        raise CorruptError(f"header field {key!r} is not {count} integers")
    if not all(type(value) is int and low <= value <= high for value in values):
        raise CorruptError(f"header field {key!r} has a value outside {low}..{high}")
    return values
