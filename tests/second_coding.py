"""Tables, range decoder, weights and stored images, chapter 6 of format_spec.md, for the second
decoder: from the specification alone."""

from __future__ import annotations

from io import BytesIO
from itertools import accumulate
from math import isqrt, prod

import numpy as np
import zstandard
from second_container import Array, inflate

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, tuple[Array, int]]  # v and s; v of Python integers, which do not overflow


def pow_table(n: int) -> list[int]:  # 6.1
    r = list(accumulate(range(n), lambda r, _: isqrt(r * 2**64), initial=2**63))
    table = [2**64]
    for i in range(n, 0, -1):
        table += [(v * r[i]) >> 64 for v in table]
    return table


def log_entry(m: int) -> int:
    x, y = (1024 + m) * 2**21, 0
    for _ in range(10):
        x, y = (x * x) >> 31, 2 * y
        if x >= 2**32:
            x, y = x >> 1, y + 1
    return y


POW6, POW10 = pow_table(6), pow_table(10)
CDF_Q = [POW6[abs(i) % 64] >> (abs(i) // 64) for i in range(-1024, 1025)]
CDF = np.array([(q if n < 1024 else 2**64) * 2**19 // (2**64 + q) for n, q in enumerate(CDF_Q)])
EXP = np.array([POW10[j % 1024] >> (42 + j // 1024) for j in range(22529)])
POWER = np.array([v >> 41 for v in POW10])
LOG = np.array([log_entry(m) for m in range(1024)])


def clip(x: Array, low: int, high: int) -> Array:
    """np.clip, which takes several times as long for a few values."""
    return np.minimum(np.maximum(x, low), high)


def log2(n: Array) -> Array:
    w = np.frexp(n)[1].astype(np.int64) - 1  # n is below 2^31, so exact as a float64
    return 1024 * w + LOG[((n << 10) >> w) - 1024]


def logistic(z: Array) -> Array:
    cell, rest = (z >> 10) + 1024, z % 1024
    return CDF[cell] + (((CDF[cell + 1] - CDF[cell]) * rest) >> 10)


class RangeDecoder:  # 6.2
    def __init__(self, stream: bytes) -> None:
        assert stream[:7] != b"\xff" * 7, "a code beyond the range"
        self.stream, self.at, self.range = stream, 7, 2**56 - 1
        self.code = int.from_bytes(stream[:7].ljust(7, b"\0"), "big")

    def bit(self, p: int = 32768) -> int:
        bound, bit = (self.range >> 16) * p, 1
        if self.code < bound:
            self.range = bound
        else:
            self.range, self.code, bit = self.range - bound, self.code - bound, 0
        while self.range < 2**48:
            byte = self.stream[self.at] if self.at < len(self.stream) else 0
            self.range, self.code, self.at = self.range * 256, self.code * 256 + byte, self.at + 1
        return bit

    def bits(self, count: int) -> int:
        return sum(self.bit() << b for b in range(count - 1, -1, -1))

    def adaptive(self, model: list[int], c: int) -> int:
        bit = self.bit(model[c])
        model[c] += (65536 - model[c]) >> 4 if bit else -(model[c] >> 4)
        return bit

    def integer(self, model: list[int]) -> int:
        if not self.adaptive(model, 0):
            return 0
        sign, e, m = 1 - 2 * self.bit(), 0, 1
        while e < 20 and self.adaptive(model, 1 + e):
            e += 1
        for b in range(e - 1, -1, -1):
            m = 2 * m + (self.adaptive(model, 21 + e) if b == e - 1 else self.bit())
        return sign * m

    def integers(self, count: int) -> list[int]:
        """Under a fresh model."""
        model = [32768] * 42
        return [self.integer(model) for _ in range(count)]


def int_weights(payload: bytes, networks: list[Shapes]) -> list[Tensors]:  # 6.3
    decoder, weights = RangeDecoder(payload), list[Tensors]()
    models = {name: [32768] * 42 for shapes in networks for name in shapes}
    shifts = [[decoder.bits(5) for _ in shapes] for shapes in networks]
    for shapes, shift in zip(networks, shifts, strict=True):
        weights.append({})
        for (name, shape), s in zip(shapes.items(), shift, strict=True):
            v = [decoder.integer(models[name]) for _ in range(prod(shape))]
            weights[-1][name] = np.array(v, object).reshape(shape), s
    return weights


def half_weights(
    payload: bytes, networks: list[Shapes], ternary: bool, bias_shift: int = 10
) -> list[Tensors]:
    stream = BytesIO(payload)

    def halves(*shape: int) -> Array:  # times 2^24
        bits = np.frombuffer(stream.read(2 * prod(shape)), "<u2").reshape(shape).astype(np.int64)
        exponent, fraction = bits >> 10 & 31, bits & 1023
        assert np.all(exponent < 31), "finite"
        size = np.where(exponent, (fraction + 1024) << np.maximum(exponent - 1, 0), fraction)
        return np.where(bits >> 15, -size, size).astype(object)

    def tensor(name: str, shape: tuple[int, ...]) -> tuple[Array, int]:
        if name[0] == "b" and name != "bypass":
            drop = 24 - bias_shift
            return (halves(*shape) + 2**drop // 2) >> drop, bias_shift
        if name == "bypass" or name[0] == "t" or not ternary:
            return halves(*shape), 24
        scale, packed = halves(shape[0], 1), stream.read(-(-prod(shape) // 5))
        assert max(packed) <= 242, "trits"
        trits = [byte // 3**n % 3 - 1 for byte in packed for n in range(5)]
        return np.array(trits[: prod(shape)], object).reshape(shape) * scale, 24

    weights = [{name: tensor(name, shape) for name, shape in of.items()} for of in networks]
    assert stream.tell() == len(payload), "weights left over"
    return weights


def low_rank(shapes: Shapes, rank: int) -> Shapes:
    """The tensors of a change, as it is stored."""
    stored: Shapes = {}
    for name, shape in shapes.items():
        if name in ("w1", "w2") and rank * sum(shape) < prod(shape):
            stored |= {f"u{name[1]}": (shape[0], rank), f"v{name[1]}": (rank, shape[1])}
        else:
            stored[name] = shape
    return stored


def add_change(start: Tensors, stored: Tensors) -> Tensors:
    result: Tensors = {}
    for name, (v0, s0) in start.items():
        if name in stored:
            v, s = stored[name]
        else:
            (u, su), (v, sv) = stored["u" + name[1]], stored["v" + name[1]]
            v, s = u @ v, su + sv
            assert s <= 31, "shift of a change"
        result[name] = v0 * 2 ** max(s - s0, 0) + v * 2 ** max(s0 - s, 0), max(s0, s)
    return result


def stored_image(payload: bytes, shape: tuple[int, int, int], bits: int) -> Array:  # 6.4
    """The samples (height, width, channels) of so many bits each."""
    method, stream, packed = payload[0], payload[1:], bits < 8
    height, width, channels = shape
    size = 1 if bits <= 8 else 2
    step, length = channels * size, -(-width * bits // 8) if packed else width * channels * size
    if method == 1:
        data = inflate(stream, height * (1 + length))
    else:
        unzstd = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
        data = unzstd.decompress(stream)
        assert (method, unzstd.eof, unzstd.unused_data) == (0, True, b""), "Zstandard frame"
    assert len(data) == height * (1 + length), "length of the rows"
    rows = [bytearray(length)]
    for f, *row in np.frombuffer(data, np.uint8).reshape(height, 1 + length).tolist():
        for x, b in enumerate(rows[-1]):
            a, c = (row[x - step], rows[-1][x - step]) if x >= step else (0, 0)
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row[x] = (row[x] + (0, a, b, (a + b) // 2, nearest)[f]) % 256
        rows.append(bytearray(row))
    if packed:
        digits = np.unpackbits(np.array(rows[1:], np.uint8), axis=1)[:, : width * bits]
        digits = digits.reshape(height, width, 1, bits).astype(np.int64)
        return (digits << np.arange(bits)[::-1]).sum(axis=-1)
    return np.frombuffer(b"".join(rows[1:]), f">u{size}").reshape(shape).astype(np.int64)
