"""The plain form and the compiled one, on each instruction set: the same bytes from all of them,
and each reads the others'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec import kernels
from inrcodec.coding.rangecoder import BEYOND, Decoder, Encoder
from inrcodec.errors import LimitError
from inrcodec.graphics.boxes import Box
from inrcodec.graphics.code import code_graphics
from inrcodec.graphics.levels import LEVELS
from inrcodec.graphics.plain import MOST_PIXELS
from inrcodec.graphics.plain_expected import Expectations
from tests.context.forms import ISAS, instruction_set
from tests.graphics.pictures import drawn, of_many_colours, with_photographs
from tests.pictures import scene

WAYS = (None, *ISAS)  # None: the plain form


@contextmanager
def form(way: str | None) -> Iterator[None]:
    """Has pictures coded in a form."""
    if way is not None:
        with instruction_set(way):
            yield
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "library", lambda: None)
            yield


def coded(
    way: str | None, samples: np.ndarray, bits: int, level: int, boxes: Sequence[Box] = ()
) -> bytes:
    """The stream of a picture."""
    with form(way):
        encoder = Encoder()
        code_graphics(encoder, samples.copy(), bits, level, boxes)
        return encoder.finish()


def decoded(
    way: str | None,
    data: bytes,
    shape: tuple[int, ...],
    bits: int,
    level: int,
    boxes: Sequence[tuple[Box, np.ndarray]] = (),
) -> np.ndarray:
    """The picture of a stream, of which boxes have these samples."""
    samples = np.full(shape, 12345, np.uint16)  # which no decoder may look at
    for box, known in boxes:
        samples[box.slices] = known
    with form(way):
        code_graphics(Decoder(data), samples, bits, level, [box for box, _ in boxes])
    return samples


def hold_together(image: np.ndarray, bits: int, level: int, boxes: Sequence[Box] = ()) -> bytes:
    """Checks all forms; returns the stream."""
    samples = np.ascontiguousarray(image.reshape(*image.shape[:2], -1), np.uint16)
    data, known = coded(None, samples, bits, level, boxes), [(b, samples[b.slices]) for b in boxes]
    for way in WAYS:
        assert coded(way, samples, bits, level, boxes) == data
        again = decoded(way, data, samples.shape, bits, level, known)
        np.testing.assert_array_equal(again, samples)
    return data


@pytest.fixture
def gone_on(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the plain form found what it expected, by the method that decides."""
    counted = Counter[str]()

    def counting(name: str) -> Callable[..., bool]:
        decide = getattr(Expectations, name)

        def counts(*told: Any) -> bool:
            goes_on = decide(*told)
            counted[name] += goes_on
            return goes_on

        return counts

    for name in ("flat_goes_on", "block_goes_on", "match_goes_on"):
        monkeypatch.setattr(Expectations, name, counting(name))
    return counted


def patched(height: int, width: int, channels: int, bits: int, seed: int) -> np.ndarray:
    """Text and boxes, with a gradient and some noise in them."""
    rng, top = np.random.default_rng(seed), (1 << bits) - 1
    image = drawn(height, width, channels, np.uint16, seed).reshape(height, width, channels)
    image >>= 16 - bits
    image[1, 3:7] = (np.arange(4)[:, None] + np.arange(channels)) * top // 6
    image[4, width - 2 :] = rng.integers(0, top, (2, channels), endpoint=True)
    return image


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [1, 3, 8, 12, 16])
def test_samples_of_any_kind(level: int, channels: int, bits: int) -> None:
    hold_together(patched(7, 11, channels, bits, channels), bits, level)


