"""Frames that see each other, and the networks that several images of a file share."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest
import second_steps
from hypothesis import given, settings
from hypothesis import strategies as st
from second_context import context_image
from second_parts import read_shared

from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.container.fields import Fields
from inrcodec.container.leb128 import pack_length
from inrcodec.container.linr import Section, Sections
from inrcodec.contents import Contents, pack, parse
from inrcodec.context.encode import code
from inrcodec.context.file import ContextImage, Models, network_shapes
from inrcodec.context.layout import choose_layout, lay_out
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import QUICK, prior_networks, widened
from inrcodec.context.samples import Scene
from inrcodec.context.shared import SharedNetworks, code_shared, fit_shared
from inrcodec.errors import CorruptError, LimitError, LinrError, UnsupportedVersionError
from inrcodec.files.picture import PLAIN, digest
from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice
from inrcodec.limits import DEFAULT
from inrcodec.options import Reading
from tests.context.forms import (
    build,
    decoded,
    frames_beside,
    hold_together,
    lattice_planes,
    many_streams,
    random_networks,
    same,
    whole_planes,
)
from tests.context.shared_scenes import coded, options, reading, shared_of
from tests.pictures import scene

KINDS = {
    "grey": lambda: whole_planes(scene(23, 30, 1, np.uint8), 8),
    "alpha": lambda: whole_planes(scene(20, 17, 4, np.uint16) >> 3, 13),
    "subsampled": lambda: lattice_planes(
        YCC, 8, (WHOLE, *[Lattice(2, 2, 1, 0)] * 2), scene(21, 18, 3, np.uint8)
    ),
    "row": lambda: whole_planes(scene(1, 40, 3, np.uint8), 8),
}


def read(values: dict, sections: list[Section], geometry: Geometry) -> ContextImage:
    """The image that a file states."""
    fields = Fields(values, "context model")
    image = ContextImage.unpack(fields, Sections(sections), geometry, DEFAULT)
    fields.end()
    return image


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_all_forms_see_the_same_frames(name: str, frames: int) -> None:
    planes = KINDS[name]()
    beside = frames_beside(planes, frames)
    layout = choose_layout(planes, frames)
    networks = random_networks(layout, np.random.default_rng(frames), 0.2)
    with many_streams(60):
        data = hold_together(layout, networks, planes, beside)
    for scale in (2, 4, 8):
        some = [each.reduced(scale) for each in beside]
        args = numpy_backend(), layout, networks, data
        assert same(decoded(*args, scale=scale, beside=some), planes.reduced(scale))


def test_frames_count_as_what_they_differ_by_from_the_lowest() -> None:
    """Values below it are 0, others are as they are, beyond the channel's planes, too."""
    own = whole_planes(np.full((9, 9), 100, np.uint8) + np.eye(9, dtype=np.uint8), 8)
    other = whole_planes(np.arange(81, dtype=np.uint8).reshape(9, 9) * 3, 8)
    seen = whole_planes(np.clip(other.channels[0].astype(int) - 100, 0, 255).astype(np.uint8), 8)
    low = whole_planes(own.channels[0] - 100, 8)
    found = []
    for planes, beside in ((own, other), (low, seen)):
        layout = choose_layout(planes, 1)
        networks = random_networks(layout, np.random.default_rng(0), 0.2)
        found.append(hold_together(layout, networks, planes, [beside]))
    assert found[0] == found[1]


def test_a_prior_takes_no_notice_of_frames() -> None:
    planes = KINDS["alpha"]()
    layouts = [choose_layout(planes, frames) for frames in range(3)]
    alone = prior_networks(layouts[0], QUICK)
    data = [hold_together(layouts[0], build(layouts[0], Models.of_prior(QUICK), alone), planes)]
    for layout in layouts[1:]:
        shapes = network_shapes(layout, Models.of_prior(QUICK))
        tensors = [widened(*pair) for pair in zip(alone, [s.inputs for s in shapes], strict=True)]
        networks = build(layout, Models.of_prior(QUICK), tensors)
        beside = frames_beside(planes, layout.frames)
        data.append(hold_together(layout, networks, planes, beside))
    assert data[0] == data[1] == data[2]


def test_how_many_frames_there_are_is_checked() -> None:
    planes = KINDS["grey"]()
    layout = choose_layout(planes, 2)
    networks = random_networks(layout, np.random.default_rng(0), 0.2)
    with pytest.raises(ValueError, match="1 frames beside one that sees 2"):
        decoded(numpy_backend(), layout, networks, [b"\1"], beside=frames_beside(planes, 1))


