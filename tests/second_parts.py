"""Files of parts, chapter 12 of format_spec.md, for the second decoder: from the page alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from second_container import (
    CONTEXT,
    MODELS,
    TIMES,
    Array,
    Fields,
    Sections,
    check_keys,
    check_numbers,
    leb128,
    metadata_of,
    read_chain,
    read_header,
    read_map,
    read_pixel_type,
)
from second_context import LENGTH, Networks, check_models
from second_networks import read_networks
from second_source import left_out
from second_steps import Planes


class Decoded(NamedTuple):
    """samples (height, width, channels); planes: of its model, of which coded are the samples of
    each channel at 1/there of their size; steps: their numbers."""

    samples: Array
    coded: list[Array]
    planes: Planes
    steps: list[int]
    there: int


class Part(NamedTuple):
    sections: Sections
    header: Fields
    pixel: Fields
    sees: list[int]  # distances


# Decodes a chain of sections: part, scale, networks that it shares, pages that it sees at a scale.
Decode = Callable[[Part, int, Networks | None, Callable[[int], list[list[Array]]]], Decoded]


class PartsFile:
    def __init__(self, data: bytes, decode: Decode) -> None:
        self.data, self.decode = data, decode
        sections, self.start = read_chain(data, 10)
        self.header = read_header(sections, [5])
        self.type = read_pixel_type(sections, self.header) if "P" in sections else None
        fields = self.header["m"][1]
        check_keys(fields, "p", "gv", "fields of a file of parts")
        check_numbers([fields["p"]], 1, 1, 2**24)
        self.tile = fields.get("g")
        if "g" in fields:
            check_numbers(self.tile, 2, 16, 65536)
            assert not any(side % 16 for side in self.tile), "tiles"
        check_numbers([fields.get("v", 1)], 1, 1, 1)
        self.shared = [read_shared(payload) for payload in sections.get("N", [])]
        numbers = read_numbers(sections["F"][0])
        first = [*self.header["s"], self.header["b"]]
        self.pages = [first] * fields["p"]
        if "v" in fields:
            count = 4 * fields["p"]
            self.pages = [numbers[at : at + 4] for at in range(0, count, 4)]
            numbers = numbers[count:]
            for height, width, channels, bits in self.pages:
                assert 1 <= height * width <= 2**28, "pixels"
                assert 1 <= channels <= 4, "channels"
                assert bits in (8, 16), "bits"
        assert self.pages[0] == first, "the first page"
        self.first_parts = [0]
        for page in range(len(self.pages)):
            self.first_parts.append(self.first_parts[-1] + prod(self.tiles(page)))
        assert len(numbers) == self.first_parts[-1], "numbers in the index"
        self.ends = [self.start]
        for length in numbers:
            self.ends.append(self.ends[-1] + length)
        assert len(data) <= self.ends[-1], "bytes behind the last part"

    def tiles(self, page: int) -> tuple[int, int]:
        """Rows and columns of them."""
        height, width = self.pages[page][:2]
        rows, cols = self.tile or (height, width)
        return -(-height // rows), -(-width // cols)

    def box(self, page: int, tile: int) -> tuple[slice, slice]:
        height, width = self.pages[page][:2]
        rows, cols = self.tile or (height, width)
        a, b = divmod(tile, self.tiles(page)[1])
        return (
            slice(a * rows, min((a + 1) * rows, height)),
            slice(b * cols, min((b + 1) * cols, width)),
        )

    @cache  # noqa: B019
    def part(self, page: int, tile: int) -> Part:  # 12.2
        number = self.first_parts[page] + tile
        end = self.ends[number + 1]
        assert end <= len(self.data), "a part that is not there"
        sections, _ = read_chain(self.data[:end], self.ends[number])
        assert not {"s", "A", "N", "F"} & set(sections), "sections of a part"
        assert not (tile and {"m", "n"} & set(sections)), "metadata of another tile than the first"
        header = read_header(sections, MODELS)
        rows, cols = self.box(page, tile)
        size = [rows.stop - rows.start, cols.stop - cols.start, *self.pages[page][2:]]
        assert [*header["s"], header["b"]] == size, "size of a part"
        assert self.type is None or "P" not in sections, "a type beside that of all parts"
        if self.type is not None:
            read_pixel_type({"P": [self.own_type]}, header)
        pixel = read_pixel_type(sections, header) if self.type is None else self.type
        fields = header["m"][1]
        sees = fields.get("b", []) if header["m"][0] == CONTEXT else []
        if "b" in fields and header["m"][0] == CONTEXT:
            assert "g" in fields, "pages that are seen without shared networks"
            assert type(sees) is list, "a list of pages that are seen"
            check_numbers(sees, len(sees), -(2**20), 2**20)
            assert len(sees) in (1, 2), "number of pages that are seen"
            assert all(sees), "a distance of 0"
        return Part(sections, header, pixel, sees)

    @cached_property
    def own_type(self) -> bytes:
        return read_chain(self.data, 10)[0]["P"][0]

    def others(self, page: int, tile: int, within: tuple[int, ...] = ()) -> set[int]:  # 12.4
        """The pages that one needs."""
        found = set[int]()
        for distance in self.part(page, tile).sees:
            other = page + distance
            assert 0 <= other < len(self.pages), "a page that there is not"
            assert self.pages[other] == self.pages[page], "a page of another size"
            assert other not in (*within, page), "a page that sees itself"
            assert len(within) < 4, "more than four other pages"
            found |= {other} | self.others(other, tile, (*within, page))
        assert len(found) <= 4, "more than four other pages"
        return found

    @cache  # noqa: B019
    def decoded(self, page: int, tile: int, scale: int) -> Decoded:
        part = self.part(page, tile)
        self.others(page, tile)
        fields, shared = part.header["m"][1], None
        if part.header["m"][0] == CONTEXT and "g" in fields:
            check_numbers([fields["g"]], 1, 0, len(self.shared) - 1)
            shared = self.shared[fields["g"]]
        seen = [self.decoded(page + distance, tile, scale) for distance in part.sees]

        def pages(there: int) -> list[list[Array]]:
            """At 1/there of their size."""
            return [[c[:: there // p.there, :: there // p.there] for c in p.coded] for p in seen]

        result = self.decode(part, scale, shared, pages)
        for other in seen:
            assert (other.planes, other.steps) == (result.planes, result.steps), "other planes"
        return result

    def page(self, page: int, scale: int) -> tuple[Array, Fields, list[Array]]:
        """The samples, the type, and the planes of its first part."""
        height, width, channels, bits = self.pages[page]
        whole = np.zeros((height, width, channels), f"<u{bits // 8}")
        image = whole[::scale, ::scale].copy()
        tiles = range(prod(self.tiles(page)))
        for tile in tiles:
            rows, cols = self.box(page, tile)
            top, left = rows.start // scale, cols.start // scale
            samples = self.decoded(page, tile, scale).samples
            image[top : top + len(samples), left : left + samples.shape[1]] = samples
        types = [self.part(page, tile).pixel for tile in tiles]
        assert all(pixel == types[0] for pixel in types), "types of a page's parts"
        return image, types[0], self.decoded(page, 0, scale).coded

    def times(self, entries: list, page: int | None) -> None:  # 2.2
        """Checks the chunks of an animation among a page's metadata, or the file's."""
        for name in ("acTL", "fcTL"):
            bodies = [body for own, body in entries if own == name]
            assert len(bodies) <= 1, "times twice"
            if not bodies:
                continue
            if name == "acTL":
                assert page is None, "an acTL of a page"
                count = len(self.pages)
                shown = int.from_bytes(bodies[0][:4], "big")
                assert len(bodies[0]) == 8, "acTL"
                assert shown in {count, count - 1} - {0}, "frames that are shown"
                continue
            assert page is not None or len({tuple(own[:2]) for own in self.pages}) == 1, "fcTL"
            height, width = self.pages[page or 0][:2]
            size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
            assert len(bodies[0]) == 26, "fcTL"
            assert bodies[0][:20] == bytes(4) + size + bytes(8), "fcTL"
            assert bodies[0][24:] == bytes(2), "fcTL"

    def about(self, page: int) -> tuple[tuple[str, list] | None, list[str]]:
        """Metadata, and names of what was left out."""
        own, part = read_chain(self.data, 10)[0], self.part(page, 0)
        outer = metadata_of(own, self.type or {}, True)
        its = metadata_of(part.sections, part.pixel, True)
        for metadata, of in ((outer, None), (its, page)):
            if metadata and metadata[0] == "png":
                self.times(metadata[1], of)
        names = left_out(own) + [n for n in left_out(part.sections) if n not in left_out(own)]
        if not (outer and its and outer[0] == its[0] == "png"):
            return its or outer, names
        times = [entry for entry in outer[1] if entry[0] == "acTL"]
        times += [entry for entry in its[1] + outer[1] if entry[0] == "fcTL"][:1]
        still = [[e for e in entries if e[0] not in TIMES] for _, entries in (its, outer)]
        return ("png", times + (still[0] or still[1])), names

    def check_digest(self) -> None:
        digests = [
            self.part(page, tile).header["d"]
            for page in range(len(self.pages))
            for tile in range(prod(self.tiles(page)))
        ]
        digest = hashlib.blake2b(b"".join(digests), digest_size=16).digest()
        assert digest == self.header["d"], "digest of all parts"


def read_numbers(payload: bytes) -> list[int]:
    numbers, at = list[int](), 0
    while at < len(payload):
        number = LENGTH.match(payload, at)
        assert number, "a number of the index"
        numbers, at = [*numbers, leb128(number[0])], number.end()
    return numbers


def read_shared(payload: bytes) -> Networks:  # 12.3
    length = LENGTH.match(payload)
    assert length, "length of the fields"
    start, end = length.end(), length.end() + leb128(length[0])
    assert end <= len(payload), "fields beyond the section"
    fields, weights = read_map(payload[start:end], 256), payload[end:]
    check_models(fields, bool(weights), "cayb")
    assert weights or "q" in fields, "no weights"
    for key, least, most in (("c", 1, 4), ("a", 0, 1), ("y", 0, 2), ("b", 0, 2)):
        check_numbers([fields[key]], 1, least, most)
    colours = fields["c"] - fields["a"]
    assert colours in ((3,) if fields["y"] else (1, 3)), "channels"
    counts = [*range(colours), *[0] * fields["a"]]
    kinds = [(r, fields["y"] == 2 and r > 0, fields["b"]) for r in counts]
    networks, numbers = read_networks(weights or None, kinds, fields, fields["y"])
    its = fields["c"], bool(fields["a"]), fields["y"], fields["b"]
    return Networks(*its, networks, numbers)
