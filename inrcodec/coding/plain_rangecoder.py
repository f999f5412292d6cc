"""The range coder in plain Python: its definition, and what runs where there are no kernels.

A binary range coder with 56-bit state and 16-bit probabilities (after Martin 1979; carries are
resolved as in LZMA). The loops over many bits are the same in both directions: `bit` writes the bit
it is given, or ignores that and returns the one it reads. Arrays of bits and integers are written
to by a decoder and only read by an encoder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

TOP = (1 << 56) - 1
BOTTOM = 1 << 48
ADAPTATION = 4  # an adaptive probability moves 1/16 of the way to each bit it sees
MAX_EXPONENT = 20  # coded integers are below 2^21
EVEN = 32768


class _Loops(ABC):
    @abstractmethod
    def bit(self, p: int, bit: int) -> int:
        """Codes a bit under P(1) * 65536 in 1 .. 65535."""

    def adaptive(self, model: np.ndarray, context: int, bit: int) -> int:
        """Codes a bit under the probability of its context, which it moves."""
        p = int(model[context])
        bit = self.bit(p, bit)
        model[context] = p + ((65536 - p) >> ADAPTATION) if bit else p - (p >> ADAPTATION)
        return bit

    def bits(self, probabilities: np.ndarray, bits: np.ndarray) -> None:
        """Bits uint8 (n,) under uint16 (n,)."""
        for i, p in enumerate(probabilities.tolist()):
            bits[i] = self.bit(p, int(bits[i]))

    def flags(self, contexts: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        """Bits uint8 (n,), each under the adaptive probability of its context int64 (n,)."""
        for i, context in enumerate(contexts.tolist()):
            bits[i] = self.adaptive(model, context, int(bits[i]))

    def plane(self, around: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        """Bits uint8 (H, W) in raster order. A context is what `around` says of the bit, and the
        six nearest bits before it, zeros outside the plane."""
        framed = np.pad(bits, ((2, 0), (2, 1)))
        for y, x in np.ndindex(*bits.shape):
            above_two, above, row = framed[y : y + 3, x : x + 4].tolist()
            near = (row[1], row[0], above[1], above[2], above[3], above_two[2])
            context = int(around[y, x]) << 6 | sum(b << i for i, b in enumerate(near))
            framed[y + 2, x + 2] = bits[y, x] = self.adaptive(model, context, int(bits[y, x]))

    def integers(self, values: np.ndarray, model: np.ndarray) -> None:
        """Integers int32 (n,) below 2^21: whether it is zero, its sign, the position of its highest
        bit in unary, the bit below that, then the others under 1/2."""
        for i, v in enumerate(values.tolist()):
            m, exponent, value = abs(v), 0, 0
            if self.adaptive(model, 0, v != 0):
                negative = self.bit(EVEN, v < 0)
                while exponent < MAX_EXPONENT and self.adaptive(
                    model, 1 + exponent, m >> exponent + 1 != 0
                ):
                    exponent += 1
                value = 1
                for b in reversed(range(exponent)):
                    wanted = m >> b & 1
                    if b == exponent - 1:
                        bit = self.adaptive(model, 1 + MAX_EXPONENT + exponent, wanted)
                    else:
                        bit = self.bit(EVEN, wanted)
                    value = 2 * value + bit
                if negative:
                    value = -value
            values[i] = value


class PlainEncoder(_Loops):
    """Writes bits; finish() returns the bytes."""

    def __init__(self) -> None:
        self._low, self._range = 0, TOP
        self._pending: int | None = None  # the byte that a carry may yet change
        self._held = 0  # bytes of 0xFF behind it
        self._out = bytearray()

    def bit(self, p: int, bit: int) -> int:
        """See _Loops."""
        bound = (self._range >> 16) * p
        if bit:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < BOTTOM:
            self._range <<= 8
            self._shift()
        return int(bit)

    def _shift(self) -> None:
        """Moves the top byte of low out, holding back what a carry may yet change."""
        if self._low >> 48 == 255:
            self._held += 1
        else:
            carry = self._low >> 56
            if self._pending is not None:
                self._out.append(self._pending + carry & 255)
            self._out += bytes([255 + carry & 255]) * self._held
            self._held, self._pending = 0, self._low >> 48 & 255
        self._low = self._low << 8 & TOP

    def finish(self) -> bytes:
        """The whole stream, ended on the number in [low, low + range) with most trailing zeros."""
        last = self._low + self._range - 1
        keep = next(k for k in range(56, -1, -1) if last >> k << k >= self._low)
        self._low = last >> keep << keep
        for _ in range(8):
            self._shift()
        return bytes(self._out)


class PlainDecoder(_Loops):
    """Reads the bits back; zeros follow the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 7
        self._code, self._range = int.from_bytes(data[:7].ljust(7, b"\0"), "big"), TOP

    def bit(self, p: int, bit: int) -> int:
        """See _Loops."""
        bound = (self._range >> 16) * p
        bit = int(self._code < bound)
        if bit:
            self._range = bound
        else:
            self._code -= bound
            self._range -= bound
        while self._range < BOTTOM:
            following = self._data[self._position : self._position + 1] or b"\0"
            self._range <<= 8
            self._code = self._code << 8 | following[0]
            self._position += 1
        return bit
