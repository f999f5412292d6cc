"""Several images from shared weight sets (INR mixture network, arXiv 2409.13117).

The weights of image i are sum_j a_ij W_j over sets W_j, tensor by tensor. In a file the sets are
stored once, and of each image its coefficients, its correction and its digest. The published
mixture of two sets, (1 - t) V_0 + t V_1, is W_0 + t W_1 with W_0 = V_0 and W_1 = V_1 - V_0, which
is the smaller the more alike the images' networks are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..coding.weights import Tensors
from ..context.networks import Tensor
from ..errors import CorruptError

COEFFICIENT_BITS = 16
MAX_IMAGES, MAX_SETS = 256, 16
MAX_COEFFICIENT = 1 << 20  # 16
DIGEST_BYTES, LENGTH_BYTES, COEFFICIENT_BYTES = 16, 4, 4
Coefficients = tuple[int, ...]  # of each weight set, in units of 2^-16

_MAX_VALUE = 1 << 38  # so that the sum of 16 products keeps within 63 bits


@dataclass(frozen=True)
class Member:
    """An image of a file of several."""

    digest: bytes
    length: int  # of its part of the data section
    coefficients: Coefficients


def linear_coefficients(images: int, sets: int) -> np.ndarray:
    """The published coefficients, float64 (images, sets), of sets that are the differences to the
    first: images are at even steps along the line through the sets, each between its two
    neighbours. Of a single set images have 0.75 to 1.25."""
    if sets == 1:
        return np.linspace(0.75, 1.25, images)[:, None]
    at = np.linspace(0, sets - 1, images)
    coefficients = np.clip(1 - np.abs(at[:, None] - np.arange(sets)), 0, 1)
    coefficients[:, 0] = 1
    return coefficients


def mix(sets: list[Tensors], coefficients: Coefficients) -> Tensors:
    """The tensors of an image. Raises CorruptError where sums could leave 63 bits."""
    mixed: Tensors = {}
    for name in sets[0]:
        tensors = [tensors[name] for tensors in sets]
        shift = max(tensor.shift for tensor in tensors)
        total = np.zeros(tensors[0].values.shape, dtype=np.int64)
        for tensor, coefficient in zip(tensors, coefficients, strict=True):
            finer = shift - tensor.shift
            if int(np.abs(tensor.values).max(initial=0)) << finer >= _MAX_VALUE:
                raise CorruptError("weights are too large to be mixed")
            total += (tensor.values << finer) * coefficient
        mixed[name] = Tensor(total >> COEFFICIENT_BITS, shift)
    return mixed


def pack_members(members: tuple[Member, ...]) -> bytes:
    """The number of sets in a byte; then of each image its digest, and in 4 bytes each,
    little-endian, the length of its data and its coefficients, which have a sign."""
    out = [bytes([len(members[0].coefficients)])]
    for member in members:
        out.append(member.digest + member.length.to_bytes(LENGTH_BYTES, "little"))
        out += [c.to_bytes(COEFFICIENT_BYTES, "little", signed=True) for c in member.coefficients]
    return b"".join(out)


def unpack_members(payload: bytes, data_bytes: int) -> tuple[Member, ...]:
    """Undoes pack_members. Raises CorruptError where damaged."""
    sets = payload[0] if payload else 0
    size = DIGEST_BYTES + LENGTH_BYTES + COEFFICIENT_BYTES * sets
    count, left = divmod(len(payload) - 1, size)
    if not 1 <= sets <= MAX_SETS or left or not 1 <= count <= MAX_IMAGES:
        raise CorruptError("the section of images is not a list of them")
    members = []
    for at in range(1, len(payload), size):
        digest = payload[at : at + DIGEST_BYTES]
        numbers = np.frombuffer(payload[at + DIGEST_BYTES : at + size], dtype="<i4").tolist()
        members.append(Member(digest, numbers[0], tuple(numbers[1:])))
    if any(abs(c) > MAX_COEFFICIENT for member in members for c in member.coefficients):
        raise CorruptError("a coefficient of a weight set is out of range")
    if min(m.length for m in members) < 0 or sum(m.length for m in members) != data_bytes:
        raise CorruptError("the images' parts do not add up to the data section")
    return tuple(members)
