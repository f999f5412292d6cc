"""Makes the files that every reader has to refuse, and must_fail.json, which says why of each.

    python -m tests.must_fail.make

Each is a good file with one fault. Nothing is fitted, so that the files are the same wherever they
are made.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import zstandard

import inrcodec
from inrcodec import Picture
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder, integer_model
from inrcodec.coding.stored_file import StoredImage
from inrcodec.coding.weights import pack_weights
from inrcodec.container.linr import SIGNATURE
from inrcodec.contents import Contents, digest_of_digests, pack, parse, planes_of
from inrcodec.context.networks import Tensor
from inrcodec.coordinate.encode import Trial
from inrcodec.coordinate.file import CoordinateImage
from inrcodec.coordinate.mixture import Member
from inrcodec.coordinate.model import CoordinateModel
from inrcodec.coordinate.transforms import Transform
from inrcodec.decode import digest
from inrcodec.files.picture import PLAIN
from inrcodec.history.chain import Chain
from inrcodec.history.colour_table import ColourTable
from tests.container.test_damage import sealed, sections, with_fields
from tests.pictures import changed_prior_file, jpeg_scene, scene, unfitted_file

FOLDER = Path(__file__).parent
CORRUPT, TRUNCATED, CHECKSUM = "CorruptError", "TruncatedError", "ChecksumError"
NEWER, LIMIT, OTHER = "UnsupportedVersionError", "LimitError", "NotLinrError"

Case = tuple[str, bytes, str, str]  # name, file, error, reason

GREY = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
ROWS = bytes([1, 10, 10, 10, 1, 40, 10, 10])  # of it, with filter 1
STORED = inrcodec.encode(GREY, model="stored")
IMAGE = scene(9, 7, 3, np.uint8)
CONTEXT = unfitted_file(IMAGE)


def replaced(data: bytes, tag: bytes, payload: bytes) -> bytes:
    """The file with another payload in a section."""
    return sealed([(each, payload if each == tag else own) for each, own in sections(data)])


def with_section(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """The file with sections behind its header."""
    header, *rest = sections(data)
    return sealed([header, *more, *rest])


def without(data: bytes, tag: bytes) -> bytes:
    """The file without a section."""
    return sealed([section for section in sections(data) if section[0] != tag])


def other_digest(data: bytes) -> bytes:
    """The file with the digest of other samples."""
    return with_fields(data, {"d": bytes(16)})


def coordinate_file(image: np.ndarray, **changes: Any) -> bytes:
    """A file of coordinate networks with weights of zero; changes: of the CoordinateModel."""
    model = {"form": "int", "layout": "joint", "backbone": "finer", "width": 4, "depth": 1}
    model |= {"constants": (100,), "modes": (0,) * 8, "step": 3} | changes
    planes = planes_of(Picture(image))
    coded = _coordinate(CoordinateModel(**model), image)
    return pack(Contents(planes.geometry, digest(image), PLAIN, None, (), coded))


def _coordinate(model: CoordinateModel, image: np.ndarray) -> CoordinateImage:
    geometry = planes_of(Picture(image)).geometry
    sizes = model.sizes(geometry.channels)
    zeros = {name: Tensor(np.zeros(size, np.int64), 0) for name, size in sizes.items()}
    tensors = [zeros] * model.networks()
    with Workers(numpy_backend(), 1) as workers:
        trial = Trial(image.reshape(*image.shape[:2], -1), numpy_backend(), workers)
        mixed = (1 << 16,) * model.sets if model.sets > 1 else None
        return CoordinateImage(geometry, model, *trial.code(model, tensors, mixed))


def set_file(sets: int = 2) -> bytes:
    """A file of two images from sets of weights of zero."""
    model = CoordinateModel("int", "joint", "finer", 4, 1, (100,), (0,) * 8, 3, sets=sets)
    coded = [_coordinate(model, image) for image in (GREY, GREY[::-1])]
    members = tuple(
        Member(digest(image), len(one.data), (1 << 16,) * sets)
        for image, one in zip((GREY, GREY[::-1]), coded, strict=True)
    )
    data = b"".join(one.data for one in coded)
    whole = CoordinateImage(coded[0].geometry, model, coded[0].weights, data, members)
    digests = digest_of_digests(whole.digests)
    return pack(Contents(whole.geometry, digests, PLAIN, None, (), whole))


def deflated(data: bytes) -> bytes:
    """One raw deflate stream."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def framed(data: bytes) -> bytes:
    """One Zstandard frame."""
    return zstandard.ZstdCompressor().compress(data)


