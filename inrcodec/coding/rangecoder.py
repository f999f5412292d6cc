"""Either end of the range coder, over whole arrays; plain_rangecoder.py defines the arithmetic,
kernels/rangecoder.c does the same, and runs where there is a library.

>>> import numpy as np
>>> encoder = Encoder()
>>> p = np.array([60000, 5000, 32768], np.uint16)
>>> _ = encoder.code(p, np.array([1, 0, 1], np.uint8))
>>> Decoder(encoder.finish()).code(p).tolist()
[1, 0, 1]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .. import kernels
from ..errors import CorruptError
from .plain_rangecoder import EVEN, MAX_EXPONENT, PlainDecoder, PlainEncoder

BEYOND = b"\xff" * 7  # a code as large as the range that it should lie in


def integer_model() -> np.ndarray:
    """Fresh adaptive probabilities, uint16, for encode_integers and decode_integers."""
    return np.full(2 + 2 * MAX_EXPONENT, EVEN, dtype=np.uint16)


class _Coder(ABC):
    """What is the same in both directions."""

    _loops: PlainEncoder | PlainDecoder | _CompiledEncoder | _CompiledDecoder

    @property
    def plain(self) -> PlainEncoder | PlainDecoder:
        """The loops, where there is no library, for whoever codes bit by bit."""
        assert isinstance(self._loops, PlainEncoder | PlainDecoder)
        return self._loops

    @abstractmethod
    def _array(self, bits: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        """The bits to be coded, or room for those that will be."""

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None = None) -> np.ndarray:
        """Codes bits uint8 (n,) of 0 and 1 under uint16 (n,) P(1) * 65536 in 1 .. 65535, and
        returns them. An encoder needs the bits, a decoder does not look at them."""
        bits = self._array(bits, probabilities.shape)
        self._loops.bits(np.ascontiguousarray(probabilities), bits)
        return bits

    def code_flags(
        self, contexts: np.ndarray, model: np.ndarray, bits: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes bits uint8 (n,), each under the adaptive probability of its context int64 (n,);
        model: uint16, P(1) * 65536 of each context, updated. Returns the bits.

        IndexError for a context beyond the model."""
        bits = self._array(bits, contexts.shape)
        self._loops.flags(np.ascontiguousarray(contexts), bits, model)
        return bits

    def code_plane(
        self, around: np.ndarray, model: np.ndarray, bits: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes a bit plane uint8 (H, W) in raster order. A bit's context is what `around`, int64
        (H, W), says of it, and the six bits nearest to it that came before. Returns the plane.

        IndexError for a context beyond the model, uint16."""
        bits = self._array(bits, around.shape)
        self._loops.plane(np.ascontiguousarray(around), bits, model)
        return bits


class Encoder(_Coder):
    """Writes bits under given probabilities of a 1; finish() returns the bytes."""

    def __init__(self) -> None:
        library = kernels.library()
        self._loops: PlainEncoder | _CompiledEncoder = (
            PlainEncoder() if library is None else _CompiledEncoder(library)
        )

    def _array(self, bits: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        if bits is None:
            raise TypeError("an encoder needs the bits")
        if bits.shape != shape:
            raise ValueError(f"bits of shape {bits.shape} under probabilities of shape {shape}")
        return np.ascontiguousarray(bits)

    def encode_integers(self, values: np.ndarray, model: np.ndarray) -> None:
        """values: int64 (n,), |v| < 2^21, adaptively coded; model: integer_model(), updated.

        ValueError for larger ones."""
        if values.size and max(values.max(), -values.min()) >> MAX_EXPONENT + 1:
            raise ValueError("an integer of 2^21 or more cannot be coded")
        self._loops.integers(np.ascontiguousarray(values, np.int32), model)

    @contextmanager
    def lent(self, bits: int) -> Iterator[kernels.EncoderState]:
        """The state, for compiled loops that code at most so many bits themselves."""
        assert isinstance(self._loops, _CompiledEncoder)
        with self._loops.lent(bits) as state:
            yield state

    def finish(self) -> bytes:
        """The stream, short of up to 7 zero bytes at its end, which a decoder supplies itself."""
        data = self._loops.finish()
        # no more than the state's own bytes: decode.py bounds the bits by the bytes of a stream
        return data[:-7] + data[-7:].rstrip(b"\0")


class Decoder(_Coder):
    """Reads the bits back, given the same probabilities; zeros follow the end of the data. Raises
    CorruptError where it begins with 7 bytes of 255."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(BEYOND):
            raise CorruptError("a range coder's stream begins with what no encoder writes")
        library = kernels.library()
        self._loops: PlainDecoder | _CompiledDecoder = (
            PlainDecoder(data) if library is None else _CompiledDecoder(library, data)
        )

    def _array(self, bits: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, dtype=np.uint8)

    @contextmanager
    def lent(self, _: int) -> Iterator[kernels.DecoderState]:
        """The state, for compiled loops that code bits themselves."""
        assert isinstance(self._loops, _CompiledDecoder)
        yield self._loops.state

    def decode_integers(self, count: int, model: np.ndarray) -> np.ndarray:
        """The next integers, int64 (count,)."""
        values = np.zeros(count, dtype=np.int32)
        self._loops.integers(values, model)
        return values.astype(np.int64)


class _CompiledEncoder:
    """PlainEncoder in C."""

    def __init__(self, library: kernels.Library) -> None:
        self._library = library
        self._state = kernels.EncoderState()
        library.start_encoding(self._state, None, 0)
        self._parts: list[bytes] = []

    @contextmanager
    def lent(self, bits: int) -> Iterator[kernels.EncoderState]:
        out = self._room(bits)
        yield self._state
        self._keep(out)

    def bits(self, probabilities: np.ndarray, bits: np.ndarray) -> None:
        out = self._room(bits.size)
        self._library.encode_bits(self._state, probabilities, bits, bits.size)
        self._keep(out)

    def flags(self, contexts: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        out = self._room(bits.size)
        _check(
            self._library.encode_flags(self._state, contexts, bits, bits.size, model, model.size)
        )
        self._keep(out)

    def plane(self, around: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        out = self._room(bits.size)
        _check(
            self._library.encode_plane(self._state, around, bits, *bits.shape, model, model.size)
        )
        self._keep(out)

    def integers(self, values: np.ndarray, model: np.ndarray) -> None:
        _check(model.size < 2 + 2 * MAX_EXPONENT)
        out = self._room(values.size * (3 + 2 * MAX_EXPONENT))
        self._library.encode_integers(self._state, values, values.size, model)
        self._keep(out)

    def finish(self) -> bytes:
        out = self._room(0)
        self._library.finish_encoding(self._state)
        self._keep(out)
        return b"".join(self._parts)

    def _room(self, bits: int) -> np.ndarray:
        # A bit costs at most 16 binary digits; held-back 0xFFs may come out as well.
        out = np.empty(2 * bits + self._state.held + 16, dtype=np.uint8)
        self._state.out, self._state.capacity = out.ctypes.data, out.size
        return out

    def _keep(self, out: np.ndarray) -> None:
        assert not self._state.overflow
        self._parts.append(out[: self._state.written].tobytes())
        self._state.written = 0


class _CompiledDecoder:
    """PlainDecoder in C."""

    def __init__(self, library: kernels.Library, data: bytes) -> None:
        self._library = library
        self.state = kernels.DecoderState()
        self._data = np.frombuffer(data, dtype=np.uint8)  # kept alive: the state points to it
        library.start_decoding(self.state, self._data, self._data.size)

    def bits(self, probabilities: np.ndarray, bits: np.ndarray) -> None:
        self._library.decode_bits(self.state, probabilities, bits, bits.size)

    def flags(self, contexts: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        _check(self._library.decode_flags(self.state, contexts, bits, bits.size, model, model.size))

    def plane(self, around: np.ndarray, bits: np.ndarray, model: np.ndarray) -> None:
        _check(self._library.decode_plane(self.state, around, bits, *bits.shape, model, model.size))

    def integers(self, values: np.ndarray, model: np.ndarray) -> None:
        _check(model.size < 2 + 2 * MAX_EXPONENT)
        self._library.decode_integers(self.state, values, values.size, model)


def _check(outside: int | bool) -> None:
    if outside:
        raise IndexError("a context lies outside its model")
