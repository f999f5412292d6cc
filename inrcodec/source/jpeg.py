"""A JPEG file taken apart into DCT coefficients and what else there is of it.

A hole is the entropy coded bytes of a scan, as far as coefficients hold them. The recipe, of which
a key is left out where libjpeg's way is followed:

    e  1: EOB runs follow the rule BARE of jpeg/entropy/plan.py
    n  a list: how many MCUs each scan's hole has, where any has not all of its scan's
    p  padding bits, before restart markers and behind scans: 0 for all zeros, or bytes, one for
       each that is padded, 255 where they are ones, or else the bits below a one
    r  bytes: blocks before which an EOB run ends, or goes on, against the rule
    z  bytes: blocks with runs of 16 zeros before their EOB, and how many

Blocks are numbered through all scans in their order; their differences are uint32, little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CorruptError, ImageError
from ..jpeg.coefficients.magnitudes import MOST
from ..jpeg.entropy.markers import Frame, Markers, read_markers
from ..jpeg.entropy.plan import BARE, LIBJPEG, Notes, Plan, plan_of
from ..jpeg.entropy.scans import decode_scan, encode_scan
from ..limits import DEFAULT, Limits
from .skeleton import Pack, Skeleton, most_bytes
from .sparse import Sparse

if TYPE_CHECKING:
    from ..files.picture import Picture

MAX_NOTES = 1 << 20
_MANY = 8  # breaks of a scan; then another rule may fit better
_ONES = 0xFF
_NAME = "the source file"


@dataclass(frozen=True, eq=False)
class JpegFile:
    """sparse: the file without its holes; recipe: numbers, lists of them, and bytes; markers: of
    the file, with its frame and quantisation tables; coefficients: of each component int16 (block
    rows, block columns, 64) in zigzag order, as Frame.shape() has it."""

    sparse: Sparse
    recipe: dict[str, Any]
    markers: Markers
    coefficients: tuple[np.ndarray, ...] = field(repr=False)

    @property
    def frame(self) -> Frame:
        return self.markers.frame


def take_apart(data: bytes, name: str, limits: Limits = DEFAULT) -> JpegFile | None:
    """find(), or None where it raises ImageError; LimitError as there."""
    try:
        return find(data, name, limits)
    except ImageError:
        return None


def find(data: bytes, name: str, limits: Limits = DEFAULT) -> JpegFile:
    """A file taken apart. From where a scan is damaged, its bytes are not in coefficients but in
    sparse. Raises ImageError, which says why, where that does not give the file again, and
    LimitError for one of more pixels or scans than are allowed."""
    markers = read_markers(data, name, limits)
    frame, scans = markers.frame, markers.scans
    coefficients, holes, notes = _decoded(data, markers, LIBJPEG)
    if _breaks(notes) > _MANY * len(scans):
        other = _decoded(data, markers, BARE)
        if _breaks(other[2]) < _breaks(notes):
            coefficients, holes, notes = other
    if not any(size for _, size in holes):
        raise ImageError(f"{name}: JPEG without coefficients")
    if any(
        own[:, :, 1:].max() > MOST or own[:, :, 1:].min() < -MOST or own.min() == -(1 << 15)
        for own in coefficients
    ):
        raise ImageError(f"{name}: JPEG with coefficients that no picture has")
    for scan, found, (start, size) in zip(scans, notes, holes, strict=True):
        try:
            same = encode_scan(frame, scan, coefficients, found, size)
        except CorruptError:
            same = b""
        if same != data[start : start + size]:
            raise ImageError(f"{name}: JPEG with a scan of other coefficients than the file's")
    plans = [plan_of(frame, scan) for scan in scans]
    sparse = Sparse.of(data, [hole for hole in holes if hole[1]])
    return JpegFile(sparse, _recipe(plans, notes), markers, coefficients)


def put_together(
    sparse: Sparse,
    recipe: dict[str, Any],
    coefficients: Sequence[np.ndarray],
    limits: Limits = DEFAULT,
) -> bytes:
    """The file of which a JpegFile is. Raises CorruptError where its parts are of no file, and
    LimitError for one of more pixels or scans than are allowed."""
    return sparse.filled(filling(sparse, recipe, coefficients, limits))


def bodies(skeleton: Skeleton, picture: Picture, limits: Limits, pack: Pack) -> list[bytes]:
    """What stands in each hole. Raises a LinrError where it does not fit."""
    if not skeleton.sparse.holes:
        return []
    if picture.jpeg is None:
        raise CorruptError(f"{_NAME} is a JPEG, whose coefficients the picture does not have")
    coefficients = picture.jpeg.coefficients
    return filling(skeleton.sparse, skeleton.recipe, coefficients, limits)


def filling(
    sparse: Sparse,
    recipe: dict[str, Any],
    coefficients: Sequence[np.ndarray],
    limits: Limits = DEFAULT,
) -> list[bytes]:
    """What stands in each hole. Raises as put_together() does."""
    lengths = [length for _, length in sparse.holes]
    if sum(lengths) > most_bytes(sum(array.nbytes for array in coefficients)):
        raise CorruptError("a JPEG with more bytes than its coefficients can have")
    try:
        markers = read_markers(sparse.filled([bytes(n) for n in lengths]), _NAME, limits)
    except ImageError as error:
        raise CorruptError(str(error)) from error
    frame = markers.frame
    shapes = [frame.shape(number) for number in range(len(frame.components))]
    if [array.shape for array in coefficients] != shapes or any(
        array.dtype != np.int16 for array in coefficients
    ):
        raise CorruptError("a JPEG with coefficients of another size")
    plans = [plan_of(frame, scan) for scan in markers.scans]
    arrays = [np.ascontiguousarray(array) for array in coefficients]
    found, holes = list[bytes](), list(sparse.holes[::-1])
    for scan, notes in zip(markers.scans, _notes(plans, recipe), strict=True):
        if not notes.mcus:
            continue
        start, length = holes.pop() if holes else (-1, 0)
        if start != scan.start or start + length > scan.end:
            raise CorruptError("a JPEG with holes elsewhere than its scans")
        found.append(encode_scan(frame, scan, arrays, notes, length))
        if len(found[-1]) != length:
            raise CorruptError("a JPEG with a hole of another length than its scan")
    if holes:
        raise CorruptError("a JPEG with more holes than scans")
    return found


def _decoded(
    data: bytes, markers: Markers, rule: int
) -> tuple[tuple[np.ndarray, ...], list[tuple[int, int]], list[Notes]]:
    """Coefficients, and where each scan's bytes are that hold them, with its notes."""
    frame = markers.frame
    shapes = map(frame.shape, range(len(frame.components)))
    coefficients = tuple(np.zeros(shape, np.int16) for shape in shapes)
    holes, notes, left = list[tuple[int, int]](), list[Notes](), MAX_NOTES
    for scan in markers.scans:
        size, found = decode_scan(data, frame, scan, coefficients, rule, left)
        notes.append(found)
        holes.append((scan.start, size))
        left -= max(len(found.breaks), len(found.zeros))
    return coefficients, holes, notes


