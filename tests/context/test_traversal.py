"""Lattices of channels' own, reduced sizes, threads, and what observers are told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inrcodec.coding.backend import numpy_backend
from inrcodec.context.layout import choose_layout
from inrcodec.context.step import NOT_ASKED
from inrcodec.errors import CorruptError, TruncatedError
from inrcodec.history.planes import GREY, RGB, WHOLE, YCC, Lattice
from tests.context.forms import (
    Told,
    coded,
    decoded,
    hold_together,
    instruction_set,
    lattice_planes,
    many_streams,
    prior_of,
    random_networks,
    same,
    ways,
    whole_planes,
)
from tests.pictures import scene

HALF = [Lattice(*step, *phase) for step in ((2, 2), (1, 2), (2, 1))
        for phase in itertools.product(*(range(n) for n in step))]  # fmt: skip
SIZES = [(13, 22), (14, 21), (1, 9), (8, 1), (2, 2), (1, 1), (3, 16)]


@pytest.mark.parametrize("lattice", HALF, ids=str)
def test_channels_of_half_size(lattice: Lattice) -> None:
    for n, (height, width) in enumerate(SIZES):
        image = scene(height, width, 4, np.uint8) >> 4
        lattices = (WHOLE, lattice, lattice, WHOLE)
        planes = lattice_planes(YCC, 4, lattices, image, alpha=True)
        if n % 2:
            planes = lattice_planes(YCC, 4, lattices[:3], image[:, :, :3])
        layout = choose_layout(planes)
        networks = prior_of(layout)
        data = hold_together(layout, networks, planes)
        for scale in (2, 4, 8):
            some = decoded(numpy_backend(), layout, networks, data, scale=scale)
            assert same(some, planes.reduced(scale))
            assert some.scale == scale


@pytest.mark.parametrize("n", range(9))
def test_channels_of_any_lattices(n: int) -> None:
    """References of any lattice, of which one or none has no planes."""
    rng = np.random.default_rng(n)
    height, width = rng.integers(1, 40, 2).tolist()
    lattice = HALF[rng.integers(len(HALF))]
    image = scene(height, width, 3, np.uint16, n) >> 7
    if n % 2:
        image[:, :, n % 3] = 300
    planes = lattice_planes(YCC, 9, (WHOLE, lattice, lattice), image)
    layout = choose_layout(planes)
    networks = random_networks(layout, rng, 0.2)
    with many_streams(50):
        data = hold_together(layout, networks, planes)
    for scale in (2, 4, 8):
        assert same(decoded(numpy_backend(), layout, networks, data, scale=scale),
                    planes.reduced(scale))  # fmt: skip


def test_half_size_chroma_costs_less() -> None:
    image, sizes = scene(40, 44, 3, np.uint8), []
    for lattice in (WHOLE, Lattice(1, 2), Lattice(2, 2)):
        planes = lattice_planes(YCC, 8, (WHOLE, lattice, lattice), image)
        layout = choose_layout(planes)
        sizes.append(sum(map(len, coded(numpy_backend(), layout, prior_of(layout), planes))))
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2]


@pytest.mark.parametrize("kept", [4, 3, 2, 1])
def test_the_front_is_the_image_at_part_of_its_size(kept: int) -> None:
    planes = whole_planes(scene(50, 61, 4, np.uint8) >> 4, 4)
    layout = choose_layout(planes)
    networks = random_networks(layout, np.random.default_rng(0), 0.2)
    with many_streams():
        data = coded(numpy_backend(), layout, networks, planes)
    least = 1 << 4 - kept
    for isa, backend in ways():
        with instruction_set(isa):
            for scale in (s for s in (1, 2, 4, 8) if s >= least):
                some = decoded(backend, layout, networks, data[:kept], scale=scale, sections=4)
                assert same(some, planes.reduced(scale))
            if least > 1:
                with pytest.raises(TruncatedError):
                    decoded(backend, layout, networks, data[:kept], None, least // 2, 4)


def test_threads_change_nothing() -> None:
    planes = whole_planes(scene(70, 90, 3, np.uint8), 8)
    layout = choose_layout(planes)
    networks = random_networks(layout, np.random.default_rng(0), 0.2)
    with many_streams(500):
        one, two, five = (
            coded(numpy_backend(), layout, networks, planes, threads=n) for n in (1, 2, 5)
        )
    assert one == two == five
    assert one[-1][0] > 5


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        (RGB, scene(23, 31, 3, np.uint8)),
        (YCC, scene(12, 1, 3, np.uint8)),
        (GREY, scene(1, 1, 1, np.uint8)[:, :, None]),
    ],
)
def test_observers_are_told_all(kind: str, image: np.ndarray) -> None:
    """Whoever encodes or decodes: probabilities, bits and what the plane network was asked."""
    lattices = (WHOLE, *[Lattice(2, 2) if kind == YCC else WHOLE] * (image.shape[2] - 1))
    planes = lattice_planes(kind, 8, lattices, image)
    layout = choose_layout(planes)
    networks = random_networks(layout, np.random.default_rng(0), 0.1)
    told = []
    with many_streams(100):
        for isa, backend in ways():
            with instruction_set(isa):
                told += [Told(layout), Told(layout)]
                data = coded(backend, layout, networks, planes, told[-2])
                decoded(backend, layout, networks, data, told[-1])
    first, cost = told[0], 0.0
    for channel in layout.channels:
        index = channel.index
        for other in told[1:]:
            assert np.array_equal(first.probabilities[index], other.probabilities[index])
            assert np.array_equal(first.bits[index], other.bits[index])
            if image.size > 1:
                assert np.array_equal(first.inputs[index], other.inputs[index])
        weights = 1 << np.arange(channel.planes)[::-1, None, None]
        values = (first.bits[index] * weights).sum(axis=0) + channel.lowest
        assert np.array_equal(values, planes.channels[index])
        p, bits = first.probabilities[index], first.bits[index]
        assert np.all(p[:, 0, 0] == 32768)
        cost -= np.log2(np.where(bits > 0, p, 65536 - p) / 65536).sum()
        if image.size > 1:
            asked = first.inputs[index][:, :, :, 0] != NOT_ASKED
            assert asked.any()
            planes_of_input = 1024 * np.arange(channel.planes)[::-1, None, None]
            assert np.all((first.inputs[index][..., 1] == planes_of_input)[asked])
    streams = sum(payload[0] for payload in data)
    assert -2 < sum(map(len, data)) - cost / 8 < 16 + 10 * streams


def test_values_beyond_the_samples_are_refused() -> None:
    planes = whole_planes(scene(9, 9, 1, np.uint8) | 128, 8)
    layout = choose_layout(planes)
    networks = prior_of(layout)
    (data,) = coded(numpy_backend(), layout, networks, planes)
    channel = layout.channels[0]
    for lowest, fits in ((channel.lowest, True), (255, False)):
        moved = type(channel)(0, lowest, channel.planes, (), channel.lattice, channel.size)
        other = type(layout)(layout.geometry, (moved,), layout.exponent)
        if fits:
            assert same(decoded(numpy_backend(), other, networks, [data]), planes)
        else:
            with pytest.raises(CorruptError, match="sample depth"):
                decoded(numpy_backend(), other, networks, [data])
