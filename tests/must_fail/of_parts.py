"""Faults of files of parts: index, parts, shared networks, pages that see others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, PixelType
from inrcodec.encode import source_picture
from inrcodec.files.metadata import pack_metadata
from inrcodec.files.timing import Delay, Repeats, delay_chunk, repeats_chunk
from inrcodec.frames.file import Frames
from inrcodec.history.value_ranks import ValueRanks
from tests.container.test_damage import sealed, sections, with_fields
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.fuzz.mutate import varint
from tests.must_fail.faults import (
    CHECKSUM,
    CONTEXT,
    CORRUPT,
    LIMIT,
    NEWER,
    NOT_HERE,
    STORED,
    TRUNCATED,
    Case,
    set_file,
    with_section,
)

SEES = (How(), How(None, 1, (-1,)), How(None, 1, (-1,)))
Chain = list[tuple[bytes, bytes]]


def taken_apart(data: bytes) -> tuple[Chain, list[Chain]]:
    """The file's own sections, and those of each part."""
    chain, parts = sections(data), list[Chain]()
    own = chain[: 1 + [tag for tag, _ in chain].index(b"F")]
    for section in chain[len(own) :]:
        if section[0] == b"H":
            parts.append([])
        parts[-1].append(section)
    return own, parts


def put_together(own: Chain, parts: list[Chain], sizes: list[int] | None = None) -> bytes:
    """A file with an index of these parts; sizes: what is before the lengths in it."""
    packed = [sealed(part)[10:] for part in parts]
    index = b"".join(map(varint, [*(sizes or []), *map(len, packed)]))
    return sealed([*own[:-1], (b"F", index)]) + b"".join(packed)


def with_index(data: bytes, index: bytes) -> bytes:
    """The file with another index."""
    own, parts = taken_apart(data)
    return sealed([*own[:-1], (b"F", index)]) + b"".join(sealed(part)[10:] for part in parts)


def with_part(data: bytes, number: int, part: Chain | bytes) -> bytes:
    """The file with another part, or that of a file of one image."""
    own, parts = taken_apart(data)
    parts[number] = sections(part) if isinstance(part, bytes) else part
    return put_together(own, parts)


def with_own_fields(data: bytes, **fields: Any) -> bytes:
    """The file with other fields of the model of parts; None takes one out."""
    own, parts = taken_apart(data)
    changed = with_fields(sealed(own), {f"m.{key}": value for key, value in fields.items()})
    return sealed(sections(changed)) + b"".join(sealed(part)[10:] for part in parts)


def with_part_fields(data: bytes, number: int, fields: dict[str, Any]) -> bytes:
    """The file with other fields in a part's header."""
    _, parts = taken_apart(data)
    return with_part(data, number, with_fields(sealed(parts[number]), fields))


def with_set(data: bytes, fields: dict[str, Any], weights: bytes = b"", number: int = 0) -> bytes:
    """The file with other fields in a section N, and these weights."""
    payload = sections(data)[1 + number][1]
    before = msgpack.unpackb(payload[1 : 1 + payload[0]])
    kept = {key: value for key, value in (before | fields).items() if value is not None}
    packed = msgpack.packb(kept)
    return with_set_payload(data, varint(len(packed)) + packed + weights, number)


def with_set_payload(data: bytes, payload: bytes, number: int = 0) -> bytes:
    own, parts = taken_apart(data)
    own[1 + number] = b"N", payload
    return put_together(own, parts)


PAGES = moving(3, 8, 9, 1, np.uint8)
GOOD = parts_file(PAGES, SEES, sets=(a_set(), a_set(1, 1)))
TILED = parts_file(moving(1, 20, 18, 1, np.uint8), tile=(16, 16), sets=(a_set(),))
PLAIN = parts_file(PAGES, [How(stored)])
SIZES = parts_file([PAGES[0], PAGES[1, :5]], [How(stored)])