def integers(*groups: list[int]) -> bytes:
    """A stream of adaptive integers, a model for each group."""
    encoder = Encoder()
    for group in groups:
        encoder.encode_integers(np.array(group, dtype=np.int64), integer_model())
    return encoder.finish()


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
        yield f"metadata_{name}", long_section(grey, b"m", payload), error, reason
    many = b"\1" + deflated(png(*[["tEXt", b""]] * 65537)[1:])
    yield "metadata_of_65537", long_section(grey, b"m", many), CORRUPT, "more than 65536 entries"
    yield "metadata_twice", with_section(grey, (b"m", good), (b"m", good)), CORRUPT, "two of them"


def long_section(data: bytes, tag: bytes, payload: bytes) -> bytes:
    """The file with a section of any length behind its header."""
    head = sealed(sections(data)[:1])
    return head + section(tag, payload) + data[len(head) :]


def section(tag: bytes, payload: bytes) -> bytes:
    """A section of any length."""
    length, number = b"", len(payload)
    while number > 127:
        length, number = length + bytes([number % 128 + 128]), number >> 7
    crc = zlib.crc32(tag + payload).to_bytes(4, "little")
    return tag + length + bytes([number]) + payload + crc


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
            long_section(sealed(sections(STORED)[:1]), b"D", payload),
            error,
            (reason),
        )
    window = b"\0\x28\xb5\x2f\xfd\0" + bytes([19 << 3]) + frame[6:]
    yield "stored_zstandard_window", replaced(STORED, b"D", window), CORRUPT, "a window of 2^29"
    weights = with_section(STORED, (b"W", b""))
    yield "weights_of_stored", weights, CORRUPT, "weights of a stored image"
    images = with_section(STORED, (b"A", b""))
    yield "images_of_stored", images, CORRUPT, "several stored images"


def steps() -> Iterator[Case]:
    """Colour history, value ranks, colour table."""
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
        yield f"values_{name}", long_section(without(grey, b"V"), b"V", payload), CORRUPT, reason
        if name == "too_few":
            few = with_section(stored, (b"V", payload))
            yield "values_too_few_stored", few, CORRUPT, "ranks of a stored image beyond them"

    image = np.array([[[1, 2, 3], [9, 9, 9]] * 4] * 4, np.uint8)
    chain = Chain((), planes_of(Picture(image))).then(ColourTable)
    assert chain is not None
    coded = StoredImage.encode(chain.planes)
    picture = planes_of(Picture(image)).geometry
    table = pack(Contents(picture, digest(image), PLAIN, None, chain.steps, coded))
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
        yield f"table_{name}", long_section(without(table, b"C"), b"C", payload), error, reason


