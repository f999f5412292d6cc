"""Source files put together again, sections 2.3 and 2.4 of format_spec.md, for the second decoder:
from the specification alone. Packings are "none" and what Python's zlib does."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from second_container import (
    Array,
    Fields,
    Sections,
    inflate,
    read_header,
    read_pixel_type,
    read_sections,
)
from second_scans import jpeg_pixels

PASSES = [
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
    (1, 0, 2, 1),
]  # fmt: skip  # first row and column, steps of both
NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # TIFF's field types
SCHEMES = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
KEYS = {"png": "vfczb", "tiff": "vpeb", "pnm": "eb", "jpeg": "enprz"}
DICTIONARY = Path(__file__).resolve().parents[1] / "inrcodec/source/dictionary.bin"


class NotHereError(Exception):
    """A packing that this decoder does not have."""


class Source:
    """What section s says, and the file as far as it is there, with zeros in its holes."""

    def __init__(self, parts: list, samples: int, pixel: Fields) -> None:
        self.pixel = pixel
        self.kind, self.digest, self.size, numbers, self.recipe, literals = parts
        assert (type(self.digest), type(self.size)) == (bytes, int), "digest or size"
        assert len(self.digest) == 16, "digest"
        assert type(numbers) is list, "holes"
        assert len(numbers) % 2 == 0, "holes"
        assert all(type(n) is int and n >= 0 for n in numbers), "holes"
        assert all(n > 0 for n in numbers[1::2]), "holes"
        assert len(numbers) // 2 <= min(2**20, samples + 1000), "number of holes"
        assert sum(numbers[1::2]) <= 16 * samples + 2**24, "size of the holes"
        assert type(literals) is bytes, "literals"
        assert self.size == sum(numbers[1::2]) + len(literals), "size"
        assert sum(numbers[::2]) <= len(literals), "holes"
        self.holes, self.file, at = list[tuple[int, int]](), b"", 0
        for gap, n in zip(numbers[::2], numbers[1::2], strict=True):
            self.holes.append((len(self.file) + gap, n))
            self.file += literals[at : at + gap] + bytes(n)
            at += gap
        self.file += literals[at:]
        begins = {"png": b"\x89PNG\r\n\x1a\n", "tiff": rb"II[*+]\0|MM\0[*+]", "pnm": b"P[1-7]"}
        begins["jpeg"] = b"\xff\xd8\xff"
        assert re.match(begins[self.kind], self.file), "kind"
        check_recipe(self.kind, self.recipe)

    def filled(self, pixels: bytes) -> bytes:
        file, at = bytearray(self.file), 0
        for start, n in self.holes:
            file[start : start + n] = pixels[at : at + n]
            at += n
        assert at == len(pixels), "pixel data"
        return bytes(file)


def unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    assert len(dict(pairs)) == len(pairs), "a key twice"
    return dict(pairs)


def check_recipe(kind: str, recipe: Any) -> None:
    assert type(recipe) is dict, "recipe"
    for key, value in recipe.items():
        if key == "c":
            assert type(value) is list, "recipe"
            assert all(type(pair) is list and len(pair) == 2 for pair in value), "recipe"
            numbers = [n for pair in value for n in pair]
        else:
            types = {
                "v": [list],
                "f": [int, bytes],
                "p": [int],
                "e": [bytes],
                "z": [bytes],
                "b": [bytes],
            }
            if kind == "jpeg":
                types |= {"e": [int], "n": [list], "p": [int, bytes], "r": [bytes]}
            assert type(value) in types[key], "recipe"
            numbers = value if type(value) is list else [value] * (type(value) is int)
        assert all(type(n) is int and n >= 0 for n in numbers), "recipe"
    assert kind != "png" or {"v", "c"} <= set(recipe), "recipe"


def read_source(sections: Sections, header: Fields) -> Source | None:  # 2.3
    """None for one that a reader skips."""
    if "s" not in sections:
        return None
    (section,) = sections["s"]
    assert section, "an empty section"
    if section[0] > 2:
        return None
    window = DICTIONARY.read_bytes() if section[0] == 2 else b""
    if window:
        digest = hashlib.blake2b(window, digest_size=16).hexdigest()
        assert digest == "3a4c9b96f9e07fe43c5470b1d331b9c0", "dictionary"
    packed = inflate(section[1:], 2**26, window) if section[0] else section[1:]
    parts = msgpack.unpackb(packed, object_pairs_hook=unique)
    assert type(parts) is list, "six parts"
    assert len(parts) == 6, "six parts"
    assert type(parts[0]) is str, "kind"
    if parts[0] not in KEYS:
        return None
    if type(parts[4]) is dict and not set(parts[4]) <= set(KEYS[parts[0]]):
        return None
    height, width, channels = header["s"]
    pixel = read_pixel_type(sections, header)
    return Source(parts, height * width * channels * header["b"] // 8, pixel)


def source_file(data: bytes, samples: Array, planes: list[Array]) -> bytes | None:
    """The file that a .linr of samples (height, width, channels), whose model has planes, was made
    of."""
    sections = read_sections(data)
    source = read_source(sections, read_header(sections))
    if source is None:
        return None
    if source.kind == "jpeg":
        filling = jpeg_pixels(source.file, source.holes, source.recipe, planes)
    else:
        pixels = {"pnm": pnm_pixels, "png": png_pixels, "tiff": tiff_pixels}[source.kind]
        filling = pixels(source, samples)
    file = source.filled(filling)
    assert hashlib.blake2b(file, digest_size=16).digest() == source.digest, "digest of the file"
    return file


def pack(raw: bytes, scheme: str, v: list[int]) -> bytes:  # 2.4
    if scheme == "none":
        assert not v, "a variant of nothing"
        return raw
    if scheme != "deflate" or v[0] not in (0, 3) or (v[0] == 0 and v[6] != 4096):
        raise NotHereError(f"{scheme} {v}")
    if v[0] == 0:
        _, header, level, window, memory, strategy, _ = v
        deflater = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
        blocks = deflater.compress(raw) + deflater.flush()
    else:
        _, header, empty, *sizes = v
        parts, at = list[bytes](), 0
        while at < len(raw) or not parts:
            size = sizes[min(len(parts), len(sizes) - 1)]
            parts.append(raw[at : at + size])
            at += size
        parts += [b""] * empty
        blocks = b"".join(
            struct.pack("<BHH", n == len(parts), len(part), len(part) ^ 0xFFFF) + part
            for n, part in enumerate(parts, 1)
        )
    return header.to_bytes(2, "big") + blocks + zlib.adler32(raw).to_bytes(4, "big")


def bits_of(samples: Array, bits: int) -> bytes:
    """Rows of samples (rows, columns, channels) in so many bits each, filled up with zeros."""
    each = samples[..., None].astype(np.int64) >> np.arange(bits)[::-1] & 1
    return np.packbits(each.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()


def filled_up(rows: Array, used: int, ends: Iterator[int]) -> Array:
    """Rows (rows, bytes) of so many bits with what is behind these."""
    if used % 8:
        for row, end in zip(rows, ends, strict=False):
            assert end >> -used % 8 == 0, "a row's end"
            row[-1] |= end
    return rows


def row_ends(source: Source) -> Iterator[int]:
    return iter(source.recipe.get("b", b""))


def pnm_pixels(source: Source, samples: Array) -> bytes:
    if "e" in source.recipe:
        words = iter(samples.ravel().tolist())
        return re.sub(rb"\0", lambda _: b"%d" % next(words), source.recipe["e"])
    if source.file[:2] == b"P4":
        rows = np.frombuffer(bits_of(samples, 1), np.uint8).reshape(len(samples), -1)
        return filled_up(rows.copy(), samples.shape[1], row_ends(source)).tobytes()
    return samples.astype(samples.dtype.newbyteorder(">")).tobytes()


def png_pixels(source: Source, samples: Array) -> bytes:
    bits, _, _, _, is_interlaced = source.file[24:29]
    step, filters, lines = max(1, samples.shape[2] * bits // 8), source.recipe.get("f"), b""
    at, ends = 0, row_ends(source)
    for top, left, down, across in PASSES if is_interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        if part.size == 0:
            continue
        packed = np.frombuffer(bits_of(part, bits), np.uint8).reshape(len(part), -1).copy()
        filled_up(packed, part.shape[1] * part.shape[2] * bits, ends)
        above = np.zeros(step + packed.shape[1], np.int64)
        for row in packed.astype(np.int64):
            x = np.append(np.zeros(step, np.int64), row)
            a, b, c = x[:-step], above[step:], above[:-step]
            away = np.abs([b - c, a - c, a + b - 2 * c])
            nearest = np.where(
                (away[0] <= away[1]) & (away[0] <= away[2]), a, np.where(away[1] <= away[2], b, c)
            )
            ways = np.array([row, row - a, row - b, row - (a + b) // 2, row - nearest]) % 256
            f = filters[at] if type(filters) is bytes else filters
            if f is None:
                f = int(np.minimum(ways, 256 - ways).sum(axis=1).argmin())
            lines += bytes([f]) + ways[f].astype(np.uint8).tobytes()
            above, at = x, at + 1
    stream, chunks, at = pack(lines, "deflate", source.recipe["v"]), b"", 0
    stream += source.recipe.get("z", b"")
    for size, count in source.recipe["c"]:
        for _ in range(count):
            body = b"IDAT" + stream[at : at + size]
            chunks += struct.pack(">I", size) + body + struct.pack(">I", zlib.crc32(body))
            at += size
    assert at == len(stream), "chunks"
    own, pixel = b"", source.pixel
    key = b"".join(value.to_bytes(2, "big") for value in pixel.get("k", []))
    for start, _ in source.holes[:-1]:
        name = source.file[start - 4 : start]
        own += {b"PLTE": pixel.get("c", b""), b"tRNS": pixel.get("a", key)}[name]
    return own + chunks


def tags_of(file: bytes) -> tuple[str, dict[int, list[int]]]:
    """Byte order and the numbers of a TIFF's first directory."""
    order, big = ("<" if file[:2] == b"II" else ">"), 43 in file[2:4]
    place, count, entry, field = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (at,) = struct.unpack_from(order + place, file, 8 if big else 4)
    (entries,) = struct.unpack_from(order + count, file, at)
    found: dict[int, list[int]] = {}
    for n in range(entries):
        start = at + struct.calcsize(count) + n * entry
        tag, kind, number = struct.unpack_from(f"{order}HH{place}", file, start)
        if kind in NUMBERS and tag not in found:
            form, values = f"{order}{number}{NUMBERS[kind]}", start + entry - field
            if struct.calcsize(form) > field:
                (values,) = struct.unpack_from(order + place, file, values)
            found[tag] = list(struct.unpack_from(form, file, values))
    return order, found


