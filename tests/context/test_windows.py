"""The windows' statistics: format_spec.md's words in plain integers, against loops and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

import numpy as np
import pytest

from inrcodec.coding.backend import Backend, numpy_backend, torch_backend
from inrcodec.coding.tables import log_table
from inrcodec.context.inference import inputs_of
from inrcodec.context.lattice import PAD
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.neighbours import context_inputs
from inrcodec.context.traversal import steps
from inrcodec.context.windows import statistics_count
from tests.pictures import scene

NEAR = (((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (0, -1), (0, 1), (1, 0)))
ERROR = (((-2, 0), (0, -2), (0, 2), (2, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1)))
FACTORS = ((8, 2, 0.5), (2, 1, 0.25))
LOG = log_table()


def told(layout: Layout, image: np.ndarray, position: int, backend: Backend) -> Iterator[tuple]:
    """(segment, what its pixels see, base, inputs) of a channel, piece by piece."""
    xp = backend.xp
    samples = [
        xp.asarray(image[:, :, layout.channels[j].index].astype(np.float64))
        for j in (position, *layout.channels[position].references)
    ]
    samples = [xp.astype(s, backend.sample_type) for s in samples]
    canvas = xp.zeros_like(samples[0])
    canvas[0, 0] = samples[0][0, 0]
    channel = layout.channels[position]
    for segment, seen, _ in steps(backend, channel, layout, canvas, samples[1:]):
        for piece in segment.pieces(100):
            base, inputs = inputs_of(backend, piece, seen)
            yield piece, seen, backend.get(base), backend.get(inputs)
        canvas[segment.image_index()] = samples[0][segment.image_index()]


def by_the_spec(
    own: np.ndarray, references: list[np.ndarray], y: int, x: int, step: int, e: int, base: int
) -> list[int]:
    """Padded lattices, a pixel in them -> the inputs, as section 10 has them."""

    def error(lattice: np.ndarray, y: int, x: int, offsets: tuple) -> int:
        return 4 * int(lattice[y, x]) - sum(int(lattice[y + a, x + b]) for a, b in offsets)

    def window(h: int) -> list[tuple[int, int]]:
        inside = [(a, b) for a in range(-h, h + 1) for b in range(-h, h + 1)]
        if step == 0:
            return [(y + a, x + b) for a, b in inside if a % 2 and b % 2]
        return [(y + a, x + b) for a, b in inside if (a + b) % 2]

    def bits(a: float) -> int:
        return int(LOG[min(floor(a / 2**e) + 16, 65535)])

    errors = {at: error(own, *at, ERROR[step]) for at in window(8)}
    found = [
        bits(m * sum(abs(errors[at]) for at in window(h)))
        for h, m in zip((2, 4, 8), FACTORS[step], strict=True)
    ]
    near = sum(int(own[y + a, x + b]) for a, b in NEAR[step])
    for reference in references:
        others = {at: error(reference, *at, ERROR[step]) for at in window(8)}
        found += [
            bits(m * sum(abs(errors[at] - others[at]) for at in window(h)))
            for h, m in zip((2, 4, 8), FACTORS[step], strict=True)
        ]
        ridge = (128, 256)[step] * 4**e
        product = sum(errors[at] * others[at] for at in window(4)) + ridge
        square = sum(others[at] ** 2 for at in window(4)) + ridge
        slope = max(-4096, min(4096, floor(product * 1024 / square)))
        predicted = near + floor(slope * error(reference, y, x, NEAR[step]) / 1024)
        found.append(floor((predicted - base) * 256 / 2**e))
    return [max(-(1 << 17), min(1 << 17, v)) for v in found]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("conversion", [0, 1])
def test_both_forms_do_what_the_spec_says(dtype: type, conversion: int) -> None:
    image = scene(37, 26, 3, dtype)
    layout = choose_layout(image, conversion, wide=True)
    rng = np.random.default_rng(0)
    for position in range(3):
        pairs = zip(
            told(layout, image, position, numpy_backend()),
            told(layout, image, position, torch_backend("cpu")),
            strict=True,
        )
        for (piece, seen, base, inputs), (_, _, other_base, other_inputs) in pairs:
            assert np.array_equal(base, other_base)
            assert np.array_equal(inputs, other_inputs)
            n = int(rng.integers(piece.pixels))
            y = piece.row + 2 * (n // piece.cols) + PAD
            x = piece.col + 2 * (n % piece.cols) + PAD
            want = by_the_spec(
                seen.own, list(seen.references), y, x, piece.step, layout.exponent, int(base[n])
            )
            assert inputs[-statistics_count(position) :, n].tolist() == want


def test_arrays_of_any_chunk_agree_where_squares_are_largest() -> None:
    """16-bit noise at full scale: sums that float64 could not hold over a large piece."""
    rng = np.random.default_rng(1)
    image = (rng.integers(0, 2, (600, 500, 2)) * 65535).astype(np.float64)
    backend = torch_backend("cpu")
    own, other = (backend.put(image[:, :, k]) for k in range(2))
    layout = choose_layout(scene(600, 500, 3, np.uint16), wide=True)
    canvas = backend.xp.zeros_like(own)
    for segment, seen, _ in steps(backend, layout.channels[1], layout, canvas, [other]):
        if segment.level == 0:
            whole = context_inputs(backend, segment, seen)[1]
            pieces = [context_inputs(backend, p, seen)[1] for p in segment.pieces(5000)]
            assert np.array_equal(backend.get(whole), np.concatenate(pieces, axis=1))
        canvas[segment.image_index()] = own[segment.image_index()]