def parts() -> Iterator[Case]:
    """All of them."""
    for name, *case in (*of_the_index(), *of_parts(), *of_sets(), *of_pages_that_see(),
                        *of_times()):  # fmt: skip
        yield (f"part_{name}", *case)


def of_the_index() -> Iterator[Case]:
    """What the file says of its pages and parts."""
    own, its = taken_apart(GOOD)
    lengths = [len(sealed(part)) - 10 for part in its]
    for key, value, error, reason in (
        ("p", None, CORRUPT, "no number of pages"),
        ("p", 0, CORRUPT, "no pages"),
        ("p", True, CORRUPT, "a number of pages that is true"),
        ("p", 1 << 20, CORRUPT, "more pages than the index has bytes"),
        ("p", (1 << 24) + 1, CORRUPT, "more pages than there can be"),
        ("p", 2, CORRUPT, "an index of more parts than there are"),
        ("p", 4, CORRUPT, "an index of fewer parts than there are"),
        ("g", [8, 16], CORRUPT, "tiles of 8 rows"),
        ("g", [16, 24], CORRUPT, "tiles of 24 columns"),
        ("g", [16], CORRUPT, "tiles of one side"),
        ("g", [16, 65552], CORRUPT, "tiles beyond 65536 columns"),
        ("v", 0, CORRUPT, "sizes of pages that are not there"),
        ("v", 2, CORRUPT, "sizes of pages of another kind"),
        ("z", 1, NEWER, "an unknown field of a file of parts"),
    ):
        name = f"{key}_{'missing' if value is None else str(value).strip('[]').replace(', ', '_')}"
        yield name, with_own_fields(GOOD, **{key: value}), error, reason
    tail = varint(1 << 55)
    for name, index, error, reason in (
        ("index_empty", b"", CORRUPT, "an index of nothing"),
        ("index_short", b"".join(map(varint, lengths[:2])), CORRUPT, "a length is missing"),
        ("index_cut", b"".join(map(varint, lengths)) + b"\x80", TRUNCATED, "a length is cut"),
        ("index_long", b"".join(map(varint, [*lengths, 0])), CORRUPT, "a length too many"),
        ("length_of_9_bytes", b"".join(map(varint, lengths[:2])) + varint(lengths[2], 9), CORRUPT,
         "a length of 9 bytes"),
        ("length_0", b"".join(map(varint, [0, *lengths[1:]])), CORRUPT, "a part of no bytes"),
        ("length_large", b"".join(map(varint, lengths[:2])) + tail, TRUNCATED, "2^55 bytes"),
        ("length_less", b"".join(map(varint, [lengths[0] - 1, lengths[1] + 1, lengths[2]])),
         TRUNCATED, "a part that ends within a section"),
    ):  # fmt: skip
        yield name, with_index(GOOD, index), error, reason
    large = with_own_fields(with_index(GOOD, varint((1 << 56) - 1) * 100), p=100)
    yield "lengths_of_2_to_the_62", large, CORRUPT, "more bytes than a file can have"
    yield "cut", GOOD[:-1], TRUNCATED, "a file without its last byte"
    yield "cut_before_the_parts", sealed(own), TRUNCATED, "a file without its parts"
    yield "cut_within_the_index", sealed(own)[:-3], TRUNCATED, "a file without its index"
    yield "bytes_behind", GOOD + b"\0", CORRUPT, "a byte behind the last part"
    yield "index_missing", sealed(own[:-1]), CORRUPT, "no index"
    yield (
        "index_of_a_stored_file",
        with_section(STORED, (b"F", b"\1")),
        CORRUPT,
        "an index too much",
    )
    yield "sets_of_a_context_file", with_section(CONTEXT, own[1]), CORRUPT, "shared networks"
    yield "data_of_its_own", put_together([*own[:-1], (b"D", b"\0"), own[-1]], its), CORRUPT, "data"
    yield "weights_of_its_own", put_together([*own[:-1], (b"W", b"\0"), own[-1]], its), CORRUPT, "W"
    steps = with_fields(sealed(own), {"t": [[1, {}]]})
    yield "steps_of_its_own", put_together(sections(steps), its), CORRUPT, "a file of parts' steps"
    many = [own[0], *[own[1]] * 33, own[-1]]
    yield "sets_33", put_together(many, its), CORRUPT, "33 sections N"
    first, second = [8, 9, 1, 8], [5, 9, 1, 8]
    own, its = taken_apart(SIZES)
    for name, sizes, error, reason in (
        ("size_of_the_first_page", [9, *first[1:], *second], CORRUPT, "not as the header has it"),
        ("page_of_0_rows", [*first, 0, *second[1:]], CORRUPT, "a page without rows"),
        ("page_of_0_channels", [*first, 5, 9, 0, 8], CORRUPT, "a page without channels"),
        ("page_of_5_channels", [*first, 5, 9, 5, 8], CORRUPT, "a page of 5 channels"),
        ("page_of_12_bits", [*first, 5, 9, 1, 12], CORRUPT, "a page of 12 bits"),
        ("page_too_large", [*first, 1 << 20, 1 << 20, 1, 8], LIMIT, "a page of 2^40 pixels"),
    ):
        yield name, put_together(own, its, sizes), error, reason


