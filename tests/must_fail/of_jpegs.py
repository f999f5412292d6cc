"""Faults of JPEGs: the step to their coefficients, and the model of these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

from inrcodec.coding.rangecoder import Encoder, integer_model
from inrcodec.encode import source_picture
from tests.container.test_damage import sealed, sections, with_fields
from tests.golden.of_jpegs import jpeg_file, parts_of_jpegs
from tests.jpeg.files import pillow
from tests.must_fail.faults import (
    CHECKSUM,
    CORRUPT,
    LIMIT,
    NEWER,
    STORED,
    TRUNCATED,
    Case,
    other_digest,
    replaced,
    with_section,
    without,
)
from tests.pictures import scene


def levels(*own: list[int]) -> bytes:
    """As the header has them."""
    encoder, model = Encoder(), integer_model()
    for each in own:
        encoder.encode_integers(np.diff(np.array(each), prepend=0), model)
    return encoder.finish()


def inner(data: bytes, **changes: Any) -> bytes:
    """The file with other fields of the DC coefficients' model; None takes one out."""
    own = msgpack.unpackb(sections(data)[0][1])["m"][1]["d"] | changes
    return with_fields(data, {"m.d": {k: v for k, v in own.items() if v is not None}})


def jpegs() -> Iterator[Case]:
    """The step's fields, then the model's, then sections."""
    whole = source_picture(pillow(scene(17, 20, 3, np.uint8), quality=70), "it")
    good = jpeg_file(whole)
    cmyk = jpeg_file(source_picture(pillow(scene(9, 10, 4, np.uint8), "CMYK"), "it"))
    grey = jpeg_file(source_picture(pillow(scene(17, 20, 1, np.uint8), quality=70), "it"), 2, 1)
    turned = jpeg_file(next(p for n, p in parts_of_jpegs() if n.startswith("turned_cropped")))
    step = msgpack.unpackb(sections(good)[0][1])["t"][0][1]
    blocks = step["b"]
    for key in "qtbcslu":
        missing = with_fields(good, {f"t.{key}": None})
        yield f"jpeg_{key}_missing", missing, CORRUPT, f"no {key}"
    for name, data, fields, error, reason in (
        ("key_unknown", good, {"t.z": 1}, NEWER, "a key of a newer version"),
        ("tables_none", good, {"t.q": []}, CORRUPT, "no quantisation tables"),
        ("tables_5", good, {"t.q": [70] * 5}, CORRUPT, "5 quantisation tables"),
        ("quality_0", good, {"t.q": [0, 170]}, CORRUPT, "a standard table of quality 0"),
        ("quality_201", good, {"t.q": [70, 201]}, CORRUPT, "a standard table of quality 201"),
        ("table_of_63_bytes", good, {"t.q": [70, bytes(63)]}, CORRUPT, "a table of 63 steps"),
        ("table_true", good, {"t.q": [70, True]}, CORRUPT, "a table that is true"),
        ("table_beyond", good, {"t.t": [0, 1, 2]}, CORRUPT, "a third table of two"),
        ("tables_of_2", good, {"t.t": [0, 1]}, CORRUPT, "tables of two components"),
        ("table_negative", good, {"t.t": [0, 1, -1]}, CORRUPT, "table -1"),
        ("blocks_of_2", good, {"t.b": blocks[:4]}, CORRUPT, "blocks of two components"),
        ("blocks_0", good, {"t.b": [0, *blocks[1:]]}, CORRUPT, "a component without blocks"),
        ("blocks_few", good, {"t.b": [2, *blocks[1:]]}, CORRUPT, "fewer blocks than pixels need"),
        ("blocks_many", good, {"t.b": [20, *blocks[1:]]}, CORRUPT, "blocks far beyond the picture"),
        ("colours_3", good, {"t.c": 3}, CORRUPT, "colours that there are not"),
        ("colours_of_grey", good, {"t.c": 0}, CORRUPT, "grey of three components"),
        ("rgb_subsampled", good, {"t.c": 2}, CORRUPT, "R, G, B that are subsampled"),
        ("size_other", good, {"t.s": [70, 21]}, CORRUPT, "a size that is not the picture's"),
        ("size_of_1", good, {"t.s": [17]}, CORRUPT, "a size of one number"),
        ("lattice_3", good, {"t.l": [2, 3]}, CORRUPT, "chroma of every third column"),
        ("upsampling_2", good, {"t.u": 2}, CORRUPT, "an upsampling that there is not"),
        ("orientation_0", good, {"t.o": 0}, CORRUPT, "an orientation that is stated for none"),
        ("orientation_8", good, {"t.o": 8}, CORRUPT, "an orientation that there is not"),
        ("grid_16", turned, {"t.g": [16, 2]}, CORRUPT, "more than an MCU cut off"),
        ("grid_missing", turned, {"t.g": None}, CHECKSUM, "a picture of another part of its JPEG"),
        ("orientation_missing", turned, {"t.o": None}, CORRUPT, "a turned picture that is not"),
        ("factors_5", cmyk, {"t.f": [5] * 8}, CORRUPT, "sampling factors of 5"),
        ("factors_of_3", cmyk, {"t.f": [1] * 6}, CORRUPT, "sampling factors of three of four"),
        ("factors_missing", cmyk, {"t.f": None}, CORRUPT, "neither factors nor colours"),
        ("factors_and_colours", cmyk, {"t.c": 1}, NEWER, "colours beside sampling factors"),
        ("prior_0", good, {"m.q": 0}, CORRUPT, "coefficients' prior 0"),
        ("prior_127", good, {"m.q": 127}, NEWER, "coefficients' prior of a newer version"),
        ("model_key_unknown", good, {"m.z": 1}, NEWER, "a model's key of a newer version"),
        ("rank_without_changes", good, {"m.r": 1}, NEWER, "a rank of no changes"),
        ("rank_0", grey, {"m.r": 0}, CORRUPT, "changes of rank 0"),
        ("rank_9", grey, {"m.r": 9}, CORRUPT, "changes of rank 9"),
        ("rank_missing", grey, {"m.r": None}, CORRUPT, "changes without a rank"),
        ("levels_missing", good, {"m.l": None}, CORRUPT, "no levels"),
        ("levels_text", good, {"m.l": "0"}, CORRUPT, "levels in text"),
        ("level_98", grey, {"m.l": levels([0, *[98] * 63])}, CORRUPT, "a level beyond the last"),
        ("level_negative", grey, {"m.l": levels([0, -1, *[0] * 62])}, CORRUPT, "a level below 0"),
        ("level_of_dc", grey, {"m.l": levels([1, *[5] * 63])}, CORRUPT, "a level of DC"),
        ("direct_missing", good, {"m.d": None}, CORRUPT, "no model of DC coefficients"),
        ("direct_no_map", good, {"m.d": 1}, CORRUPT, "a model of DC coefficients that is a number"),
        ("model_of_pixels", good, {"t": None}, CORRUPT, "coefficients of pixels"),
        ("stored", good, {"m": [0, {}]}, CORRUPT, "coefficients that are stored"),
        ("jfif_behind", good, {"t": [[6, step], [1, {}]]}, CORRUPT, "a step behind coefficients"),
        ("twice", good, {"t": [[6, step]] * 2}, CORRUPT, "the step to coefficients twice"),
        ("behind_jfif", good, {"t": [[1, {}], [6, step]]}, CORRUPT, "the JPEG of a Y, Cb, Cr"),
    ):  # fmt: skip
        yield f"jpeg_{name}", with_fields(data, fields), error, reason
    model = msgpack.unpackb(sections(good)[0][1])["m"]
    yield "jpeg_model_alone", with_fields(STORED, {"m": model}), CORRUPT, "coefficients of a grey"
    long = {"s": [1, 1 << 20, 1], "t.s": [1, 1 << 20], "t.b": [1, 1 << 17]}
    yield "jpeg_long", with_fields(grey, long), CORRUPT, "a side of 2^20 pixels"
    large = {"s": [1 << 15, (1 << 13) + 1, 1], "t.s": [1 << 15, (1 << 13) + 1]}
    yield "jpeg_pixels", with_fields(grey, large), LIMIT, "more than 2^28 pixels"
    large = {"s": [1 << 14, 1 << 14, 1], "t.s": [1 << 14, 1 << 14], "t.b": [1 << 11, 1 << 11]}
    many = with_fields(grey, large)
    yield "jpeg_data_too_short", many, CORRUPT, "2^22 blocks, few bytes"
    for key, error in (("q", CORRUPT), ("o", CORRUPT), ("n", CORRUPT)):
        lost = inner(good, **{key: None})
        yield f"jpeg_direct_{key}_missing", lost, error, f"no {key} of DC coefficients"
    yield "jpeg_direct_key_unknown", inner(good, z=1), NEWER, "a key of DC's model that is newer"
    shared = inner(good, g=0, f=None, q=None)
    yield "jpeg_direct_shared", shared, CORRUPT, "shared networks of DC coefficients"
    below = inner(grey, p=[0], l=[0])
    yield "jpeg_direct_lowest", below, CORRUPT, "a DC coefficient of -2^15"
    yield "jpeg_digest_wrong", other_digest(good), CHECKSUM, "the digest of other samples, jpeg"
    yield "jpeg_component_missing", without(good, b"Q"), CORRUPT, "no section of coefficients"
    twice = with_section(good, (b"Q", b"\1"))
    yield "jpeg_component_of_4", twice, CORRUPT, "four sections for three components"
    yield "jpeg_streams_0", replaced(grey, b"Q", b"\0"), CORRUPT, "no streams"
    streams = replaced(grey, b"Q", b"\x11" + bytes(17))
    yield "jpeg_streams_17", streams, CORRUPT, "17 streams of a component"
    yield "jpeg_stream_truncated", replaced(grey, b"Q", b"\2\x7f\1"), TRUNCATED, "ends in a stream"
    yield "jpeg_changes_twice", with_section(grey, (b"U", b"\1")), CORRUPT, "changes twice"
    stray = with_section(STORED, (b"J", b""))
    yield "jpeg_exceptions_without_step", stray, CORRUPT, "exceptions to no JPEG"
    exceptions = with_section(good, (b"J", b""))
    yield "jpeg_exceptions_empty", exceptions, CORRUPT, "a section of exceptions without bytes"
    lost = without(turned, b"J")
    yield "jpeg_exceptions_missing", lost, CHECKSUM, "no exceptions where there were some"
    own = msgpack.unpackb(sections(grey)[0][1])["m"][1]["d"]
    pixels = without(without(with_fields(grey, {"m": [1, own]}), b"Q"), b"U")
    yield "jpeg_context", pixels, CORRUPT, "coefficients of the context model"
    chain = sections(good)
    swapped = [chain[0], chain[1], chain[3], chain[2], *chain[4:]]
    yield "jpeg_components_swapped", sealed(swapped), CHECKSUM, "the components in another order"
