"""Damages .linr files where it matters: sections, header fields, what is under deflate.

Knows the chain of sections and MessagePack, and takes all else as bytes: damaged files and sections
that it has never heard of are as good. Needs no fuzzer: tests/test_fuzz.py uses it with `random`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgpack
import zstandard

HEAD = 10  # bytes of signature and version
SEALED = 0.85  # of the files have checksums that hold
INDEXED = 0.9  # of files of parts, the lengths of these
MOST = 1 << 16  # bytes of a file, and of what a payload expands to
KEYS = "sbmdolpefwqrcknagtuvyz"
EDGES = [
    0, 1, 2, 3, 7, 8, 9, 15, 16, 64, 65, 127, 128, 255, 256, 1023, 1024, 1025, 65535, 65536,
    *(sign + (1 << power) for power in (20, 24, 28, 31, 32, 63) for sign in (-1, 0, 1)),
    (1 << 64) - 1, -1, -2, -128, -32769, -(1 << 31), -(1 << 31) - 1, -(1 << 63),
]  # fmt: skip
STRANGERS: list[Any] = [
    None, True, False, 0.0, 1.0, -1.5, math.inf, math.nan, "", "s", "\0", b"", bytes(16), [], [0],
    [[]], {}, {"s": 1}, {1: 2}, msgpack.Timestamp(1, 2), msgpack.ExtType(5, b"x"),
]  # fmt: skip

# Damages bytes in no particular way: given some, and the most that they may become.
Raw = Callable[[bytes, int], bytes]


@dataclass
class Section:
    """crc, length: the bytes in their place; None: those that are right."""

    tag: bytes
    payload: bytes
    crc: bytes | None = None
    length: bytes | None = None


@dataclass
class File:
    head: bytes
    sections: list[Section]
    rest: bytes  # behind the last whole section
    rng: Random = field(repr=False)
    raw: Raw = field(repr=False)

    def one(self) -> Section:
        """Any section, a short one (a header) as likely as a long one."""
        return self.rng.choice(self.sections)


def parts_of(file: File) -> list[int]:
    """The bytes of each part behind the index of a file of parts; nothing where there is none."""
    tags = [section.tag for section in file.sections]
    sizes = list[int]()
    for section in file.sections[tags.index(b"F") + 1 if b"F" in tags else len(tags) :]:
        if section.tag == b"H" or not sizes:
            sizes.append(0)
        sizes[-1] += len(packed(section))
    return sizes


def _index(file: File, before: list[int]) -> None:
    """Puts the lengths of parts right; before: of those that the index speaks of."""
    index = next((section for section in file.sections if section.tag == b"F"), None)
    if index is None:
        return
    numbers, number, shift = list[int](), 0, 0
    for byte in index.payload:
        number, shift = number | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    sizes = numbers[: max(0, len(numbers) - len(before))]
    index.payload = b"".join(map(varint, [*sizes, *parts_of(file)]))
    index.crc = index.length = None


def varint(number: int, padding: int = 0) -> bytes:
    """LEB128, with so many more bytes than it needs."""
    out = bytearray()
    while number > 0x7F or padding:
        padding -= number <= 0x7F
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def take_apart(data: bytes, rng: Random, raw: Raw) -> File:
    file, at = File(data[:HEAD], [], b"", rng, raw), HEAD
    while at < len(data):
        length, shift, start = 0, 0, at + 1
        while start < len(data) and shift < 56:
            length |= (data[start] & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if data[start - 1] < 0x80:
                break
        end = start + length
        if end + 4 > len(data):
            break
        tag, payload, crc = data[at : at + 1], data[start:end], data[end : end + 4]
        file.sections.append(Section(tag, payload, crc, data[at + 1 : start]))
        at = end + 4
    file.rest = data[at:]
    return file


def put_together(file: File) -> bytes:
    return b"".join([file.head, *map(packed, file.sections)]) + file.rest


def packed(section: Section) -> bytes:
    length = varint(len(section.payload)) if section.length is None else section.length
    crc = section.crc
    if crc is None:
        crc = zlib.crc32(section.tag + section.payload).to_bytes(4, "little")
    return section.tag + length + section.payload + crc


def mutate(data: bytes, rng: Random, raw: Raw | None = None, most: int = MOST) -> bytes:
    """A file with one to three faults, at most of `most` bytes."""
    raw = raw or (lambda some, most: damaged(some, rng)[:most])
    file = take_apart(data, rng, raw)
    if not file.sections or rng.random() < 0.05:
        return raw(data, most)
    if rng.random() < SEALED:
        for section in file.sections:
            section.crc = section.length = None
    before = parts_of(file)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if file.sections:
            rng.choices(FAULTS, WEIGHTS)[0](file)
    if before and rng.random() < INDEXED:
        _index(file, before)
    return put_together(file)[:most]


def cross(data: bytes, other: bytes, rng: Random, most: int = MOST) -> bytes:
    """A file with a section, or some fields of the header, from another."""
    raw: Raw = lambda some, _: some  # noqa: E731
    file, donor = (take_apart(some, rng, raw) for some in (data, other))
    if not file.sections or not donor.sections:
        return data
    for section in file.sections:
        section.crc = section.length = None
    given = donor.one()
    places = [i for i, section in enumerate(file.sections) if section.tag == given.tag]
    new = Section(given.tag, given.payload)
    if not places:
        file.sections.insert(rng.randint(0, len(file.sections)), new)
        return put_together(file)[:most]
    old, ours, theirs = file.sections[places[0]], None, None
    if rng.random() < 0.8:
        ours, theirs = tree_of(old.payload), tree_of(given.payload)
    before = parts_of(file)
    if isinstance(ours, dict) and isinstance(theirs, dict) and theirs:
        keys = rng.sample(list(theirs), rng.randint(1, min(3, len(theirs))))
        old.payload = msgpack.packb({**ours, **{key: theirs[key] for key in keys}})
    else:
        file.sections[places[0]] = new
    if before and given.tag != b"F":
        _index(file, before)
    return put_together(file)[:most]


def damaged(data: bytes, rng: Random) -> bytes:
    """Bytes with one fault: some of them changed, taken out, put in or doubled."""
    at = rng.randint(0, max(0, len(data) - 1))
    end = at + rng.choice((1, 1, 1, 2, 4, 8, 64))
    part, kind = data[at:end], rng.randrange(6)
    if kind == 0 and part:
        return data[:at] + bytes([part[0] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + rng.randbytes(len(part)) + data[end:]
    if kind == 2:
        return data[:at] + data[end:]
    if kind == 3:
        return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]
    if kind == 4:
        return data[:end] + part + data[end:]
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice(EDGES) % (1 << 8 * size)
    return data[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def tree_of(payload: bytes) -> Any:
    """What a payload is in MessagePack, if that is a map or a list, else None."""
    try:
        tree = msgpack.unpackb(payload, strict_map_key=False, timestamp=0)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return None
    return tree if isinstance(tree, (dict, list)) else None


def _fields(file: File) -> None:
    """A fault in a header, or whatever else is MessagePack."""
    found = []
    for section in file.sections:
        # metadata and source files have a byte before what is one
        for skip in (0, 1):
            content = section.payload[skip:]
            if skip and section.payload[:1] == b"\1":
                content = _inflated(content, -15) or b""
            tree = tree_of(content)
            if tree is not None:
                found.append((section, b"\0" * skip, tree, b""))
        # shared networks have the length of their fields before these, and weights behind
        size = 1 + section.payload[0] if section.tag == b"N" and section.payload else 0
        if tree_of(section.payload[1:size]) is not None:
            tree, weights = tree_of(section.payload[1:size]), section.payload[size:]
            found += [(section, b"", tree, weights)] * 2
    if not found:
        return _payload(file)
    section, head, tree, weights = file.rng.choice(found)
    if file.rng.random() < 0.03 and isinstance(tree, dict) and tree:
        # a key twice
        pairs = [*tree.items(), (file.rng.choice(list(tree)), _changed(0, file))]
        section.payload = head + msgpack.Packer().pack_map_pairs(pairs)
    else:
        section.payload = head + msgpack.packb(_changed(tree, file))
    if section.tag == b"N":
        section.payload = varint(len(section.payload)) + section.payload + weights
    return None


def _changed(value: Any, file: File) -> Any:
    """A value with a fault, mostly of the same type."""
    rng = file.rng
    if isinstance(value, dict) and rng.random() < 0.97:
        return _changed_map(value, file)
    if isinstance(value, list) and rng.random() < 0.93:
        return _changed_list(value, file)
    if rng.random() < 0.15:
        return rng.choice(STRANGERS)
    if isinstance(value, bytes):
        return file.raw(value, len(value) + 16)
    if isinstance(value, str):
        return rng.choice((value * 2, value[1:], "", rng.choice(KEYS)))
    if type(value) is not int or rng.random() < 0.4:
        return rng.choice(EDGES)
    near = rng.choice((value + 1, value - 1, 2 * value, value // 2, -value, rng.randint(0, 20)))
    return max(-(1 << 63), min(near, (1 << 64) - 1))


def _changed_map(tree: dict[Any, Any], file: File) -> dict[Any, Any]:
    rng, kind = file.rng, file.rng.random()
    tree = dict(tree)
    key = rng.choice(list(tree)) if tree else None
    if kind < 0.15 or not tree:
        tree[rng.choice(KEYS)] = rng.choice((rng.choice(EDGES), rng.choice(STRANGERS), [0, 0]))
    elif kind < 0.25:
        del tree[key]
    elif kind < 0.3:
        tree[rng.choice(KEYS)] = tree.pop(key)
    else:
        tree[key] = _changed(tree[key], file)
    return tree


def _changed_list(values: list[Any], file: File) -> list[Any]:
    rng, kind, values = file.rng, file.rng.random(), list(values)
    at = rng.randrange(len(values)) if values else 0
    if kind < 0.1 or not values:
        values.insert(at, rng.choice((0, 1, *values)))
    elif kind < 0.2:
        del values[at]
    elif kind < 0.25:
        values = values * 2
    elif kind < 0.35:
        rng.shuffle(values)
    else:
        values[at] = _changed(values[at], file)
    return values


def _payload(file: File) -> None:
    """A fault in the bytes of a payload, perhaps those that it expands to."""
    section, rng = file.one(), file.rng
    data = section.payload
    if section.tag == b"H" and rng.random() < 0.8:
        return _fields(file)  # a damaged map is damaged soon enough
    for skip in (0, 1):
        for expand, squeeze in COMPRESSORS:
            content = expand(data[skip:]) if rng.random() < 0.5 else None
            if content:
                section.payload = data[:skip] + squeeze(file.raw(content, MOST))
                return None
    kind = rng.random()
    if kind < 0.45:
        section.payload = damaged(data, rng)
    elif kind < 0.9:
        section.payload = file.raw(data, MOST)
    else:
        cut = rng.randint(0, len(data))
        section.payload = rng.choice((b"", data[:cut], data[cut:], data + bytes(cut), data + data))
    return None


def _inflated(data: bytes, form: int) -> bytes | None:
    expand = zlib.decompressobj(form)
    try:
        content = expand.decompress(data, MOST)
    except zlib.error:
        return None
    return content if expand.eof and not expand.unused_data else None


def _deflated(content: bytes, form: int) -> bytes:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, form)
    return squeeze.compress(content) + squeeze.flush()


def _expanded(data: bytes) -> bytes | None:
    expand = zstandard.ZstdDecompressor(max_window_size=1 << 20).decompressobj()
    try:
        # so little cannot expand to too much
        content = expand.decompress(data[: MOST >> 6])
    except zstandard.ZstdError:
        return None
    return content if expand.eof and len(content) <= MOST else None


COMPRESSORS: list[tuple[Callable[[bytes], bytes | None], Callable[[bytes], bytes]]] = [
    (lambda data: _inflated(data, -15), lambda content: _deflated(content, -15)),
    (lambda data: _inflated(data, 15), lambda content: _deflated(content, 15)),
    (_expanded, lambda content: zstandard.ZstdCompressor().compress(content)),
]


def _chain(file: File) -> None:
    """Sections in another order, missing, doubled, renamed, new."""
    rng, sections = file.rng, file.sections
    kind, section = rng.randrange(7), file.one()
    tag = bytes([rng.choice((*b"HWDXVACPTMBQUJNFmsnxaz", rng.randrange(256)))])
    if kind == 0:
        rng.shuffle(sections)
    elif kind == 1:
        sections.remove(section)
    elif kind == 2:
        twin = Section(section.tag, section.payload, section.crc, section.length)
        sections.insert(rng.randint(0, len(sections)), twin)
    elif kind == 3:
        section.tag = tag
    elif kind == 4:
        payload = rng.choice((b"", bytes([rng.randrange(256)]), rng.randbytes(9), section.payload))
        sections.insert(rng.randint(0, len(sections)), Section(tag, payload))
    elif kind == 5:
        sections += [Section(b"x", b"") for _ in range(rng.choice((1, 60, 65)))]
    else:
        a, b = section, file.one()
        a.payload, b.payload = b.payload, a.payload


def _lengths(file: File) -> None:
    """A length that is wrong, or longer than it need be; or the file ends early."""
    rng, section = file.rng, file.one()
    size = len(section.payload)
    kind = rng.randrange(5)
    if kind == 0:
        section.length = varint(max(0, size + rng.choice((-5, -4, -1, 1, 4, 5))))
    elif kind == 1:
        section.length = varint(abs(rng.choice(EDGES)))
    elif kind == 2:
        section.length = varint(size, padding=rng.randint(1, 9))
    elif kind == 3:
        file.rest += rng.randbytes(rng.randint(1, 9))
    else:
        data = put_together(file)
        file.head, file.sections, file.rest = data[: rng.randint(0, len(data))], [], b""


def _head(file: File) -> None:
    """Another version, or another signature."""
    head = bytearray(file.head)
    at = file.rng.choice((8, 9, 9, file.rng.randrange(HEAD)))
    if at < len(head):
        head[at] = file.rng.choice((0, 1, 2, 3, 4, 5, 6, 255))
    file.head = bytes(head)


FAULTS = (_fields, _payload, _chain, _lengths, _head)
WEIGHTS = (50, 35, 8, 4, 3)
