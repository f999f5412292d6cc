"""Coefficients and the pixels they lead to, step 6 (3.7 of format_spec.md), for the second decoder:
from the specification alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from second_container import Array, Fields, Sections, check_keys, check_numbers
from second_steps import Lattice, Planes, add_exceptions, channels_of, undo_jfif, upsampled

GREY, YCC, RGB = range(3)
# (u, v) of each place in zigzag order
ZIGZAG = sorted(
    [(u, v) for u in range(8) for v in range(8)],
    key=lambda f: (sum(f), f[1] if sum(f) % 2 else f[0]),
)
LUMINANCE = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
]  # fmt: skip
CHROMINANCE = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


@dataclass(frozen=True)
class Component:
    """Rows and columns of blocks, the quantisation table in zigzag order, and of raw components the
    sampling factors."""

    rows: int
    cols: int
    table: list[int]
    h: int = 1
    v: int = 1


def read_table(packed: int | bytes) -> list[int]:
    if type(packed) is int:
        assert 1 <= packed <= 200, "quality"
        numbers, quality = np.full((8, 8), 99), (packed - 1) % 100 + 1
        if packed > 100:
            numbers[:4, :4] = CHROMINANCE
        else:
            numbers[:] = np.reshape(LUMINANCE, (8, 8))
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        scaled = np.clip((numbers * scale + 50) // 100, 1, 255)
        return [int(scaled[v, u]) for u, v in ZIGZAG]
    assert type(packed) is bytes, "quantisation table"
    assert len(packed) in (64, 128), "quantisation table"
    return np.frombuffer(packed, "u1" if len(packed) == 64 else "<u2").tolist()


class Jpeg:
    """What the fields of step 6 say, of planes as they are before it."""

    def __init__(self, fields: Fields, before: Planes) -> None:
        raw = "f" in fields
        check_keys(
            fields, "qtb" + ("f" if raw else "cs"), "" if raw else "luogak", "fields of step 6"
        )
        count = before.channels
        assert type(fields["q"]) is list, "quantisation tables"
        assert 1 <= len(fields["q"]) <= 4, "quantisation tables"
        tables = [read_table(packed) for packed in fields["q"]]
        check_numbers(fields["t"], count, 0, len(tables) - 1)
        check_numbers(fields["b"], 2 * count, 1, 2**32)
        self.size = before.height, before.width
        self.colours, self.steps = None, [1, 1]
        self.orientation, self.top, self.left = 0, 0, 0
        factors = [1, 1] * count
        if raw:
            factors = fields["f"]
            check_numbers(factors, 2 * count, 1, 4)
            frame = self.size
        else:
            check_numbers([fields["c"]], 1, GREY, RGB)
            self.colours = fields["c"]
            assert count == (1 if self.colours == GREY else 3), "components"
            assert ("u" in fields) == ("l" in fields), "upsampling"
            self.steps = fields.get("l", [1, 1])
            check_numbers(self.steps, 2, 1, 2 if self.colours == YCC else 1)
            check_numbers([fields.get("u", 0)], 1, 0, 1)
            self.repeated = fields.get("u", 0) == 1
            check_numbers([fields.get("o", 1)], 1, 1, 7)
            self.orientation = fields.get("o", 0)
            check_numbers(fields.get("g", [0, 0]), 2, 0, 15)
            self.top, self.left = fields.get("g", [0, 0])
            check_numbers(fields["s"], 2, 1, 2**32)
            frame = fields["s"][0], fields["s"][1]
            assert ("a" in fields) == ("k" in fields), "area"
            self.area = fields.get("a", [0, 0, *self.size])
            check_numbers(self.area, 4, 0, max(self.size))
            self.around = fields.get("k", [0] * count)
            check_numbers(self.around, count, 0, 255)
            row, col, end_row, end_col = self.area
            assert row < end_row <= self.size[0], "area"
            assert col < end_col <= self.size[1], "area"
            upright = end_row - row, end_col - col
            self.upright = upright[::-1] if self.orientation & 1 else upright
            for whole, first, own in zip(frame, (self.top, self.left), self.upright, strict=True):
                assert 0 <= whole - first - own <= 15, "size of the frame"
        assert max(frame) <= 65535, "side of the frame"
        self.frame = frame
        self.components = [
            Component(*fields["b"][2 * n : 2 * n + 2], tables[t], *factors[2 * n : 2 * n + 2])
            for n, t in enumerate(fields["t"])
        ]
        for n, own in enumerate(self.components):
            for blocks, samples, whole in zip(
                (own.rows, own.cols), self.samples_of(n), frame, strict=True
            ):
                assert -(-samples // 8) <= blocks <= -(-whole // 8) + 3, "blocks of a component"

    def samples_of(self, n: int) -> tuple[int, int]:
        """Rows and columns of a component's samples."""
        if self.colours is None:
            own = self.components[n]
            most = [max(c.v for c in self.components), max(c.h for c in self.components)]
            return -(-self.size[0] * own.v // most[0]), -(-self.size[1] * own.h // most[1])
        down, across = self.steps if n else (1, 1)
        return -(-self.frame[0] // down), -(-self.frame[1] // across)

    def undo(self, coefficients: list[Array], before: Planes, sections: Sections) -> list[Array]:
        """The channels, of (rows, columns, 64) of each component."""
        parts = [
            component_samples(own, component.table)
            for own, component in zip(coefficients, self.components, strict=True)
        ]
        if self.colours is None:
            height, width = self.size
            most_h, most_v = (max(getattr(c, name) for c in self.components) for name in "hv")
            rows = [np.arange(height) * c.v // most_v for c in self.components]
            cols = [np.arange(width) * c.h // most_h for c in self.components]
            image = np.stack(
                [p[np.ix_(i, j)] for p, i, j in zip(parts, rows, cols, strict=True)], axis=-1
            )
        else:
            image = self.pixels(parts)
        if "J" in sections:
            add_exceptions(image, sections["J"][0], before, 1)
        return channels_of(image)

    def pixels(self, parts: list[Array]) -> Array:
        sizes = [self.samples_of(n) for n in range(len(parts))]
        parts = [part[:rows, :cols] for part, (rows, cols) in zip(parts, sizes, strict=True)]
        if self.colours == YCC:
            narrow = self.steps[1] == 2 and parts[1].shape[1] < 3
            rule = 1 if self.repeated or narrow else 2
            lattice = Lattice(*self.steps, 0, 0)
            chroma = [upsampled(part, rule, lattice, self.frame) for part in parts[1:]]
            image = undo_jfif(parts[0], *chroma)
        else:
            image = np.stack(parts, axis=-1)
        height, width = self.upright
        image = image[self.top : self.top + height, self.left : self.left + width]
        image = image.swapaxes(0, 1) if self.orientation & 1 else image
        image = image[::-1] if self.orientation & 2 else image
        image = image[:, ::-1] if self.orientation & 4 else image
        made = np.empty((*self.size, len(parts)), image.dtype)
        made[:] = self.around
        made[self.area[0] : self.area[2], self.area[1] : self.area[3]] = image
        return made


def component_samples(coefficients: Array, table: list[int]) -> Array:
    rows, cols, _ = coefficients.shape
    real = np.zeros((8, 8, rows, cols), np.int64)  # v, u, ...
    for (u, v), t, plane in zip(ZIGZAG, table, np.moveaxis(coefficients, 2, 0), strict=True):
        real[v, u] = plane.astype(np.int64) * t
    half = inverse(real, 11)  # y, u, ...
    t = inverse(half.swapaxes(0, 1), 18)  # x, y, ...
    samples = np.clip((t + 512) % 1024 - 384, 0, 255)
    return samples.transpose(2, 1, 3, 0).reshape(8 * rows, 8 * cols)


def inverse(v: Array, n: int) -> Array:
    z = 4433 * (v[2] + v[6])
    a, b = z + 6270 * v[2], z - 15137 * v[6]
    p, q = 2**13 * (v[0] + v[4]), 2**13 * (v[0] - v[4])
    w = 9633 * (v[1] + v[3] + v[5] + v[7])
    f, g = w - 16069 * (v[3] + v[7]), w - 3196 * (v[1] + v[5])
    h, i = -7373 * (v[1] + v[7]), -20995 * (v[3] + v[5])
    even = np.stack([p + a, q + b, q - b, p - a])
    odd = np.stack(
        [12299 * v[1] + h + g, 25172 * v[3] + i + f, 16819 * v[5] + i + g, 2446 * v[7] + h + f]
    )
    return (np.concatenate([even + odd, (even - odd)[::-1]]) + 2 ** (n - 1)) >> n