@pytest.mark.parametrize("frames", range(3))
@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_image_of_shared_networks(name: str, frames: int) -> None:
    planes = KINDS[name]()
    shared, beside = shared_of(planes, frames), frames_beside(planes, frames)
    shared = SharedNetworks.unpack(shared.pack(), DEFAULT)
    image = read(*coded(planes, shared, beside).pack(), planes.geometry)
    assert (image.shared, image.beside) == (0, (-1, 1)[:frames])
    assert (image.weights, image.models, image.layout.frames) == (b"", None, frames)
    assert same(image.decode(reading(shared, beside)), planes)
    some = [each.reduced(2) for each in beside]
    assert same(image.decode(reading(shared, some, scale=2)), planes.reduced(2))


def test_networks_of_all_channels_serve_images_that_lack_some() -> None:
    flat = scene(20, 24, 3, np.uint8)
    flat[:, :, 0] = 7
    planes, whole = whole_planes(flat, 8), whole_planes(scene(20, 24, 3, np.uint8), 8)
    shared = fit_shared([Scene(choose_layout(p), p) for p in (planes, whole)], options(1))
    for each in (planes, whole):
        assert same(coded(each, shared, []).decode(reading(shared, [])), each)
    made = shared.networks(choose_layout(planes), numpy_backend())
    assert [networks is None for networks in made] == [False, True, False]
    one, other = (shared.networks(choose_layout(whole), numpy_backend()) for _ in range(2))
    assert all(a is b for a, b in zip(one, other, strict=True))  # they are made once


WRONG_FIELDS = [
    ({"g": 256}, CorruptError),
    ({"g": -1}, CorruptError),
    ({"b": []}, CorruptError),
    ({"b": [1, 2, 3]}, CorruptError),
    ({"b": [0]}, CorruptError),
    ({"b": [(1 << 20) + 1]}, CorruptError),
    ({"b": [True]}, CorruptError),
    ({"b": 1}, CorruptError),
    ({"f": 0}, UnsupportedVersionError),
    ({"q": 1}, UnsupportedVersionError),
    ({"w": [8, 8]}, UnsupportedVersionError),
    ({"r": 1}, UnsupportedVersionError),
    ({"g": None}, CorruptError),
]


@pytest.mark.parametrize(("changes", "error"), WRONG_FIELDS, ids=str)
def test_wrong_fields_are_refused(changes: dict, error: type[LinrError]) -> None:
    planes = KINDS["grey"]()
    values, sections = coded(planes, shared_of(planes), frames_beside(planes, 2)).pack()
    with pytest.raises(error):
        read(values | changes, sections, planes.geometry)


def test_frames_without_shared_networks_are_refused() -> None:
    planes = KINDS["grey"]()
    with Workers(numpy_backend(), 1) as workers:
        layout, models = choose_layout(planes), Models.of_prior(QUICK)
        image = code(planes, layout, models, b"", workers)
    values, sections = image.pack()
    with pytest.raises(UnsupportedVersionError, match="'b'"):
        read(values | {"b": [1]}, sections, planes.geometry)


def test_wrong_sets_and_frames_are_refused() -> None:
    planes = KINDS["grey"]()
    shared, beside = shared_of(planes), frames_beside(planes, 2)
    image = coded(planes, shared, beside)
    other, reduced = frames_beside(KINDS["alpha"](), 2), [each.reduced(2) for each in beside]
    for frames in ([], beside[:1], [beside[0], other[0]], reduced, [*beside, beside[0]]):
        with pytest.raises(CorruptError, match="frames beside"):
            image.decode(reading(shared, frames))
    with pytest.raises(CorruptError, match="shared networks 0 of 0"):
        image.decode(Reading(numpy_backend(), beside=beside))
    for one in (shared_of(planes, 1), shared_of(KINDS["alpha"]())):
        with pytest.raises(CorruptError, match="other channels"):
            image.decode(reading(one, beside))
    with pytest.raises(LimitError, match="multiply-adds"):
        image.decode(reading(shared, beside, limits=replace(DEFAULT, multiply_adds=1000)))
    huge = lay_out(replace(planes.geometry, height=1 << 13, width=1 << 14), (0,), [0], [8], 0, 2)
    with pytest.raises(CorruptError, match="too few"):
        replace(image, layout=huge).decode(
            reading(shared, [replace(each, geometry=huge.geometry) for each in beside])
        )


