"""One traversal for both directions, compiled where there is a library; plain.py defines it."""

from __future__ import annotations

import ctypes

import numpy as np

from .. import kernels
from ..coding.rangecoder import Decoder, Encoder
from ..coding.tables import squash_table, stretch_table
from ..kernels.graphics import GraphicsStruct
from .levels import LEVELS, fresh_histories, fresh_states

_NO_ROOM = 2  # what the compiled loops return then


class NoRoomError(Exception):
    """The stream takes more than twice the bytes of the samples, which is not worth a file."""


def quick_enough(pixels: int) -> bool:
    """Whether a picture of so many pixels can be coded here."""
    if kernels.library() is not None:
        return True
    from .plain import MOST_PIXELS

    return pixels <= MOST_PIXELS


def code_graphics(coder: Encoder | Decoder, samples: np.ndarray, bits: int, level: int) -> None:
    """Codes samples uint16 (H, W, C), C 1 to 4, all below 2^bits, bits 1 to 16; a decoder writes
    them there. level: one of LEVELS. Raises NoRoomError (encoders), MemoryError, and without the
    compiled loops LimitError for more pixels than plain.MOST_PIXELS."""
    library = kernels.library()
    if library is None:
        from .plain import code_plain  # which is long, and rarely needed

        code_plain(coder.plain, samples, bits, LEVELS[level])
        return
    height, width, channels = samples.shape
    own = LEVELS[level]
    assert samples.dtype == np.uint16
    assert samples.flags.c_contiguous
    tables = [stretch_table(), squash_table(), fresh_states(), fresh_histories()]
    with coder.lent(samples.size * (1 + (bits > 8)) + 1024) as state:
        address = ctypes.addressof(state)
        job = GraphicsStruct(
            height, width, channels, bits,
            own.contexts, own.hashed, own.predicted, own.votes, own.sure, own.blocks,
            samples.ctypes.data, *(table.ctypes.data for table in tables),
            address if isinstance(coder, Encoder) else None,
            address if isinstance(coder, Decoder) else None,
        )  # fmt: skip
        failed = library.code_graphics(ctypes.addressof(job))
        if failed == _NO_ROOM:
            raise NoRoomError
        if failed:
            raise MemoryError("no memory to code a picture in")
