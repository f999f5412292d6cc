"""The specification alone tells what a reader refuses; the library refuses the same."""

from __future__ import annotations

import json
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from second_container import read_metadata, read_sections
from second_decoder import decode, decode_pages
from second_files import (
    SIGNATURE,
    Change,
    deflated,
    examples,
    file_of,
    parts_of,
    with_end,
    with_fields,
    with_header,
    with_more,
    with_pixel,
    with_sections,
)

import inrcodec
from inrcodec import Picture, PixelType
from tests.graphics.pictures import drawn, graphics_file
from tests.pictures import made_files

FOLDER = Path(__file__).parent / "must_fail"
NAMES = sorted(json.loads((FOLDER / "must_fail.json").read_text()))
SLOW = "coordinate_long_row.linr"  # which only its digest refuses, after 2^28 sines
REFUSED = (AssertionError, LookupError, ValueError, zlib.error, zstandard.ZstdError)
EXAMPLE, CONTEXT_EXAMPLE = examples()


@cache
def own_files() -> dict[str, bytes]:
    image = drawn(12, 20, 3)
    image[:, :, 1] = 200
    few = Picture(drawn(12, 20, 1) >> 4, PixelType(4))
    graphics = {"graphics": graphics_file(image), "graphics_depth": graphics_file(few)}
    return {"example": EXAMPLE, "example2": CONTEXT_EXAMPLE} | graphics


def file_named(name: str) -> bytes:
    return own_files().get(name) or made_files()[name]


