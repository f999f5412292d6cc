"""Faults of steps: colour history, chroma, value ranks, tables, enlargement."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import inrcodec
from inrcodec import Picture
from inrcodec.coding.stored_file import StoredImage
from inrcodec.contents import Contents, pack, planes_of
from inrcodec.files.picture import PLAIN, digest
from inrcodec.history.chain import Chain
from inrcodec.history.chroma_search import Source
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import REPEATED
from tests.container.test_damage import sections, with_fields
from tests.must_fail.faults import (
    CHECKSUM,
    CORRUPT,
    NEWER,
    STORED,
    Case,
    deflated,
    integers,
    replaced,
    with_section,
    without,
)
from tests.pictures import (
    chroma_planes,
    chroma_scene,
    enlarged,
    jpeg_scene,
    scene,
    subsampled_file,
    unfitted_file,
)


def of(data: bytes, fields: dict[str, Any], **changes: Any) -> bytes:
    """The file with other fields of step 4, without those that are None."""
    kept = {key: value for key, value in (fields | changes).items() if value is not None}
    return with_fields(data, {"t": [[4, kept]]})


def of_16_bits() -> bytes:
    """A stored file of three channels."""
    return inrcodec.encode(scene(4, 5, 3, np.uint16), model="stored")


ONE = [[0], [0], [0], [0]]  # a run of one pixel: gap and length, high and low parts


def conversions() -> Iterator[Case]:
    """Colour history."""
    jpeg = unfitted_file(jpeg_scene(33, 40, 1))
    exceptions = dict(sections(jpeg))[b"X"]
    jfif = {"t": [[1, {}]]}
    yield "jfif_of_grey", with_fields(STORED, jfif), CORRUPT, "a colour conversion of grey"
    deep = of_16_bits()
    yield "jfif_of_16_bits", with_fields(deep, jfif), CORRUPT, "a colour conversion of 16 bits"
    yield "jfif_twice", with_fields(jpeg, {"t": [[1, {}]] * 2}), CORRUPT, "a step twice"
    unknown = with_fields(jpeg, {"t": [[1, {"z": 0}]]})
    yield "jfif_key_unknown", unknown, NEWER, "a step's key of a newer version"
    wrong = with_fields(jpeg, {"t": None})
    yield "exceptions_without_step", wrong, CORRUPT, "exceptions to no conversion"
    lost = without(jpeg, b"X")
    yield "exceptions_missing", lost, CHECKSUM, "no exception where the samples have one"
    twice = with_section(jpeg, (b"X", exceptions))
    yield "exceptions_twice", twice, CORRUPT, "two sections of exceptions"
    for name, payload, error, reason in (
        ("empty", b"", CORRUPT, "a section of exceptions without bytes"),
        ("of_3_bytes", b"\1\0\0", CORRUPT, "a number of runs cut short"),
        ("none", bytes(9), CORRUPT, "no runs"),
        ("of_2_to_the_32", b"\xff" * 9, CORRUPT, "2^32 - 1 runs in 5 bytes"),
        (
            "beyond", b"\1\0\0\0" + integers([0], [1320 * 2], [0], [0], [1]), CORRUPT,
            "an exception behind the last pixel",
        ),
        (
            "too_long", b"\1\0\0\0" + integers([0], [0], [1 << 20], [0], [1]), CORRUPT,
            "a run of 2^33 pixels",
        ),
        (
            "that_touch", b"\2\0\0\0" + integers([0, 0], [0, 0], [0, 0], [0, 0], [1, 1]), CORRUPT,
            "two runs without a gap",
        ),
        (
            "without_difference", b"\1\0\0\0" + integers(*ONE, [0], [0], [0]), CORRUPT,
            "an exception that is none",
        ),
        (
            "beyond_a_sample", b"\1\0\0\0" + integers(*ONE, [300], [0], [0]), CORRUPT,
            "a sample above 255",
        ),
        (
            "wrong", b"\1\0\0\0" + integers(*ONE, [1], [0], [0]), CHECKSUM,
            "an exception that the samples do not have",
        ),
    ):  # fmt: skip
        yield f"exceptions_{name}", replaced(jpeg, b"X", payload), error, reason


def chroma() -> Iterator[Case]:
    """Subsampled chroma, and exceptions as values."""
    video = Source(CONVERSIONS[2], REPEATED, Lattice(1, 2, 0, 1))
    planes, image = chroma_planes(9, 13, video), chroma_scene(9, 13, video)
    image[0] = (9, 200, 3)
    half = subsampled_file(planes, video, image)
    exceptions = dict(sections(half))[b"Y"]
    own: dict[str, Any] = {"c": 2, "u": 1, "l": [1, 2, 0, 1]}
    chain = {"t": [[4, own]]}
    yield from (
        ("subsampled_of_grey", with_fields(STORED, chain), CORRUPT, "subsampled chroma of grey"),
        ("subsampled_of_16_bits", with_fields(of_16_bits(), chain), CORRUPT, "of 16 bits"),
        ("subsampled_stored", with_fields(half, {"m": [0, {}]}), CORRUPT,
         "a stored image of channels that are not whole"),
        ("subsampled_jfif", with_fields(half, {"t": [[4, own], [1, {}]]}), CORRUPT,
         "a conversion of what is converted"),
        ("subsampled_conversion_6", of(half, own, c=6), CORRUPT, "a conversion that is not there"),
        ("subsampled_upsampling_4", of(half, own, u=4), CORRUPT, "an upsampling that is not there"),
        ("subsampled_c_missing", of(half, own, c=None), CORRUPT, "no conversion"),
        ("subsampled_l_missing", of(half, own, l=None), CORRUPT, "no lattice"),
        ("subsampled_key_unknown", of(half, own, z=0), NEWER, "a step's key of a newer version"),
        ("subsampled_whole", of(half, own, l=[1, 1, 0, 0]), CORRUPT, "chroma that is whole"),
        ("subsampled_phase_1_of_1", of(half, own, l=[1, 2, 1, 0]), CORRUPT, "a phase of 1 of 1"),
        ("subsampled_step_0", of(half, own, l=[0, 2, 0, 0]), CORRUPT, "a lattice of step 0"),
        ("subsampled_other", of(half, own, c=3), CHECKSUM, "another conversion"),
        ("subsampled_without_step", with_fields(half, {"t": None}), CORRUPT,
         "exceptions to no subsampled chroma"),
        ("subsampled_exceptions_missing", without(half, b"Y"), CHECKSUM,
         "no exception where the samples have one"),
        ("subsampled_exceptions_twice", with_section(half, (b"Y", exceptions)), CORRUPT,
         "two sections of exceptions"),
        ("exceptions_values_none", replaced(half, b"Y", b"\0\0\0\x80" + bytes(5)), CORRUPT,
         "no runs of values"),
        ("exceptions_values_beyond",
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*ONE, [200], [100], [0])), CORRUPT,
         "a value above 255"),
        ("exceptions_values_negative",
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*ONE, [0], [-1], [0])), CORRUPT,
         "a value below 0"),
        ("exceptions_values_wrong",
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*ONE, [0], [0], [0])), CHECKSUM,
         "a black pixel that the samples do not have"),
    )  # fmt: skip


def ranks() -> Iterator[Case]:
    """Value ranks."""
    grey = unfitted_file(scene(20, 20, 1, np.uint8) // 8 * 8)
    values = dict(sections(grey))[b"V"]
    stored = with_fields(STORED, {"t": [[2, {}]]})
    maps = zlib.decompress(values[1:], -15)
    yield "values_missing", without(grey, b"V"), CORRUPT, "no section of values"
    yield "values_without_step", with_section(STORED, (b"V", values)), CORRUPT, "values of no step"
    both = with_section(grey, (b"V", values))
    yield "values_twice", both, CORRUPT, "two sections of values"
    for name, payload, reason in (
        ("and_more", values + b"\0", "a byte behind the maps"),
        ("damaged", b"\1\xff\xff", "what is no deflate stream"),
        ("empty", b"", "a section of values without bytes"),
        ("none", b"\1" + deflated(bytes(32)), "a channel that uses no values"),
        ("of_channel_1", b"\2" + values[1:], "values of a channel that grey does not have"),
        ("of_no_channel", b"\0" + values[1:], "values that name no channel"),
        ("of_many_bytes", b"\1" + deflated(bytes(1 << 20)), "a map that expands to 2^20 bytes"),
        ("truncated", b"\1" + deflated(maps[:31]), "a map of 31 bytes"),
        ("too_few", b"\1" + deflated(b"\1" + bytes(31)), "ranks beyond the values in use"),
    ):
        yield f"values_{name}", replaced(grey, b"V", payload), CORRUPT, reason
        if name == "too_few":
            few = with_section(stored, (b"V", payload))
            yield "values_too_few_stored", few, CORRUPT, "ranks of a stored image beyond them"


def tables() -> Iterator[Case]:
    """Tables of colours."""
    image = np.array([[[1, 2, 3], [9, 9, 9]] * 4] * 4, np.uint8)
    indexed = Chain((), planes_of(Picture(image))).then(ColourTable)
    assert indexed is not None
    coded = StoredImage.encode(indexed.planes)
    picture = planes_of(Picture(image)).geometry
    table = pack(Contents(picture, digest(image), PLAIN, None, indexed.steps, coded))
    colours = zlib.decompress(dict(sections(table))[b"C"], -15)
    assert len(colours) == 6
    yield "table_missing", without(table, b"C"), CORRUPT, "no table"
    yield "table_without_step", with_fields(table, {"t": None}), CORRUPT, "a table of no step"
    for name, payload, error, reason in (
        ("and_more", deflated(colours) + b"\0", CORRUPT, "bytes behind a table of colours"),
        ("bomb", deflated(bytes(1 << 22)), CORRUPT, "a table that inflates to 4 MiB"),
        ("of_257", deflated(bytes(257 * 3)), CORRUPT, "a table of 257 colours"),
        ("of_4_bytes", deflated(bytes(4)), CORRUPT, "a table of no whole colours"),
        ("of_no_colour", deflated(b""), CORRUPT, "a table of no colour"),
        ("too_short", deflated(colours[::2]), CORRUPT, "an index beyond the table"),
        ("wrong_colour", deflated(colours[::-1]), CHECKSUM, "other colours than the digest's"),
    ):
        yield f"table_{name}", replaced(table, b"C", payload), error, reason


def enlargements() -> Iterator[Case]:
    """Enlarged pictures."""
    image = enlarged(scene(20, 20, 3, np.uint8), 3, 2, 1, 1)
    image[7, 8, 1] ^= 1
    chain = Chain((), planes_of(Picture(image))).then(Enlarged)
    assert chain is not None
    coded = StoredImage.encode(chain.planes)
    picture = planes_of(Picture(image)).geometry
    good = pack(Contents(picture, digest(image), PLAIN, None, chain.steps, coded))
    exceptions = dict(sections(good))[b"E"]
    for name, fields, error, reason in (
        ("by_0", {"f": [0, 2], "p": [0, 0]}, CORRUPT, "a factor of 0"),
        ("by_1", {"f": [1, 1], "p": [0, 0]}, CORRUPT, "factors of 1"),
        ("by_65", {"f": [3, 65], "p": [1, 1]}, CORRUPT, "a factor of 65"),
        ("by_one_number", {"f": [3], "p": [1, 1]}, CORRUPT, "one factor"),
        ("by_a_bool", {"f": [3, True], "p": [1, 0]}, CORRUPT, "a factor that is no integer"),
        ("phase_of_factor", {"f": [3, 2], "p": [1, 2]}, CORRUPT, "a phase as large as its factor"),
        ("phase_negative", {"f": [3, 2], "p": [-1, 1]}, CORRUPT, "a phase below 0"),
        ("phase_wrong", {"f": [3, 2], "p": [0, 1]}, CHECKSUM, "another phase than the digest's"),
        ("of_another_size", {"f": [3, 3], "p": [1, 1]}, CORRUPT, "more samples than pixels say"),
        ("f_missing", {"p": [1, 1]}, CORRUPT, "no factors"),
        ("p_missing", {"f": [3, 2]}, CORRUPT, "no phases"),
        ("key_unknown", {"f": [3, 2], "p": [1, 1], "z": 0}, NEWER, "a key of a newer version"),
    ):
        yield f"enlarged_{name}", with_fields(good, {"t": [[5, fields]]}), error, reason
    fields = {"f": [3, 2], "p": [1, 1]}
    twice = with_fields(good, {"t": [[5, fields], [5, fields]]})
    yield "enlarged_twice", twice, CORRUPT, "a step twice"
    chroma = [4, {"c": 0, "u": 0, "l": [2, 2, 0, 0]}]
    subsampled = with_fields(good, {"t": [chroma, [5, fields]]})
    yield "enlarged_subsampled", subsampled, CORRUPT, "channels of different sizes"
    other = with_section(STORED, (b"E", exceptions))
    yield "enlarged_exceptions_without_step", other, CORRUPT, "exceptions to no enlargement"
    lost = without(good, b"E")
    yield "enlarged_exceptions_missing", lost, CHECKSUM, "no exception where the samples have one"
    twice = with_section(good, (b"E", exceptions))
    yield "enlarged_exceptions_twice", twice, CORRUPT, "two sections of exceptions"
    for name, payload, reason in (
        ("empty", b"", "a section of exceptions without bytes"),
        ("beyond", integers([0], [image[..., 0].size * 2], [0], [0], [1]), "behind the last pixel"),
        ("beyond_a_sample", integers(*ONE, [0], [0], [256]), "a sample above 255"),
        ("without_difference", integers(*ONE, [0], [0], [0]), "an exception that is none"),
    ):
        whole = b"\1\0\0\0" + payload if payload else payload
        changed = replaced(good, b"E", whole)
        yield f"enlarged_exceptions_{name}", changed, CORRUPT, reason
