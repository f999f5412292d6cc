"""Planes and the steps that made them, chapter 3 of format_spec.md, for the second decoder: from
the specification alone. All lattices of this version are whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from second_coding import RangeDecoder
from second_container import JFIF, RANKS, TABLE, Array, Fields, Sections, inflate


@dataclass(frozen=True)
class Planes:  # 3.1
    height: int
    width: int
    channels: int
    bits: int
    kind: str  # grey, index, RGB or YCC
    alpha: bool  # whether the last channel is

    @property
    def array_bits(self) -> int:
        """B."""
        return 8 if self.bits <= 8 else 16


def picture_planes(header: Fields, pixel: Fields) -> Planes:
    height, width, channels = header["s"]
    kind = "index" if "c" in pixel else "grey" if channels < 3 else "RGB"
    return Planes(height, width, channels, pixel.get("d", header["b"]), kind, channels % 2 == 0)


def planes_after(step: int, before: Planes, sections: Sections) -> Planes:
    if step == JFIF:
        assert (before.kind, before.bits) == ("RGB", 8), "colour conversion of other planes"
        return replace(before, kind="YCC")
    if step == TABLE:
        count = len(read_colours(sections["C"][0], before))
        bits = next(bits for bits in (1, 2, 4, 8) if count <= 2**bits)
        return replace(before, channels=1, bits=bits, kind="index", alpha=False)
    return before


def undo(step: int, samples: Array, before: Planes, sections: Sections, scale: int) -> Array:
    """Samples are (rows, columns, channels) of every scale-th row and column."""
    if step == RANKS:
        return undo_ranks(samples, before, sections["V"][0])
    if step == TABLE:
        colours = read_colours(sections["C"][0], before)
        assert samples.max() < len(colours), "index beyond the table"
        return colours[samples[..., 0]]
    samples = undo_jfif(samples)
    if "X" in sections:
        shape = before.height, before.width
        differences = exceptions(sections["X"][0], shape)[::scale, ::scale]
        samples[..., :3] += differences
        assert np.all(samples[differences.any(axis=-1)] >> 8 == 0), "exceptions beyond a sample"
    return samples


def undo_jfif(samples: Array) -> Array:  # 3.2
    y, u, v = (samples[..., c] - shift for c, shift in enumerate((0, 128, 128)))
    r = y + ((91881 * v + 32768) >> 16)
    g = y + ((-22554 * u - 46802 * v + 32768) >> 16)
    b = y + ((116130 * u + 32768) >> 16)
    rgb = np.clip(np.stack([r, g, b], axis=-1), 0, 255)
    return np.concatenate([rgb, samples[..., 3:]], axis=-1)


def exceptions(payload: bytes, shape: tuple[int, int]) -> Array:
    """The differences (height, width, 3); 0 where there is no exception."""
    most = min(prod(shape), 8 * (len(payload) + 16))
    assert len(payload) >= 4, "number of runs"
    count, decoder = int.from_bytes(payload[:4], "little"), RangeDecoder(payload[4:])
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
    assert sum(gaps) + sum(lengths) <= prod(shape), "a run beyond the last pixel"
    pixels, end = list[int](), 0
    for gap, length in zip(gaps, lengths, strict=True):
        pixels += range(end + gap, end + gap + length)
        end += gap + length
    differences = np.zeros((len(pixels), 3), np.int64)
    differences[:, 0] = decoder.integers(len(pixels))
    for c in (1, 2):
        changed = differences[:, :c].any(axis=1)
        for group in (~changed, changed):
            differences[group, c] = decoder.integers(np.count_nonzero(group))
    assert np.all(differences.any(axis=1)), "an exception without a difference"
    image = np.zeros((*shape, 3), np.int64)
    image.reshape(-1, 3)[pixels] = differences
    return image


def undo_ranks(samples: Array, before: Planes, payload: bytes) -> Array:  # 3.3
    ranked = [c for c in range(8) if payload[0] >> c & 1]
    assert ranked, "no channel of ranks"
    assert max(ranked) < before.channels, "ranks of a channel that is not there"
    size = 2**before.array_bits // 8
    table = inflate(payload[1:], len(ranked) * size)
    assert len(table) == len(ranked) * size, "values in use"
    result = samples.copy()
    for n, c in enumerate(ranked):
        row = np.frombuffer(table[n * size : (n + 1) * size], np.uint8)
        in_use = np.flatnonzero(np.unpackbits(row, bitorder="little"))
        assert in_use.size, "no value in use"
        assert samples[..., c].max() < in_use.size, "a rank beyond the values in use"
        result[..., c] = in_use[samples[..., c]]
    return result


def read_colours(payload: bytes, before: Planes) -> Array:  # 3.4
    """The table, (colours, channels)."""
    size = before.array_bits // 8
    data = inflate(payload, 256 * before.channels * size)
    assert data, "no colours"
    assert len(data) % (before.channels * size) == 0, "colours that are not whole"
    return np.frombuffer(data, f"<u{size}").astype(np.int64).reshape(before.channels, -1).T
