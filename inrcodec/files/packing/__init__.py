"""How a file's pixel data were packed, so that they can be packed again to the same bytes.

Packing            a scheme and the numbers of one encoder of it; pack() does what that did
find_packing()     the one that some data of a file were packed with
expand()           unpacking, by anyone's encoder

deflate.py, lzw.py, packbits.py   the schemes, and what their numbers mean
deflate_blocks.py                 what a stream's blocks tell of who packed it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import CorruptError
from . import deflate, lzw, packbits

SCHEMES = ("none", "packbits", "lzw", "deflate")
_PREFIX, _FIRST_BYTES = 1 << 16, 256


@dataclass(frozen=True)
class Packing:
    """How bytes were packed.

    scheme: one of SCHEMES; variant: what its module says, nothing for "none".
    """

    scheme: str
    variant: tuple[int, ...] = ()

    def pack(self, raw: bytes) -> bytes:
        """The packed bytes: about twice as many as the raw ones at most. Raises CorruptError for
        numbers that say nothing, and ImageError where an encoder is not installed."""
        if self.scheme == "deflate":
            return deflate.pack(raw, self.variant)
        if self.scheme == "lzw":
            return lzw.pack(raw, self.variant)
        if self.scheme == "packbits":
            return packbits.pack(raw, self.variant)
        if self.scheme != "none" or self.variant:
            raise CorruptError(f"no way to pack {self.scheme} has the numbers {self.variant}")
        return raw


class Packed:
    """Bytes that are known to come of packing others, so that it need not be done again."""

    def __init__(self) -> None:
        self._known = dict[tuple[Packing, bytes], bytes]()

    def add(self, packing: Packing, raw: bytes, packed: bytes) -> None:
        self._known[packing, raw] = packed

    def __call__(self, packing: Packing, raw: bytes) -> bytes:
        found = self._known.get((packing, raw))
        return packing.pack(raw) if found is None else found


def find_packing(
    scheme: str, samples: Sequence[tuple[bytes, bytes]], row: int = 0
) -> Packing | None:
    """The packing that makes the second of every pair out of its first, raw bytes.

    row: bytes of a row (with the filter's in PNG), 0 if they are not known; PackBits may have been
    packed row by row, and zlib-ng given its input so. None if no known packing gives them all, or
    there are none.
    """
    if not samples:
        return None
    if scheme == "deflate":
        variant = deflate.find(samples, row)
        return None if variant is None else Packing(scheme, variant)
    # the longest tells variants apart best
    ordered = sorted(samples, key=lambda sample: len(sample[1]), reverse=True)
    for packing in _candidates(scheme, row):
        if all(_comes_back(packing, raw, packed) for raw, packed in ordered):
            return packing
    return None


def _candidates(scheme: str, row: int) -> Iterator[Packing]:
    variants: Iterator[tuple[int, ...]] = iter([()])
    if scheme == "lzw":
        variants = lzw.candidates()
    elif scheme == "packbits":
        variants = packbits.candidates(row)
    return (Packing(scheme, variant) for variant in variants)


def _comes_back(packing: Packing, raw: bytes, packed: bytes) -> bool:
    if packing.scheme == "lzw" and len(raw) > 2 * _PREFIX:
        # the first codes do not depend on what comes later
        start = packing.pack(raw[:_PREFIX])[:_FIRST_BYTES]
        if not packed.startswith(start):
            return False
    return packing.pack(raw) == packed


def expand(scheme: str, packed: bytes, expected: int) -> bytes:
    """Unpack to `expected` bytes, or to a few more or fewer if the data are damaged. Raises
    zlib.error."""
    if scheme == "deflate":
        return deflate.expand(packed, expected)
    if scheme == "lzw":
        return lzw.expand(packed, expected)
    if scheme == "packbits":
        return packbits.expand(packed, expected)
    return packed[:expected]