@pytest.mark.parametrize("name", [name for name in NAMES if name != SLOW])
def test_files_that_must_fail(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    with pytest.raises(REFUSED):
        decode_pages(data)


@pytest.mark.parametrize("name", ["example2", "stored_palette", "graphics"])
def test_any_damage_is_noticed(name: str) -> None:
    data = file_named(name)
    for at in range(10, len(data), 17):
        with pytest.raises(AssertionError):
            decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def section_first(tag: str) -> Change:
    return lambda data: file_of(sorted(parts_of(data), key=lambda part: part[0] != tag))


def no_steps(data: bytes) -> bytes:
    return with_header(t=None)(data)


def streams(count: int, *lengths: int) -> Change:
    """The data of the example as so many streams."""
    head = bytes([count, *lengths])
    return lambda data: with_sections(D=head + read_sections(data)["D"][0][1:])(data)


def step_4(**keys: Any) -> Change:
    return with_header(t=[[4, STEP_4[1] | keys]])


def runs(count: int, stream: bytes = b"") -> Change:
    return with_sections(X=struct.pack("<I", count) + stream)


def own_graphics(data: bytes) -> bytes:
    """Of model 6 in place of its own, with the same planes."""
    return with_sections(W=None)(with_header(m=[6, {"l": 1, "b": 8}])(data))


STEP_4: list[Any] = [4, {"c": 1, "u": 0, "l": [2, 2, 0, 0]}]
REFUSALS: list[tuple[str, Change, str]] = [
    ("example", lambda data: SIGNATURE + b"\1" + data[9:], "major version"),
    ("example", with_more("T", b""), "unknown section T"),
    ("example", with_more("Z", b""), "unknown section Z"),
    ("example", with_more("1", b""), "tag"),
    ("example", lambda data: data + b"\0", "tag"),
    ("example", lambda data: data + b"z" + b"\x80" * 8 + b"\0" + b"\0" * 4, "tag"),
    ("example", lambda data: file_of(parts_of(data) + [("z", b"")] * 63), "number of sections"),
    # sections twice, where they cannot be, or missing where they must be
    ("context_table", with_more("H"), "section H behind"),
    ("context_table", with_more("C"), "section C behind"),
    ("context_table", with_sections(C=[b"", b""]), "section C"),
    ("stored_key_metadata", with_more("m"), "section m"),
    ("stored_key_metadata", with_more("P"), "section P behind"),
    ("stored_key_metadata", with_more("D"), "section D"),
    ("stored_key_metadata", section_first("P"), "first section"),
    ("context_jfif", section_first("D"), "first section"),
    ("context_jfif", with_sections(W=b""), "fields"),
    ("context_jfif", with_sections(V=b""), "section V"),
    ("context_jfif", with_sections(D=None), "section D"),
    ("context_jfif", with_more("D"), "more data"),
    ("context_changes", with_sections(W=None), "fields"),
    ("context_changes", with_sections(A=b""), "section A"),
    ("example2", with_sections(W=None), "section W"),
    ("coordinate_joint", with_sections(C=b""), "section C"),
    ("coordinate_joint", with_sections(W=None), "section W"),
    ("coordinate_joint", with_sections(A=b""), "images"),
    ("coordinate_value", with_sections(A=b"\1" + bytes(24)), "joint"),
    ("example", with_sections(W=b""), "section W"),
    ("context_table", with_sections(C=None), "section C"),
    # steps
    ("context_jfif", no_steps, "section X"),
    ("context_changes", no_steps, "section V"),
    ("context_table", no_steps, "section C"),
    ("context_jfif", with_header(t=[[1, {}], [1, {}]]), "a step twice"),
    ("context_jfif", with_header(t=[[1, {"z": 1}]]), "fields of a step"),
    ("context_jfif", with_header(t=[[1]]), "number and fields"),
    ("context_jfif", with_header(t=[[200, {}]]), "a number"),
    ("context_jfif", with_header(t=[]), "number of steps"),
    ("example", with_header(t=[[1, {}]]), "colour conversion"),
    ("context_subsampled", with_header(t=[[4, {}]]), "fields of a step"),
    ("context_subsampled", step_4(z=0), "fields of a step"),
    ("context_subsampled", step_4(c=6), "a number"),
    ("context_subsampled", step_4(u=4), "a number"),
    ("context_subsampled", step_4(l=[2, 2, 0]), "list"),
    ("context_subsampled", step_4(l=[2, 2, 0, 3]), "a number"),
    ("context_subsampled", step_4(l=[1, 1, 0, 0]), "steps of subsampled"),
    ("context_subsampled", step_4(l=[1, 2, 1, 0]), "phases of subsampled"),
    ("context_subsampled", with_header(t=[[1, {}], STEP_4]), "colour conversion"),
    ("context_subsampled", with_header(t=[STEP_4, [1, {}]]), "not whole"),
    ("context_subsampled", with_header(t=[STEP_4], m=[0, {}]), "not whole"),
    ("context_subsampled", no_steps, "section Y"),
    ("context_subsampled", with_sections(Y=[b"", b""]), "section Y"),
    ("context_jfif", with_sections(Y=b""), "section Y"),
    ("example", with_header(t=[STEP_4]), "colour conversion"),
    # keys and values of the header
    *(
        (name, with_header(z=1), "header keys")
        for name in ("example", "example2", "coordinate_joint", "context_table")
    ),
    *(("example", with_header(**{key: None}), "header keys") for key in "sbdm"),
    *(("example2", with_fields(**{key: None}), "fields") for key in "olpenfw"),
    *(("coordinate_joint", with_fields(**{key: None}), "fields") for key in "kawgnft"),
    ("coordinate_value", with_fields(v=None), "transform"),
    ("example", with_fields(e=0), "fields"),
    ("coordinate_joint", with_fields(v=[0, 0, 0]), "transform"),
    ("context_table", with_fields(w=[32, 16]), "fields"),
    ("context_table", with_fields(r=1), "fields"),
    ("context_changes", with_fields(r=None), "fields"),
    ("example", with_header(m=[4, {}]), "number"),
    ("example2", with_fields(f=3), "number"),
    ("context_table", with_fields(f=1), "number"),
    ("context_table", with_fields(q=3), "number"),
    ("context_table", with_fields(q=bytes(16)), "fields"),
    ("context_table", with_fields(q=bytes(16), w=[32, 16]), "no such prior"),
    ("context_table", with_fields(q=bytes(15), w=[32, 16]), "digest"),
    ("context_table", with_fields(q=True), "number"),
    ("example2", with_fields(n=0), "number"),
    ("example2", with_fields(n=5), "number"),
    ("example2", with_fields(n=2), "less data"),
    ("coordinate_joint", with_fields(k=3), "number"),
    ("coordinate_joint", with_fields(a=6), "list"),
    ("coordinate_joint", with_fields(a=7), "list"),
    ("coordinate_joint", with_fields(a=8), "number"),
    ("coordinate_joint", with_fields(a=6, g=[2, 2, 4, 4, 3]), "number"),
    ("example2", with_fields(e=9), "number"),
    ("example2", with_fields(e=0.0), "number"),
    ("example2", with_fields(p=[9]), "number"),
    ("example2", with_fields(p=[8, 8]), "list"),
    ("example2", with_fields(l=["0"]), "number"),
    ("example2", with_fields(l=[250]), "samples"),
    ("example2", with_fields(o=[1]), "number"),
    ("context_jfif", with_fields(o=[0, 0, 1]), "permutation"),
    ("context_changes", with_fields(o=[3, 0, 1, 2]), "alpha"),
    ("example2", with_fields(w=[65, 16]), "number"),
    ("example2", with_header(d=bytes(15)), "digest"),
    ("example2", with_header(d=bytes(16)), "digest"),
    ("example2", with_header(s=[2**14 + 1, 2**14, 1]), "pixels"),
    ("example2", with_header(s=[2**14, 2**14, 1]), "more bits"),
    ("coordinate_joint", with_header(s=[2**14, 2**14, 3]), "more bits"),
    ("coordinate_joint", with_fields(t=True), "number"),
    ("coordinate_joint", with_fields(n=[3] * 8), "number"),
    ("coordinate_joint", with_fields(g=[1, 1, 1]), "list"),
    ("coordinate_set", with_fields(k=1), "joint"),
    ("example2", with_end("H", b"\0"), "extra data"),
    # graphics images
    *(("graphics", with_fields(l=level), "number") for level in (0, 7, 255, 256, True, 2.0)),
    *(("graphics", with_fields(b=bits), "number") for bits in (0, 9, "8")),
    *(("graphics", with_fields(**{key: None}), "fields") for key in "lb"),
    ("graphics", with_fields(z=0), "fields"),
    ("graphics_depth", with_fields(b=5), "number"),
    ("graphics", with_fields(k=None), "digest"),
    ("graphics", with_fields(k=[1, 201]), "digest"),
    ("graphics", with_fields(k=[1, 256]), "number"),
    ("graphics", with_fields(k=[3, 200]), "number"),
    ("graphics", with_fields(k=[True, 200]), "number"),
    ("graphics", with_fields(k=[1]), "list"),
    ("graphics", with_fields(k=[]), "not coded"),
    ("graphics", with_fields(k=1), "not coded"),
    ("graphics", with_fields(k=[1, 200, 0, 7]), "not coded"),
    ("graphics", with_fields(k=[0, 1, 1, 200, 2, 3]), "no channel"),
    ("graphics_depth", with_fields(k=[0, 7]), "no channel"),
    ("graphics", with_header(s=[2**23, 1, 3]), "around them"),
    ("graphics", with_header(s=[1, 2**25, 3]), "around them"),
    (
        "graphics",
        lambda data: with_header(s=[2**13, 2**13, 3])(with_fields(l=3)(data)),
        "more bits",
    ),
    ("graphics", with_fields(l=3), "digest"),
    ("graphics", with_header(m=[7, {"l": 2, "b": 8}]), "number of the model"),
    ("graphics", with_more("D"), "section D"),
    ("graphics", with_sections(D=None), "section D"),
    ("graphics", with_sections(W=b""), "section W"),
    ("graphics", with_sections(A=b""), "section A"),
    ("graphics", with_sections(D=b"\xff" * 7), "beyond the range"),
    ("context_subsampled", own_graphics, "not whole"),
    # pixel type
    ("example", with_pixel(), "no keys"),
    ("example", with_pixel(z=1), "keys"),
    ("example", with_pixel(d=3), "depth"),
    ("example", with_pixel(d=8), "depth"),
    ("example", with_pixel(c=bytes(184)), "palette"),
    ("example", with_pixel(a=b"\0"), "keys"),
    ("example", with_pixel(c=bytes(183), a=bytes(62)), "alpha"),
    ("example", with_pixel(c=bytes(183), k=[1]), "keys"),
    ("example", with_pixel(k=[1, 2, 3]), "list"),
    ("example", with_pixel(k=[65536]), "number"),
    ("context_jfif", with_pixel(d=4), "depth"),
    ("example2", with_pixel(d=4), "beyond the depth"),
    ("example", with_pixel(c=bytes(180)), "beyond the palette"),
    # payloads
    ("example", with_end("D", b"\0"), "deflate stream"),
    ("example", with_sections(D=b"\2"), "Zstandard|frame"),
    ("example2", streams(0), "number of streams"),
    ("example2", streams(65, *[0] * 64), "number of streams"),
    ("example2", streams(3, 5), "length of a stream|beyond the section|digest"),
    ("example2", streams(2, 6), "digest"),
    ("example2", streams(2, 7), "beyond the section"),
    ("example2", with_sections(D=b""), "without streams"),
    ("context_table", with_end("C", b"\0"), "deflate stream"),
    ("context_table", with_sections(C=deflated(b"")), "colours"),
    ("context_table", with_sections(C=deflated(bytes(769))), "length"),
    ("context_table", with_sections(C=deflated(bytes(10))), "not whole"),
    ("context_table", with_sections(C=deflated(bytes(9))), "beyond the table|digest"),
    ("context_changes", with_end("V", b"\0"), "deflate stream"),
    ("context_changes", with_sections(V=b""), "index"),
    ("context_changes", with_sections(V=b"\x10" + deflated(bytes([255] * 32))), "not there"),
    ("context_changes", with_sections(V=b"\0" + deflated(b"")), "no channel"),
    ("context_changes", with_sections(V=b"\3" + deflated(bytes([255] * 32))), "values in use"),
    ("context_changes", with_sections(V=b"\1" + deflated(bytes(32))), "no value"),
    ("context_changes", with_sections(V=b"\1" + deflated(b"\1" + bytes(31))), "beyond"),
    ("context_jfif", with_sections(X=bytes(3)), "number of runs"),
    ("context_jfif", runs(0), "number of runs"),
    ("context_jfif", runs(161), "number of runs"),
    ("context_jfif", runs(2**31), "number of runs"),
    ("context_jfif", runs(2**31 + 161), "number of runs"),
    ("context_subsampled", with_sections(Y=bytes(3)), "number of runs"),
    ("context_subsampled", with_sections(Y=None), "digest"),
    ("context_enlarged", with_header(t=[[5, {}]]), "fields"),
    ("context_enlarged", with_header(t=[[5, {"f": [3, 2], "p": [3, 0]}]]), "phases"),
    ("context_enlarged", with_header(t=[[5, {"f": [1, 1], "p": [0, 0]}]]), "by 1"),
    ("context_enlarged", with_header(t=[[5, {"f": [3, 65], "p": [1, 1]}]]), "number"),
    ("context_enlarged", with_header(t=[[5, {"f": [3, 2], "p": [1]}]]), "list"),
    ("context_enlarged", no_steps, "section E"),
    ("context_enlarged", with_more("E"), "section E behind"),
    ("context_enlarged", with_sections(E=bytes(3)), "number of runs"),
    ("context_enlarged", with_sections(E=bytes(9)), "number of runs"),
    ("context_jfif", runs(1, b"\xff" * 40), "an exception without a difference|low|beyond|pixels"),
]


@pytest.mark.parametrize(("name", "change", "message"), REFUSALS)
def test_what_is_refused(name: str, change: Change, message: str) -> None:
    data = change(file_named(name))
    with pytest.raises(REFUSED, match=message):
        decode(data)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode(data)


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\0" + msgpack.packb(["png", []]),
        b"\0" + msgpack.packb(["png", [["tIME", bytes(7)]]]) + b"\0",
        b"\1" + deflated(msgpack.packb(["png", [["tIME", bytes(7)]]])) + b"\0",
        b"\0" + msgpack.packb(["png", [["tRNS", b"\0\1"]]]),
        b"\0" + msgpack.packb(["png", [["PLTE", bytes(3)]] * 2]),
        b"\0" + msgpack.packb(["png", [["IDAT", None]] * 2 + [["tIME", bytes(7)]]]),
        b"\0" + msgpack.packb(["png", [["PLTE", None], ["tIME", bytes(7)]]]),
        b"\0" + msgpack.packb(["png", [["tIME", bytes(7)], ["IDAT", None]]]),
        b"\0" + msgpack.packb(["png", [["acTL", bytes(8)]]]),
        b"\0" + msgpack.packb(["png", [["ABCD", bytes(8)]]]),
        b"\0" + msgpack.packb(["png", [["tIME", "text"]]]),
        b"\0" + msgpack.packb(["tiff", [[2, 1, b"1"], [1, 1, b"1"]]]),
        b"\0" + msgpack.packb(["tiff", [[1, 3, b"111"]]]),
        b"\0" + msgpack.packb(["tiff", [[1, 3, b""]]]),
        b"\0" + msgpack.packb(["tiff", [[1, 13, b"1"]]]),
    ],
)
def test_metadata_that_is_damaged(metadata: bytes) -> None:
    data = with_sections(m=metadata)(EXAMPLE)
    with pytest.raises(REFUSED):
        read_metadata(data)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode_picture(data)


def test_more_bits_than_the_data_can_hold_of_a_reduced_image() -> None:
    data = with_header(s=[2**14, 2**14, 1])(with_fields(n=2)(CONTEXT_EXAMPLE))
    with pytest.raises(AssertionError, match="more bits"):
        decode(data, scale=2)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode(data, scale=2)
