"""Faults of container, header, pictures and stored images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

import inrcodec
from inrcodec.container.linr import SIGNATURE
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
    other_digest,
    replaced,
    with_section,
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
        ("model_9", {"m": [9, {}]}, NEWER, "a model of a newer version"),
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
        ("step_9", {"t": [[9, {}]]}, NEWER, "a step of the next version"),
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
