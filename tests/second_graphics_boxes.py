"""Boxes of graphics images, section 13.8 of format_spec.md, for the second decoder: from the page
alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from second_container import (
    COEFFICIENTS,
    CONTEXT,
    STORED,
    Array,
    Fields,
    check_numbers,
    read_chain,
    read_header,
)
from second_graphics_pixels import Colour
from second_parts import Part
from second_steps import Planes

Known = dict[tuple[int, int], Colour]  # by row and column


class Box(NamedTuple):
    top: int
    left: int
    height: int
    width: int

    def pixels(self) -> Iterator[tuple[int, int]]:
        for row in range(self.top, self.top + self.height):
            for column in range(self.left, self.left + self.width):
                yield row, column


def read_boxes(fields: Fields, planes: Planes) -> list[Box]:
    """Those of field r."""
    if "r" not in fields:
        return []
    assert type(fields["r"]) is list, "boxes"
    assert 1 <= len(fields["r"]) <= 16, "number of boxes"
    for numbers in fields["r"]:
        check_numbers(numbers, 4, 0, 2**28)
    boxes = [Box(*numbers) for numbers in fields["r"]]
    for box in boxes:
        assert min(box.height, box.width) > 0, "a box of no pixel"
        assert box.top + box.height <= planes.height, "a box beyond the picture"
        assert box.left + box.width <= planes.width, "a box beyond the picture"
    assert boxes == sorted(boxes), "the order of boxes"
    for n, a in enumerate(boxes):
        for b in boxes[n + 1 :]:
            apart = b.top >= a.top + a.height or b.left >= a.left + a.width
            assert apart or a.left >= b.left + b.width, "boxes that meet"
    return boxes


def read_part(payload: bytes, box: Box, channels: int, planes: Planes) -> Part:
    sections, _ = read_chain(payload, 0)
    assert not set("PmsnANF") & set(sections), "sections of a box"
    header = read_header(sections, [STORED, CONTEXT, COEFFICIENTS])
    size = [box.height, box.width, channels, planes.array_bits]
    assert [*header["s"], header["b"]] == size, "size of a box"
    number, fields = header["m"]
    assert "g" not in fields or number != CONTEXT, "shared networks"
    return Part(sections, header, {}, [])


def decode_boxes(
    payloads: list[bytes],
    boxes: list[Box],
    planes: Planes,
    channels: int,
    bits: int,
    decode: Callable[[Part], Array],
) -> Known:
    """Samples of the channels that are coded; decode: gives those of a part, whose digest it has
    checked."""
    assert len(payloads) == len(boxes), "how often section B occurs"
    known: Known = {}
    for payload, box in zip(payloads, boxes, strict=True):
        samples = decode(read_part(payload, box, channels, planes))
        assert samples.max() < 2**bits, "a sample of a box"
        for row, column in box.pixels():
            known[row, column] = tuple(samples[row - box.top, column - box.left].tolist())
    return known
