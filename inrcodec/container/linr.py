"""The .linr container: bytes <-> header and sections. format_spec.md is normative.

A file is a signature, a version and a chain of sections, each with its length and CRC-32: the
header first, the pixels' data last; or, in a file of parts (frames/), the index, behind which parts
follow, chains each. What the models and steps in the header are, and what is in the sections
besides the header, is for those to say that wrote them. Parsing is a flat chain of named checks;
nothing is allocated from a stated size before it is bounded.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import msgpack

from ..errors import (
    ChecksumError,
    CorruptError,
    NotLinrError,
    TruncatedError,
    UnsupportedVersionError,
)
from ..limits import DEFAULT, Limits, check_size
from .fields import Fields, unpack_fields
from .leb128 import pack_length, read_length

SIGNATURE = b"\x89LNR\r\n\x1a\n"
MAJOR, MINOR = 2, 3
HEADER, DATA, INDEX = b"H", b"D", b"F"
MAX_HEADER = 1024
MAX_STEPS = 8
DIGEST_BYTES = 16


class Section(NamedTuple):
    """A tag of one letter and what stands behind it."""

    tag: bytes
    payload: bytes


class Part(NamedTuple):
    """A model, or a step, as the header has it: its number and its own fields."""

    number: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class Header:
    """What every file says of its picture, and how its pixels are coded.

    channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; bits: of a sample's array, 8 or 16; digest:
    BLAKE2b-128 of the samples, little-endian, in C order; steps: in the order in which the encoder
    applied them.
    """

    height: int
    width: int
    channels: int
    bits: int
    digest: bytes
    model: Part
    steps: tuple[Part, ...] = ()


class Sections:
    """The sections of a file but for its header, in their order, taken by those who know them."""

    def __init__(self, chain: Iterable[Section]) -> None:
        self._chain = list(chain)

    def all(self, tag: bytes) -> list[bytes]:
        """Takes all payloads with a tag, which may be none."""
        taken = [payload for each, payload in self._chain if each == tag]
        self._chain = [section for section in self._chain if section.tag != tag]
        return taken

    def optional(self, tag: bytes) -> bytes | None:
        """Takes the payload with a tag that occurs once at most; CorruptError if twice."""
        taken = self.all(tag)
        if len(taken) > 1:
            raise CorruptError(f"section {named(tag)} appears twice")
        return taken[0] if taken else None

    def one(self, tag: bytes) -> bytes:
        """Takes the payload with a tag that occurs once; CorruptError if it does not."""
        payload = self.optional(tag)
        if payload is None:
            raise CorruptError(f"section {named(tag)} is missing")
        return payload

    def check(self, known: frozenset[bytes]) -> None:
        """Raises UnsupportedVersionError for a tag that must be understood and is not known, and
        CorruptError for such a section behind the data."""
        for tag, _ in self._chain:
            if tag not in known and not tag.islower():
                raise UnsupportedVersionError(f"section {named(tag)} needs a newer reader")
        mandatory = [tag for tag, _ in self._chain if not tag.islower()]
        for before, tag in pairwise(mandatory):
            if before == DATA != tag:
                raise CorruptError(f"section {named(tag)} stands behind the data")

    def end(self) -> None:
        """Raises CorruptError for a section that must be understood and nobody took."""
        for tag, _ in self._chain:
            if not tag.islower():
                raise CorruptError(
                    f"section {named(tag)} does not belong to this model and its steps"
                )


@dataclass(frozen=True)
class Container:
    """A parsed file, or part of one: version, header, and the other sections in their order; end:
    where the last one that was read ends; rest: how many bytes are behind it."""

    version: str
    header: Header
    sections: tuple[Section, ...]
    end: int = 0
    rest: int = 0


def pack(header: Header, sections: Iterable[Section], minor: int = 0) -> bytes:
    """The bytes of a file; sections: all but the header's, in their order; minor: the lowest minor
    version that has all that is in it."""
    return SIGNATURE + bytes((MAJOR, minor)) + pack_part(header, sections)


def pack_part(header: Header, sections: Iterable[Section]) -> bytes:
    """The bytes of a part of a file; as pack."""
    fields: dict[str, Any] = {
        "s": [header.height, header.width, header.channels],
        "b": header.bits,
        "d": header.digest,
        "m": list(header.model),
    }
    if header.steps:
        fields["t"] = [list(step) for step in header.steps]
    chain = [Section(HEADER, msgpack.packb(fields)), *sections]
    return b"".join(map(_packed, chain))


def _packed(section: Section) -> bytes:
    tag, payload = section
    crc = zlib.crc32(payload, zlib.crc32(tag))
    return tag + pack_length(len(payload)) + payload + crc.to_bytes(4, "little")


def parse(
    source: bytes | BinaryIO,
    limits: Limits = DEFAULT,
    data: int | None = None,
    entire: Collection[int] = (),
) -> Container:
    """Takes a file apart and checks what is not a model's or a step's. Raises a LinrError by cause.

    source: the file's bytes, or the file, open for reading and seekable. data: after so many
    sections of data the rest is neither read nor missed; but of a file with one of the steps
    `entire`.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    head = file.read(len(SIGNATURE) + 2)
    if head[: len(SIGNATURE)] != SIGNATURE:
        if SIGNATURE.startswith(head):
            raise TruncatedError("the file ends within its signature")
        raise NotLinrError("not a .linr file: the signature is missing")
    if len(head) < len(SIGNATURE) + 2:
        raise TruncatedError("the file ends within its version")
    major, minor = head[len(SIGNATURE) :]
    if major == 1:
        raise UnsupportedVersionError(f"a file of format 1.{minor}; inrcodec 0.3 reads it")
    if major != MAJOR:
        raise UnsupportedVersionError(f"format version {major}.{minor}; this reader knows {MAJOR}")
    at = file.tell()
    window = Window(at, file.seek(0, io.SEEK_END))
    file.seek(at)
    return parse_part(file, window, limits, data, entire, f"{major}.{minor}")