@pytest.mark.parametrize(
    "image",
    [
        drawn(22, 38, 3, np.uint8, 1),
        of_many_colours(9, 14, 3, np.uint8),
        scene(5, 6, 4, np.uint8),
        scene(8, 11, 1, np.uint8),
    ],
    ids=["text", "photo in text", "photo", "grey photo"],
)
@pytest.mark.parametrize("level", LEVELS)
def test_crops(image: np.ndarray, level: int) -> None:
    hold_together(image, 8, level)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 12), (12, 1), (2, 3)])
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (3, 5), (4, 1)])
def test_odd_sizes(size: tuple[int, int], channels: int, bits: int) -> None:
    rng = np.random.default_rng(sum(size))
    colours = rng.integers(0, 1 << bits, (5, channels))
    image = rng.choice(colours, size, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    for level in LEVELS:
        hold_together(image, bits, level)


@pytest.mark.parametrize("level", LEVELS)
def test_flat_areas(level: int, gone_on: Counter[str]) -> None:
    """Blocks, where they end, and where one is begun that does not go on."""
    image = np.full((14, 110, 2), (3, 200))
    image[4, 50:], image[5, 75], image[6:8, 20], image[9:, 60:62] = 9, 0, (200, 3), 7
    hold_together(image, 8, level)
    assert (gone_on["block_goes_on"] > 20) == LEVELS[level].blocks
    assert gone_on["flat_goes_on"] > 200


@pytest.mark.parametrize("level", LEVELS)
def test_long_matches(level: int, gone_on: Counter[str]) -> None:
    """A line of two colours comes again and again, later shifted."""
    rng = np.random.default_rng(3)
    line = np.repeat(rng.permutation(45) % 2, rng.integers(1, 6, 45))[:130] * 5
    image = np.stack([np.roll(line, max(y - 3, 0) // 2) for y in range(7)])
    image[6, 50] = 3
    hold_together(image, 3, level)
    counted, sure = gone_on["match_goes_on"], LEVELS[level].sure
    assert counted > (100 if sure < 50 else 20) if sure < 256 else counted == 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(3))
def test_damaged_streams(level: int, seed: int) -> None:
    """Some picture comes of them, the same one from all forms."""
    rng = np.random.default_rng(10 * level + seed)
    image = patched(8, 12, 3, 7, seed)
    data = bytearray(coded(None, image, 7, level))
    at = int(rng.integers(len(data) // 2))
    data[at] ^= int(rng.integers(1, 256))
    for damaged in (bytes(data), bytes(data[:at]), rng.bytes(40)):
        if damaged.startswith(BEYOND):
            continue
        found = [decoded(way, damaged, image.shape, 7, level) for way in WAYS]
        assert found[0].max() < 128
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])


def test_most_pixels() -> None:
    hold_together(np.zeros((1, MOST_PIXELS)), 3, 1)
    large = np.zeros((1, MOST_PIXELS + 1, 1), np.uint16)
    with form(None):
        for coder in (Encoder(), Decoder(b"")):
            with pytest.raises(LimitError, match=r"65537 x 1 pixels; without the compiled loops"):
                code_graphics(coder, large, 8, 2)


# In a corner and at each edge; two that touch.
EDGES = [Box(0, 0, 4, 6), Box(0, 13, 3, 7), Box(3, 15, 5, 4), Box(6, 25, 3, 5), Box(9, 0, 2, 3),
         Box(10, 17, 2, 11)]  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (2, 16), (3, 8), (4, 3)])
def test_boxes_at_all_edges(level: int, channels: int, bits: int) -> None:
    image = with_photographs(drawn(12, 30, channels, np.uint16, channels), EDGES)
    hold_together(image >> (16 - bits), bits, level, EDGES)


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_that_are_all_of_a_picture(level: int) -> None:
    image = drawn(9, 14, 3)
    for boxes in ([Box(0, 0, 9, 14)], [Box(0, 0, 9, 5), Box(0, 5, 4, 9), Box(4, 5, 5, 9)]):
        assert hold_together(image, 8, level, boxes) == Encoder().finish()
    one = [Box(0, 0, 1, 1)]
    assert hold_together(np.full((1, 1, 2), 7), 3, level, one) == Encoder().finish()


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_in_flat_areas(level: int, gone_on: Counter[str]) -> None:
    """Blocks are begun beside them, above and below, and none across one, even if it is flat."""
    image = np.full((16, 150, 2), (3, 200))
    boxes = [Box(3, 60, 6, 30), Box(4, 0, 2, 1), Box(5, 1, 2, 1), Box(7, 149, 3, 1)]
    for found in (image, with_photographs(image.astype(np.uint8), boxes)):
        gone_on.clear()
        hold_together(found, 8, level, boxes)
        assert (gone_on["block_goes_on"] > 10) == LEVELS[level].blocks


@pytest.mark.parametrize("level", LEVELS)
def test_matches_end_at_boxes(level: int, gone_on: Counter[str]) -> None:
    """A line that comes again and again, some of it in boxes, of which one is no copy."""
    rng = np.random.default_rng(4)
    line = np.repeat(rng.permutation(45) % 2, rng.integers(1, 6, 45))[:130] * 5
    image = np.stack([line] * 8)
    boxes = [Box(2, 40, 2, 20), Box(5, 100, 2, 9)]
    image[boxes[1].slices] = 2
    hold_together(image, 3, level, boxes)
    assert (gone_on["match_goes_on"] > 0) == (LEVELS[level].sure < 256)


@st.composite
def boxed(draw: st.DrawFn) -> tuple[np.ndarray, int, list[Box]]:
    """A picture of so many bits, some of it noise, and boxes, wherever; few or no pixels beside
    them."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 80))
    channels, bits = draw(st.integers(1, 4)), draw(st.sampled_from([1, 4, 8, 11, 16]))
    rng, found = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), list[Box]()
    colours = rng.integers(0, 1 << bits, (draw(st.integers(1, 6)), channels))
    runs = draw(st.integers(1, 60))
    numbers = rng.integers(0, len(colours), (height, -(-width // runs)))
    image = colours[numbers.repeat(runs, axis=1)[:, :width]]
    for _ in range(draw(st.integers(1, 16))):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        most = draw(st.sampled_from([1, 4, 80]))
        rows, cols = (int(rng.integers(min(n, most))) + 1 for n in (height - top, width - left))
        box = Box(top, left, rows, cols)
        if not any(box.meets(other) for other in found):
            found.append(box)
            if draw(st.booleans()):
                shape = image[box.slices].shape
                image[box.slices] = rng.integers(0, 1 << bits, shape)
    return image, bits, sorted(found)


@settings(max_examples=25, deadline=None)
@given(boxed(), st.sampled_from(sorted(LEVELS)))
def test_any_boxes(picture: tuple[np.ndarray, int, list[Box]], level: int) -> None:
    hold_together(picture[0], picture[1], level, picture[2])


@pytest.mark.parametrize("level", LEVELS)
def test_damaged_streams_beside_boxes(level: int) -> None:
    """As without: some picture, the same one from all forms, with the boxes as they were."""
    rng = np.random.default_rng(level)
    image = patched(8, 12, 3, 7, level)
    boxes = [Box(0, 3, 4, 5), Box(5, 0, 2, 12)]
    known = [(box, image[box.slices]) for box in boxes]
    for damaged in (rng.bytes(40), b"", coded(None, image, 7, level)):
        found = [decoded(way, damaged, image.shape, 7, level, known) for way in WAYS]
        assert found[0].max() < 128
        for other in found:
            np.testing.assert_array_equal(other, found[0])
            for box, samples in known:
                np.testing.assert_array_equal(other[box.slices], samples)
