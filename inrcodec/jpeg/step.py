"""The step from a picture's pixels to the DCT coefficients of the JPEG that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from ..history.exceptions import Exceptions, exceptions_facts, pack_section, unpack_section
from ..history.planes import DCT, GREY, RGB, Blocks, Geometry, Planes
from ..history.upsampling import REPEATED, TRIANGLE
from .entropy.markers import MAX_COMPONENTS, MAX_FACTOR
from .idct import component_samples
from .pixels import COLOURS, Frame, decode
from .tables import CHROMA, LUMA, standard_table
from .turned import Orientation

RULES = (TRIANGLE, REPEATED)
UPRIGHT = Orientation()
RAW = "raw"  # components whose pixels are none of Frame's: the nearest sample of each
MAX_SIDE = 65535
BLOCK, MORE_BLOCKS = 8, 3  # a side of a block; so many more than cover the picture at most


@dataclass(frozen=True)
class Jpeg:
    """The JPEG of which a picture is a part, turned, maybe within a border.

    frame: of what pixels are made, None where they are RAW, of components with sampling factors (h,
    v); blocks: of each component; top, left: the row and column of the frame at which the picture,
    turned back, begins; area: the first row and column of the picture that the JPEG has, and those
    behind the last, where it has not all, and border: the colour around; exceptions: pixels that
    all this does not lead to; size: rows and columns of the picture; coefficients: of the picture
    that the step was found for, int16 (rows, cols, 64) each.
    """

    frame: Frame | None
    factors: tuple[tuple[int, int], ...]
    blocks: tuple[Blocks, ...]
    orientation: Orientation = UPRIGHT
    top: int = 0
    left: int = 0
    area: tuple[int, int, int, int] | None = None
    border: tuple[int, ...] = ()
    exceptions: Exceptions | None = None
    size: tuple[int, int] = field(default=(0, 0), compare=False)
    coefficients: tuple[np.ndarray, ...] = field(default=(), repr=False, compare=False)

    number: ClassVar[int] = 6
    tag: ClassVar[bytes] = b"J"
    name: ClassVar[str] = "jpeg"
    all_data: ClassVar[bool] = True

    @classmethod
    def find(cls, planes: Planes) -> Jpeg | None:
        """The step of a picture of 8 bits, grey or RGB, that was a JPEG."""
        from .finder.find import find_jpeg

        before = planes.geometry
        if before.kind not in (GREY, RGB) or before.bits != 8 or before.alpha:
            return None
        if max(before.height, before.width) > MAX_SIDE - 4 * BLOCK:  # and what is behind an end
            return None
        picture = planes.array()
        found = find_jpeg(picture)
        if found is None:
            return None
        inside = found.area != (0, 0, *picture.shape[:2])
        step = cls(
            found.frame, (), blocks_of(found.coefficients, found.tables), found.orientation,
            found.top, found.left, found.area if inside else None, found.colour if inside else (),
            size=picture.shape[:2], coefficients=found.coefficients,
        )  # fmt: skip
        made = step.pixels(found.coefficients, picture.shape[:2])
        channels = [np.moveaxis(np.atleast_3d(each), 2, 0) for each in (picture, made)]
        exceptions = Exceptions.between(list(channels[0]), list(channels[1]))
        if not len(exceptions.positions):
            return step
        if not exceptions.readable(before.height * before.width):
            return None  # a part of the picture was one
        return replace(step, exceptions=exceptions)

    def pixels(self, coefficients: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """What coefficients lead to, but for exceptions: uint8 of (height, width), (H, W) or (H, W,
        C)."""
        tables = [own.table() for own in self.blocks]
        if self.frame is None:
            return _raw(self.factors, coefficients, tables, size)
        first_row, first_col, end_row, end_col = self.area or (0, 0, *size)
        height, width = end_row - first_row, end_col - first_col
        if self.orientation.transposed:
            height, width = width, height
        whole = decode(self.frame, coefficients, tables)
        part = whole[self.top : self.top + height, self.left : self.left + width]
        turned = self.orientation.apply(part)
        if self.area is None:
            return np.ascontiguousarray(turned)
        made = np.empty((*size, *turned.shape[2:]), np.uint8)
        made[...] = self.border if turned.ndim == 3 else self.border[0]
        made[first_row:end_row, first_col:end_col] = turned
        return made

    def geometry(self, before: Geometry) -> Geometry:
        """Of coefficients."""
        return replace(before, kind=DCT, blocks=self.blocks)

    def forward(self, planes: Planes) -> Planes:
        """The coefficients."""
        return Planes(self.geometry(planes.geometry), self.coefficients)

    def undo(self, planes: Planes) -> Planes:
        """The pixels."""
        after = planes.geometry
        pixels = self.pixels(planes.channels, (after.height, after.width))
        kind = RGB if pixels.ndim == 3 and pixels.shape[2] > 2 else GREY
        channels = [np.ascontiguousarray(c) for c in np.moveaxis(np.atleast_3d(pixels), 2, 0)]
        if self.exceptions is not None:
            self.exceptions.apply(channels, after.width, 1, 8)
        return Planes(replace(after, kind=kind, blocks=()), tuple(channels))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """What is not as of a JPEG file whose blocks are those of its pixels."""
        tables = list(dict.fromkeys(own.steps for own in self.blocks))
        fields: dict[str, Any] = {
            "q": list(map(_packed_table, tables)),
            "t": [tables.index(own.steps) for own in self.blocks],
            "b": [n for own in self.blocks for n in (own.rows, own.cols)],
        }
        if self.frame is None:
            fields["f"] = [n for pair in self.factors for n in pair]
        else:
            f, turned = self.frame, self.orientation
            fields |= {"c": COLOURS.index(f.colour), "s": [f.height, f.width]}
            if (f.row_step, f.col_step) != (1, 1):
                fields |= {"l": [f.row_step, f.col_step], "u": RULES.index(f.rule)}
            if any(turned):
                fields["o"] = sum(bit << n for n, bit in enumerate(turned))
            if self.top or self.left:
                fields["g"] = [self.top, self.left]
            if self.area is not None:
                fields |= {"a": list(self.area), "k": list(self.border)}
        return fields, pack_section(self.exceptions, self.tag)

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> Jpeg:
        """Undoes pack."""
        if before.kind not in (GREY, RGB) or before.bits != 8:
            raise CorruptError("coefficients of a picture that is not of 8 bits")
        packed, numbers = fields.take("q"), fields.take("t")
        if not isinstance(packed, list) or not 1 <= len(packed) <= MAX_COMPONENTS:
            raise CorruptError("coefficients without quantisation tables")
        tables = [_table(each) for each in packed]
        if (
            not isinstance(numbers, list)
            or not 1 <= len(numbers) <= MAX_COMPONENTS
            or not all(type(n) is int and 0 <= n < len(tables) for n in numbers)
        ):
            raise CorruptError("components with other quantisation tables than there are")
        count = len(numbers)
        factors: tuple[tuple[int, int], ...] = ()
        frame, orientation, top, left = None, UPRIGHT, 0, 0
        area: tuple[int, int, int, int] | None = None
        border: tuple[int, ...] = ()
        size = before.height, before.width
        if "f" in fields:
            flat = fields.integers("f", 2 * count, 1, MAX_FACTOR)
            factors = tuple(zip(flat[::2], flat[1::2], strict=True))
        else:
            colour = COLOURS[fields.integer("c", 0, len(COLOURS) - 1)]
            lattice, rule = [1, 1], TRIANGLE
            if "l" in fields:
                lattice = fields.integers("l", 2, 1, 2)
                rule = RULES[fields.integer("u", 0, len(RULES) - 1)]
            if "o" in fields:
                bits = fields.integer("o", 1, 7)
                orientation = Orientation(*(bool(bits >> n & 1) for n in range(3)))
            if "a" in fields:
                first_row, first_col, end_row, end_col = fields.integers("a", 4, 0, max(size))
                if not (first_row < end_row <= size[0] and first_col < end_col <= size[1]):
                    raise CorruptError("a JPEG in another area than its picture's")
                area = first_row, first_col, end_row, end_col
                border = tuple(fields.integers("k", count, 0, 255))
                size = end_row - first_row, end_col - first_col
            upright = size[::-1] if orientation.transposed else size
            most = 2 * BLOCK - 1  # of what is cut off on a side: less than an MCU
            height, width = fields.integers("s", 2, 1, max(upright) + 2 * most)
            if "g" in fields:
                top, left = fields.integers("g", 2, 0, most)
            more = [a - b for a, b in zip((height - top, width - left), upright, strict=True)]
            if not all(0 <= n <= most for n in more):
                raise CorruptError("a JPEG of another size than its picture")
            try:
                frame = Frame(height, width, colour, lattice[0], lattice[1], rule)
            except ValueError as error:
                raise CorruptError(f"the picture was no JPEG: {error}") from None
            size = height, width
        if count != before.channels or (frame is not None and count != frame.components):
            raise CorruptError("a JPEG of other components than its picture has channels")
        if max(size) > MAX_SIDE:
            raise CorruptError("a JPEG with a side that none has")
        covered = [-(-n // BLOCK) + MORE_BLOCKS for n in size]
        flat = fields.integers("b", 2 * count, 1, max(covered))
        blocks = tuple(
            Blocks(rows, cols, tables[number])
            for rows, cols, number in zip(flat[::2], flat[1::2], numbers, strict=True)
        )
        for number, own in enumerate(blocks):
            least = _least_blocks(frame, factors, size, number)
            if own.rows < least[0] or own.cols < least[1]:
                raise CorruptError("a JPEG with fewer blocks than its picture needs")
            if own.rows > covered[0] or own.cols > covered[1]:
                raise CorruptError("a JPEG with more blocks than its picture needs")
        exceptions = unpack_section(sections, cls.tag, before, count)
        whole = before.height, before.width
        return cls(frame, factors, blocks, orientation, top, left, area, border, exceptions, whole)

    def _exact(self) -> int:
        """How many of the picture's areas of 8 x 8 pixels have no exception."""
        height, width = self.size
        across = -(-width // BLOCK)
        other = np.empty(0, np.int64)
        if self.exceptions is not None:
            rows, cols = np.divmod(self.exceptions.positions, max(1, width))
            other = np.unique(rows // BLOCK * across + cols // BLOCK)
        return -(-height // BLOCK) * across - len(other)

    def facts(self) -> dict[str, Any]:
        """Colours, sampling, tables, grid, and what the coefficients do not lead to."""
        frame = self.frame
        facts: dict[str, Any] = {"colours": RAW if frame is None else frame.colour}
        if frame is not None and frame.components == 3:
            facts["chroma"] = _SAMPLINGS[frame.row_step, frame.col_step]
            if (frame.row_step, frame.col_step) != (1, 1):
                facts["upsampling"] = frame.rule
        tables = list(dict.fromkeys(own.steps for own in self.blocks))
        facts["quality"] = [_quality(table) for table in tables]
        facts["grid"] = [self.top, self.left]
        if any(self.orientation):
            facts["turned"] = [
                name
                for name, bit in zip(self.orientation._fields, self.orientation, strict=True)
                if bit
            ]
        return (
            facts
            | {"blocks": sum(b.rows * b.cols for b in self.blocks), "exact_areas": self._exact()}
            | exceptions_facts(self.exceptions)
        )

    def past(self) -> str:
        """A JPEG of a sampling."""
        return " ".join(["jpeg", self.facts().get("chroma", self.facts()["colours"])])


def blocks_of(
    coefficients: Sequence[np.ndarray], tables: Sequence[np.ndarray]
) -> tuple[Blocks, ...]:
    """Those of coefficients, (rows, cols, 64) each, and their quantisation tables (64,)."""
    return tuple(
        Blocks(own.shape[0], own.shape[1], table.astype("<u2").tobytes())
        for own, table in zip(coefficients, tables, strict=True)
    )


_SAMPLINGS = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 1): "4:4:0", (2, 2): "4:2:0"}


def _least_blocks(
    frame: Frame | None,
    factors: tuple[tuple[int, int], ...],
    size: tuple[int, int],
    component: int,
) -> tuple[int, int]:
    """Rows and columns of blocks that hold the samples of a component."""
    if frame is not None:
        rows, cols = frame.size(component)
    else:
        most = [max(pair[n] for pair in factors) for n in (1, 0)]
        h, v = factors[component]
        rows, cols = -(-size[0] * v // most[0]), -(-size[1] * h // most[1])
    return -(-rows // BLOCK), -(-cols // BLOCK)


def _raw(
    factors: Sequence[tuple[int, int]],
    coefficients: Sequence[np.ndarray],
    tables: Sequence[np.ndarray],
    size: tuple[int, int],
) -> np.ndarray:
    """The samples of components as they are, the nearest one for each pixel: uint8 (H, W, C)."""
    most_h, most_v = (max(pair[n] for pair in factors) for n in (0, 1))
    found = []
    for (h, v), own, table in zip(factors, coefficients, tables, strict=True):
        rows, cols = np.arange(size[0]) * v // most_v, np.arange(size[1]) * h // most_h
        found.append(component_samples(own, table)[rows[:, None], cols])
    return found[0] if len(found) == 1 else np.stack(found, axis=-1)


def _packed_table(steps: bytes) -> int | bytes:
    """A standard table's quality, + 100 of chroma's; else the steps, of a byte if they fit."""
    quality = _quality(steps)
    if quality is not None:
        return quality
    table = np.frombuffer(steps, "<u2")
    return steps if table.max() > 255 else table.astype(np.uint8).tobytes()


def _quality(steps: bytes) -> int | None:
    for kind in (LUMA, CHROMA):
        for quality in range(1, 101):
            if standard_table(kind, quality).astype("<u2").tobytes() == steps:
                return quality + 100 * (kind == CHROMA)
    return None


def _table(packed: Any) -> bytes:
    """Undoes _packed_table."""
    if type(packed) is int and 1 <= packed <= 200:
        kind = CHROMA if packed > 100 else LUMA
        return standard_table(kind, packed - 100 * (kind == CHROMA)).astype("<u2").tobytes()
    if type(packed) is bytes and len(packed) == 64:
        return np.frombuffer(packed, np.uint8).astype("<u2").tobytes()
    if type(packed) is bytes and len(packed) == 128:
        return packed
    raise CorruptError("a quantisation table that is none")
