"""Sections, header, pixel type and metadata of a .linr file, for the second decoder.

Chapters 1 and 2 of format_spec.md, with what chapters 7 and 8 have a reader refuse of them; from
the specification alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from math import prod
from typing import Any

import msgpack
import numpy as np

Array = np.ndarray
Fields = dict[str, Any]
Sections = dict[str, list[bytes]]  # the payloads by tag

KNOWN = "HPmsnXVCYEJWUQABDNF"
STORED, CONTEXT, COORDINATE, COEFFICIENTS, GRAPHICS = MODELS = (0, 1, 2, 3, 6)
PARTS = 5
JFIF, RANKS, TABLE, SUBSAMPLED, ENLARGED, JPEG = range(1, 7)
HEAD = re.compile(rb"([A-Za-z])([\x80-\xff]{0,7}[\0-\x7f])")  # tag and length
HEAD_CUT = re.compile(rb"[A-Za-z][\x80-\xff]{0,7}")
OWN_CHUNKS, TIMES = ["PLTE", "tRNS", "IDAT"], ("acTL", "fcTL")
TIFF_SIZES = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8]  # of field types 1 to 12, in bytes


def leb128(digits: bytes) -> int:
    return sum((n & 127) << 7 * i for i, n in enumerate(digits))


def read_sections(data: bytes, cut: bool = False) -> Sections:  # 1
    """The file's own sections; as read_chain."""
    assert data[:8] == b"\x89LNR\r\n\x1a\n", "signature"
    assert data[8:9] == b"\2", "major version"
    assert len(data) > 9, "minor version"  # any will do
    return read_chain(data, 10, cut)[0]


def read_chain(data: bytes, at: int, cut: bool = False) -> tuple[Sections, int]:
    """The sections of this version from a place on, and where they end; those that may be skipped
    are left out.

    With cut the data may end in the middle, behind which nothing counts.
    """
    sections: Sections = {}
    count = 0
    while at < len(data) and "F" not in sections:
        head = HEAD.match(data, at)
        if not head:
            assert cut, "a section's tag and length"
            assert HEAD_CUT.fullmatch(data, at), "a section's tag and length"
            break
        start, at = head.end(), head.end() + leb128(head[2])
        if cut and at + 4 > len(data):
            break
        crc = zlib.crc32(head[1] + data[start:at]).to_bytes(4, "little")
        assert crc == data[at : at + 4], "CRC"
        tag, payload, at, count = head[1].decode(), data[start:at], at + 4, count + 1
        assert tag in KNOWN or tag.islower(), f"unknown section {tag}"
        assert sections or tag == "H", "the first section"
        assert tag == "D" or tag.islower() or "D" not in sections, f"section {tag} behind the data"
        if tag in KNOWN:
            sections.setdefault(tag, []).append(payload)
    assert count <= 64, "number of sections"
    assert "H" in sections, "no header"
    return sections, at


def inflate(stream: bytes, most: int, window: bytes = b"") -> bytes:
    """Of one raw deflate stream and nothing more, most bytes at most."""
    inflater = zlib.decompressobj(-15, zdict=window)
    data = inflater.decompress(stream, most + 1)
    assert len(data) <= most, "length of what is deflated"
    assert (inflater.eof, inflater.unused_data) == (True, b""), "deflate stream"
    return data


def check_numbers(values: Any, count: int, low: int, high: int) -> None:
    assert type(values) is list, "a list"
    assert len(values) == count, "a list's length"
    assert all(type(v) is int and low <= v <= high for v in values), "a number"


def check_keys(names: Any, always: str, optional: str, what: str) -> None:
    assert set(always) <= set(names) <= set(always + optional), what


def read_map(payload: bytes, most: int) -> Fields:
    """That there is no nil in it is seen where each value's type is checked."""

    def fields(pairs: list[tuple[Any, Any]]) -> Fields:
        assert all(type(key) is str for key, _ in pairs), "a key that is no string"
        assert len(dict(pairs)) == len(pairs), "a key twice"
        return dict(pairs)

    assert len(payload) <= most, "length of a map"
    value = msgpack.unpackb(payload, object_pairs_hook=fields, max_map_len=32, max_array_len=16)
    assert type(value) is dict, "a map"
    return value


def check_pair(pair: Any, low: int, high: int) -> None:
    assert type(pair) is list, "number and fields"
    assert len(pair) == 2, "number and fields"
    check_numbers(pair[:1], 1, low, high)
    assert type(pair[1]) is dict, "fields"


