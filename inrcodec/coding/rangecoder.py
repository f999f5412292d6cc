"""A binary range coder with 56-bit state and 16-bit probabilities (after Martin 1979; carries are
resolved as in LZMA). The compiled loops are numba's; format_spec.md gives the same arithmetic.

>>> import numpy as np
>>> encoder = Encoder()
>>> p = np.array([60000, 5000, 32768], np.uint16)
>>> _ = encoder.code(p, np.array([1, 0, 1], np.uint8))
>>> Decoder(encoder.finish()).code(p).tolist()
[1, 0, 1]
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled

# state of an encoder: low, range, pending byte (256: none yet), count of 0xFF bytes behind it,
# bytes written; of a decoder: code, range, next byte
_TOP = np.uint64((1 << 56) - 1)
_BOTTOM = np.uint64(1 << 48)
_U8, _U16, _U48, _U56 = np.uint64(8), np.uint64(16), np.uint64(48), np.uint64(56)
_FF, _ONE = np.uint64(255), np.uint64(1)
ADAPTATION = 4  # an adaptive probability moves 1/16 of the way to each bit it sees
MAX_EXPONENT = 20  # coded integers are below 2^21


@compiled
def _shift(state, out):  # type: ignore[no-untyped-def]
    """Moves the top byte of low out, holding back a byte and 0xFFs that a carry may yet change."""
    low = state[0]
    if low < (_FF << _U48) or low > _TOP:
        carry = low >> _U56
        if state[2] != 256:
            out[state[4]] = (state[2] + carry) & _FF
            state[4] += _ONE
        while state[3] > 0:
            out[state[4]] = (_FF + carry) & _FF
            state[4] += _ONE
            state[3] -= _ONE
        state[2] = (low >> _U48) & _FF
    else:
        state[3] += _ONE
    state[0] = (low << _U8) & _TOP


@compiled
def template(bits, y, x):  # type: ignore[no-untyped-def]
    """The six nearest bits that come before one in raster order."""
    left = bits[y, x - 1] | bits[y, x - 2] << 1
    above = bits[y - 1, x - 1] | bits[y - 1, x] << 1 | bits[y - 1, x + 1] << 2
    return left | above << 2 | bits[y - 2, x] << 5


@compiled
def _encode_bit(state, out, bit, p):  # type: ignore[no-untyped-def]
    bound = (state[1] >> _U16) * np.uint64(p)
    if bit:
        state[1] = bound
    else:
        state[0] += bound
        state[1] -= bound
    while state[1] < _BOTTOM:
        state[1] <<= _U8
        _shift(state, out)


@compiled
def _encode(state, out, bits, probabilities):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        _encode_bit(state, out, bits[i], probabilities[i])


@compiled
def _encode_adaptive(state, out, bit, model, context):  # type: ignore[no-untyped-def]
    p = model[context]
    _encode_bit(state, out, bit, p)
    if bit:
        model[context] = p + ((65536 - p) >> ADAPTATION)
    else:
        model[context] = p - (p >> ADAPTATION)


@compiled
def _encode_flags(state, out, bits, contexts, model):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        _encode_adaptive(state, out, bits[i], model, contexts[i])


@compiled
def _encode_plane(state, out, bits, around, model):  # type: ignore[no-untyped-def]
    for y in range(2, bits.shape[0]):
        for x in range(2, bits.shape[1] - 1):
            context = around[y, x] << 6 | template(bits, y, x)
            _encode_adaptive(state, out, bits[y, x], model, context)


@compiled
def _encode_integers(state, out, values, model):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        v = values[i]
        _encode_adaptive(state, out, v != 0, model, 0)
        if v != 0:
            _encode_bit(state, out, v < 0, 32768)
            m = abs(v)
            e = 0
            while m >> (e + 1):
                _encode_adaptive(state, out, 1, model, 1 + e)
                e += 1
            if e < MAX_EXPONENT:
                _encode_adaptive(state, out, 0, model, 1 + e)
            for b in range(e - 1, -1, -1):
                bit = (m >> b) & 1
                if b == e - 1:
                    _encode_adaptive(state, out, bit, model, 1 + MAX_EXPONENT + e)
                else:
                    _encode_bit(state, out, bit, 32768)


@compiled
def _decode_bit(state, data, p):  # type: ignore[no-untyped-def]
    bound = (state[1] >> _U16) * np.uint64(p)
    if state[0] < bound:
        state[1] = bound
        bit = 1
    else:
        state[0] -= bound
        state[1] -= bound
        bit = 0
    while state[1] < _BOTTOM:
        state[1] <<= _U8
        state[0] <<= _U8
        if state[2] < data.size:
            state[0] |= np.uint64(data[state[2]])
        state[2] += _ONE
    return bit


@compiled
def _decode(state, data, probabilities, bits):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        bits[i] = _decode_bit(state, data, probabilities[i])


@compiled
def _decode_adaptive(state, data, model, context):  # type: ignore[no-untyped-def]
    p = model[context]
    bit = _decode_bit(state, data, p)
    if bit:
        model[context] = p + ((65536 - p) >> ADAPTATION)
    else:
        model[context] = p - (p >> ADAPTATION)
    return bit


@compiled
def _decode_flags(state, data, bits, contexts, model):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        bits[i] = _decode_adaptive(state, data, model, contexts[i])


@compiled
def _decode_plane(state, data, bits, around, model):  # type: ignore[no-untyped-def]
    for y in range(2, bits.shape[0]):
        for x in range(2, bits.shape[1] - 1):
            context = around[y, x] << 6 | template(bits, y, x)
            bits[y, x] = _decode_adaptive(state, data, model, context)


@compiled
def _decode_integers(state, data, values, model):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        values[i] = 0
        if _decode_adaptive(state, data, model, 0):
            negative = _decode_bit(state, data, 32768)
            e = 0
            while e < MAX_EXPONENT and _decode_adaptive(state, data, model, 1 + e):
                e += 1
            m = 1
            for b in range(e - 1, -1, -1):
                if b == e - 1:
                    m = 2 * m + _decode_adaptive(state, data, model, 1 + MAX_EXPONENT + e)
                else:
                    m = 2 * m + _decode_bit(state, data, 32768)
            values[i] = -m if negative else m


def _framed(bits: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With two rows above, two columns to the left and one to the right of zeros."""
    frame = ((2, 0), (2, 1))
    return np.pad(bits, frame), np.pad(around, frame)


