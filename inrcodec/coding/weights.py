"""The three stored forms of network weights, and the integers that they stand for.

int      integers with a power-of-two step per tensor, adaptively range-coded;
fp16     IEEE half precision, little-endian;
ternary  matrices of -1, 0, 1 with a half-precision scale per row (Ma et al., "The Era of 1-bit
         LLMs", 2024), five to a byte; biases and the bypass in half precision.

A half-precision number is an integer times 2^-24, so each form is exact in networks.Tensor terms.
"""

from __future__ import annotations

import numpy as np

from ..context.networks import Tensor
from ..errors import CorruptError, TruncatedError
from .rangecoder import Decoder, Encoder, integer_model

FORMS = ("int", "fp16", "ternary")
HALF_SHIFT = 24
BIAS_SHIFT = 10  # biases are rounded to 1/1024 whatever they are stored as
MAX_SHIFT = 31
TRITS = 5  # to a byte: 3^5 = 243

Tensors = dict[str, Tensor]
Sizes = dict[str, tuple[int, ...]]  # the shapes of a network's stored tensors


def is_bias(name: str) -> bool:
    return name[0] == "b" and name != "bypass"


def is_ternary(name: str) -> bool:
    """Whether the ternary form stores this tensor in trits."""
    return name[0] == "w"


def pack_weights(form: str, networks: list[Tensors]) -> bytes:
    """The bytes of all networks' tensors. Values must be representable in the form, as fit.py's
    quantisers make them."""
    if form == "int":
        return _pack_integers(networks)
    parts = []
    for tensors in networks:
        for name, tensor in tensors.items():
            if form == "ternary" and is_ternary(name):
                scales = np.abs(tensor.values).max(axis=1)
                parts.append(_halves(Tensor(scales, tensor.shift)))
                parts.append(_pack_trits(np.sign(tensor.values)))
            else:
                parts.append(_halves(tensor))
    return b"".join(parts)


def unpack_weights(
    form: str, sizes: list[Sizes], data: bytes, *, fine_biases: bool = False
) -> list[Tensors]:
    """The tensors of networks, given the shape of each by name in the order in which they are
    stored. fine_biases: those in half precision are not rounded to 1/1024. Raises TruncatedError or
    CorruptError."""
    if form == "int":
        return _unpack_integers(sizes, data)
    reader = _Reader(data)
    networks = []
    for shapes in sizes:
        tensors = {}
        for name, size in shapes.items():
            count = int(np.prod(size))
            if form == "ternary" and is_ternary(name):
                scales = reader.halves(size[0])
                trits = reader.trits(count).reshape(size)
                tensors[name] = Tensor(trits * scales[:, None], HALF_SHIFT)
            elif is_bias(name) and not fine_biases:
                tensors[name] = Tensor(bias_of_half(reader.halves(count)), BIAS_SHIFT)
            else:
                tensors[name] = Tensor(reader.halves(count).reshape(size), HALF_SHIFT)
        networks.append(tensors)
    reader.end()
    return networks


def bias_of_half(values: np.ndarray) -> np.ndarray:
    """Integers in units of 2^-24 rounded to units of 2^-10, halves up."""
    return (values + (1 << (HALF_SHIFT - BIAS_SHIFT - 1))) >> (HALF_SHIFT - BIAS_SHIFT)


def _pack_integers(networks: list[Tensors]) -> bytes:
    encoder = Encoder()
    models = {name: integer_model() for tensors in networks for name in tensors}
    shifts = np.array([t.shift for tensors in networks for t in tensors.values()], dtype=np.int64)
    encoder.code(np.full(5 * shifts.size, 32768, dtype=np.uint16), _shift_bits(shifts))
    for tensors in networks:
        for name, tensor in tensors.items():
            encoder.encode_integers(tensor.values.reshape(-1), models[name])
    return encoder.finish()


def _unpack_integers(sizes: list[Sizes], data: bytes) -> list[Tensors]:
    decoder = Decoder(data)
    models = {name: integer_model() for shapes in sizes for name in shapes}
    count = sum(map(len, sizes))
    bits = decoder.code(np.full(5 * count, 32768, dtype=np.uint16)).reshape(count, 5)
    shifts = iter((bits @ (1 << np.arange(5)[::-1])).tolist())
    networks = []
    for shapes in sizes:
        tensors = {}
        for name, size in shapes.items():
            values = decoder.decode_integers(int(np.prod(size)), models[name])
            tensors[name] = Tensor(values.reshape(size), next(shifts))
        networks.append(tensors)
    return networks


def _shift_bits(shifts: np.ndarray) -> np.ndarray:
    return ((shifts[:, None] >> np.arange(5)[::-1]) & 1).astype(np.uint8).reshape(-1)


def _halves(tensor: Tensor) -> bytes:
    return np.ldexp(tensor.values.astype(np.float64), -tensor.shift).astype("<f2").tobytes()


def _pack_trits(trits: np.ndarray) -> bytes:
    digits = trits.reshape(-1) + 1
    digits = np.append(digits, np.zeros(-digits.size % TRITS, dtype=digits.dtype))
    return (digits.reshape(-1, TRITS) @ 3 ** np.arange(TRITS)).astype(np.uint8).tobytes()


class _Reader:
    """Reads fixed-size fields off a weights section."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise TruncatedError("the weights section ends early")
        self._at += size
        return part

    def halves(self, count: int) -> np.ndarray:
        """int64 (count,) in units of 2^-24."""
        halves = np.frombuffer(self._take(2 * count), dtype="<f2").astype(np.float64)
        if not np.all(np.isfinite(halves)):
            raise CorruptError("a weight is not a finite number")
        return (halves * (1 << HALF_SHIFT)).astype(np.int64)

    def trits(self, count: int) -> np.ndarray:
        """int64 (count,) of -1, 0, 1."""
        packed = np.frombuffer(self._take(-(-count // TRITS)), dtype=np.uint8).astype(np.int64)
        if packed.size and packed.max() >= 3**TRITS:
            raise CorruptError("a byte of ternary weights exceeds 242")
        digits = packed[:, None] // 3 ** np.arange(TRITS) % 3
        return digits.reshape(-1)[:count] - 1

    def end(self) -> None:
        if self._at != len(self._data):
            raise CorruptError("bytes are left over in the weights section")