def read_header(sections: Sections, models: Iterable[int] = (*MODELS, PARTS)) -> Fields:  # 1.1
    header = read_map(sections["H"][0], 1024)
    check_keys(header, "sbdm", "t", "header keys")
    check_numbers(header["s"], 3, 1, 2**28)
    assert prod(header["s"][:2]) <= 2**28, "pixels"
    assert header["s"][2] <= 4, "channels"
    check_numbers([header["b"]], 1, 8, 16)
    assert header["b"] in (8, 16), "bits"
    assert type(header["d"]) is bytes, "digest"
    assert len(header["d"]) == 16, "digest"
    check_pair(header["m"], 0, 255)
    assert header["m"][0] in models, "number of the model"
    steps = header.get("t", [[JFIF, {}]])
    assert type(steps) is list, "steps"
    assert 1 <= len(steps) <= 8, "number of steps"
    for step in steps:
        check_pair(step, JFIF, JPEG)
        keys = {SUBSAMPLED: "cul", ENLARGED: "fp"}.get(step[0], "")
        assert step[0] == JPEG or set(step[1]) == set(keys), "fields of a step"
    steps = header.get("t", [])
    numbers = [number for number, _ in steps]
    assert len(set(numbers)) == len(numbers), "a step twice"
    check_belongings(sections, header["m"], numbers)
    return header | {"t": steps}


def check_belongings(sections: Sections, model: list, steps: list[int]) -> None:
    """That the sections are as often there as header, model and steps let them be.

    Of the data of a context image fewer than in the end may be there: 4.2 has that.
    """
    number, fields = model
    optional, prior = (0, 1), "q" in fields
    times = {"H": (1, 1), "P": optional, "n": optional}
    times |= {"m": optional, "s": optional}
    assert not {"m", "s"} <= set(sections), "metadata beside the source file"
    times |= {"X": optional} if JFIF in steps else {}
    times |= {"V": (1, 1)} if RANKS in steps else {}
    times |= {"C": (1, 1)} if TABLE in steps else {}
    times |= {"Y": optional} if SUBSAMPLED in steps else {}
    times |= {"E": optional} if ENLARGED in steps else {}
    times |= {"J": optional} if JPEG in steps else {}
    if number == COEFFICIENTS:
        assert type(fields.get("d")) is dict, "fields of the DC image"
        prior = "q" in fields["d"]
        times |= {"U": optional, "Q": (1, 4)}
    in_levels = number in (CONTEXT, COEFFICIENTS)
    if number not in (STORED, GRAPHICS):
        times |= {"W": optional if in_levels and prior else (1, 1)}
    times |= {"A": optional} if number == COORDINATE else {}
    times |= {"B": (0, 16)} if number == GRAPHICS else {}  # 13.8 has how many
    times |= {"D": (1, 4) if in_levels else (1, 1)}
    if number == CONTEXT and "g" in fields:
        del times["W"]
    if number == PARTS:
        assert not steps, "steps of a file of parts"
        times = {tag: times[tag] for tag in "HPnms"} | {"N": (0, 32), "F": (1, 1)}
    for tag in KNOWN:
        least, most = times.get(tag, (0, 0))
        assert least <= len(sections.get(tag, [])) <= most, f"how often section {tag} occurs"


def read_pixel_type(sections: Sections, header: Fields) -> Fields:  # 2.1
    if "P" not in sections:
        return {}
    pixel, channels, b = read_map(sections["P"][0], 2048), header["s"][2], header["b"]
    assert pixel, "no keys"
    keys = "o" if "o" in pixel else "dcae" if "c" in pixel else "dktwse"
    check_keys(pixel, "", keys, "keys of the pixel type")
    assert "o" not in pixel or b == 8, "other colours"
    check_numbers([pixel.get("o", 1)], 1, 1, 1)
    if "d" in pixel:
        check_numbers([pixel["d"]], 1, 1, 15)
        assert pixel["d"] in ((1, 2, 4) if b == 8 else range(9, 16)), "depth"
    if "t" in pixel:
        check_numbers([pixel["t"]], 1, 1, 2 ** pixel.get("d", b) - 2)
    check_numbers([pixel.get("w", 1), pixel.get("s", 1)], 2, 1, 1)
    check_numbers([pixel.get("e", 1)], 1, 1, 2)
    assert "w" not in pixel or (channels < 3 and "k" not in pixel), "white"
    assert "s" not in pixel or not set(pixel) & set("dtckw"), "signed"
    assert "e" not in pixel or channels in (2, 4), "last channel"
    if "c" in pixel or pixel.get("d", 8) < 8:
        assert (channels, b) == (1, 8), "depth or palette"
    if "c" in pixel:
        palette, alpha = pixel["c"], pixel.get("a", b"\0")
        assert (type(palette), type(alpha)) == (bytes, bytes), "palette"
        assert len(palette) in range(3, 769, 3), "palette"
        assert 1 <= len(alpha) <= len(palette) // 3, "alpha"
    if "k" in pixel:
        assert channels in (1, 3), "transparent colour"
        check_numbers(pixel["k"], channels, 0, 65535)
    return pixel


