"""Source files put together again, section 2.3 of format_spec.md, for the second decoder: from the
specification alone."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
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
from second_packing import bits_of, filled_up, pack
from second_scans import jpeg_pixels
from second_tiff import tiff_pixels

PASSES = [
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
    (1, 0, 2, 1),
]  # fmt: skip  # first row and column, steps of both
KEYS = {"png": "vfczb", "tiff": "vpebawi", "pnm": "eb", "jpeg": "enprz"}
DICTIONARY = Path(__file__).resolve().parents[1] / "inrcodec/source/dictionary.bin"


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
                "p": [int, bytes],
                "e": [bytes],
                "a": [list],
                "w": [bytes],
                "i": [list],
                "z": [bytes],
                "b": [bytes],
            }
            if kind == "jpeg":
                types |= {"e": [int], "n": [list], "p": [int, bytes], "r": [bytes]}
            assert type(value) in types[key], "recipe"
            numbers = value if type(value) is list else [value] * (type(value) is int)
        assert all(type(n) is int and n >= 0 for n in numbers), "recipe"
    assert kind != "png" or {"v", "c"} <= set(recipe), "recipe"


def read_source(
    sections: Sections, header: Fields, pages: Sequence[Sequence[int]] = ()
) -> Source | None:  # 2.3
    """None for one that a reader skips. pages: height, width, channels and bits of each, of a file
    of parts."""
    if "s" not in sections:
        return None
    pages = pages or [[*header["s"], header["b"]]]
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
    pixel = read_pixel_type(sections, header)
    return Source(parts, sum(h * w * c * b // 8 for h, w, c, b in pages), pixel)


def source_file(data: bytes, pages: list[Array], planes: list[Array]) -> bytes | None:
    """The file that a .linr of pages, samples (height, width, channels) each, the first one's model
    having planes, was made of."""
    sections = read_sections(data)
    sizes = [[*page.shape, 8 * page.dtype.itemsize] for page in pages]
    source = read_source(sections, read_header(sections), sizes)
    if source is None:
        return None
    if source.kind == "jpeg":
        filling = jpeg_pixels(source.file, source.holes, source.recipe, planes)
    elif source.kind == "tiff":
        filling = tiff_pixels(source.file, source.recipe, pages)
    else:
        pixels = {"pnm": pnm_pixels, "png": png_pixels}[source.kind]
        assert len(pages) == 1, "a file of several images"
        filling = pixels(source, pages[0])
    file = source.filled(filling)
    assert hashlib.blake2b(file, digest_size=16).digest() == source.digest, "digest of the file"
    return file


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


def left_out(sections: Sections) -> list[str]:  # 2.5
    if "n" not in sections:
        return []
    names = msgpack.unpackb(sections["n"][0])
    assert type(names) is list, "a list of names"
    assert 1 <= len(names) <= 64, "number of names"
    assert all(type(name) is str and name for name in names), "a name"
    return names
