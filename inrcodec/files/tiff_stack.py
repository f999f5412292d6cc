"""TIFF directories that stand for several images, one behind the other.

By a tag of ImageDepth, MetaMorph or Zeiss (LSM), or by a description of ImageJ or tifffile, a
directory says of one image that more follow; their bytes are not packed, and lie behind its own
without a gap.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator

import numpy as np

from .tiff_directory import Directory
from .tiff_layout import DEPTH, Layout

_DESCRIPTION, _UIC2, _LSM = 270, 33629, 34412
_LSM_SIZES = struct.Struct("<8x5i")  # X to T, always little-endian
_TEXT = 1 << 16  # bytes that are looked at
_SHAPES = re.compile(rb'(?:"shape": ?\[|shape=\()([0-9, ]{1,999})[\])]')
_IMAGEJ = re.compile(rb"^(images|slices|frames|channels)=([0-9]{1,9})\s*$", re.MULTILINE)


def told(directory: Directory, layout: Layout) -> list[int]:
    """How many images a directory may stand for, the likeliest number first, if more than one."""
    return [count for count in _numbers(directory, layout) if count > 1]


def stride_of(layout: Layout) -> int:
    """How many bytes an image takes; 0 where others cannot follow without a gap."""
    sizes = np.tile(layout.sizes, layout.planes)
    steps = np.diff(layout.offsets)
    if layout.compression != 1 or layout.slices > 1 or not np.array_equal(steps, sizes[:-1]):
        return 0
    return int(sizes.sum())


def _numbers(directory: Directory, layout: Layout) -> Iterator[int]:
    yield directory.number(DEPTH, 1)
    stack, lsm = directory.by_tag.get(_UIC2), directory.by_tag.get(_LSM)
    if stack is not None:
        yield stack.count
    if lsm is not None and lsm.size >= _LSM_SIZES.size:
        _, _, depth, _, times = _LSM_SIZES.unpack_from(lsm.values)
        yield max(depth, 1) * max(times, 1)
    for field in directory.fields:
        if field.tag == _DESCRIPTION:
            text = bytes(field.values[:_TEXT])
            yield from _of_imagej(text, layout) if text.startswith(b"ImageJ=") else ()
            yield from _of_shapes(text, layout)


def _of_imagej(text: bytes, layout: Layout) -> Iterator[int]:
    said = {key: int(number) for key, number in _IMAGEJ.findall(text)}
    images = said.get(b"images", 1)
    count = said.get(b"frames", 1) * said.get(b"slices", 1)
    channels = said.get(b"channels", 1)
    if channels != layout.samples:  # which some declare so
        count *= channels
    yield count
    yield images  # is less reliable


def _of_shapes(text: bytes, layout: Layout) -> Iterator[int]:
    found = _SHAPES.search(text)
    sizes = [int(size) for size in re.findall(rb"[0-9]{1,19}", found[1])] if found else [0]
    count, left = divmod(math.prod(sizes), layout.width * layout.height * layout.samples)
    yield 1 if left else count
