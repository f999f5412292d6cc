"""Encoding with a decoder close behind, on a thread of its own, so that a picture that is coded was
decoded already: what a file's verification then compares."""

from __future__ import annotations

import ctypes
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from .. import kernels
from ..coding.rangecoder import Encoder
from .boxes import Box
from .code import Drawing, most_bits

AHEAD = 7  # bytes that a decoder reads beyond what it needs


class Stream(NamedTuple):
    """What a decoder has to know."""

    data: bytes
    shape: tuple[int, ...]
    bits: int
    level: int
    boxes: tuple[Box, ...] = ()


# What decoders made of streams, which they had nothing else of: uint16 (H, W, C) each.
Decoded = dict[Stream, np.ndarray]


class _Coded(NamedTuple):
    """Rows that were coded: how many; how many bytes were made of all until then; and those of the
    bytes that are new and settled, as no carry reaches them any more."""

    rows: int
    made: int
    settled: bytes


def encode_followed(
    samples: np.ndarray, bits: int, level: int, boxes: tuple[Box, ...], decoded: Decoded
) -> bytes:
    """The stream of samples, of which a decoder's go into `decoded`. Arguments and errors are
    code_graphics'; for the compiled loops alone."""
    from concurrent.futures import ThreadPoolExecutor

    library = kernels.library()
    assert library is not None
    encoder, news, room = Encoder(), SimpleQueue[_Coded | None](), most_bits(samples, bits)
    with ThreadPoolExecutor(1) as pool:
        known = np.zeros_like(samples)
        for box in boxes:
            known[box.slices] = samples[box.slices]
        told = 0
        try:
            result = pool.submit(_follow, library, known, bits, level, boxes, room, news)
            with (
                encoder.lent(room) as state,
                Drawing(library, samples, bits, level, boxes, state) as drawing,
            ):
                for rows in drawing.steps():
                    drawing.code(rows)
                    made = state.written + state.held + (state.pending < 256)
                    settled = ctypes.string_at(state.out + told, state.written - told)
                    news.put(_Coded(rows, made, settled))
                    told = state.written
            data = encoder.finish()
            news.put(_Coded(0, 0, data[told:] + b"\0" * AHEAD))
        finally:
            news.put(None)
        with suppress(MemoryError):  # then it is decoded later
            decoded[Stream(data, samples.shape, bits, level, boxes)] = result.result()
    return data


def _follow(
    library: kernels.Library,
    samples: np.ndarray,
    bits: int,
    level: int,
    boxes: tuple[Box, ...],
    room: int,
    news: SimpleQueue[_Coded | None],
) -> np.ndarray:
    """The samples, of which those in boxes are there, by a decoder that reads no byte before it is
    settled; of an encoder that gave up, some of them."""
    state = kernels.DecoderState()
    stream, there = np.zeros(2 * room + 64, np.uint8), 0
    waiting = deque[_Coded]()
    with Drawing(library, samples, bits, level, boxes, state) as drawing:
        while (coded := news.get()) is not None:
            waiting.append(coded)
            begun, end = there >= AHEAD, there + len(coded.settled)
            stream[there:end] = np.frombuffer(coded.settled, np.uint8)
            there = end
            state.size = there
            if not begun and there >= AHEAD:
                library.start_decoding(state, stream, there)
            while waiting and waiting[0].made + AHEAD <= there:
                drawing.code(waiting.popleft().rows)
    return samples
