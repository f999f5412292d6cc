"""Planes and the steps that made them, chapter 3 of format_spec.md, for the second decoder: from
the specification alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from second_coding import RangeDecoder
from second_container import (
    ENLARGED,
    JFIF,
    JPEG,
    RANKS,
    SUBSAMPLED,
    TABLE,
    Array,
    Fields,
    Sections,
    check_numbers,
    inflate,
)

Step = tuple[int, Fields]  # number and fields


class Lattice(NamedTuple):  # 3.1
    row_step: int
    col_step: int
    row_phase: int
    col_phase: int

    @property
    def directions(self) -> list[tuple[int, int]]:
        """Step and phase of rows and of columns."""
        return [(self.row_step, self.row_phase), (self.col_step, self.col_phase)]


WHOLE = Lattice(1, 1, 0, 0)


@dataclass(frozen=True)
class Planes:  # 3.1
    height: int
    width: int
    bits: int
    kind: str  # grey, index, RGB, YCC or DCT
    alpha: bool  # whether the last channel is
    lattices: tuple[Lattice, ...]

    @property
    def channels(self) -> int:
        return len(self.lattices)

    @property
    def array_bits(self) -> int:
        """B."""
        return 8 if self.bits <= 8 else 16

    def size(self, channel: int) -> tuple[int, int]:
        """Rows and columns of a channel's samples."""
        rows, cols = (
            (n + phase + step - 1) // step
            for n, (step, phase) in zip(
                (self.height, self.width), self.lattices[channel].directions, strict=True
            )
        )
        return rows, cols


def check_whole(planes: Planes) -> None:
    assert set(planes.lattices) == {WHOLE}, "lattices that are not whole"


def channels_of(samples: Array) -> list[Array]:
    """Those of (rows, columns, channels)."""
    return [*np.moveaxis(samples, -1, 0)]


def picture_planes(header: Fields, pixel: Fields) -> Planes:
    height, width, channels = header["s"]
    kind = "index" if "c" in pixel else "grey" if channels < 3 else "RGB"
    bits, alpha = pixel.get("d", header["b"]), channels % 2 == 0
    return Planes(height, width, bits, kind, alpha, (WHOLE,) * channels)