def integer_model() -> np.ndarray:
    """Fresh adaptive probabilities for encode_integers and decode_integers."""
    return np.full(2 + 2 * MAX_EXPONENT, 32768, dtype=np.int64)


class Encoder:
    """Writes bits under given probabilities of a 1; finish() returns the bytes."""

    def __init__(self) -> None:
        self._state = np.array([0, _TOP, 256, 0, 0], dtype=np.uint64)
        self._parts: list[bytes] = []

    def _room(self, bits: int) -> np.ndarray:
        # A bit costs at most 16 binary digits; held-back 0xFFs may come out as well.
        return np.empty(2 * bits + int(self._state[3]) + 16, dtype=np.uint8)

    def _keep(self, out: np.ndarray) -> None:
        self._parts.append(out[: int(self._state[4])].tobytes())
        self._state[4] = 0

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        """Writes bits uint8 (n,) of 0 and 1 under uint16 (n,) P(1) * 65536 in 1 .. 65535, and
        returns them. They cannot be None here; Decoder.code has no use for them."""
        if bits is None:
            raise TypeError("an encoder needs the bits")
        out = self._room(bits.size)
        _encode(self._state, out, bits, probabilities)
        self._keep(out)
        return bits

    def code_flags(
        self, contexts: np.ndarray, model: np.ndarray, bits: np.ndarray | None
    ) -> np.ndarray:
        """Writes bits uint8 (n,), each under the adaptive probability of its context int64 (n,);
        model: int64, P(1) * 65536 of each context, updated. Returns the bits."""
        if bits is None:
            raise TypeError("an encoder needs the bits")
        out = self._room(bits.size)
        _encode_flags(self._state, out, bits, contexts, model)
        self._keep(out)
        return bits

    def code_plane(
        self, around: np.ndarray, model: np.ndarray, bits: np.ndarray | None
    ) -> np.ndarray:
        """Writes a bit plane uint8 (H, W) in raster order. A bit's context is what `around`, int64
        (H, W), says of it, and the six bits nearest to it that came before. Returns the plane."""
        if bits is None:
            raise TypeError("an encoder needs the bits")
        out = self._room(bits.size)
        _encode_plane(self._state, out, *_framed(bits, around), model)
        self._keep(out)
        return bits

    def encode_integers(self, values: np.ndarray, model: np.ndarray) -> None:
        """values: int64 (n,), |v| < 2^21, adaptively coded; model: integer_model(), updated."""
        out = self._room(values.size * (3 + 2 * MAX_EXPONENT))
        _encode_integers(self._state, out, values, model)
        self._keep(out)

    def finish(self) -> bytes:
        """The stream, short of up to 7 zero bytes at its end, which a decoder supplies itself."""
        # the number in [low, low + range) with the most trailing zeros
        low, high = int(self._state[0]), int(self._state[0]) + int(self._state[1])
        keep = next(k for k in range(56, -1, -1) if (high - 1) >> k << k >= low)
        self._state[0] = (high - 1) >> keep << keep
        out = self._room(0)
        for _ in range(8):
            _shift(self._state, out)
        self._keep(out)
        data = b"".join(self._parts)
        # no more than the state's own bytes: decode.py bounds the bits by the bytes of a stream
        return data[:-7] + data[-7:].rstrip(b"\0")


class Decoder:
    """Reads the bits back, given the same probabilities; zeros follow the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = np.frombuffer(data, dtype=np.uint8)
        first = int.from_bytes(data[:7].ljust(7, b"\0"), "big")
        self._state = np.array([first, _TOP, 7], dtype=np.uint64)

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None = None) -> np.ndarray:
        """The next n bits, uint8 (n,), under uint16 (n,) P(1) * 65536; bits is not looked at."""
        bits = np.empty(probabilities.size, dtype=np.uint8)
        _decode(self._state, self._data, probabilities, bits)
        return bits

    def code_flags(
        self, contexts: np.ndarray, model: np.ndarray, bits: np.ndarray | None = None
    ) -> np.ndarray:
        """The next n bits, given their contexts; bits is not looked at."""
        bits = np.empty(contexts.size, dtype=np.uint8)
        _decode_flags(self._state, self._data, bits, contexts, model)
        return bits

    def code_plane(
        self, around: np.ndarray, model: np.ndarray, bits: np.ndarray | None = None
    ) -> np.ndarray:
        """The next bit plane; bits is not looked at."""
        framed, around = _framed(np.zeros(around.shape, dtype=np.uint8), around)
        _decode_plane(self._state, self._data, framed, around, model)
        return framed[2:, 2:-1]

    def decode_integers(self, count: int, model: np.ndarray) -> np.ndarray:
        """The next integers, int64 (count,)."""
        values = np.empty(count, dtype=np.int64)
        _decode_integers(self._state, self._data, values, model)
        return values
