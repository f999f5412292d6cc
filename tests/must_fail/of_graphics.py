"""Faults of graphics images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, PixelType
from inrcodec.container.linr import SIGNATURE
from inrcodec.encode import source_picture
from inrcodec.files.metadata import pack_metadata
from inrcodec.files.picture import digest, pack_type
from inrcodec.graphics.boxes import Box
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import REPEATED
from tests.container.test_damage import sealed, sections, with_fields
from tests.frames.files import How, parts_file, stored
from tests.golden.of_jpegs import jpeg_file
from tests.graphics.pictures import drawn, graphics_file, with_photographs
from tests.jpeg.files import pillow
from tests.must_fail.faults import (
    CHECKSUM,
    CORRUPT,
    NEWER,
    NOT_HERE,
    STORED,
    TRUNCATED,
    Case,
    coordinate_file,
    other_digest,
    replaced,
    with_section,
    without,
)
from tests.must_fail.of_parts import ARITHMETIC, with_part_fields
from tests.pictures import (
    changed_prior_file,
    chroma_planes,
    chroma_scene,
    scene,
    subsampled_file,
    unfitted_file,
)

MINOR = len(SIGNATURE) + 1
OWN = {"m": [6, {"l": 1, "b": 8}]}


def graphics() -> Iterator[Case]:
    """All of them. They say they are of version 2.1, with boxes 2.2, with the later levels 2.3, as
    good ones do."""
    cases = (*of_fields(), *of_constants(), *of_sizes(), *of_sections(), *of_planes())
    for name, data, error, reason in cases:
        yield f"graphics_{name}", _newer(data), error, reason
    for name, data, error, reason in (*of_boxes(), *of_their_sections(), *of_their_parts()):
        yield f"graphics_box_{name}", _newer(data, 2), error, reason
    for name, data, error, reason in of_later_levels():
        yield f"graphics_{name}", _newer(data, 3), error, reason
    pages = [drawn(14, 20, 1, np.uint8, seed) for seed in (1, 2)]
    good = parts_file(pages, [How(graphics_file)])
    for name, key, value, error, reason in (
        ("level_4", "l", 4, CHECKSUM, "a page of another level than it was coded with"),
        ("bits_9", "b", 9, CORRUPT, "a page of samples of more bits than it has"),
        ("constant_all", "k", [0, 1], CORRUPT, "a page of which nothing is coded"),
    ):
        data = with_part_fields(good, 1, {f"m.{key}": value})
        yield f"part_graphics_{name}", _newer(data), error, reason
    data = with_part_fields(good, 1, {"m.l": 7})
    yield "part_graphics_level_7", _newer(data, 3), NEWER, "a page of a level of a newer version"
    pages = [with_photographs(page, [Box(2, 3, 4, 5)]) for page in pages]
    good = parts_file(pages, [How(_boxed)])
    data = with_part_fields(good, 1, {"m.r": [[2, 3, 4, 18]]})
    yield "part_graphics_box_beyond", _newer(data, 2), CORRUPT, "a box beyond its page"


def _newer(data: bytes, minor: int = 1) -> bytes:
    return data[:MINOR] + bytes([minor]) + data[MINOR + 1 :]


def _boxed(page: Picture) -> bytes:
    return graphics_file(page, 1, boxes=[(Box(2, 3, 4, 5), stored)])


def of_fields() -> Iterator[Case]:
    """Level and bits."""
    good = graphics_file(drawn(16, 21, 3, np.uint8, 1), 2)
    four = graphics_file(Picture(drawn(14, 20, 1, np.uint8, 2) >> 4, PixelType(4)), 1)
    for name, data, fields, error, reason in (
        ("l_missing", good, {"m.l": None}, CORRUPT, "no level"),
        ("b_missing", good, {"m.b": None}, CORRUPT, "no bits"),
        ("key_unknown", good, {"m.z": 0}, NEWER, "a key of a newer version"),
        ("level_0", good, {"m.l": 0}, CORRUPT, "level 0"),
        ("level_4", good, {"m.l": 4}, CHECKSUM, "another level than it was coded with, of 2.3"),
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


def of_later_levels() -> Iterator[Case]:
    """Levels that version 2.3 has, and those that it has not."""
    image = drawn(16, 21, 3, np.uint8, 1)
    for level in (4, 5, 6):
        good = graphics_file(image, level)
        without_prior = with_fields(good, {"m.l": level - 3})
        yield f"level{level}_without_prior", without_prior, CHECKSUM, "other weights at first"
    for name, fields, error, reason in (
        ("7", {"m.l": 7}, NEWER, "a level of a newer version"),
        ("6_bits_9", {"m.b": 9}, CORRUPT, "samples of 9 bits of 8"),
        ("6_key_unknown", {"m.z": 0}, NEWER, "a key of a newer version"),
    ):
        yield f"level_{name}", with_fields(good, fields), error, reason
    one = [(Box(2, 3, 4, 5), stored)]
    boxed = graphics_file(with_photographs(image, [one[0][0]]), 5, boxes=one)
    other = with_fields(boxed, {"m.l": 2})
    yield "level5_box_without_prior", other, CHECKSUM, "other weights at first, beside a box"
    beyond = with_fields(boxed, {"m.r": [[2, 3, 4, 19]]})
    yield "level5_box_beyond", beyond, CORRUPT, "a box beyond the last column"


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


FIRST, SECOND = Box(3, 4, 8, 9), Box(3, 15, 6, 8)
IMAGE = with_photographs(drawn(20, 30, 3, np.uint8, 7), [FIRST, SECOND])
BOXED = graphics_file(
    IMAGE, 1, boxes=[(FIRST, lambda part: unfitted_file(part.samples)), (SECOND, stored)]
)


def of_boxes() -> Iterator[Case]:
    """What the header says of them."""
    first, second = list(FIRST), list(SECOND)
    for name, listed, error, reason in (
        ("none", [], CORRUPT, "a list of no boxes"),
        ("no_list", 2, CORRUPT, "a number of boxes, not which"),
        ("a_number", [3, second], CORRUPT, "a box that is a number"),
        ("of_3_numbers", [[3, 4, 8], second], CORRUPT, "a box of 3 numbers"),
        ("of_5_numbers", [[*first, 0], second], CORRUPT, "a box of 5 numbers"),
        ("negative", [[3, -1, 8, 9], second], CORRUPT, "a column before the first"),
        ("negative_height", [[11, 4, -8, 9], second], CORRUPT, "a box of less than no row"),
        ("float", [[3, 4.0, 8, 9], second], CORRUPT, "a column that is no whole number"),
        ("true", [[3, True, 8, 9], second], CORRUPT, "a column that is true"),
        ("text", [[3, 4, 8, "9"], second], CORRUPT, "a width that is text"),
        ("of_no_row", [[3, 4, 0, 9], second], CORRUPT, "a box of no row"),
        ("of_no_column", [first, [3, 15, 6, 0]], CORRUPT, "a box of no column"),
        ("beyond_rows", [first, [15, 15, 6, 8]], CORRUPT, "a box beyond the last row"),
        ("beyond_columns", [first, [3, 23, 6, 8]], CORRUPT, "a box beyond the last column"),
        ("far", [first, [(1 << 64) - 1, 15, 6, 8]], CORRUPT, "a box at row 2^64 - 1"),
        ("meets", [first, [10, 12, 6, 8]], CORRUPT, "two boxes with a pixel in common"),
        ("twice", [first, first], CORRUPT, "a box twice"),
        ("descending", [second, first], CORRUPT, "boxes that are not in order"),
        ("elsewhere", [first, [3, 14, 6, 8]], CHECKSUM, "a box that is a column too far left"),
        ("of_another_size", [first, [3, 15, 8, 6]], CORRUPT, "a box of another size than its part"),
        ("key_missing", None, CORRUPT, "sections of boxes that are not said"),
        ("section_missing", [*[first, second], [12, 1, 1, 1]], CORRUPT, "three boxes of two parts"),
        ("section_too_many", [first], CORRUPT, "one box of two parts"),
    ):
        yield name, with_fields(BOXED, {"m.r": listed}), error, reason
    spots = [Box(row, row, 1, 1) for row in range(17)]
    image = with_photographs(drawn(20, 30, 1, np.uint8, 8), spots)
    data = graphics_file(image, 1, boxes=[(box, stored) for box in spots])
    yield "17_of_them", data, CORRUPT, "17 boxes"


def of_their_sections() -> Iterator[Case]:
    """Sections of the file."""
    header, first, second, data = sections(BOXED)
    yield "behind_the_data", sealed([header, first, data, second]), CORRUPT, "B behind D"
    yield "swapped", sealed([header, second, first, data]), CORRUPT, "parts of each other's boxes"
    yield "of_a_stored_file", with_section(STORED, second), CORRUPT, "a box of a stored image"
    yield "data_missing", sealed([header, first, second]), CORRUPT, "boxes and no data"
    whole = [(Box(0, 0, 14, 20), stored)]
    all_ = graphics_file(drawn(14, 20, 1, np.uint8, 9), 3, boxes=whole)
    yield "data_beyond", replaced(all_, b"D", b"\xff" * 7), CORRUPT, "what no encoder writes"
    large = with_fields(all_, {"s": [1 << 13, 1 << 13, 1]})
    yield "data_too_short", large, CORRUPT, "2^26 pixels beside a box in little data"


def of_their_parts() -> Iterator[Case]:
    """What the part of a box is, and what it says of itself."""
    crop = IMAGE[SECOND.slices]
    good = stored(Picture(crop))
    chain, fitted = sections(good), unfitted_file(crop)
    grey, deep = crop[:, :, 0], crop.astype(np.uint16)
    text = pack_metadata(Metadata("png", (("tEXt", b"Comment\0hello"),)))
    ppm = source_picture(b"P6\n8 6\n255\n" + crop.tobytes(), "it")
    shared = {"o": [1, 0, 2], "l": [0] * 3, "p": [8] * 3, "e": 0, "n": 1, "g": 0}
    for name, part, error, reason in (
        ("of_other_rows", stored(Picture(crop[:5])), CORRUPT, "a part of fewer rows than its box"),
        ("of_grey", stored(Picture(grey)), CORRUPT, "a part of fewer channels than are coded"),
        ("of_16_bits", stored(Picture(deep)), CORRUPT, "a part of other bits than the picture"),
        ("of_graphics", graphics_file(crop, 1), CORRUPT, "a part of model 6"),
        ("of_a_copy", inrcodec.encode(source_picture(ARITHMETIC, "it")), CORRUPT, "a part of a "
         "copy"),
        ("of_parts", parts_file([crop], [How(stored)]), CORRUPT, "a part of parts"),
        ("of_coordinates", coordinate_file(crop), CORRUPT, "a part of model 2"),
        ("of_model_7", with_fields(good, {"m": [7, {}]}), NEWER, "a part of model 7"),
        ("of_model_256", with_fields(good, {"m": [256, {}]}), CORRUPT, "a part of model 256"),
        ("of_step_9", with_fields(good, {"t": [[9, {}]]}), NEWER, "a part behind step 9"),
        ("key_unknown", with_fields(good, {"z": 0}), NEWER, "an unknown key of a part's header"),
        ("shared_networks", without(with_fields(fitted, {"m": [1, shared]}), b"W"), CORRUPT,
         "shared networks"),
        ("pages_seen", with_fields(fitted, {"m.b": [1]}), NEWER, "a page that a box sees"),
        ("prior_not_here", with_fields(changed_prior_file(crop),
         {"m.q": b"not of anything.", "m.w": [12, 16]}), NOT_HERE, "a prior of one's own"),
        ("with_a_type", with_section(good, (b"P", pack_type(PixelType(key=(1, 2, 3))))), CORRUPT,
         "a pixel type"),
        ("with_metadata", with_section(good, (b"m", text)), CORRUPT, "metadata"),
        ("with_its_source", stored(ppm), CORRUPT, "a source file"),
        ("with_names", with_section(good, (b"n", b"\x91\xa2it")), CORRUPT, "names of what was left "
         "out"),
        ("with_images", with_section(good, (b"A", b"")), CORRUPT, "several images"),
        ("with_sets", with_section(good, (b"N", b"")), CORRUPT, "a section N"),
        ("with_an_index", sealed([*chain, (b"F", b"\1")]), CORRUPT, "an index"),
        ("with_a_box", with_section(good, (b"B", good[10:])), CORRUPT, "a box in a stored box"),
        ("unknown_section", with_section(good, (b"Z", b"")), NEWER, "an unknown section"),
        ("without_a_header", sealed(chain[1:]), CORRUPT, "a part that begins with its data"),
        ("two_headers", sealed([chain[0], *chain]), CORRUPT, "a part with two headers"),
        ("without_data", sealed(chain[:1]), CORRUPT, "a part without data"),
        ("empty", good[:10], CORRUPT, "a part of no bytes"),
        ("cut", good[:-1], TRUNCATED, "a part without its last byte"),
        ("bytes_behind", good + b"\0\0", TRUNCATED, "bytes behind the last section of a part"),
        ("damaged", good[:-1] + bytes([good[-1] ^ 1]), CHECKSUM, "a checksum within a part"),
        ("digest_wrong", other_digest(good), CHECKSUM, "the digest of other samples"),
        ("changed", stored(Picture(crop ^ 1)), CHECKSUM, "other samples than the picture has"),
    ):  # fmt: skip
        yield f"part_{name}", with_second(BOXED, part[10:]), error, reason
    low = drawn(20, 30, 3, np.uint8, 7) >> 4
    low[SECOND.slices] = crop & 15
    four = graphics_file(low, 1, boxes=[(FIRST, stored), (SECOND, stored)])
    low[SECOND.slices] = crop
    high = with_fields(with_second(four, good[10:]), {"d": digest(low)})
    yield "part_sample_of_5_bits", high, CORRUPT, "a sample of more bits than all have"


def with_second(data: bytes, part: bytes) -> bytes:
    """The file with another part of its second box."""
    header, first, (tag, _), stream = sections(data)
    return sealed([header, first, (tag, part), stream])
