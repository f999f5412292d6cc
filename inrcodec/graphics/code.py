"""One traversal for both directions, compiled where there is a library; plain.py defines it."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from .. import kernels
from ..coding.rangecoder import Decoder, Encoder
from ..coding.tables import squash_table, stretch_table
from ..kernels.graphics import GraphicsStruct
from .boxes import Box
from .levels import LEVELS, fresh_histories, fresh_states

_NO_ROOM = 2  # what the compiled loops return then
PIXELS_AT_ONCE = 1 << 13  # before Python looks at what else there is to do


class NoRoomError(Exception):
    """The stream takes more than twice the bytes of the samples, which is not worth a file."""


def quick_enough(pixels: int) -> bool:
    """Whether a picture of so many pixels can be coded here."""
    if kernels.library() is not None:
        return True
    from .plain import MOST_PIXELS

    return pixels <= MOST_PIXELS


def code_graphics(
    coder: Encoder | Decoder,
    samples: np.ndarray,
    bits: int,
    level: int,
    boxes: Sequence[Box] = (),
) -> None:
    """Codes samples uint16 (H, W, C), C 1 to 4, all below 2^bits, bits 1 to 16; a decoder writes
    them there. level: one of LEVELS; boxes: disjoint, of samples that are there already and are not
    coded. Raises NoRoomError (encoders), MemoryError, and without the
    compiled loops LimitError for more pixels than plain.MOST_PIXELS."""
    library = kernels.library()
    if library is None:
        from .plain import code_plain  # which is long, and rarely needed

        code_plain(coder.plain, samples, bits, LEVELS[level], boxes)
        return
    with (
        coder.lent(most_bits(samples, bits)) as state,
        Drawing(library, samples, bits, level, boxes, state) as drawing,
    ):
        for rows in drawing.steps():
            drawing.code(rows)


def most_bits(samples: np.ndarray, bits: int) -> int:
    """How many an encoder has room for."""
    return samples.size * (1 + (bits > 8)) + 1024


class Drawing:
    """A picture that the compiled loops code row by row, for a `with` block; arguments and errors
    are code_graphics', state: an encoder's or a decoder's, which nothing else moves meanwhile."""

    def __init__(
        self,
        library: kernels.Library,
        samples: np.ndarray,
        bits: int,
        level: int,
        boxes: Sequence[Box],
        state: kernels.EncoderState | kernels.DecoderState,
    ) -> None:
        assert samples.dtype == np.uint16
        assert samples.flags.c_contiguous
        height, width, channels = samples.shape
        own, address = LEVELS[level], ctypes.addressof(state)
        tables = [stretch_table(), squash_table(), fresh_states(), fresh_histories()]
        tables += own.weights()
        places = np.array(boxes, np.int64).reshape(-1, 4)
        self._library, self._kept = library, (samples, tables, state, places)
        self._height, self._rows = height, max(1, PIXELS_AT_ONCE // width)
        self._level = own
        job = GraphicsStruct(
            height, width, channels, bits,
            own.contexts, own.hashed, own.predicted, own.votes, own.sure, own.blocks,
            len(boxes), places.ctypes.data,
            (ctypes.c_uint64 * 3)(*(secrets.randbits(64) for _ in range(3))),
            samples.ctypes.data, *(table.ctypes.data for table in tables),
            address if isinstance(state, kernels.EncoderState) else None,
            address if isinstance(state, kernels.DecoderState) else None,
        )  # fmt: skip
        self._opened = library.open_graphics(ctypes.addressof(job))
        if self._opened is None:
            raise MemoryError("no memory to code a picture in")

    def steps(self) -> list[int]:
        """Rows to code at once, until all are."""
        whole, rest = divmod(self._height, self._rows)
        return [self._rows] * whole + [rest] * (rest > 0)

    def code(self, rows: int) -> None:
        """Codes the next rows."""
        failed = self._library.code_rows(self._opened, rows)
        if failed == _NO_ROOM:
            raise NoRoomError
        if failed:
            raise MemoryError("no memory to code a picture in")

    def learned(self, most: int) -> list[np.ndarray]:
        """What the weights of Level.weights have become, three times int64 (inputs + 1,): sums over
        all sets, each as often as it was taught, up to `most`; and how often that is."""
        sums = [np.zeros(count + 1, np.int64) for count in self._level.inputs]
        self._library.learned_weights(self._opened, most, *sums)
        return sums

    def __enter__(self) -> Drawing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._library.close_graphics(self._opened)
