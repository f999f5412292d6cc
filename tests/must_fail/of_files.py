"""Faults of container, header, pictures, stored images and steps."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

import inrcodec
from inrcodec import Picture
from inrcodec.coding.stored_file import StoredImage
from inrcodec.container.linr import SIGNATURE
from inrcodec.contents import Contents, pack, planes_of
from inrcodec.decode import digest
from inrcodec.files.picture import PLAIN
from inrcodec.history.chain import Chain
from inrcodec.history.chroma_search import Source
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import REPEATED
from tests.container.test_damage import sealed, sections, with_fields
from tests.must_fail.faults import (
    CHECKSUM,
    CORRUPT,
    LIMIT,
    NEWER,
    OTHER,
    ROWS,
    STORED,
    TRUNCATED,
    Case,
    coordinate_file,
    deflated,
    framed,
    integers,
    other_digest,
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


def container() -> Iterator[Case]:
    """Signature, version, chain of sections."""
    good = STORED
    header, data = sections(good)
    major = len(SIGNATURE)
    note = sealed([header, (b"x", b"a note"), data])
    at = note.index(b"a note") + 6
    long = sealed([header])
    yield "empty", b"", TRUNCATED, "no bytes at all"
    yield "signature_truncated", good[:5], TRUNCATED, "ends in its signature"
    yield "signature_of_png", b"\x89PNG\r\n\x1a\n" + good[8:], OTHER, "another signature"
    text = good.replace(b"\r\n", b"\n", 1)
    yield "signature_as_text", text, OTHER, "what a transfer as text makes of the signature"
    yield "version_truncated", good[:9], TRUNCATED, "ends in its version"
    for version, reason in ((0, "major version 0"), (1, "format 1"), (3, "major version 3")):
        changed = good[:major] + bytes([version]) + good[major + 1 :]
        yield f"version_{version}", changed, NEWER, reason
    yield "no_sections", good[: major + 2], CORRUPT, "no header"
    yield "section_header_missing", sealed([data]), CORRUPT, "no header section"
    yield "section_header_last", sealed([data, header]), CORRUPT, "a header behind the data"
    yield "section_header_twice", sealed([header, header, data]), CORRUPT, "two header sections"
    yield "section_data_missing", sealed([header]), CORRUPT, "no data section"
    yield "section_data_twice", sealed([header, data, data]), CORRUPT, "two data sections"
    tiles = sealed([header, (b"T", b""), data])
    yield "section_tiles", tiles, NEWER, "the reserved section T"
    unknown = sealed([header, (b"Z", b""), data])
    yield "section_upper_case_unknown", unknown, NEWER, "a section that no reader of 2.x knows"
    number = sealed([header, (b"1", b""), data])
    yield "section_no_letter", number, NEWER, "a tag that is no letter"
    behind = sealed([header, data, (b"P", b"")])
    yield "section_behind_the_data", behind, CORRUPT, "a pixel type behind the data"
    many = sealed([header, *[(b"x", b"")] * 63, data])
    yield "sections_65", many, LIMIT, "65 sections"
    yield "length_of_9_bytes", long + b"D" + b"\x80" * 8 + b"\1", CORRUPT, "a length of 9 bytes"
    past = long + b"D" + b"\x80" * 7 + b"\2" + bytes(9)
    yield "length_past_the_end", past, TRUNCATED, "a section of 2^50 bytes"
    yield "length_truncated", long + b"D\x80", TRUNCATED, "ends in a section's length"
    yield "payload_truncated", good[:-8], TRUNCATED, "ends in a payload"
    yield "crc_truncated", good[:-2], TRUNCATED, "ends in a CRC"
    wrong = good[:-1] + bytes([good[-1] ^ 1])
    yield "crc_wrong", wrong, CHECKSUM, "a bit of the data's CRC"
    skipped = note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]
    yield "crc_of_skipped_section", skipped, CHECKSUM, "the CRC of a section that readers skip"
    yield "digest_wrong", other_digest(good), CHECKSUM, "the digest of other samples, stored"


def header() -> Iterator[Case]:
    """The fields that every file has."""
    good = STORED
    payload = sections(good)[0][1]
    fields = msgpack.unpackb(payload)
    pairs = list(fields.items())
    nested: Any = 0
    for _ in range(300):
        nested = [nested]

    def raw(payload: bytes) -> bytes:
        return replaced(good, b"H", payload)

    yield "header_and_more", raw(payload + b"\0"), CORRUPT, "a byte behind the map"
    yield "header_list", raw(msgpack.packb([1, 2])), CORRUPT, "a list for a map"
    yield "header_truncated", raw(payload[:-3]), CORRUPT, "a map that ends early"
    yield "header_not_messagepack", raw(b"\xc1"), CORRUPT, "a byte that MessagePack never uses"
    huge = raw(b"\xdf\xff\xff\xff\xff" + payload[1:])
    yield "header_map_of_2_to_the_32", huge, CORRUPT, "a map said to have 2^32 - 1 keys"
    yield "header_nested", raw(b"\x81\xa1z" + b"\x91" * 900 + b"\0"), CORRUPT, "lists 900 deep"
    twice = msgpack.Packer().pack_map_pairs([*pairs, pairs[0]])
    yield "header_key_twice", raw(twice), CORRUPT, "a header key stands twice"
    number = raw(msgpack.packb({**fields, 5: 0}))
    yield "header_key_no_string", number, CORRUPT, "a key that is a number"
    yield "header_text_as_bytes", raw(msgpack.packb({**fields, b"z": 0})), CORRUPT, "a key in bytes"
    bad = raw(bytes([payload[0] + 1]) + payload[1:] + b"\xa1\xff\0")
    yield "header_key_not_utf8", bad, CORRUPT, "a key that is no UTF-8"
    long = raw(msgpack.packb({**fields, "z": bytes(1025 - len(payload) - 5)}))
    assert len(sections(long)[0][1]) == 1025
    yield "header_of_1025_bytes", long, LIMIT, "a header of 1025 bytes"
    for key in "sbdm":
        yield f"header_{key}_missing", with_fields(good, {key: None}), CORRUPT, f"no {key}"
    for name, changes, error, reason in (
        ("header_key_unknown", {"z": 1}, NEWER, "a key of a newer version"),
        ("header_list_of_17", {"s": [2, 3, *[1] * 15]}, CORRUPT, "a list longer than any"),
        ("bits_12", {"b": 12}, CORRUPT, "12 bits per sample"),
        ("channels_5", {"s": [2, 3, 5]}, CORRUPT, "5 channels"),
        ("digest_of_15_bytes", {"d": bytes(15)}, CORRUPT, "a digest of 15 bytes"),
        ("size_0", {"s": [0, 3, 1]}, CORRUPT, "no rows"),
        ("size_2_to_the_64", {"s": [(1 << 64) - 1, 3, 1]}, CORRUPT, "2^64 - 1 rows"),
        ("size_float", {"s": [2.0, 3, 1]}, CORRUPT, "rows that are no integer"),
        ("size_negative", {"s": [-2, 3, 1]}, CORRUPT, "-2 rows"),
        ("size_of_2_numbers", {"s": [2, 3]}, CORRUPT, "no number of channels"),
        ("pixels_2_to_the_28_and_more", {"s": [(1 << 14) + 1, 1 << 14, 1]}, LIMIT, "2^28 pixels"),
        ("pixels_2_to_the_62", {"s": [1 << 31, 1 << 31, 1]}, LIMIT, "2^62 pixels"),
        ("model_3", {"m": [3, {}]}, NEWER, "a model of a newer version"),
        ("model_true", {"m": [True, {}]}, CORRUPT, "a model that is no integer"),
        ("model_256", {"m": [256, {}]}, CORRUPT, "a model beyond a byte"),
        ("model_alone", {"m": 0}, CORRUPT, "a model that is no list"),
        ("model_without_fields", {"m": [0]}, CORRUPT, "a model without a map"),
        ("model_of_lists", {"m": [0, []]}, CORRUPT, "a list for a model's map"),
        ("model_key_of_context", {"m": [0, {"o": [0]}]}, NEWER, "a key that stored has not"),
        ("model_key_no_string", {"m": [0, {5: 0}]}, CORRUPT, "a model's key that is a number"),
        ("steps_none", {"t": []}, CORRUPT, "a list of no steps"),
        ("steps_9", {"t": [[1, {}]] * 9}, CORRUPT, "9 steps"),
        ("steps_no_list", {"t": 1}, CORRUPT, "steps that are no list"),
        ("steps_nil", {"t": []}, CORRUPT, "steps that are nil"),
        ("step_255", {"t": [[255, {}]]}, NEWER, "a step of a newer version"),
        ("step_no_list", {"t": [1]}, CORRUPT, "a step that is no list"),
        ("step_key_unknown", {"t": [[2, {"z": 1}]]}, CORRUPT, "a step without its section"),
    ):
        yield name, with_fields(good, changes), error, reason


def pictures() -> Iterator[Case]:
    """Pixel types and metadata."""
    grey, rgb = STORED, inrcodec.encode(np.zeros((2, 3, 3), np.uint8), model="stored")
    few = inrcodec.encode(np.array([[0, 1, 2]], np.uint8), model="stored")
    palette = bytes(range(48))
    for name, data, fields, error, reason in (
        ("alpha_alone", grey, {"a": b"\0"}, CORRUPT, "alpha values without a palette"),
        ("alpha_beyond", grey, {"c": palette, "a": bytes(17)}, CORRUPT, "more alpha than colours"),
        ("depth_3", grey, {"d": 3}, CORRUPT, "a depth of 3 bits"),
        ("depth_of_rgb", rgb, {"d": 4}, CORRUPT, "a depth below 8 of RGB samples"),
        ("empty", grey, {}, CORRUPT, "a pixel type without a field"),
        ("field_unknown", grey, {"z": 1}, NEWER, "an unknown field of the pixel type"),
        ("index_beyond_palette", few, {"c": bytes(6)}, CORRUPT, "an index beyond the palette"),
        ("key_and_palette", grey, {"c": palette, "k": [1]}, CORRUPT, "a key besides a palette"),
        ("key_beyond_16_bits", grey, {"k": [1 << 16]}, CORRUPT, "a key beyond 16 bits"),
        ("key_of_3_for_grey", grey, {"k": [1, 2, 3]}, CORRUPT, "a key of another kind"),
        ("of_2049_bytes", grey, {"c": bytes(2044)}, LIMIT, "a pixel type of 2049 bytes"),
        ("palette_of_257", grey, {"c": bytes(771)}, CORRUPT, "a palette of 257 colours"),
        ("palette_of_4_bytes", grey, {"c": bytes(4)}, CORRUPT, "a palette of no whole colours"),
        ("palette_of_rgb", rgb, {"c": palette}, CORRUPT, "a palette of RGB samples"),
    ):
        yield f"type_{name}", with_section(data, (b"P", msgpack.packb(fields))), error, reason
    twice = msgpack.Packer().pack_map_pairs([("k", [1]), ("k", [2])])
    yield "type_key_twice", with_section(grey, (b"P", twice)), CORRUPT, "a field stands twice"
    both = [(b"P", msgpack.packb({"k": [1]}))] * 2
    yield "type_twice", with_section(grey, *both), CORRUPT, "two pixel types"
    # a depth changes what stored samples are packed to, so the others are coded as they are
    deep = coordinate_file(np.array([[0, 4]], np.uint8))
    beyond = with_section(deep, (b"P", msgpack.packb({"d": 2})))
    yield "type_sample_beyond_depth", beyond, CORRUPT, "a sample beyond its depth"

    def png(*entries: Any) -> bytes:
        return b"\0" + msgpack.packb(["png", list(entries)])

    def tiff(*entries: Any) -> bytes:
        return b"\0" + msgpack.packb(["tiff", list(entries)])

    good = png(["tEXt", b"a\0b"])
    bomb = b"\1" + deflated(png(["tEXt", bytes((1 << 26) + 1)])[1:])
    lists = b"\0" + b"\x92\xa3png\x91\x92" + b"\x91" * 2000
    for name, payload, error, reason in (
        ("and_more", good + b"\0", CORRUPT, "bytes behind the metadata"),
        ("animation", png(["acTL", bytes(8)]), CORRUPT, "an animation chunk among metadata"),
        ("bomb", bomb, LIMIT, "metadata of more than 64 MiB"),
        ("chunk_of_5_letters", png(["tEXtt", b""]), CORRUPT, "a name of 5 letters"),
        ("critical_chunk", png(["IHDR", bytes(13)]), CORRUPT, "a critical chunk among metadata"),
        ("deflate_truncated", b"\1" + deflated(good[1:])[:-3], CORRUPT, "metadata that end early"),
        ("empty", b"", CORRUPT, "an empty section of metadata"),
        ("lists_in_entries", lists, CORRUPT, "lists in an entry of the metadata"),
        ("nested", b"\0" + b"\x91" * 1000, CORRUPT, "metadata nested deeply"),
        ("none", png(), CORRUPT, "metadata without an entry"),
        ("place_at_the_end", png(["tEXt", b"a"], ["IDAT", None]), CORRUPT, "ends in a place"),
        ("place_of_no_palette", png(["PLTE", None], ["tEXt", b"a"]), CORRUPT, "no palette's place"),
        ("tag_of_3_bytes", tiff([270, 5, b"abc"]), CORRUPT, "a TIFF rational of 3 bytes"),
        ("tag_of_type_13", tiff([270, 13, b"abcd"]), CORRUPT, "a TIFF field of type 13"),
        ("tags_not_ascending", tiff([271, 2, b"a"], [270, 2, b"b"]), CORRUPT, "tags descend"),
        ("transparency", png(["tRNS", b"\0\0"]), CORRUPT, "transparency among metadata"),
    ):
        yield f"metadata_{name}", with_section(grey, (b"m", payload)), error, reason
    many = b"\1" + deflated(png(*[["tEXt", b""]] * 65537)[1:])
    yield "metadata_of_65537", with_section(grey, (b"m", many)), CORRUPT, "more than 65536 entries"
    yield "metadata_twice", with_section(grey, (b"m", good), (b"m", good)), CORRUPT, "two of them"


def stored() -> Iterator[Case]:
    """Payloads of stored images."""
    frame = framed(ROWS)
    for name, payload, error, reason in (
        ("deflate_and_more", b"\1" + deflated(ROWS) + b"\0", CORRUPT, "a byte behind the stream"),
        ("deflate_bomb", b"\1" + deflated(bytes(1 << 20)), CORRUPT, "2^20 bytes for 8"),
        ("deflate_damaged", b"\1\xff\xff", CORRUPT, "what is no deflate stream"),
        ("deflate_short", b"\1" + deflated(ROWS[:7]), CORRUPT, "a byte too few"),
        ("deflate_truncated", b"\1" + deflated(ROWS)[:-3], TRUNCATED, "a stream that ends early"),
        ("empty", b"", TRUNCATED, "no payload"),
        ("filter_5", b"\1" + deflated(b"\5" + ROWS[1:]), CORRUPT, "filter 5"),
        ("method_2", b"\2" + ROWS, CORRUPT, "an unknown method"),
        ("zstandard_bomb", b"\0" + framed(bytes(1 << 24)), CORRUPT, "2^24 bytes for 8"),
        ("zstandard_damaged", b"\0" + bytes(20), CORRUPT, "what is no Zstandard frame"),
        ("zstandard_truncated", b"\0" + frame[:-2], TRUNCATED, "a frame that ends early"),
        ("zstandard_twice", b"\0" + frame * 2, CORRUPT, "two Zstandard frames"),
    ):
        yield (
            f"stored_{name}",
            replaced(STORED, b"D", payload),
            error,
            (reason),
        )
    window = b"\0\x28\xb5\x2f\xfd\0" + bytes([19 << 3]) + frame[6:]
    yield "stored_zstandard_window", replaced(STORED, b"D", window), CORRUPT, "a window of 2^29"
    weights = with_section(STORED, (b"W", b""))
    yield "weights_of_stored", weights, CORRUPT, "weights of a stored image"
    images = with_section(STORED, (b"A", b""))
    yield "images_of_stored", images, CORRUPT, "several stored images"


def of(data: bytes, fields: dict[str, Any], **changes: Any) -> bytes:
    """The file with other fields of step 4, without those that are None."""
    kept = {key: value for key, value in (fields | changes).items() if value is not None}
    return with_fields(data, {"t": [[4, kept]]})


def steps() -> Iterator[Case]:
    """Colour history, subsampled chroma, value ranks, colour table."""
    jpeg = unfitted_file(jpeg_scene(33, 40, 1))
    exceptions = dict(sections(jpeg))[b"X"]
    one = [[0], [0], [0], [0]]  # a run of one pixel: gap and length, high and low parts
    jfif = {"t": [[1, {}]]}
    yield "jfif_of_grey", with_fields(STORED, jfif), CORRUPT, "a colour conversion of grey"
    deep = inrcodec.encode(scene(4, 5, 3, np.uint16), model="stored")
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
            "without_difference", b"\1\0\0\0" + integers(*one, [0], [0], [0]), CORRUPT,
            "an exception that is none",
        ),
        (
            "beyond_a_sample", b"\1\0\0\0" + integers(*one, [300], [0], [0]), CORRUPT,
            "a sample above 255",
        ),
        (
            "wrong", b"\1\0\0\0" + integers(*one, [1], [0], [0]), CHECKSUM,
            "an exception that the samples do not have",
        ),
    ):  # fmt: skip
        yield f"exceptions_{name}", replaced(jpeg, b"X", payload), error, reason

    video = Source(CONVERSIONS[2], REPEATED, Lattice(1, 2, 0, 1))
    planes, image = chroma_planes(9, 13, video), chroma_scene(9, 13, video)
    image[0] = (9, 200, 3)
    half = subsampled_file(planes, video, image)
    exceptions = dict(sections(half))[b"Y"]
    own: dict[str, Any] = {"c": 2, "u": 1, "l": [1, 2, 0, 1]}
    chain = {"t": [[4, own]]}
    for name, changes, error, reason in (
        ("subsampled_of_grey", with_fields(STORED, chain), CORRUPT, "subsampled chroma of grey"),
        ("subsampled_of_16_bits", with_fields(deep, chain), CORRUPT, "of 16 bits"),
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
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*one, [200], [100], [0])), CORRUPT,
         "a value above 255"),
        ("exceptions_values_negative",
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*one, [0], [-1], [0])), CORRUPT,
         "a value below 0"),
        ("exceptions_values_wrong",
         replaced(half, b"Y", b"\1\0\0\x80" + integers(*one, [0], [0], [0])), CHECKSUM,
         "a black pixel that the samples do not have"),
    ):  # fmt: skip
        yield name, changes, error, reason

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
    one = [[0], [0], [0], [0]]
    for name, payload, reason in (
        ("empty", b"", "a section of exceptions without bytes"),
        ("beyond", integers([0], [image[..., 0].size * 2], [0], [0], [1]), "behind the last pixel"),
        ("beyond_a_sample", integers(*one, [0], [0], [256]), "a sample above 255"),
        ("without_difference", integers(*one, [0], [0], [0]), "an exception that is none"),
    ):
        whole = b"\1\0\0\0" + payload if payload else payload
        changed = replaced(good, b"E", whole)
        yield f"enlarged_exceptions_{name}", changed, CORRUPT, reason