def packed(changes: dict, weights: bytes = b"", head: bytes | None = None) -> bytes:
    fields = {"c": 1, "a": 0, "y": 0, "b": 2, "f": 0, "q": 1} | changes
    body = msgpack.packb({key: value for key, value in fields.items() if value is not None})
    return (pack_length(len(body)) if head is None else head) + body + weights


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"c": 0}, CorruptError),
        ({"c": 5}, CorruptError),
        ({"c": 2}, CorruptError),
        ({"a": 1}, CorruptError),
        ({"a": 2}, CorruptError),
        ({"y": 1}, CorruptError),
        ({"y": 3}, CorruptError),
        ({"b": 3}, CorruptError),
        ({"b": None}, CorruptError),
        ({"f": 3}, UnsupportedVersionError),
        ({"q": 9}, UnsupportedVersionError),
        ({"r": 3}, UnsupportedVersionError),
        ({"z": 3}, UnsupportedVersionError),
        ({"q": None, "w": [8, 8]}, CorruptError),
        ({"q": None, "w": [8, 65]}, CorruptError),
    ],
    ids=str,
)
def test_wrong_sets_are_refused(changes: dict, error: type[LinrError]) -> None:
    assert SharedNetworks.unpack(packed({}), DEFAULT).frames == 2
    with pytest.raises(error):
        SharedNetworks.unpack(packed(changes), DEFAULT)


def test_sets_within_limits() -> None:
    shared = shared_of(KINDS["alpha"](), 2, Models("int", 64, 64))
    with pytest.raises(LimitError, match="weights"):
        SharedNetworks.unpack(shared.pack(), replace(DEFAULT, weights=60_000))
    with pytest.raises(LinrError):
        SharedNetworks.unpack(packed({}, head=b"\xff\xff\x7f"), DEFAULT)
    assert SharedNetworks.unpack(shared.pack(), DEFAULT) == shared


@given(st.binary(max_size=60), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_set_or_an_error(data: bytes, at: int) -> None:
    whole = shared_of(whole_planes(scene(8, 8, 1, np.uint8), 8), 2, Models("int", 3, 3)).pack()
    for payload in (data, whole[:at] + data + whole[at + len(data) :]):
        try:
            shared = SharedNetworks.unpack(payload, DEFAULT)
            layout = choose_layout(whole_planes(scene(8, 8, 1, np.uint8), 8), shared.frames)
            shared.networks(layout, numpy_backend())
        except LinrError:
            pass


@pytest.mark.parametrize("frames", range(3))
@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_second_decoder_reads_them(name: str, frames: int) -> None:
    planes = KINDS[name]()
    layout, beside = choose_layout(planes, frames), frames_beside(planes, frames)
    shared = shared_of(planes, frames)
    shapes, rng = network_shapes(shared, shared.models), np.random.default_rng(1)
    changes = [
        {n: Tensor(rng.integers(-9, 10, size), 7) for n, size in shape.changes(3).items()}
        for shape in shapes
    ]
    models = replace(shared.models, rank=3)
    shared = replace(shared, models=models, weights=pack_weights("int", changes))
    with Workers(numpy_backend(), 2) as workers:
        image = code_shared(planes, layout, 1, shared, beside, (5, -2)[:frames], workers)
    fields, sections = image.pack()
    geometry = planes.geometry
    lattices = [
        second_steps.Lattice(each.row_step, each.col_step, each.row_phase, each.col_phase)
        for each in geometry.lattices
    ]
    facts = second_steps.Planes(
        geometry.height, geometry.width, geometry.bits,
        {"grey": "grey", "rgb": "RGB", "ycc": "YCC"}[geometry.kind], geometry.alpha,
        tuple(lattices),
    )  # fmt: skip
    for level in (0, 1):
        pages = [
            [plane.astype(np.int64) for plane in each.reduced(1 << level).channels]
            for each in beside
        ]
        found = context_image(
            [section.payload for section in sections], None, fields, facts, level,
            read_shared(shared.pack()), pages,
        )  # fmt: skip
        assert all(map(np.array_equal, found, planes.reduced(1 << level).channels))


def test_a_file_of_one_image_has_no_shared_networks() -> None:
    planes = whole_planes(scene(20, 24, 1, np.uint8), 8)
    image = coded(planes, shared_of(planes, 0), [])
    samples = planes.array()
    contents = Contents(planes.geometry, digest(samples), PLAIN, None, (), image)
    with pytest.raises(CorruptError, match="in a file of one image"):
        parse(pack(contents))
    with Workers(numpy_backend(), 1) as workers:
        alone = code(planes, choose_layout(planes), Models.of_prior(QUICK), b"", workers)
    assert parse(pack(replace(contents, model=alone))).model == alone
