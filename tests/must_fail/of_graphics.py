"""Faults of graphics images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inrcodec import Picture, PixelType
from inrcodec.container.linr import SIGNATURE
from inrcodec.encode import source_picture
from inrcodec.files.picture import pack_type
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import REPEATED
from tests.container.test_damage import sealed, sections, with_fields
from tests.frames.files import How, parts_file
from tests.golden.of_jpegs import jpeg_file
from tests.graphics.pictures import drawn, graphics_file
from tests.jpeg.files import pillow
from tests.must_fail.faults import (
    CHECKSUM,
    CORRUPT,
    NEWER,
    Case,
    other_digest,
    replaced,
    with_section,
    without,
)
from tests.must_fail.of_parts import with_part_fields
from tests.pictures import chroma_planes, chroma_scene, scene, subsampled_file

MINOR = len(SIGNATURE) + 1
OWN = {"m": [6, {"l": 1, "b": 8}]}


def graphics() -> Iterator[Case]:
    """All of them, which say that they are of version 2.1, as good ones do."""
    cases = (*of_fields(), *of_constants(), *of_sizes(), *of_sections(), *of_planes())
    for name, data, error, reason in cases:
        yield f"graphics_{name}", _newer(data), error, reason
    pages = [drawn(14, 20, 1, np.uint8, seed) for seed in (1, 2)]
    good = parts_file(pages, [How(graphics_file)])
    for name, key, value, error, reason in (
        ("level_4", "l", 4, NEWER, "a page of a level of a newer version"),
        ("bits_9", "b", 9, CORRUPT, "a page of samples of more bits than it has"),
        ("constant_all", "k", [0, 1], CORRUPT, "a page of which nothing is coded"),
    ):
        data = with_part_fields(good, 1, {f"m.{key}": value})
        yield f"part_graphics_{name}", _newer(data), error, reason


def _newer(data: bytes) -> bytes:
    return data[:MINOR] + b"\1" + data[MINOR + 1 :]


def of_fields() -> Iterator[Case]:
    """Level and bits."""
    good = graphics_file(drawn(16, 21, 3, np.uint8, 1), 2)
    four = graphics_file(Picture(drawn(14, 20, 1, np.uint8, 2) >> 4, PixelType(4)), 1)
    for name, data, fields, error, reason in (
        ("l_missing", good, {"m.l": None}, CORRUPT, "no level"),
        ("b_missing", good, {"m.b": None}, CORRUPT, "no bits"),
        ("key_unknown", good, {"m.z": 0}, NEWER, "a key of a newer version"),
        ("level_0", good, {"m.l": 0}, CORRUPT, "level 0"),
        ("level_4", good, {"m.l": 4}, NEWER, "a level of a newer version"),
        ("level_255", good, {"m.l": 255}, NEWER, "the last level of a newer version"),
        ("level_256", good, {"m.l": 256}, CORRUPT, "a level that there will never be"),
        ("level_true", good, {"m.l": True}, CORRUPT, "a level that is true"),
        ("level_float", good, {"m.l": 2.0}, CORRUPT, "a level that is no whole number"),
        ("level_other", good, {"m.l": 1}, CHECKSUM, "another level than it was coded with"),
        ("bits_0", good, {"m.b": 0}, CORRUPT, "samples of no bits"),
        ("bits_9", good, {"m.b": 9}, CORRUPT, "samples of 9 bits of 8"),
        ("bits_5_of_depth_4", four, {"m.b": 5}, CORRUPT, "samples of 5 bits of 4"),
        ("bits_few", good, {"m.b": 2}, CHECKSUM, "fewer bits than the samples have"),
        ("bits_text", good, {"m.b": "8"}, CORRUPT, "bits that are text"),
    ):
        yield name, with_fields(data, fields), error, reason


def of_constants() -> Iterator[Case]:
    """Channels that are not coded."""
    image = drawn(15, 22, 3, np.uint8, 3)
    image[:, :, 1] = 200
    good, grey = graphics_file(image, 1), graphics_file(image[:, :, 0], 1)
    for name, data, listed, error, reason in (
        ("missing", good, None, CHECKSUM, "three channels where two are coded"),
        ("none", good, [], CORRUPT, "a list of no channels"),
        ("odd", good, [1, 200, 2], CORRUPT, "a channel without its sample"),
        ("all", good, [0, 1, 1, 200, 2, 3], CORRUPT, "no channel that is coded"),
        ("of_grey", grey, [0, 7], CORRUPT, "a grey that is not coded"),
        ("beyond", good, [3, 200], CORRUPT, "a fourth channel of three"),
        ("descending", good, [2, 3, 1, 200], CORRUPT, "channels that descend"),
        ("twice", good, [1, 200, 1, 200], CORRUPT, "a channel twice"),
        ("large", good, [1, 256], CORRUPT, "a sample of 256 of 8 bits"),
        ("huge", good, [1, (1 << 64) - 1], CORRUPT, "a sample of 2^64 - 1"),
        ("negative", good, [1, -1], CORRUPT, "a sample below 0"),
        ("channel_negative", good, [-1, 200], CORRUPT, "a channel before the first"),
        ("true", good, [True, 200], CORRUPT, "a channel that is true"),
        ("float", good, [1, 200.0], CORRUPT, "a sample that is no whole number"),
        ("no_list", good, 1, CORRUPT, "a number of channels, not which"),
        ("other_sample", good, [1, 201], CHECKSUM, "another sample than the channel has"),
        ("other_channel", good, [2, 200], CHECKSUM, "another channel than the one not coded"),
    ):
        yield f"constant_{name}", with_fields(data, {"m.k": listed}), error, reason


def of_sizes() -> Iterator[Case]:
    """Pictures that are too large for the model, or for their data."""
    good = graphics_file(drawn(16, 21, 1, np.uint8, 4), 3)
    for name, size, reason in (
        ("too_large", [1 << 14, 1 << 14, 1], "2^28 pixels"),
        ("too_high", [1 << 23, 1, 1], "2^23 rows, beside each of which there are 16 pixels"),
        ("too_wide", [1, 1 << 25, 1], "2^25 columns, above which there are three rows"),
        ("data_too_short", [1 << 13, 1 << 13, 1], "2^26 pixels without blocks in little data"),
    ):
        yield name, with_fields(good, {"s": size}), CORRUPT, reason


def of_sections() -> Iterator[Case]:
    """Data, digest, and what belongs to other models."""
    good = graphics_file(drawn(16, 21, 3, np.uint8, 5), 2)
    header, data = sections(good)
    payload = data[1]
    few = graphics_file(
        Picture(drawn(14, 20, 1, np.uint8, 6) % 4, PixelType(2, bytes(range(12)))), 1
    )
    palette = pack_type(PixelType(2, bytes(range(3))))
    yield from (
        ("data_missing", without(good, b"D"), CORRUPT, "no data"),
        ("data_twice", sealed([header, data, data]), CORRUPT, "two sections of data"),
        ("data_empty", replaced(good, b"D", b""), CHECKSUM, "data of no bytes"),
        ("data_cut", replaced(good, b"D", payload[: len(payload) // 2]), CHECKSUM, "half the data"),
        ("data_beyond", replaced(good, b"D", b"\xff" * 7), CORRUPT, "what no encoder writes"),
        ("data_changed", replaced(good, b"D", payload[:9] + b"\0" + payload[10:]), CHECKSUM,
         "other data"),
        ("weights", with_section(good, (b"W", b"")), CORRUPT, "weights of no networks"),
        ("coefficients", with_section(good, (b"Q", b"\1")), CORRUPT, "coefficients beside pixels"),
        ("images", with_section(good, (b"A", b"")), CORRUPT, "several graphics images"),
        ("digest_wrong", other_digest(good), CHECKSUM, "the digest of other samples, graphics"),
        ("index_beyond_palette", replaced(few, b"P", palette), CORRUPT, "an index of no colour"),
    )  # fmt: skip


def of_planes() -> Iterator[Case]:
    """Planes that the model is not for."""
    source = Source(CONVERSIONS[2], REPEATED, Lattice(1, 2, 0, 1))
    planes, image = chroma_planes(9, 13, source), chroma_scene(9, 13, source)
    half = with_fields(subsampled_file(planes, source, image), OWN)
    yield "subsampled", half, CORRUPT, "chroma that is subsampled"
    jpeg = jpeg_file(source_picture(pillow(scene(17, 20, 1, np.uint8), quality=70), "it"))
    kept = [section for section in sections(with_fields(jpeg, OWN)) if section[0] not in b"QU"]
    yield "of_a_jpeg", sealed([*kept, (b"D", bytes(20))]), CORRUPT, "coefficients of a JPEG"
