"""Exceptions: coded in few bytes, undone exactly, refused where damaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inrcodec
from inrcodec.coding.rangecoder import Encoder, integer_model
from inrcodec.errors import CorruptError
from inrcodec.history.exceptions import Exceptions, unpack_exceptions


def some(seed: int, shape: tuple[int, int], bits: int, channels: int, share: float) -> tuple:
    """Channels that a step restored, and what was wanted."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bits <= 8 else np.uint16
    wanted = [rng.integers(0, 1 << bits, shape).astype(dtype) for _ in range(channels)]
    mask = rng.random(shape) < share
    restored = [
        np.where(mask & (rng.random(shape) < 0.8), rng.integers(0, 1 << bits, shape), plane)
        for plane in wanted
    ]
    return wanted, [plane.astype(dtype) for plane in restored]


def both(found: Exceptions, wanted: list[np.ndarray], restored: list[np.ndarray]) -> list:
    """The exceptions as differences and as values, of which the one that was found is shorter."""
    at = found.positions
    there, made = (
        np.stack([plane.reshape(-1)[at].astype(np.int64) for plane in planes], axis=1)
        for planes in (wanted, restored)
    )
    ways = [
        Exceptions(at, there - made),
        Exceptions(at, np.diff(there, axis=1, prepend=0), values=True),
    ]
    assert found.pack() == min((way.pack() for way in ways), key=len)
    return ways


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.sampled_from([8, 12, 16]),
    st.integers(1, 4), st.sampled_from([0.02, 0.5, 1.0]), st.sampled_from([1, 2, 4, 8]),
)  # fmt: skip
def test_round_trip(
    seed: int, height: int, width: int, bits: int, channels: int, share: float, scale: int
) -> None:
    wanted, restored = some(seed, (height, width), bits, channels, share)
    found = Exceptions.between(wanted, restored)
    if not found.positions.size:
        return
    for way in both(found, wanted, restored):
        read = unpack_exceptions(way.pack(), height * width, channels)
        assert read.values == way.values
        assert np.array_equal(read.positions, found.positions)
        assert np.array_equal(read.numbers, way.numbers)
        planes = [plane[::scale, ::scale].copy() for plane in restored]
        read.apply(planes, width, scale, bits)
        for plane, want in zip(planes, wanted, strict=True):
            assert np.array_equal(plane, want[::scale, ::scale])


def test_borders_are_values_and_small_errors_are_differences() -> None:
    rng = np.random.default_rng(0)
    restored = [rng.integers(20, 230, (40, 50)).astype(np.uint8) for _ in range(3)]
    border, off = ([plane.copy() for plane in restored] for _ in range(2))
    mask = rng.random((40, 50)) < 0.2
    for channel in range(3):
        border[channel][:3] = (9, 60, 200)[channel]
        off[channel][mask] += 1
    found = Exceptions.between(border, restored)
    values, differences = (len(way.pack()) for way in both(found, border, restored)[::-1])
    assert found.values
    assert values < 0.9 * differences
    found = Exceptions.between(off, restored)
    values, differences = (len(way.pack()) for way in both(found, off, restored)[::-1])
    assert not found.values
    assert differences < 0.5 * values
    black = [plane.copy() for plane in restored]
    for plane in black:
        plane[5, 7:40] = 0  # three numbers of 0, which are no difference
    found = Exceptions.between(black, restored)
    assert found.values
    assert not found.numbers.any()
    read = unpack_exceptions(found.pack(), 2000, 3)
    read.apply(restored, 50, 1, 8)
    assert all(np.array_equal(a, b) for a, b in zip(restored, black, strict=True))


def test_values_do_not_ask_what_was_restored() -> None:
    found = Exceptions(np.array([1]), np.array([[30, 5, -6]]), values=True)
    for start in (0, 7, 255):
        planes = [np.full((2, 2), start, np.uint8) for _ in range(3)]
        found.apply(planes, 2, 1, 8, near=bool(start))
        assert [int(plane[0, 1]) for plane in planes] == [30, 35, 29]
        assert all((np.delete(plane.reshape(-1), 1) == start).all() for plane in planes)


def test_differences_to_what_is_near_are_cut() -> None:
    planes = [np.full((2, 2), 250, np.uint8)]
    Exceptions(np.array([0, 3]), np.array([[9], [-2]])).apply(planes, 2, 1, 8, near=True)
    assert planes[0].tolist() == [[255, 250], [250, 248]]


def test_far_apart() -> None:
    positions = np.array([0, 1, 2, 1 << 20, (1 << 28) - 1])
    found = Exceptions(positions, np.ones((5, 1), dtype=np.int64))
    read = unpack_exceptions(found.pack(), 1 << 28, 1)
    assert np.array_equal(read.positions, positions)
    with pytest.raises(inrcodec.CorruptError, match="ascending"):
        unpack_exceptions(found.pack(), (1 << 28) - 1, 1)


