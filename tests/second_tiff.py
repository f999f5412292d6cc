"""The pixel data of TIFFs, of section 2.3 of format_spec.md, for the second decoder: from the
specification alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from second_container import Array, Fields
from second_packing import bits_of, filled_up, pack

NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # field types
SCHEMES = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
Tags = dict[int, list[int]]


def directories(file: bytes) -> tuple[str, list[Tags]]:
    """Byte order, and the numbers of each."""
    order, big = ("<" if file[:2] == b"II" else ">"), 43 in file[2:4]
    place, count, entry, field = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (at,) = struct.unpack_from(order + place, file, 8 if big else 4)
    found, seen = list[Tags](), set[int]()
    while at and at not in seen:
        head = struct.calcsize(count)
        (entries,) = struct.unpack_from(order + count, file, at) if at + head <= len(file) else (0,)
        end = at + head + entries * entry
        if not 1 <= entries <= 4096 or end > len(file):
            break
        tags: Tags = {}
        for start in range(at + head, end, entry):
            tag, kind, number = struct.unpack_from(f"{order}HH{place}", file, start)
            if kind in NUMBERS and tag not in tags:
                form, values = f"{order}{number}{NUMBERS[kind]}", start + entry - field
                if struct.calcsize(form) > field:
                    (values,) = struct.unpack_from(order + place, file, values)
                tags[tag] = list(struct.unpack_from(form, file, values))
        if 256 not in tags:
            break
        found.append(tags)
        seen.add(at)
        at = 0
        if end + field <= len(file):
            (at,) = struct.unpack_from(order + place, file, end)
    assert found, "a directory"
    return order, found


@dataclass
class Image:
    """offsets: of its strips or tiles."""

    tags: Tags
    offsets: list[int]

    def get(self, tag: int, default: int) -> int:
        return self.tags.get(tag, [default])[0]

    @property
    def channels(self) -> int:
        return self.get(277, 1)

    @property
    def tiled(self) -> bool:
        return 322 in self.tags

    @property
    def piece(self) -> tuple[int, int]:
        """Rows and columns of a strip or tile."""
        if self.tiled:
            return self.tags[323][0], self.tags[322][0]
        height = self.tags[257][0]
        return min(self.get(278, height), height), self.tags[256][0]

    @property
    def planes(self) -> list[list[int]]:
        every = list(range(self.channels))
        return [every] if self.get(284, 1) == 1 else [[k] for k in every]

    @property
    def corners(self) -> list[tuple[int, int]]:
        (lines, cols), height, width = self.piece, self.tags[257][0], self.tags[256][0]
        return [(i, j) for i in range(0, height, lines) for j in range(0, width, cols)]

    @property
    def size(self) -> int:
        """In bytes, not packed."""
        lines, cols = self.piece
        bits, rows = self.get(258, 1), [lines] * len(self.corners)
        if not self.tiled:
            rows = [min(lines, self.tags[257][0] - top) for top, _ in self.corners]
        return sum(sum(rows) * -(-cols * len(plane) * bits // 8) for plane in self.planes)


def images_of(found: list[Tags], repeated: list[int]) -> list[Image]:
    """repeated: as `i` has it."""
    images = list[Image]()
    times = dict(zip(repeated[::2], repeated[1::2], strict=True))
    assert len(times) == len(repeated) // 2, "a directory twice"
    assert all(number < len(found) and n >= 2 for number, n in times.items()), "directories"
    for number, tags in enumerate(found):
        offsets = tags[324] if 324 in tags else tags[273]
        first = Image(tags, offsets)
        each, planes = len(first.corners), len(first.planes)
        depth = first.get(32997, 1)
        if number in times:
            images += [
                Image(tags, [o + m * first.size for o in offsets]) for m in range(times[number])
            ]
        elif depth >= 2 and len(offsets) == depth * each * planes:
            rows = np.reshape(offsets, (planes, depth, each))
            images += [Image(tags, rows[:, m].ravel().tolist()) for m in range(depth)]
        else:
            images.append(first)
    return images


def variants_of(recipe: Fields, images: int) -> list[list[int]]:
    """Of each image."""
    assert ("a" in recipe) == ("w" in recipe), "variants"
    if "a" not in recipe:
        return [recipe.get("v", [])] * images
    numbers, variants = list(recipe["a"]), list[list[int]]()
    while numbers:
        count, *numbers = numbers
        variants.append(numbers[:count])
        assert len(numbers) >= count, "variants"
        numbers = numbers[count:]
    assert len(recipe["w"]) == images, "variants"
    return [variants[number] for number in recipe["w"]]


def tiff_pixels(file: bytes, recipe: dict[str, Any], pages: list[Array]) -> bytes:
    order, found = directories(file)
    images = images_of(found, recipe.get("i", []))
    assert len(images) == len(pages), "images"
    variants, pads = variants_of(recipe, len(images)), recipe.get("p", 0)
    if type(pads) is int:
        pads = [pads] * len(images)
    assert len(pads) == len(images), "pads"
    given, ends = memoryview(recipe.get("e", b"")), iter(recipe.get("b", b""))
    pieces: dict[int, bytes] = {}
    for image, samples, pad, v in zip(images, pages, pads, variants, strict=True):
        size = samples.dtype.itemsize
        bits, scheme = image.get(258, 1), SCHEMES[image.get(259, 1)]
        lines, cols = image.piece
        assert samples.shape == (image.tags[257][0], image.tags[256][0], image.channels), "size"
        places = [(plane, *corner) for plane in image.planes for corner in image.corners]
        for offset, (plane, top, left) in zip(image.offsets, places, strict=True):
            part = samples[top : top + lines, left : left + cols][..., plane].astype(np.int64)
            inside = part.shape[:2]
            whole = lines if image.tiled else len(part)
            room = [(0, whole - inside[0]), (0, cols - inside[1]), (0, 0)]
            part = np.pad(part, room, mode="edge" if pad == 1 else "constant")
            if pad == 2:
                for i, j in np.ndindex(whole, cols):
                    if i >= inside[0] or j >= inside[1]:
                        n = size * len(plane)
                        part[i, j] = np.frombuffer(given[:n], f"<u{size}")
                        given = given[n:]
            if image.get(339, 1) == 2:
                part = (part - 2 ** (bits - 1)) % 2**bits
            if image.get(317, 1) == 2 and scheme in ("LZW", "deflate"):
                part[:, 1:] = np.diff(part, axis=1) % 2**bits
            rows = np.frombuffer(bits_of(part, bits), np.uint8).reshape(whole, -1).copy()
            raw = filled_up(rows, cols * len(plane) * bits, ends).tobytes()
            if bits == 16:
                raw = part.astype(f"{order}u2").tobytes()
            if offset in pieces:
                continue
            packed = pack(raw, scheme, v)
            if image.get(266, 1) == 2:
                packed = bytes(int(f"{n:08b}"[::-1], 2) for n in packed)
            pieces[offset] = packed
    assert not given, "samples beyond the edges"
    return b"".join(pieces[offset] for offset in sorted(pieces))