def check_samples(samples: Array, pixel: Fields) -> None:
    assert "d" not in pixel or samples.max() < 2 ** pixel["d"], "sample beyond the depth"
    assert "t" not in pixel or samples.max() <= pixel["t"], "sample beyond white"
    assert "c" not in pixel or samples.max() < len(pixel["c"]) // 3, "sample beyond the palette"


def show(samples: Array, pixel: Fields) -> Array:
    """The picture: a palette's colours, grey of 8 bits, with alpha where there is any."""
    if "c" in pixel:
        colours = np.frombuffer(pixel["c"], np.uint8).reshape(-1, 3)
        if "a" in pixel:
            alpha = np.frombuffer(pixel["a"].ljust(len(colours), b"\xff"), np.uint8)
            colours = np.hstack([colours, alpha[:, None]])
        return colours[samples[..., 0]]
    b = 8 * samples.dtype.itemsize
    if "s" in pixel:
        return (samples.astype(np.int32) - 2 ** (b - 1)).astype(f"i{b // 8}")
    small = pixel.get("d", 8) < 8
    shown = samples * (255 // (2 ** pixel["d"] - 1)) if small else samples
    if small and "w" in pixel:
        shown = 255 - shown
    if "k" in pixel:
        key = [v % 2 ** pixel.get("d", b) for v in pixel["k"]]
        alpha = (samples != key).any(axis=-1, keepdims=True) * (2**b - 1)
        shown = np.concatenate([shown, alpha], axis=-1)
    return shown.astype(samples.dtype)


def read_metadata(data: bytes) -> tuple[str, list] | None:  # 2.2
    """Kind and entries, for which nothing of the picture is decoded."""
    sections = read_sections(data)
    header = read_header(sections)
    pixel = read_pixel_type(sections, header)
    return metadata_of(sections, pixel, header["m"][0] == PARTS)


def metadata_of(sections: Sections, pixel: Fields, times: bool) -> tuple[str, list] | None:
    """times: whether chunks of an animation may be among them, which are not checked here."""
    if "m" not in sections:
        return None
    (section,) = sections["m"]
    packing, packed = section[0], section[1:]
    if packing > 1:
        return None
    contents = msgpack.unpackb(inflate(packed, 2**26) if packing else packed)
    assert type(contents) is list, "kind and entries"
    assert len(contents) == 2, "kind and entries"
    kind, entries = contents
    if kind not in ("png", "tiff"):
        return None
    assert type(entries) is list, "entries"
    assert 1 <= len(entries) <= 65536, "number of entries"
    size = 2 if kind == "png" else 3
    assert all(type(entry) is list and len(entry) == size for entry in entries), "an entry"
    if kind == "png":
        check_chunks([e for e in entries if not times or e[0] not in TIMES], pixel)
    else:
        check_tags(entries)
    return kind, entries


def check_chunks(entries: list, pixel: Fields) -> None:
    for name, body in entries:
        assert type(name) is str, "name"
        assert re.fullmatch("[a-z][A-Za-z]{3}|PLTE|IDAT", name), "name"
        assert name not in (*TIMES, "fdAT"), "chunk of an animation"
        if body is None:
            assert name in OWN_CHUNKS, "body"
        else:
            assert (type(body), name in OWN_CHUNKS[1:]) == (bytes, False), "body"
    has = ["c" in pixel, "a" in pixel or "k" in pixel, True]
    own = [name for name, there in zip(OWN_CHUNKS, has, strict=True) if there]
    marks = [name for name, body in entries if body is None]
    assert not entries or entries[-1][1] is not None, "a mark at the end"
    assert marks == own[: len(marks)], "own chunks"
    suggested = [name for name, body in entries if name == "PLTE" and body is not None]
    assert len(suggested) <= 1 - ("c" in pixel), "suggested palette"


def check_tags(entries: list) -> None:
    tags = [tag for tag, _, _ in entries]
    check_numbers(tags, len(tags), 0, 65535)
    assert tags == sorted(set(tags)), "tags ascend"
    check_numbers([field for _, field, _ in entries], len(tags), 1, 12)
    for _, field, values in entries:
        assert type(values) is bytes, "values"
        assert values, "no values"
        assert len(values) % TIFF_SIZES[field - 1] == 0, "a value cut short"