class Window(NamedTuple):
    """Where in a file a chain of sections stands."""

    start: int
    end: int


def parse_part(
    file: BinaryIO,
    window: Window,
    limits: Limits = DEFAULT,
    data: int | None = None,
    entire: Collection[int] = (),
    version: str = f"{MAJOR}.{MINOR}",
) -> Container:
    """Takes the chain of sections in a window of a file apart; as parse. The index of a file of
    parts is the last section that is read."""
    file.seek(window.start)
    chain = _sections(file, window.end, limits)
    first = next(chain, None)
    if first is None or first.tag != HEADER:
        raise CorruptError("the file does not begin with a header")
    header = _header(first.payload, limits)
    sections: list[Section] = []
    left = None if any(step.number in entire for step in header.steps) else data
    for section in chain:
        if section.tag == HEADER:
            raise CorruptError(f"section {named(HEADER)} appears twice")
        sections.append(section)
        if section.tag == INDEX:
            break
        if left is not None and section.tag == DATA:
            left -= 1
            if not left:
                break
    end = file.tell()
    return Container(version, header, tuple(sections), end, window.end - end)


def named(tag: bytes) -> str:
    """A section's tag in messages."""
    return repr(tag.decode("latin-1"))


def _sections(file: BinaryIO, size: int, limits: Limits) -> Iterator[Section]:
    """The sections from where the file stands up to `size`; every checksum is checked."""
    count = 0
    while file.tell() < size and (tag := file.read(1)):
        count += 1
        limits.check("sections", count, f"the file: {count} or more sections")
        length = read_length(file, "a section")
        if file.tell() + length + 4 > size:
            raise TruncatedError(f"the file ends within section {named(tag)}")
        payload, crc = file.read(length), file.read(4)
        if zlib.crc32(payload, zlib.crc32(tag)) != int.from_bytes(crc, "little"):
            raise ChecksumError(f"the checksum of section {named(tag)} does not match")
        yield Section(tag, payload)


def _header(payload: bytes, limits: Limits) -> Header:
    fields = Fields(unpack_fields(payload, "header", MAX_HEADER), "header")
    height, width, channels = fields.integers("s", 3, 1, 1 << 31)
    if channels > 4:
        raise CorruptError(f"{channels} channels: 1 to 4 are legal")
    check_size(width, height, "the file", limits)
    bits = fields.integer("b", 8, 16)
    if bits not in (8, 16):
        raise CorruptError(f"{bits} bits per sample: 8 or 16 are legal")
    digest = fields.bytes("d", DIGEST_BYTES)
    model = _part(fields.take("m"), "model")
    steps: tuple[Part, ...] = ()
    if "t" in fields:
        listed = fields.take("t")
        if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_STEPS:
            raise CorruptError(f"the steps are not a list of 1 to {MAX_STEPS}")
        steps = tuple(_part(step, "step") for step in listed)
    fields.end()
    return Header(height, width, channels, bits, digest, model, steps)


def _part(value: Any, name: str) -> Part:
    """A model or a step of the header."""
    if not isinstance(value, list) or len(value) != 2:
        raise CorruptError(f"a {name} is not a number and its fields")
    number, fields = value
    if type(number) is not int or not 0 <= number <= 255 or not isinstance(fields, dict):
        raise CorruptError(f"a {name} is not a number and its fields")
    return Part(number, fields)
