"""Boxes within a picture that other models code, photographs mostly: each a part of a file as
those of frames/ are, decoded before the pixels around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import CorruptError
from ..limits import Limits

if TYPE_CHECKING:
    from ..contents import Contents
    from ..history.planes import Geometry
    from ..options import Reading

MOST_BOXES = 16


class Box(NamedTuple):
    """Where it is, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Of its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def meets(self, other: Box) -> bool:
        """Whether they have a pixel in common."""
        return (
            self.top < other.top + other.height
            and other.top < self.top + self.height
            and self.left < other.left + other.width
            and other.left < self.left + self.width
        )


@dataclass(frozen=True)
class CodedBox:
    """A box and the part that codes its samples, of the channels that are coded, as a picture of
    uint8 or uint16 (height, width) or (height, width, channels)."""

    box: Box
    data: bytes
    contents: Contents

    @classmethod
    def parse(
        cls, box: Box, data: bytes, geometry: Geometry, channels: int, limits: Limits
    ) -> CodedBox:
        """That of a part, for planes of so many coded channels. Raises a LinrError."""
        from ..contents import parse_box  # which builds on this

        contents = parse_box(data, limits)
        picture = contents.picture
        size = picture.height, picture.width, picture.channels
        if size != (box.height, box.width, channels) or picture.dtype != geometry.dtype:
            raise CorruptError("a box of another size or type than its part")
        return cls(box, data, contents)

    def decode_to(self, samples: np.ndarray, bits: int, reading: Reading) -> None:
        """Decodes it to its place in samples uint16 (H, W, C), all below 2^bits. Raises a
        LinrError."""
        from ..reconstruct import decode_samples  # which builds on this

        reading = replace(
            reading, frame=0, scale=1, observe=None, decided=None, shared=(), beside=()
        )
        found = decode_samples(self.contents, reading)
        if int(found.max()) >> bits:
            raise CorruptError("a sample of a box beyond the bits of all")
        samples[self.box.slices] = found.reshape(self.box.height, self.box.width, -1)


def pack_boxes(boxes: Sequence[CodedBox]) -> list[list[int]]:
    """The field that unpack_boxes takes."""
    return [list(coded.box) for coded in boxes]


def unpack_boxes(listed: Any, geometry: Geometry) -> list[Box]:
    """Boxes in ascending order, none of which meets another. CorruptError for what is none."""
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_BOXES:
        raise CorruptError(f"the boxes are not a list of 1 to {MOST_BOXES}")
    boxes = []
    for numbers in listed:
        if not isinstance(numbers, list) or len(numbers) != 4:
            raise CorruptError("a box is not four numbers")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise CorruptError("a box is not four numbers")
        boxes.append(Box(*numbers))
    for box in boxes:
        if not box.height or not box.width:
            raise CorruptError("a box without a pixel")
        if box.top + box.height > geometry.height or box.left + box.width > geometry.width:
            raise CorruptError("a box beyond the picture")
    if sorted(boxes) != boxes or any(one.meets(other) for one, other in combinations(boxes, 2)):
        raise CorruptError("boxes that are not in order, or meet")
    return boxes
