"""Each compiled loop against its plain form, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec import kernels
from inrcodec.coding import rangecoder, stored
from inrcodec.coding.plain_rangecoder import PlainDecoder, PlainEncoder
from inrcodec.coding.rangecoder import integer_model
from inrcodec.files.packing import lzw

PROBABILITIES = st.one_of(st.integers(1, 65535), st.sampled_from([1, 2, 32768, 65534, 65535]))


def compiled_encoder() -> rangecoder._CompiledEncoder:
    library = kernels.library()
    assert library is not None
    return rangecoder._CompiledEncoder(library)


def decoders(data: bytes) -> list[PlainDecoder | rangecoder._CompiledDecoder]:
    library = kernels.library()
    assert library is not None
    return [PlainDecoder(data), rangecoder._CompiledDecoder(library, data)]


@settings(deadline=None)
@given(st.data())
def test_the_range_coder_writes_and_reads_the_same(data: st.DataObject) -> None:
    """A stream of all kinds of calls, cut short or not."""
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), max_size=200))
    integers = data.draw(st.lists(st.integers(-(2**21) + 1, 2**21 - 1), max_size=20))
    contexts = data.draw(st.lists(st.integers(0, 4), max_size=100))
    height, width = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))

    p = np.array([q for _, q in pairs], np.uint16)
    bits = np.array([b for b, _ in pairs], np.uint8)
    seen = np.array(contexts, np.int64)
    flags = rng.integers(0, 2, seen.size, np.uint8)
    around = rng.integers(0, 16, (height, width))
    plane = rng.integers(0, 2, (height, width), np.uint8)
    values = np.array(integers, np.int32)

    def run(coder: object, arrays: list[np.ndarray]) -> list[np.ndarray]:
        models = [np.full(5, 32768, np.uint16), np.full(1024, 32768, np.uint16), integer_model()]
        coder.bits(p, arrays[0])  # type: ignore[attr-defined]
        coder.integers(arrays[1], models[2])  # type: ignore[attr-defined]
        coder.flags(seen, arrays[2], models[0])  # type: ignore[attr-defined]
        coder.plane(around, arrays[3], models[1])  # type: ignore[attr-defined]
        coder.bits(p, arrays[4])  # type: ignore[attr-defined]
        return [*arrays, *models]

    plain, compiled = PlainEncoder(), compiled_encoder()
    given_ = [bits, values, flags, plane, bits]
    for a, b in zip(run(plain, given_), run(compiled, given_), strict=True):
        assert np.array_equal(a, b)
    stream = plain.finish()
    assert stream == compiled.finish()
    cut = data.draw(st.integers(0, len(stream)))
    for part in (stream, stream[:cut]):
        results = [run(d, [np.zeros_like(a) for a in given_]) for d in decoders(part)]
        for a, b in zip(*results, strict=True):
            assert np.array_equal(a, b)
        if part == stream:
            for a, b in zip(results[0][:5], given_, strict=True):
                assert np.array_equal(a, b)


def test_contexts_outside_a_model_are_refused() -> None:
    model = np.full(64, 32768, np.uint16)
    for context in (-1, 64, 2**62):
        for coder in (compiled_encoder(), decoders(b"abc")[1]):
            with pytest.raises(IndexError):
                coder.flags(np.array([0, context]), np.zeros(2, np.uint8), model)
            with pytest.raises(IndexError):
                coder.plane(np.array([[0, context]]), np.zeros((1, 2), np.uint8), model)
            with pytest.raises(IndexError):
                coder.integers(np.zeros(1, np.int32), model[:41])


def test_arrays_that_c_would_misread_are_refused() -> None:
    encoder, decoder = compiled_encoder(), decoders(b"abc")[1]
    p, bits = np.full(4, 9, np.uint16), np.zeros(4, np.uint8)
    for wrong_p, wrong_bits in [
        (p.astype(np.int64), bits),
        (np.repeat(p, 2)[::2], bits),
        (p, bits.astype(bool)),
    ]:
        for coder in (encoder, decoder):
            with pytest.raises(Exception, match="contiguous array of uint"):
                coder.bits(wrong_p, wrong_bits)
    bits.flags.writeable = False
    encoder.bits(p, bits)
    with pytest.raises(Exception, match="can be written to"):
        decoder.bits(p, bits)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_unfiltering_is_the_same(height: int, pixels: int, step: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = rng.integers(0, 256, (height, 1 + pixels * step), np.uint8)
    lines[:, 0] %= 5
    with pytest.MonkeyPatch.context() as patch:
        compiled = stored.unfilter_rows(lines, step)
        patch.setattr(kernels, "library", lambda: None)
        assert np.array_equal(compiled, stored.unfilter_rows(lines, step))


def _lzw(data: bytes) -> bytes:
    """What a TIFF writer makes of data."""
    out, held, bits, width = bytearray(), 0, 0, 9

    def put(code: int) -> None:
        nonlocal held, bits
        held, bits = held << width | code, bits + width
        while bits >= 8:
            bits -= 8
            out.append(held >> bits & 255)

    table = {bytes([i]): i for i in range(256)}
    put(256)
    last = b""
    for i in range(len(data)):
        now = last + data[i : i + 1]
        if now in table:
            last = now
            continue
        put(table[last])
        table[now] = len(table) + 2
        if len(table) + 2 > (1 << width) - 1:
            width += 1
        if len(table) + 2 == 4094:
            put(256)
            table, width = {bytes([i]): i for i in range(256)}, 9
        last = data[i : i + 1]
    if last:
        put(table[last])
    put(257)
    put(0)
    return bytes(out)


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 300), st.randoms(use_true_random=False))
def test_lzw_expands_to_the_same(start: bytes, more: int, random: object) -> None:
    """Streams as writers make them, damaged ones, and bytes that never were any."""
    data = (start * 9)[: len(start) * 9 - more % 7] + bytes(i * i % 11 for i in range(more))
    packed = _lzw(data)
    assert lzw.plain_expand(packed, len(data)) == data
    damaged = bytearray(packed)
    for _ in range(more % 4):
        damaged[random.randrange(len(damaged))] = random.randrange(256)  # type: ignore[attr-defined]
    for stream in (packed, bytes(damaged), start, packed[: len(packed) // 2]):
        for room in (len(data), len(data) + 5, len(data) // 2, 0):
            assert lzw.expand(stream, room) == lzw.plain_expand(stream, room)


def test_lzw_of_many_codes() -> None:
    data = np.random.default_rng(0).integers(0, 40, 60_000).astype(np.uint8).tobytes()
    assert lzw.plain_expand(_lzw(data), len(data)) == data
    assert lzw.expand(_lzw(data), len(data)) == data