def _breaks(notes: Sequence[Notes]) -> int:
    return sum(len(each.breaks) for each in notes)


def _recipe(plans: Sequence[Plan], notes: Sequence[Notes]) -> dict[str, Any]:
    recipe: dict[str, Any] = {"e": BARE} if notes[0].rule == BARE else {}
    if any(each.mcus != plan.mcus for each, plan in zip(notes, plans, strict=True)):
        recipe["n"] = [each.mcus for each in notes]
    pads = np.concatenate([each.pads for each in notes])
    ones, zeros = pads & (pads + 1) == 0, pads & (pads - 1) == 0  # below a one
    if not ones.all():
        recipe["p"] = 0 if zeros.all() else np.where(ones, _ONES, pads).astype(np.uint8).tobytes()
    bases = list(accumulate((plan.blocks for plan in plans), initial=0))
    breaks = [each.breaks + np.int64(base) for each, base in zip(notes, bases, strict=False)]
    runs = [each.zeros + np.array([base, 0]) for each, base in zip(notes, bases, strict=False)]
    if any(map(len, breaks)):
        recipe["r"] = np.diff(np.concatenate(breaks), prepend=0).astype("<u4").tobytes()
    if any(map(len, runs)):
        pairs = np.concatenate(runs)
        pairs[:, 0] = np.diff(pairs[:, 0], prepend=0)
        recipe["z"] = pairs.astype("<u4").tobytes()
    return recipe


def _notes(plans: Sequence[Plan], recipe: dict[str, Any]) -> list[Notes]:
    """Those of each scan. Raises CorruptError where the recipe has none."""
    rule = recipe.get("e", LIBJPEG)
    if type(rule) is not int or rule not in (LIBJPEG, BARE):
        raise CorruptError("a JPEG recipe with a rule of EOB runs that there is not")
    counts = recipe.get("n", [plan.mcus for plan in plans])
    if (
        type(counts) is not list
        or len(counts) != len(plans)
        or not all(
            type(n) is int and 0 <= n <= plan.mcus for n, plan in zip(counts, plans, strict=True)
        )
    ):
        raise CorruptError("a JPEG recipe with other MCUs than there are")
    ends = [plan.ends(n) for n, plan in zip(counts, plans, strict=True)]
    pads = recipe.get("p", bytes([_ONES]) * sum(ends))
    if type(pads) is int and pads == 0:
        pads = bytes(sum(ends))
    if type(pads) is not bytes or len(pads) != sum(ends):
        raise CorruptError("a JPEG recipe with other padding than there is")
    bases = list(accumulate((plan.blocks for plan in plans), initial=0))
    breaks, pairs = _numbers(recipe, "r", 1), _numbers(recipe, "z", 2)
    if any(len(each) and each[-1, 0] >= bases[-1] for each in (breaks, pairs)):
        raise CorruptError("a JPEG recipe with blocks beyond the last")
    notes, at = list[Notes](), 0
    for number, (mcus, size) in enumerate(zip(counts, ends, strict=True)):
        first, end = bases[number : number + 2]
        parts = []
        for each in (breaks, pairs):
            low, high = np.searchsorted(each[:, 0], (first, end))
            part = each[low:high].copy()
            part[:, 0] -= first
            parts.append(part.astype(np.uint32))
        padding = np.frombuffer(pads, np.uint8, size, at)
        notes.append(Notes(rule, mcus, padding, parts[0].ravel(), parts[1]))
        at += size
    return notes


def _numbers(recipe: dict[str, Any], key: str, columns: int) -> np.ndarray:
    """Numbers of blocks and what else is with them, int64 (n, columns)."""
    packed = recipe.get(key, b"")
    if type(packed) is not bytes or len(packed) % (4 * columns) or len(packed) > 8 * MAX_NOTES:
        raise CorruptError(f"a JPEG recipe whose {key!r} is none")
    found = np.frombuffer(packed, "<u4").astype(np.int64).reshape(-1, columns)
    found[:, 0] = np.cumsum(found[:, 0])
    if (np.diff(found[:, 0]) <= 0).any():
        raise CorruptError(f"a JPEG recipe whose {key!r} does not ascend")
    return found