def tiff_pixels(source: Source, samples: Array) -> bytes:
    order, tags = tags_of(source.file)
    pads, given, taken = source.recipe.get("p", 0), source.recipe.get("e", b""), 0
    height, width, channels = samples.shape
    bits, scheme = tags.get(258, [1])[0], SCHEMES[tags.get(259, [1])[0]]
    signed, size = tags.get(339, [1])[0] == 2, samples.dtype.itemsize
    tiled = 322 in tags
    cols = tags[322][0] if tiled else width
    lines = tags[323][0] if tiled else min(tags.get(278, [height])[0], height)
    planes = [[k] for k in range(channels)]
    if tags.get(284, [1])[0] == 1:
        planes = [list(range(channels))]
    corners = [(i, j) for i in range(0, height, lines) for j in range(0, width, cols)]
    places = [(plane, *corner) for plane in planes for corner in corners]
    pieces, ends = {}, row_ends(source)
    for offset, (plane, top, left) in zip(tags[324 if tiled else 273], places, strict=True):
        part = samples[top : top + lines, left : left + cols][..., plane].astype(np.int64)
        inside = part.shape[:2]
        whole = lines if tiled else len(part)
        room = [(0, whole - inside[0]), (0, cols - inside[1]), (0, 0)]
        part = np.pad(part, room, mode="edge" if pads == 1 else "constant")
        if pads == 2:
            for i, j in np.ndindex(whole, cols):
                if i >= inside[0] or j >= inside[1]:
                    n = size * len(plane)
                    part[i, j] = np.frombuffer(given[taken : taken + n], f"<u{size}")
                    taken += n
        if signed:
            part = (part - 2 ** (bits - 1)) % 2**bits
        if tags.get(317, [1])[0] == 2 and scheme in ("LZW", "deflate"):
            part[:, 1:] = np.diff(part, axis=1) % 2**bits
        rows = np.frombuffer(bits_of(part, bits), np.uint8).reshape(whole, -1).copy()
        raw = filled_up(rows, cols * len(plane) * bits, ends).tobytes()
        if bits == 16:
            raw = part.astype(f"{order}u2").tobytes()
        packed = pack(raw, scheme, source.recipe.get("v", []))
        if tags.get(266, [1])[0] == 2:
            packed = bytes(int(f"{n:08b}"[::-1], 2) for n in packed)
        pieces[offset] = packed
    assert taken == len(given), "samples beyond the edges"
    return b"".join(pieces[offset] for offset in sorted(pieces))


def left_out(sections: Sections) -> list[str]:  # 2.5
    if "n" not in sections:
        return []
    names = msgpack.unpackb(sections["n"][0])
    assert type(names) is list, "a list of names"
    assert 1 <= len(names) <= 64, "number of names"
    assert all(type(name) is str and name for name in names), "a name"
    return names