def of_parts() -> Iterator[Case]:
    """What a part says of itself."""
    other, small = sections(stored(Picture(PAGES[0]))), stored(Picture(PAGES[0][:7]))
    colour, deep = moving(1, 8, 9, 3, np.uint8)[0], PAGES[0].astype(np.uint16)
    source = sections(stored(source_picture(b"P5\n9 8\n255\n" + PAGES[0].tobytes(), "it")))
    copy = inrcodec.encode(source_picture(ARITHMETIC, "it"))
    text = Metadata("png", (("tEXt", b"Comment\0hello"),))
    for name, part, error, reason in (
        ("smaller", small, CORRUPT, "a part of fewer rows than its page has"),
        ("in_colour", stored(Picture(colour)), CORRUPT, "a part of other channels than its page"),
        ("of_16_bits", stored(Picture(deep)), CORRUPT, "a part of other bits than its page"),
        ("with_its_source", source, CORRUPT, "a source file in a part"),
        ("with_sets", [other[0], (b"N", b""), *other[1:]], CORRUPT, "shared networks in a part"),
        ("with_an_index", [*other, (b"F", b"\1")], CORRUPT, "an index in a part"),
        ("of_parts", PLAIN, CORRUPT, "parts in a part"),
        ("a_copy", copy, CORRUPT, "a copy of a file in a part"),
        ("with_images", set_file(1), CORRUPT, "several images in a part"),
        ("without_a_header", other[1:], CORRUPT, "a part that does not begin with a header"),
        ("two_headers", [other[0], *other], CORRUPT, "a part with two headers"),
        ("unknown_section", [other[0], (b"Z", b""), *other[1:]], NEWER, "an unknown section"),
        # model 6 was unknown when this file was made
        ("unknown_model", with_fields(sealed(other), {"m": [6, {}]}), CORRUPT, "no level"),
        ("unknown_model_7", with_fields(sealed(other), {"m": [7, {}]}), NEWER, "model 7"),
        ("other_digest", with_fields(sealed(other), {"d": bytes(16)}), CHECKSUM, "its digest"),
    ):  # fmt: skip
        own, its = taken_apart(PLAIN)
        its[0] = sections(part) if isinstance(part, bytes) else part
        yield name, put_together(own, its), error, reason
    own, its = taken_apart(PLAIN)
    yield "swapped", put_together(own, its[::-1]), CHECKSUM, "parts in the places of others"
    wrong = with_fields(sealed(own), {"d": bytes(16)})
    yield (
        "digest_of_all",
        put_together(sections(wrong), its),
        CHECKSUM,
        "other digests of all parts",
    )
    flipped = bytearray(PLAIN)
    flipped[-7] ^= 1
    yield "flipped", bytes(flipped), CHECKSUM, "a bit of the last part"
    tile = Picture(np.zeros((4, 2), np.uint8))
    for name, picture in (
        ("tile_with_metadata", Picture(tile.samples, metadata=text)),
        ("tile_with_names", Picture(tile.samples, left_out=("a thing",))),
    ):
        reason = "what is a page's in a tile that is not its first"
        yield name, with_part(TILED, 3, stored(picture)), CORRUPT, reason
    typed = stored(Picture(tile.samples, PixelType(4)))
    yield "tile_of_another_type", with_part(TILED, 3, typed), CORRUPT, "two types in a page"
    few = [Picture(page // 16, PixelType(4)) for page in PAGES]
    common = parts_file(few, [How(stored)], type=PixelType(4))
    yield "type_beside_the_type", with_part(common, 1, stored(few[1])), CORRUPT, "a type twice"
    depth = [few[0], Picture(PAGES[1].astype(np.uint16) * 99), few[2]]
    own, its = taken_apart(parts_file(depth, [How(stored)]))
    with_type = put_together([own[0], (b"P", msgpack.packb({"d": 4})), *own[1:]], its, SIZED)
    yield "type_that_it_cannot_be_of", with_type, CORRUPT, "a depth of 4 of 16 bits"


def of_times() -> Iterator[Case]:
    """How often and how long frames are shown."""
    repeats, delay = Repeats(3, 0), Delay(1, 10)
    for name, where, chunks, reason in (
        ("repeats_of_4", None, (repeats_chunk(repeats._replace(frames=4)),), "4 of 3 frames"),
        ("repeats_of_0", None, (repeats_chunk(repeats._replace(frames=0)),), "none of 3 frames"),
        ("repeats_of_a_page", 1, (repeats_chunk(repeats),), "how often a page is shown"),
        ("delay_of_another_size", 1, (delay_chunk(8, 8, delay),), "a delay of another size"),
        ("delays_of_other_pages", None, (delay_chunk(5, 9, delay),), "a delay of no page"),
        ("delay_twice", 1, (delay_chunk(8, 9, delay),) * 2, "two delays of a page"),
        ("delay_cut", 1, ((delay_chunk(8, 9, delay)[0], bytes(20)),), "a delay of 20 bytes"),
    ):
        metadata = Metadata("png", tuple(chunks))
        if where is None:
            data = parts_file(PAGES, [How(stored)], metadata=metadata)
        else:
            _, its = taken_apart(PLAIN)
            with_times = [its[where][0], (b"m", pack_metadata(metadata)), *its[where][1:]]
            data = with_part(PLAIN, where, with_times)
        yield f"times_{name}", data, CORRUPT, reason
    packed = pack_metadata(Metadata("png", (delay_chunk(2, 3, delay),)))
    alone = with_section(STORED, (b"m", packed))
    yield "times_of_a_file_of_one", alone, CORRUPT, "how long an image is shown"


# a JPEG with arithmetic coding, which is kept as it is
ARITHMETIC = bytes.fromhex("ffd8ffc9000b080008000901011100ffda0008010100003f0000ffd9")
SIZED = [8, 9, 1, 8, 8, 9, 1, 16, 8, 9, 1, 8]


def of_sets() -> Iterator[Case]:
    """Shared networks."""
    for key in "caybf":
        yield f"set_{key}_missing", with_set(GOOD, {key: None}), CORRUPT, f"no {key} of a set"
    colours = parts_file(moving(1, 8, 9, 3, np.uint8), sets=(a_set(3),))
    for name, data, fields, error, reason in (
        ("c_0", GOOD, {"c": 0}, CORRUPT, "networks of no channel"),
        ("c_5", colours, {"c": 5}, CORRUPT, "networks of 5 channels"),
        ("a_2", GOOD, {"a": 2}, CORRUPT, "an alpha of 2"),
        ("two_colours", GOOD, {"c": 2}, CORRUPT, "two colours"),
        ("alpha_alone", GOOD, {"a": 1}, CORRUPT, "alpha alone"),
        ("grey_ycc", GOOD, {"y": 1}, CORRUPT, "Y, Cb and Cr of one channel"),
        ("y_3", colours, {"y": 3}, CORRUPT, "planes of a kind that there is not"),
        ("b_3", GOOD, {"b": 3}, CORRUPT, "three pages that are seen"),
        ("unknown_key", GOOD, {"z": 0}, NEWER, "an unknown key"),
        ("nil", GOOD, {"c": msgpack.ExtType(5, b"")}, CORRUPT, "channels that are no number"),
        ("prior_127", GOOD, {"q": 127}, NEWER, "a prior of a newer version"),
        ("form_3", GOOD, {"f": 3}, NEWER, "a weight form of a newer version"),
        ("prior_digest", GOOD, {"q": bytes(16), "w": [32, 16]}, NOT_HERE, "no such prior"),
        ("prior_digest_alone", GOOD, {"q": bytes(16)}, CORRUPT, "a prior of unknown widths"),
        ("rank_without_weights", GOOD, {"r": 2}, NEWER, "a rank of no changes"),
        ("no_weights", GOOD, {"q": None, "w": [2, 2]}, CORRUPT, "neither a prior nor weights"),
        ("width_65", GOOD, {"q": None, "w": [65, 2]}, CORRUPT, "networks 65 wide"),
        ("of_colours", GOOD, {"c": 3}, CORRUPT, "networks of other channels than a part has"),
    ):
        yield f"set_{name}", with_set(data, fields), error, reason
    changes = with_set(GOOD, {}, b"\0" * 9)
    yield "set_without_a_rank", changes, CORRUPT, "changes without a rank"
    half = with_set(GOOD, {"q": None, "w": [2, 2], "f": 1}, bytes(9))
    yield "set_of_too_few_weights", half, TRUNCATED, "fp16 weights that end too soon"
    wide = with_set(GOOD, {"q": None, "w": [2, 2]}, b"\xff" * 9)
    yield "set_of_no_weights", wide, CORRUPT, "a stream that no encoder writes"
    packed = msgpack.packb({"c": 1})
    for name, payload, error, reason in (
        ("empty", b"", TRUNCATED, "a section N of no bytes"),
        ("cut", varint(9) + packed, TRUNCATED, "fields beyond the section"),
        ("fields_long", varint(300) + packed + bytes(400), LIMIT, "fields of 300 bytes"),
        ("no_map", varint(1) + b"\1", CORRUPT, "fields that are no map"),
        ("key_twice", varint(7) + b"\x83\xa1c\1\xa1c\1", CORRUPT, "a key twice"),
    ):
        yield f"set_{name}", with_set_payload(GOOD, payload), error, reason


def of_pages_that_see() -> Iterator[Case]:
    """Fields of parts with shared networks, and the pages that they see."""
    for name, number, fields, error, reason in (
        ("shared_2_of_2", 0, {"m.g": 2}, CORRUPT, "shared networks that there are not"),
        ("shared_256", 0, {"m.g": 256}, CORRUPT, "shared networks 256"),
        ("shared_true", 0, {"m.g": True}, CORRUPT, "shared networks that are true"),
        ("shared_and_form", 0, {"m.f": 0}, NEWER, "shared networks and a form"),
        ("shared_of_more_pages", 0, {"m.g": 1}, CORRUPT, "networks for pages that see another"),
        ("shared_of_fewer_pages", 1, {"m.g": 0}, CORRUPT, "networks for pages that see none"),
        ("sees_without_networks", 1, {"m.g": None, "m.f": 0, "m.q": 1}, NEWER, "b without g"),
        ("sees_nothing", 1, {"m.b": []}, CORRUPT, "a list of no pages"),
        ("sees_three", 1, {"m.b": [-1, 1, -1]}, CORRUPT, "three pages"),
        ("sees_two_of_one", 1, {"m.b": [-1, -1]}, CORRUPT, "two pages for networks of one"),
        ("sees_true", 1, {"m.b": [True]}, CORRUPT, "a distance that is true"),
        ("sees_a_number", 1, {"m.b": -1}, CORRUPT, "a distance in no list"),
        ("sees_itself", 1, {"m.b": [0]}, CORRUPT, "a distance of 0"),
        ("sees_too_far", 1, {"m.b": [(1 << 20) + 1]}, CORRUPT, "a distance beyond 2^20"),
        ("sees_before_the_first", 1, {"m.b": [-2]}, CORRUPT, "a page before the first one"),
        ("sees_behind_the_last", 1, {"m.b": [2]}, CORRUPT, "a page behind the last one"),
        ("sees_in_a_circle", 1, {"m.b": [1]}, CORRUPT, "two pages that see each other"),
    ):  # fmt: skip
        yield name, with_part_fields(GOOD, number, fields), error, reason
    _, its = taken_apart(GOOD)
    weights = [its[0][0], (b"W", b"\0"), *its[0][1:]]
    yield "shared_and_weights", with_part(GOOD, 0, weights), CORRUPT, "shared networks and own ones"
    alone = sealed(its[0])
    yield "shared_in_a_file_of_one", alone, CORRUPT, "shared networks that are nowhere"
    chain = parts_file(
        moving(6, 8, 9, 1, np.uint8),
        [How(), *SEES[1:] * 2, SEES[1]],
        sets=(a_set(), a_set(1, 1)),
    )
    yield "sees_five", chain, CORRUPT, "a page that needs five others"
    tree = parts_file(
        moving(7, 8, 9, 1, np.uint8),
        [How(), How(), How(), How(), How(None, 1, (-4, -3)), How(None, 1, (-3, -2)),
         How(None, 1, (-2, -1))],
        sets=(a_set(), a_set(1, 2)),
    )  # fmt: skip
    yield "sees_six", tree, CORRUPT, "a page that needs six others"
    other = parts_file(
        [PAGES[0], PAGES[0], PAGES[1, :5]], [*SEES[:2], How()], sets=(a_set(), a_set(1, 1))
    )
    yield "sees_another_size", with_far(other), CORRUPT, "a page of another size"
    few = [Picture(PAGES[0]), Picture(PAGES[1] // 16, PixelType(4)), Picture(PAGES[2])]
    other = parts_file(few, [How(), How(stored), How(None, 1, (-2,))], sets=(a_set(), a_set(1, 1)))
    near = with_part_fields(other, 2, {"m.b": [-1]})
    yield "sees_other_planes", near, CORRUPT, "a page of planes of another depth"
    coarse = (moving(3, 20, 22, 1, np.uint8) // 4).astype(np.uint16) * np.uint16(1000)
    ranks = [How(), How(None, 0, (), (ValueRanks,)), How(None, 1, (-2,))]
    other = parts_file(coarse, ranks, sets=(a_set(), a_set(1, 1)))
    near = with_part_fields(other, 2, {"m.b": [-1]})
    yield "sees_other_steps", near, CORRUPT, "a page behind other steps"


def with_far(data: bytes) -> bytes:
    """A file of pages of several sizes whose second one sees the third."""
    own, its = taken_apart(data)
    its[1] = sections(with_fields(sealed(its[1]), {"m.b": [1]}))
    model = inrcodec.LinrFile(data).contents.model
    assert isinstance(model, Frames)
    return put_together(own, its, [number for size in model.sizes for number in size])