def test_runs_of_one_colour_take_little() -> None:
    positions = np.concatenate([np.arange(start, start + 30) for start in range(0, 90000, 300)])
    found = Exceptions(positions, np.tile([1, 0, -1], (len(positions), 1)))
    assert len(found.pack()) < len(positions) // 2


@pytest.mark.parametrize("number", [0, 1])
def test_damage(number: int) -> None:
    wanted, restored = some(1, (20, 30), 8, 3, 0.1)
    payload = both(Exceptions.between(wanted, restored), wanted, restored)[number].pack()
    for at in range(len(payload)):
        for change in (1, 0x10, 0xFF):
            damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
            try:
                read = unpack_exceptions(damaged, 600, 3)
                read.apply([plane.copy() for plane in restored], 30, 1, 8)
            except inrcodec.CorruptError:
                continue
            assert (np.diff(read.positions) > 0).all()
            assert read.positions[0] >= 0
            assert read.positions[-1] < 600
    for cut in range(4):
        with pytest.raises(inrcodec.CorruptError):
            unpack_exceptions(payload[:cut], 600, 3)


def packed(runs: int, *numbers: list[int]) -> bytes:
    """A payload with these integers, a model for each list."""
    encoder = Encoder()
    for part in numbers:
        encoder.encode_integers(np.array(part, dtype=np.int64), integer_model())
    return runs.to_bytes(4, "little") + encoder.finish()


@pytest.mark.parametrize(
    "payload",
    [
        packed(0),
        packed(1 << 31),
        packed(1000, [0] * 1000),  # more than the bytes have bits for
        packed(2, [0, 0], [0, 0], [0, 0], [0, 0], [1, 1]),  # runs that touch
        packed(1, [0], [1 << 14], [0], [0], [1]),  # a low part of 15 bits
        packed(1, [1 << 20], [0], [0], [0], [1]),  # beyond the image
        packed(1, [0], [0], [1 << 20], [0], [1]),  # as long as no image
        packed((1 << 31) + 601, *[[0] * 601] * 4, [1] * 601),  # more runs than pixels
        packed(1, [0], [0], [0], [0], [0]),  # no difference
    ],
)
def test_refused(payload: bytes) -> None:
    with pytest.raises(inrcodec.CorruptError):
        unpack_exceptions(payload, 600, 1)


def test_samples_beyond_their_bits_are_refused() -> None:
    for bits, start, difference in ((8, 255, 1), (8, 0, -1), (12, 4095, 1), (16, 0, 1 << 16)):
        planes = [np.full((2, 2), start, np.uint8 if bits == 8 else np.uint16)]
        with pytest.raises(inrcodec.CorruptError, match="beyond"):
            Exceptions(np.array([2]), np.array([[difference]])).apply(planes, 2, 1, bits)
    for values in ([[256]], [[-1]], [[200, 56]], [[3, -4]]):
        planes = [np.zeros((2, 2), np.uint8) for _ in values[0]]
        for near in (False, True):
            with pytest.raises(inrcodec.CorruptError, match="beyond"):
                Exceptions(np.array([2]), np.array(values), True).apply(planes, 2, 1, 8, near)


def test_more_than_an_eighth_of_a_large_picture_is_refused() -> None:
    pixels = 1 << 20
    for count, legal in ((pixels // 8, True), (pixels // 8 + 1, False)):
        positions = np.arange(count)
        payload = Exceptions(positions, np.ones((count, 1), np.int64), values=True).pack()
        payload += bytes(count // 8)  # so that it is not the bytes that are too few
        if legal:
            assert len(unpack_exceptions(payload, pixels, 1).positions) == count
        else:
            with pytest.raises(inrcodec.CorruptError, match="not ascending"):
                unpack_exceptions(payload, pixels, 1)


def test_what_a_reader_takes() -> None:
    """As many exceptions as a reader takes, and no more, are readable."""
    rng = np.random.default_rng(0)
    for pixels, count in ((1 << 17, 1 << 16), (1 << 17, (1 << 16) + 1), (1 << 12, 1 << 12)):
        positions = np.sort(rng.permutation(pixels)[:count]).astype(np.int64)
        wanted, made = rng.integers(0, 256, (2, count, 1))
        made = np.where(made == wanted, (made + 1) % 256, made)
        found = Exceptions.shorter(positions, wanted, made)
        if found.readable(pixels):
            again = unpack_exceptions(found.pack(), pixels, 1)
            assert np.array_equal(again.positions, positions)
        else:
            with pytest.raises(CorruptError):
                unpack_exceptions(found.pack(), pixels, 1)
        assert found.readable(pixels) == (count <= 1 << 16)


def test_a_black_border_is_differences_where_values_take_less_than_a_bit() -> None:
    positions = np.arange(60_000, dtype=np.int64)
    black = np.zeros((60_000, 3), np.int64)
    found = Exceptions.shorter(positions, black, black + 7)
    assert found.readable(1 << 17)
    again = unpack_exceptions(found.pack(), 1 << 17, 3)
    assert np.array_equal(again.numbers, found.numbers)