def planes_after(step: Step, before: Planes, sections: Sections) -> Planes:
    number, fields = step
    assert before.kind != "DCT", "a step behind step 6"
    if number != RANKS:
        check_whole(before)
    if number == JPEG:
        assert before.kind in ("grey", "RGB"), "coefficients of other planes"
        assert before.bits == 8, "coefficients of other planes"
        return replace(before, kind="DCT")  # second_jpeg.py has what else is known of them
    if number in (JFIF, SUBSAMPLED):
        assert (before.kind, before.bits) == ("RGB", 8), "colour conversion of other planes"
        size = before.height, before.width
        chroma = read_lattice(fields, size) if number == SUBSAMPLED else WHOLE
        return replace(before, kind="YCC", lattices=(WHOLE, chroma, chroma, *before.lattices[3:]))
    if number == ENLARGED:
        rows, cols = read_grids(fields)
        sizes = zip((before.height, before.width), (rows, cols), strict=True)
        height, width = ((n + phase + factor - 1) // factor for n, (factor, phase) in sizes)
        return replace(before, height=height, width=width)
    if number == TABLE:
        count = len(read_colours(sections["C"][0], before))
        bits = next(bits for bits in (1, 2, 4, 8) if count <= 2**bits)
        return replace(before, bits=bits, kind="index", alpha=False, lattices=(WHOLE,))
    return before


def undo(
    step: Step, samples: list[Array], before: Planes, sections: Sections, scale: int
) -> list[Array]:
    """Samples are the channels' of every scale-th row and column."""
    number, fields = step
    if number == RANKS:
        return undo_ranks(samples, before, sections["V"][0])
    if number == TABLE:
        colours = read_colours(sections["C"][0], before)
        assert samples[0].max() < len(colours), "index beyond the table"
        return [column[samples[0]] for column in colours.T]
    if number == ENLARGED:
        image = undo_enlarged(samples, fields, before)
        if "E" in sections:
            add_exceptions(image, sections["E"][0], before, scale)
        return channels_of(image)
    if number == JFIF:
        rgb = undo_jfif(*samples[:3])
        if "X" in sections:
            add_exceptions(rgb, sections["X"][0], before, scale)
    else:
        rgb = undo_subsampled(*samples[:3], fields, scale)
        if "Y" in sections:
            same = fields["u"] < 2 and fields["l"] == [2, 2, 0, 0]
            add_exceptions(rgb, sections["Y"][0], before, scale, clipped=scale > 1 and not same)
    return channels_of(rgb) + samples[3:]


def undo_jfif(y: Array, cb: Array, cr: Array) -> Array:  # 3.2
    u, v = cb - 128, cr - 128
    r = y + ((91881 * v + 32768) >> 16)
    g = y + ((-22554 * u - 46802 * v + 32768) >> 16)
    b = y + ((116130 * u + 32768) >> 16)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


def add_exceptions(
    image: Array, payload: bytes, planes: Planes, scale: int, clipped: bool = False
) -> None:
    """Puts them right in (rows, columns, channels)."""
    channels = image.shape[2]
    form, pixels, numbers = exceptions(payload, planes.height * planes.width, channels)
    row, col = np.divmod(pixels, planes.width)
    there = (row % scale == 0) & (col % scale == 0)
    here = row[there] // scale, col[there] // scale
    wanted = numbers[there].cumsum(axis=1) if form else image[here] + numbers[there]
    if clipped and not form:
        wanted = np.clip(wanted, 0, 255)
    assert np.all(wanted >> planes.bits == 0), "exceptions beyond a sample"
    image[here] = wanted


def exceptions(payload: bytes, size: int, channels: int) -> tuple[int, Array, Array]:
    """The form, the pixels (n,) and their numbers (n, channels)."""
    most = min(size, max(2**16, size // 8), 8 * (len(payload) + 16))
    assert len(payload) >= 4, "number of runs"
    form, count = divmod(int.from_bytes(payload[:4], "little"), 2**31)
    decoder = RangeDecoder(payload[4:])
    assert 1 <= count <= most, "number of runs"

    def numbers() -> list[int]:
        high, low = (
            [2 * v if v >= 0 else -2 * v - 1 for v in decoder.integers(count)] for _ in range(2)
        )
        assert max(low) < 2**14, "low part"
        return [h * 2**14 + n for h, n in zip(high, low, strict=True)]

    gaps, lengths = numbers(), [n + 1 for n in numbers()]
    assert min(gaps[1:], default=1) > 0, "runs that touch"
    assert sum(lengths) <= most, "pixels of the runs"
    assert sum(gaps) + sum(lengths) <= size, "a run beyond the last pixel"
    pixels, end = list[int](), 0
    for gap, length in zip(gaps, lengths, strict=True):
        pixels += range(end + gap, end + gap + length)
        end += gap + length
    result = np.zeros((len(pixels), channels), np.int64)
    result[:, 0] = decoder.integers(len(pixels))
    for c in range(1, channels):
        changed = result[:, :c].any(axis=1)
        for group in (~changed, changed):
            result[group, c] = decoder.integers(np.count_nonzero(group))
    assert form or np.all(result.any(axis=1)), "an exception without a difference"
    return form, np.array(pixels), result


def undo_ranks(samples: list[Array], before: Planes, payload: bytes) -> list[Array]:  # 3.3
    ranked = [c for c in range(8) if payload[0] >> c & 1]
    assert ranked, "no channel of ranks"
    assert max(ranked) < before.channels, "ranks of a channel that is not there"
    size = 2**before.array_bits // 8
    table = inflate(payload[1:], len(ranked) * size)
    assert len(table) == len(ranked) * size, "values in use"
    result = [*samples]
    for n, c in enumerate(ranked):
        row = np.frombuffer(table[n * size : (n + 1) * size], np.uint8)
        in_use = np.flatnonzero(np.unpackbits(row, bitorder="little"))
        assert in_use.size, "no value in use"
        assert samples[c].max() < in_use.size, "a rank beyond the values in use"
        result[c] = in_use[samples[c]]
    return result


def read_colours(payload: bytes, before: Planes) -> Array:  # 3.4
    """The table, (colours, channels)."""
    size = before.array_bits // 8
    data = inflate(payload, 256 * before.channels * size)
    assert data, "no colours"
    assert len(data) % (before.channels * size) == 0, "colours that are not whole"
    return np.frombuffer(data, f"<u{size}").astype(np.int64).reshape(before.channels, -1).T


def read_lattice(fields: Fields, size: tuple[int, int]) -> Lattice:  # 3.5
    check_numbers([fields["c"]], 1, 0, 5)
    check_numbers([fields["u"]], 1, 0, 3)
    check_numbers(fields["l"], 4, 0, 2)
    lattice = Lattice(*fields["l"])
    assert lattice[:2] in [(2, 2), (1, 2), (2, 1)], "steps of subsampled chroma"
    assert all(phase < step for step, phase in lattice.directions), "phases of subsampled chroma"
    if fields["u"] == 3:
        even = all(n % 2 == 0 and n >= 8 for n in size)
        assert fields["c"] >= 2, "bicubic conversion"
        assert lattice == Lattice(2, 2, 0, 0), "bicubic lattice"
        assert even, "bicubic size"
    return lattice


def undo_subsampled(y: Array, cb: Array, cr: Array, fields: Fields, scale: int) -> Array:
    lattice = Lattice(*fields["l"])
    if scale == 1 and fields["u"] == 3:
        return undo_bicubic(fields["c"], y, cb, cr)
    rule = fields["u"]
    if scale > 1:
        rule, lattice = 0, Lattice(*lattice[:2], 0, 0)
        rows, cols = (-(-n // step) for n, step in zip(y.shape, lattice[:2], strict=True))
        cb, cr = cb[:rows, :cols], cr[:rows, :cols]
    u, v = (upsampled(chroma, rule, lattice, y.shape) for chroma in (cb, cr))
    return converted(fields["c"], y, u, v)


def upsampled(chroma: Array, rule: int, lattice: Lattice, shape: tuple[int, ...]) -> Array:
    total, last = 1, np.zeros(1, np.int64)
    for axis, (step, phase) in enumerate(lattice.directions):
        s, q = np.moveaxis(chroma, axis, 0), np.arange(shape[axis]) + phase
        k, odd = q // step, q[:, None] % 2
        if step == 1 or rule == 1:
            s = s[k]
        else:
            before, behind = s[np.maximum(k - 1, 0)], s[np.minimum(k + 1, len(s) - 1)]
            one, other, w = (2, 1, 2) if rule == 0 else (3, 3, 4)
            even = one * s[k] + (0 if rule == 0 else before)
            s, total = np.where(odd, other * s[k] + behind, even), total * w
            last = odd.T if axis else odd
        chroma = np.moveaxis(s, 0, axis)
    add = total // 2
    if rule == 2 and total > 1:
        add = 8 - last if total == 16 else 1 + last
    return (chroma + add) // total


FACTORS = {  # of A, C, E, F
    2: (13075, 16525, -3209, -6660),
    3: (11485, 14516, -2819, -5850),
    4: (14686, 17305, -1747, -4366),
    5: (12901, 15201, -1534, -3835),
}


def converted(c: int, y: Array, u: Array, v: Array) -> Array:
    def times(a: Array, f: int) -> Array:
        return (a * f) // 2**13

    if c == 0:
        return undo_jfif(y, u, v)
    if c == 1:
        d, light, red, blue = 10000, 13584 * y, 18215 * (v - 137), 22179 * (u - 156)
        green = -1940 * (blue // 10000) - 5090 * (red // 10000)
    else:
        d, light = 1, y if c in (3, 5) else times(y - 16, 9539)
        f_red, f_blue, f_u, f_v = FACTORS[c]
        red, blue = times(v - 128, f_red), times(u - 128, f_blue)
        green = times(u - 128, f_u) + times(v - 128, f_v)
    rgb = np.stack([light + red, light + green, light + blue], axis=-1)
    return np.clip(rgb // d, 0, 255)


BICUBIC = (  # columns' and rows': even, odd, the first three places, the last three from the end
    ((-461, 3943, 14284, -1382), (-1382, 14284, 3943, -461))
    + ((17729, -1345), (12902, 3943, -461), (3835, 13894, -1345))
    + ((17766, -1382), (12902, 3943, -461), (3482, 14284, -1382)),
    ((-115, 985, 3572, -346), (-346, 3572, 985, -115))
    + ((4432, -336), (3226, 985, -115), (959, 3473, -336))
    + ((4442, -346), (3226, 985, -115), (870, 3572, -346)),
)


def undo_bicubic(c: int, y: Array, cb: Array, cr: Array) -> Array:
    def filtered(s: Array, rows: tuple[tuple[int, ...], ...]) -> Array:
        n = len(s)
        out = np.zeros((2 * n, *s.shape[1:]), np.int64)
        for q in range(2 * n):
            if q < 3:
                parts, at = rows[2 + q], [0, 1, 2]
            elif 2 * n - q <= 3:
                parts, at = rows[5 + 2 * n - 1 - q], [n - 1, n - 2, n - 3]
            else:
                parts = rows[q % 2]
                at = [q // 2 - 2 + q % 2 + i for i in range(4)]
            for part, i in zip(parts, at, strict=False):
                out[q] += part * s[i]
        return out

    def fine(s: Array) -> Array:
        across = np.minimum(filtered(s.T, BICUBIC[0]).T // 2**7, 32767)
        return (filtered(across, BICUBIC[1]) + 512 - 2**26) // 2**10

    u, v = fine(cb.astype(np.int64)), fine(cr.astype(np.int64))
    black, f_y = (0, 8192) if c in (3, 5) else (16, 9539)
    f_red, f_blue, f_u, f_v = FACTORS[c]
    light = 512 * (y - black) * f_y + 2**21
    sums = np.stack([light + f_red * v, light + f_u * u + f_v * v, light + f_blue * u], axis=-1)
    return np.clip(((sums + 2**31) % 2**32 - 2**31) // 2**22, 0, 255)


def read_grids(fields: Fields) -> list[tuple[int, int]]:  # 3.6
    """Factor and phase of rows and of columns."""
    check_numbers(fields["f"], 2, 1, 64)
    check_numbers(fields["p"], 2, 0, 63)
    assert fields["f"] != [1, 1], "enlarged by 1"
    grids = [*zip(fields["f"], fields["p"], strict=True)]
    assert all(phase < factor for factor, phase in grids), "phases of an enlarged picture"
    return grids


def undo_enlarged(samples: list[Array], fields: Fields, before: Planes) -> Array:
    sizes = zip((before.height, before.width), read_grids(fields), strict=True)
    rows, cols = ((np.arange(n) + phase) // factor for n, (factor, phase) in sizes)
    return np.stack([plane[np.ix_(rows, cols)] for plane in samples], axis=-1)