def context() -> Iterator[Case]:
    """Layout, networks and weights of context images."""
    good, grey = CONTEXT, unfitted_file(GREY)
    alpha = unfitted_file(scene(4, 5, 2, np.uint8))
    prior = inrcodec.encode(IMAGE, model="context", effort=1, device="cpu")
    changes = changed_prior_file(IMAGE)
    half, trits = (unfitted_file(GREY, form) for form in ("fp16", "ternary"))
    for key in "olpefw":
        missing = with_fields(good, {f"m.{key}": None})
        yield f"context_{key}_missing", missing, CORRUPT, f"no {key} of a context image"
    for name, data, fields, error, reason in (
        ("order_of_2", good, {"m.o": [1, 0]}, CORRUPT, "an order of 2 of 3 channels"),
        ("order_repeats", good, {"m.o": [1, 0, 1]}, CORRUPT, "a channel coded twice"),
        ("order_alpha_first", alpha, {"m.o": [1, 0]}, CORRUPT, "alpha before a colour"),
        ("lowest_256", grey, {"m.l": [256]}, CORRUPT, "a lowest sample of 256 of 8 bits"),
        ("sample_above_255", grey, {"m.l": [250]}, CORRUPT, "samples that 8 bits do not hold"),
        ("planes_9", grey, {"m.p": [9]}, CORRUPT, "9 planes of 8 bits"),
        ("exponent_9", good, {"m.e": 9}, CORRUPT, "an exponent of 9"),
        ("form_3", good, {"m.f": 3}, NEWER, "a weight form of a newer version"),
        ("width_0", good, {"m.w": [0, 1]}, CORRUPT, "trunk networks without units"),
        ("width_65", good, {"m.w": [65, 1]}, CORRUPT, "trunk networks 65 wide"),
        ("prior_0", prior, {"m.q": 0}, CORRUPT, "prior 0"),
        ("prior_127", prior, {"m.q": 127}, NEWER, "a prior of a newer version"),
        ("prior_digest", prior, {"m.q": bytes(16)}, NEWER, "a prior by its digest"),
        ("prior_and_width", prior, {"m.w": [1, 1]}, NEWER, "widths beside a prior"),
        ("prior_in_fp16", prior, {"m.f": 1}, CORRUPT, "changes in half precision"),
        ("rank_33", changes, {"m.r": 33}, CORRUPT, "changes of rank 33"),
        ("rank_missing", changes, {"m.r": None}, CORRUPT, "changes without a rank"),
        ("rank_without_weights", prior, {"m.r": 1}, NEWER, "a rank of no changes"),
    ):
        yield name, with_fields(data, fields), error, reason
    large = {"s": [1 << 14, 1 << 14, 3]}
    yield "data_too_short_for_bits", with_fields(good, large), CORRUPT, "2^28 pixels, few bytes"
    wide = with_fields(good, {**large, "m.w": [64, 64]})
    much = without(wide, b"D") + section(b"D", bytes(20000))
    yield "multiply_adds_2_to_the_44_and_more", much, LIMIT, "64 units for 2^28 pixels"
    wrong = other_digest(good)
    yield "digest_of_context_wrong", wrong, CHECKSUM, "the digest of other samples, context"
    yield "section_weights_missing", without(good, b"W"), CORRUPT, "no weights section"
    twice = with_section(good, (b"W", b""))
    yield "section_weights_twice", twice, CORRUPT, "two weights sections"
    images = with_section(good, (b"A", b""))
    yield "images_of_context", images, CORRUPT, "several context images"
    weights = dict(sections(half))[b"W"]
    yield "weights_empty", replaced(half, b"W", b""), TRUNCATED, "weights that end early"
    infinite = replaced(half, b"W", struct.pack("<e", math.inf) + weights[2:])
    yield "weights_infinite", infinite, CORRUPT, "an infinite weight"
    yield "weights_left_over", replaced(half, b"W", weights + b"\0"), CORRUPT, "a byte too many"
    three = dict(sections(trits))[b"W"]
    beyond = replaced(trits, b"W", three[:2] + b"\xf3" + three[3:])
    yield "weights_trits_of_243", beyond, CORRUPT, "a byte of five digits beyond them"
    model = parse(grey).model
    yield (
        "weights_too_large",
        replaced(grey, b"W", networks(model, 0, 1 << 20, 0)),
        CORRUPT,
        ("sums beyond 53 bits"),
    )
    yield (
        "bias_shift_31",
        replaced(grey, b"W", networks(model, 31, 0, 0)),
        CORRUPT,
        ("a bias finer than 1/1024"),
    )


