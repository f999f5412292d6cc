"""The specification alone is enough to decode what the encoder makes of JPEG files: coefficients,
pixels, and the files byte for byte."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from second_container import read_header, read_sections, show
from second_decoder import decode_all
from second_files import Change, with_end, with_fields, with_header, with_more, with_sections
from second_jpeg import Jpeg as SecondJpeg
from second_markers import jpeg_metadata
from second_scans import jpeg_pixels
from second_source import source_file
from second_steps import WHOLE, Planes

import inrcodec
from inrcodec.coding.weights import pack_weights
from inrcodec.context.networks import Tensor
from inrcodec.encode import source_picture
from inrcodec.files.jpeg import metadata_of
from inrcodec.history.exceptions import Exceptions
from inrcodec.history.planes import Blocks, Geometry
from inrcodec.jpeg.coefficients import encode as coefficients_encode
from inrcodec.jpeg.coefficients.prior import network_shape
from inrcodec.jpeg.coefficients.traversal import used_networks
from inrcodec.jpeg.entropy.markers import read_markers
from inrcodec.jpeg.entropy.plan import BARE, Notes, plan_of
from inrcodec.jpeg.entropy.scans import encode_scan
from inrcodec.jpeg.pixels import Frame
from inrcodec.jpeg.step import Jpeg
from inrcodec.jpeg.turned import Orientation
from inrcodec.source.jpeg import find, put_together
from inrcodec.source.restore import restore
from tests.jpeg.files import Script, frame_of, headers, joined, picture, pillow, segment, written
from tests.jpeg.test_scans import coefficients_of, with_zeros

COLOUR, FOUR = picture(29, 35), picture(17, 24, 4)
FILES = {
    "grey": pillow(picture(21, 30, 1), quality=60),
    "4:4:4": pillow(COLOUR[:17], subsampling=0),
    "4:2:0": pillow(COLOUR, progressive=True, restart_marker_blocks=2),
    "4:2:2": pillow(COLOUR[:9], subsampling=1, quality=97),
    "cmyk": pillow(FOUR, "CMYK", quality=30),
}
NO_TIME = 1e-9  # for a fit


def changes_at_random(
    _backend: Any, _workers: Any, components: Any, _coefficients: Any, plan: Any, _fitting: Any
) -> bytes:
    """In place of a fit."""
    rng = np.random.default_rng(0)
    networks = [
        {
            name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.1), 3)
            for name, size in network_shape(number).changes(plan.rank).items()
        }
        for number in used_networks(components)
    ]
    return pack_weights("int", networks)


@cache
def given(name: str) -> inrcodec.Picture:
    return source_picture(FILES[name], name)


def check(data: bytes, want: inrcodec.Picture) -> list[np.ndarray]:
    samples, pixel, planes = decode_all(data)
    assert read_header(read_sections(data))["m"][0] == 3
    assert np.array_equal(show(samples, pixel).reshape(want.samples.shape), want.samples)
    assert want.jpeg is not None
    assert len(planes) == len(want.jpeg.coefficients)
    assert all(map(np.array_equal, planes, want.jpeg.coefficients))
    if want.source is not None:
        assert source_file(data, [samples], planes) == restore(want)
    return planes


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    data = inrcodec.encode(given(name), effort=1, time_limit=NO_TIME)
    assert restore(given(name)) == FILES[name]
    check(data, given(name))
    scale = (2, 4, 8)[list(FILES).index(name) % 3]
    small = show(*decode_all(data, scale=scale)[:2])
    want = given(name).samples[::scale, ::scale]
    assert np.array_equal(small.reshape(want.shape), want)


def test_changes_and_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coefficients_encode, "fit_networks", changes_at_random)
    monkeypatch.setattr(coefficients_encode, "BLOCKS_PER_STREAM", 4)
    monkeypatch.setattr(coefficients_encode, "RANK", 2)
    data = inrcodec.encode(given("4:2:0"), effort=2)
    sections = read_sections(data)
    assert "U" in sections
    assert [payload[0] for payload in sections["Q"]] == [6, 2, 2]
    check(data, given("4:2:0"))


def made_step(
    colours: str, steps: tuple[int, int], **more: Any
) -> tuple[Jpeg, Geometry, np.ndarray]:
    """A step of random coefficients, and the samples they lead to."""
    rng = np.random.default_rng(len(colours) + 2 * steps[0] + steps[1])
    count = 1 if colours == "grey" else 3
    height, width = 21, more.pop("width", 13)
    frame = Frame(height, width, colours, *steps, more.pop("rule", "triangle"))
    tables = [rng.integers(1, most, 64).astype("<u2").tobytes() for most in (256, 500, 500)]
    blocks, parts = [], []
    for n in range(count):
        rows, cols = (size + int(rng.integers(0, 3)) for size in frame.blocks(n))
        blocks.append(Blocks(rows, cols, tables[n]))
        own = rng.normal(0, 30, (rows, cols, 64)) / (1 + np.arange(64))
        own[0, :] *= 100  # beyond what the inverse DCT has room for
        parts.append(np.clip(own, -30000, 30000).astype(np.int16))
    step = Jpeg(frame, (), tuple(blocks), coefficients=tuple(parts), **more)
    size = height - step.top, width - step.left
    size = size[::-1] if step.orientation.transposed else size
    geometry = Geometry.of_picture(*size, count, 8)
    samples = step.pixels(step.coefficients, size)
    return step, geometry, samples


STEPS: list[tuple[str, tuple[int, int], dict[str, Any]]] = [
    ("grey", (1, 1), {}),
    ("rgb", (1, 1), {"orientation": Orientation(True, False, False)}),
    ("ycc", (1, 2), {"orientation": Orientation(False, True, False), "top": 3}),
    ("ycc", (2, 1), {"orientation": Orientation(True, False, True), "top": 5, "left": 7}),
    ("ycc", (2, 2), {"orientation": Orientation(True, True, True), "left": 2}),
    ("ycc", (2, 2), {"rule": "repeated"}),
    ("ycc", (2, 2), {"width": 4}),
    ("ycc", (1, 2), {"width": 5}),
    ("ycc", (2, 1), {"width": 2}),
]


@pytest.mark.parametrize(("colours", "steps", "more"), STEPS)
def test_steps(colours: str, steps: tuple[int, int], more: dict[str, Any]) -> None:
    """Undone from their fields alone."""
    step, geometry, samples = made_step(colours, steps, **dict(more))
    wanted = np.moveaxis(np.atleast_3d(samples), 2, 0).copy()
    wanted[0, 2:4, 1] ^= 5
    kept = Exceptions.between(list(wanted), list(np.moveaxis(np.atleast_3d(samples), 2, 0)))
    fields, sections = replace(step, exceptions=kept).pack()
    kind = "grey" if colours == "grey" else "RGB"
    planes = Planes(geometry.height, geometry.width, 8, kind, False, (WHOLE,) * len(wanted))
    second = SecondJpeg(fields, planes)
    payloads = {section.tag.decode(): [section.payload] for section in sections}
    made = second.undo([own.astype(np.int64) for own in step.coefficients], planes, payloads)
    assert np.array_equal(np.stack(made), wanted)


def test_a_step_without_a_file() -> None:
    """Of other blocks and tables than a file has."""
    step, _, samples = made_step("ycc", (2, 2), orientation=Orientation(True, False, False), top=4)
    parts = [np.clip(part, -16383, 16383) for part in step.coefficients]
    for part in parts:
        part[:, :, 15:] = 0
    samples = step.pixels(parts, samples.shape[:2])
    want = inrcodec.Picture(samples, jpeg=replace(step, coefficients=tuple(parts)))
    check(inrcodec.encode(want, effort=1, time_limit=NO_TIME), want)


def whole(data: bytes) -> bytes:
    """The file that the second decoder puts together of what is found of it."""
    found = find(data, "it")
    literals = bytes(found.sparse.read(0, len(found.sparse)))
    parts = [own.astype(np.int64) for own in found.coefficients]
    bodies = jpeg_pixels(literals, list(found.sparse.holes), found.recipe, parts)
    made, at = bytearray(literals), 0
    for start, size in found.sparse.holes:
        made[start : start + size] = bodies[at : at + size]
        at += size
    return bytes(made)


@pytest.mark.parametrize("name", [name for name in written() if name != "motion"])
def test_scans(name: str) -> None:
    data = written()[name]
    assert whole(data) == data
    metadata = metadata_of(data)
    assert jpeg_metadata(data) == ([] if metadata is None else [*metadata.chunks])


def other_files() -> dict[str, bytes]:
    """Not as libjpeg writes them."""
    data = written()["pillow-blocks"]
    found = find(data, "it")
    ends = sum(data.count(bytes((0xFF, n))) for n in range(0xD0, 0xD8)) + 1
    pads = bytes(random.Random(1).choices((0, 255, 1), k=ends))
    place = data.index(b"\xff\xd4")
    progressive = written()["pillow-progressive-blocks"]
    fault = progressive.index(b"\xff\xda", len(progressive) // 2)
    return {
        "zeros": put_together(found.sparse, {"p": 0}, found.coefficients),
        "mixed": put_together(found.sparse, {"p": pads}, found.coefficients),
        "cut": data[: len(data) * 3 // 4],
        "wrong": data[:place] + b"\xff\xd5" + data[place + 2 :],
        "more": data[:-2] + b"more" + data[-2:],
        "fault": progressive[: fault + 4] + b"\x07" + progressive[fault + 5 :],
    }


@pytest.mark.parametrize("name", ["zeros", "mixed", "cut", "wrong", "more", "fault"])
def test_other_scans(name: str) -> None:
    data = other_files()[name]
    assert whole(data) == data


def any_scripts(count: int, progressive: bool, restart: int) -> list[Script]:
    every = tuple(range(count))
    if not progressive:
        return [Script(every, restart=restart)]
    found = [Script(every, 0, 0, 0, 1, restart), Script(every, 0, 0, 1, 0)]
    for n in every:
        found += [Script((n,), 1, 63, 0, 2, restart), Script((n,), 1, 40, 2, 1)]
        found += [Script((n,), 41, 63, 2, 1, restart), Script((n,), 1, 63, 1, 0)]
    return found


@pytest.mark.parametrize("seed", range(8))
def test_scans_of_any_coefficients(seed: int) -> None:
    """With EOB runs by another rule, zeros before EOBs, and padding of both kinds."""
    rng, progressive = np.random.default_rng(seed), seed < 6
    frame = frame_of(44, 60, [(1, 1), (2, 1), (1, 3)][: 1 + seed % 3], progressive)
    scripts = any_scripts(1 + seed % 3, progressive, seed)
    heads = headers(frame, scripts, rng)
    before = coefficients_of(frame, rng, 0.02 if seed % 2 else 0.5)
    bodies = []
    for scan in read_markers(joined(heads, [b""] * len(scripts)), "it").scans:
        plan = plan_of(frame, scan)
        pads = rng.choice(np.array((0, 255), np.uint8), plan.ends(plan.mcus))
        notes = Notes(BARE, plan.mcus, pads, np.empty(0, np.uint32), np.empty((0, 2), np.uint32))
        if not progressive or scan.ah == 0 < scan.ss:
            notes = with_zeros(frame, scan, before, notes, rng)
        bodies.append(encode_scan(frame, scan, before, notes, 1 << 20))
    data = joined(heads, bodies)
    assert whole(data) == data
    assert set(find(data, "it").recipe) & {"e", "r", "p", "z"}


def test_metadata() -> None:
    plain = FILES["grey"]
    parts = [
        segment(0xFE, b"hello"),
        segment(0xFE, b"again"),
        segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        segment(0xE2, b"ICC_PROFILE\0\2\2end"),
        segment(0xE2, b"ICC_PROFILE\0\1\2begin"),
        b"\xff\xff" + segment(0xED, b"other"),
    ]
    start = plain[2:20]
    for unit, x, y in ((1, 300, 72), (2, 65535, 118), (0, 1, 1), (1, 0, 5)):
        jfif = start[:11] + bytes((unit,)) + x.to_bytes(2, "big") + y.to_bytes(2, "big") + b"\0\0"
        data = plain[:2] + jfif + b"".join(parts) + plain[20:]
        metadata = metadata_of(data)
        assert metadata is not None
        assert jpeg_metadata(data) == [*metadata.chunks]
        assert len(metadata.chunks) == 4 + (unit > 0 < x)


def with_step(**keys: Any) -> Change:
    """With these keys in the fields of step 6, without those that are None."""

    def change(data: bytes) -> bytes:
        ((number, fields),) = read_header(read_sections(data))["t"]
        kept = {key: value for key, value in (fields | keys).items() if value is not None}
        return with_header(t=[[number, kept]])(data)

    return change


def with_direct(**keys: Any) -> Change:
    """With these keys in the fields of the DC image."""

    def change(data: bytes) -> bytes:
        fields = read_header(read_sections(data))["m"][1]["d"]
        return with_fields(d=fields | keys)(data)

    return change


REFUSED: dict[str, Change] = {
    "no tables": with_step(q=[]),
    "quality 0": with_step(q=[0]),
    "quality 201": with_step(q=[201]),
    "table cut short": with_step(q=[bytes(63)]),
    "another table": with_step(t=[1]),
    "two components": with_step(t=[0, 0], b=[3, 4, 3, 4]),
    "too few blocks": with_step(b=[2, 4]),
    "too many blocks": with_step(b=[20, 4]),
    "colours of three": with_step(c=1),
    "unknown colours": with_step(c=3),
    "size": with_step(s=[21, 60]),
    "offset": with_step(g=[1, 0]),
    "large offset": with_step(s=[37, 30], g=[16, 0]),
    "upright": with_step(o=0),
    "turned": with_step(o=1),
    "upsampling alone": with_step(u=0),
    "lattice alone": with_step(l=[1, 1]),
    "subsampled grey": with_step(l=[2, 2], u=0),
    "raw and not": with_step(f=[1, 1]),
    "neither": with_step(c=None, s=None),
    "factor 5": with_step(c=None, s=None, f=[5, 1]),
    "another key": with_step(x=1),
    "step twice": lambda data: with_header(t=2 * read_header(read_sections(data))["t"])(data),
    "no step": with_header(t=None),
    "16 bits": with_header(b=16),
    "prior 2": with_fields(q=2),
    "rank without changes": with_fields(r=1),
    "changes without rank": with_sections(U=b"\0" * 20),
    "no levels": with_fields(l=None),
    "levels as a list": with_fields(l=[0]),
    "other levels": with_fields(l=b"\0" * 20),
    "no fields of the DC image": with_fields(d=None),
    "unknown field of the DC image": with_direct(x=1),
    "another lowest": with_direct(l=[65535]),
    "prior 3 of the DC image": with_direct(q=3),
    "no coefficients": with_sections(Q=None),
    "coefficients twice": with_more("Q"),
    "no streams": with_sections(Q=b""),
    "17 streams": lambda data: with_sections(Q=bytes([17] + 16 * [0]))(data),
    "other coefficients": with_sections(Q=b"\1"),
    "no data": with_sections(D=None),
    "exceptions without one": with_sections(J=b"\0" * 4),
    "exceptions of another step": with_sections(X=b"\1\0\0\0"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str) -> None:
    data = REFUSED[what](inrcodec_file())
    with pytest.raises((AssertionError, LookupError, ValueError)):
        decode_all(data)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode(data)


@cache
def inrcodec_file() -> bytes:
    return inrcodec.encode(given("grey"), effort=1, time_limit=NO_TIME)


def test_bytes_behind_streams_and_lattices_of_one() -> None:
    data = inrcodec_file()
    for change in (with_end("Q", b"\1\2"), with_end("D", b"\1"), with_step(l=[1, 1], u=1)):
        assert np.array_equal(decode_all(change(data))[0], decode_all(data)[0])
        assert np.array_equal(inrcodec.decode(change(data)), inrcodec.decode(data))