def networks(model: Any, shift: int, value: int, weight_shift: int) -> bytes:
    """Weights of a context image, with this shift of biases and this value of all weights."""
    from inrcodec.context.file import network_shapes

    return pack_weights(
        "int",
        [
            {
                name: Tensor(
                    np.full(size, value), shift if name[0] == "b" and name != "bypass" else 21
                )
                for name, size in shape.tensors().items()
            }
            for shape in network_shapes(model.layout, model.models)
        ],
    )


def coordinate() -> Iterator[Case]:
    """Coordinate images, one and several."""
    good = coordinate_file(GREY)
    value = Transform("none", (0, 255))
    values = coordinate_file(GREY, layout="value", transform=value)
    frequencies = coordinate_file(GREY, backbone="pe-relu", constants=(2,))
    for key in "kawgnft":
        missing = with_fields(good, {f"m.{key}": None})
        yield f"coordinate_{key}_missing", missing, CORRUPT, f"no {key} of a coordinate image"
    for name, data, fields, error, reason in (
        ("backbone_6", good, {"m.a": 6}, NEWER, "a backbone of a newer version"),
        ("layout_3", good, {"m.k": 3}, NEWER, "a layout of a newer version"),
        ("coordinate_form_3", good, {"m.f": 3}, NEWER, "a weight form of a newer version"),
        ("constants_2", good, {"m.g": [1, 2]}, CORRUPT, "two constants of FINER"),
        ("constants_large", good, {"m.g": [(1 << 20) + 1]}, CORRUPT, "a constant above 2^20"),
        ("frequencies_13", frequencies, {"m.g": [13]}, CORRUPT, "13 frequencies"),
        ("coordinate_depth_1000", good, {"m.w": [4, 1000]}, CORRUPT, "1000 hidden layers"),
        ("coordinate_depth_17", good, {"m.w": [4, 17]}, CORRUPT, "17 hidden layers"),
        ("coordinate_width_1025", good, {"m.w": [1025, 1]}, CORRUPT, "layers of 1025 units"),
        (
            "coordinate_wire_of_width_1", good, {"m.a": 3, "m.g": [1, 1, 1], "m.w": [1, 1]},
            CORRUPT, "WIRE without units",
        ),
        ("plane_mode_3", good, {"m.n": [3] * 8}, CORRUPT, "a plane coded in no known way"),
        ("planes_of_coordinate_7", good, {"m.n": [0] * 7}, CORRUPT, "7 planes of 8 bits"),
        ("fit_steps_2_to_the_32", good, {"m.t": 1 << 32}, CORRUPT, "2^32 steps of a fit"),
        ("coordinate_key_unknown", good, {"m.z": 0}, NEWER, "a key of a newer version"),
        (
            "coordinate_weights_2_to_the_24_and_more", good, {"m.k": 1, "m.w": [1024, 16]}, LIMIT,
            "8 networks of 16 layers of 1024 units",
        ),
        (
            "coordinate_data_too_short", good, {"s": [1 << 14, 1 << 14, 1]}, CORRUPT,
            "2^28 pixels in a few bytes of data",
        ),
        ("values_without_transform", values, {"m.v": None}, CORRUPT, "values, no transform"),
        ("values_with_plane_modes", values, {"m.n": [1] * 8}, CORRUPT, "planes of values"),
        ("transform_of_bits", good, {"m.v": [0, 0, 255]}, CORRUPT, "a transform of bits"),
        ("transform_5", values, {"m.v": [5, 0, 255]}, NEWER, "a transform of a newer version"),
        ("transform_of_nothing", values, {"m.v": []}, CORRUPT, "a transform without a kind"),
        ("transform_descends", values, {"m.v": [0, 9, 8]}, CORRUPT, "least above greatest"),
        ("transform_deviation_0", values, {"m.v": [1, 0, 9, 0, 0]}, CORRUPT, "a deviation of 0"),
        ("transform_without_scalars", values, {"m.v": [2, 0, 9]}, CORRUPT, "no exponent of gamma"),
    ):  # fmt: skip
        yield name, with_fields(data, fields), error, reason
    deep = with_fields(good, {"s": [1 << 9, 1 << 9, 1], "m.w": [1024, 15]})
    yield "coordinate_multiply_adds_2_to_the_44_and_more", deep, LIMIT, "1024 units, 2^18 pixels"
    nil = msgpack.unpackb(sections(good)[0][1])
    nil["m"][1]["v"] = None
    yield "transform_nil", replaced(good, b"H", msgpack.packb(nil)), CORRUPT, "a transform is nil"
    wrong = other_digest(good)
    yield "digest_of_coordinate_wrong", wrong, CHECKSUM, "the digest of other samples, coordinate"
    yield (
        "coordinate_long_row",
        other_digest(long_row()),
        CHECKSUM,
        ("1024 units for each of the 2^15 pixels of a row at once would be gigabytes"),
    )
    yield "weights_of_coordinate_missing", without(good, b"W"), CORRUPT, "no weights"
    fp16 = coordinate_file(GREY, form="fp16")
    short = replaced(fp16, b"W", dict(sections(fp16))[b"W"][:-1])
    yield "coordinate_weights_truncated", short, TRUNCATED, "weights that end early"
    model = parse(good).model
    assert isinstance(model, CoordinateImage)
    huge = {n: Tensor(np.full(s, 1 << 20), 0) for n, s in model.model.sizes(1).items()}
    huge = {n: Tensor(t.values, 31 if n[0] == "b" else 0) for n, t in huge.items()}
    yield (
        "coordinate_weights_too_large",
        replaced(good, b"W", pack_weights("int", [huge])),
        (CORRUPT),
        "sums beyond 53 bits",
    )

    images = set_file()
    table = dict(sections(images))[b"A"]
    first = 1 + 16
    for name, payload, error, reason in (
        ("0", table[:1], CORRUPT, "no images"),
        ("empty", b"", CORRUPT, "a section of images without bytes"),
        ("of_17_sets", b"\x11" + table[1:], CORRUPT, "17 weight sets"),
        ("truncated", table[:-1], CORRUPT, "a record of an image cut short"),
        (
            "beyond_data", table[:first] + b"\xff\xff\xff\x7f" + table[first + 4 :], CORRUPT,
            "a part of 2^31 - 1 bytes",
        ),
        (
            "length_negative", table[:first] + b"\xff" * 4 + table[first + 4 :], CORRUPT,
            "a part of -1 bytes",
        ),
        (
            "coefficient_too_large",
            table[: first + 4] + (1 << 21).to_bytes(4, "little") + table[first + 8 :], CORRUPT,
            "a coefficient of 32",
        ),
        ("digests_wrong", table[:1] + bytes(16) + table[17:], CHECKSUM, "other digests"),
    ):  # fmt: skip
        yield f"images_{name}", replaced(images, b"A", payload), error, reason
    plain = with_fields(images, {"m.k": 2, "m.v": [0, 0, 255]})
    yield "images_of_values", plain, CORRUPT, "weight sets of a model of values"


def long_row() -> bytes:
    """A row of 2^15 pixels under one layer of 1024 units."""
    return coordinate_file(np.zeros((1, 1 << 15), np.uint8), width=1024)


def cases() -> Iterator[Case]:
    """All files."""
    for part in (container, header, pictures, stored, steps, context, coordinate):
        yield from part()


def main() -> None:
    for path in FOLDER.glob("*.linr"):
        path.unlink()
    reasons: dict[str, list[str]] = {}
    for name, data, error, reason in cases():
        assert f"{name}.linr" not in reasons, name
        (FOLDER / f"{name}.linr").write_bytes(data)
        reasons[f"{name}.linr"] = [error, reason]
    lines = [f"  {json.dumps(name)}: {json.dumps(reasons[name])}" for name in sorted(reasons)]
    (FOLDER / "must_fail.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
