"""Faults of source files, of the names of what was left out, and of types that came with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

import inrcodec
from inrcodec.encode import source_picture
from inrcodec.source.skeleton import pack_skeleton, unpack_skeleton
from tests.must_fail.faults import (
    CORRUPT,
    GREY,
    LIMIT,
    NEWER,
    STORED,
    Case,
    coordinate_file,
    deflated,
    with_section,
)

DIGEST = bytes(16)
PGM = b"P5 3 2 255\n"
FILTERED = {"v": [0, 0x789C, 6, 15, 8, 0, 4096], "c": [[10, 1]], "f": 0}
# of the picture that STORED is of
GOOD = ["pnm", DIGEST, len(PGM) + 6, [len(PGM), 6], {}, PGM]


def sources() -> Iterator[Case]:
    """Sections s and n."""
    good = packed(GOOD)
    inrcodec.decode(with_section(STORED, (b"s", good)))
    picture = source_picture(PGM + GREY.tobytes(), "it")
    assert picture.source is not None
    kept = pack_skeleton(picture.source)
    raw = packed(["pnm", picture.source.digest, *GOOD[2:]])
    assert unpack_skeleton(kept, 6, 1000) == unpack_skeleton(raw, 6, 1000) == picture.source

    def other(**parts: Any) -> bytes:
        names = ("kind", "digest", "size", "holes", "recipe", "literals")
        return packed([parts.get(name, own) for name, own in zip(names, GOOD, strict=True)])

    def png(**recipe: Any) -> bytes:
        return other(kind="png", recipe={k: v for k, v in (FILTERED | recipe).items() if v != ()})

    twice = msgpack.Packer().pack_map_pairs([("e", b""), ("e", b"")])
    recipe_twice = good.replace(b"\x80\xc4", twice + b"\xc4")
    swollen = b"\1" + deflated(other(literals=bytes((1 << 26) + 1))[1:])
    for name, payload, error, reason in (
        ("and_more", good + b"\0", CORRUPT, "bytes behind the source file's"),
        ("bomb", swollen, LIMIT, "more than 64 MiB of a source file"),
        ("deflate_damaged", b"\1\xff\xff", CORRUPT, "what is no deflate stream"),
        ("deflate_truncated", b"\1" + deflated(good[1:])[:-3], CORRUPT, "a stream that ends early"),
        ("deflate_and_more", b"\1" + deflated(good[1:]) + b"\0", CORRUPT, "a byte behind it"),
        ("digest_of_15_bytes", other(digest=DIGEST[:-1]), CORRUPT, "a digest of 15 bytes"),
        ("digest_of_text", other(digest="d" * 16), CORRUPT, "a digest that is text"),
        ("empty", b"", CORRUPT, "an empty section"),
        ("empty_list", b"\0\x90", CORRUPT, "a list of no parts"),
        ("five_parts", packed(GOOD[:5]), CORRUPT, "no literals"),
        ("of_another_kind", other(kind="tiff"), CORRUPT, "a PNM file that is said to be a TIFF"),
        ("of_no_kind", other(literals=b"Q" + PGM[1:]), CORRUPT, "a file that is no PNM"),
        ("seven_parts", packed([*GOOD, 0]), CORRUPT, "a part more"),
        ("hole_beyond", other(holes=[12, 6]), CORRUPT, "a hole that ends behind the file"),
        ("hole_of_nothing", other(holes=[11, 6, 0, 0]), CORRUPT, "a hole of no bytes"),
        ("hole_descending", other(holes=[11, 6, -6, 6]), CORRUPT, "a hole before the last one"),
        ("hole_float", other(holes=[11.0, 6]), CORRUPT, "a hole that is no integer"),
        ("holes_many", other(holes=[1, 1] * 9, size=20), CORRUPT, "more holes than samples"),
        ("holes_of_pixels", other(holes=[11, 1 << 25], size=11 + (1 << 25)), CORRUPT,
         "more pixel data than its picture has"),
        ("holes_odd", other(holes=[11, 6, 0]), CORRUPT, "a gap without a hole"),
        ("holes_map", other(holes={11: 6}), CORRUPT, "a map for the holes"),
        ("kind_bytes", other(kind=b"pnm"), CORRUPT, "a kind in bytes"),
        ("list_in_a_recipe", other(recipe={"e": [b""]}), CORRUPT, "a list for bytes"),
        ("literals_short", other(literals=PGM[:-1]), CORRUPT, "a byte too few"),
        ("literals_text", other(literals=PGM.decode()), CORRUPT, "bytes that are text"),
        ("nested", b"\0" + b"\x91" * 1000, CORRUPT, "lists 1000 deep"),
        ("not_messagepack", b"\0\xc1", CORRUPT, "a byte that MessagePack never uses"),
        ("recipe_chunk_alone", png(c=[10, 1]), CORRUPT, "chunks that are no pairs"),
        ("recipe_chunk_of_3", png(c=[[10, 1, 1]]), CORRUPT, "chunks that are no pairs"),
        ("recipe_chunks_missing", png(c=()), CORRUPT, "a PNG without its chunks"),
        ("recipe_filter_float", png(f=1.0), CORRUPT, "a filter that is no integer"),
        ("recipe_key_twice", recipe_twice, CORRUPT, "a key stands twice"),
        ("recipe_list", other(recipe=[]), CORRUPT, "a list for the recipe"),
        ("recipe_negative", png(v=[0, 0x789C, -6, 15, 8, 0, 4096]), CORRUPT, "a negative number"),
        ("recipe_nil", png(f=None), CORRUPT, "a filter of nil"),
        ("recipe_text", other(recipe={"e": "text"}), CORRUPT, "text for bytes"),
        ("recipe_true", png(v=[True] * 7), CORRUPT, "numbers that are booleans"),
        ("recipe_variant_missing", png(v=()), CORRUPT, "a PNG without its packing"),
        ("size_negative", other(size=-1), CORRUPT, "-1 bytes"),
        ("size_other", other(size=18), CORRUPT, "another size than of its parts"),
        ("size_text", other(size="17"), CORRUPT, "a size that is text"),
        ("size_true", other(size=True), CORRUPT, "a size that is no number"),
    ):  # fmt: skip
        yield f"source_{name}", with_section(STORED, (b"s", payload)), error, reason
    twice = with_section(STORED, (b"s", good), (b"s", good))
    yield "source_twice", twice, CORRUPT, "two of them"
    metadata = b"\0" + msgpack.packb(["png", [["tEXt", b"a\0b"]]])
    beside = with_section(STORED, (b"s", good), (b"m", metadata))
    yield "source_beside_metadata", beside, CORRUPT, "metadata beside the source file"
    for name, names, reason in (
        ("bytes", [b"a"], "a name in bytes"),
        ("empty", [], "a list of no names"),
        ("map", {"a": "b"}, "a map for a list"),
        ("nameless", [""], "an empty name"),
        ("of_65", ["a"] * 65, "65 names"),
        ("text", "a", "text for a list"),
    ):
        left_out = with_section(STORED, (b"n", msgpack.packb(names)))
        yield f"left_out_{name}", left_out, CORRUPT, reason
    for name, payload, reason in (
        ("and_more", msgpack.packb(["a"]) + b"\0", "a byte behind the names"),
        ("no_bytes", b"", "an empty section"),
        ("not_utf8", b"\x91\xa1\xff", "a name that is no UTF-8"),
    ):
        yield f"left_out_{name}", with_section(STORED, (b"n", payload)), CORRUPT, reason
    one = (b"n", msgpack.packb(["a"]))
    yield "left_out_twice", with_section(STORED, one, one), CORRUPT, "two lists of names"


def packed(parts: Any) -> bytes:
    return b"\0" + msgpack.packb(parts)


def types() -> Iterator[Case]:
    """Keys t, w, s, e and depths of 16-bit samples."""
    grey, rgb = STORED, inrcodec.encode(np.zeros((2, 3, 3), np.uint8), model="stored")
    alpha = inrcodec.encode(np.zeros((2, 3, 2), np.uint8), model="stored")
    deep = inrcodec.encode(GREY.astype(np.uint16) * 1001, model="stored")
    palette = bytes(range(183))
    for name, data, fields, error, reason in (
        ("depth_8", grey, {"d": 8}, CORRUPT, "a depth of 8 bits"),
        ("depth_8_of_16", deep, {"d": 8}, CORRUPT, "a depth of 8 bits of 16"),
        ("depth_9_of_8", grey, {"d": 9}, CORRUPT, "a depth of 9 bits of 8"),
        ("depth_16", deep, {"d": 16}, CORRUPT, "a depth of 16 bits"),
        ("depth_true", grey, {"d": True}, CORRUPT, "a depth that is no number"),
        ("extra_0", alpha, {"e": 0}, CORRUPT, "a last channel that is alpha, and said to be"),
        ("extra_3", alpha, {"e": 3}, CORRUPT, "a last channel of an unknown kind"),
        ("extra_of_grey", grey, {"e": 1}, CORRUPT, "a last channel of grey"),
        ("extra_of_rgb", rgb, {"e": 2}, CORRUPT, "a last channel of RGB"),
        ("signed_2", grey, {"s": 2}, CORRUPT, "a yes that is 2"),
        ("signed_depth", deep, {"s": 1, "d": 12}, CORRUPT, "signed samples of 12 bits"),
        ("signed_key", grey, {"s": 1, "k": [1]}, CORRUPT, "signed samples with a key"),
        ("signed_palette", grey, {"s": 1, "c": palette}, CORRUPT, "signed indices"),
        ("signed_top", grey, {"s": 1, "t": 100}, CORRUPT, "signed samples with a white"),
        ("signed_true", grey, {"s": True}, CORRUPT, "a yes that is no number"),
        ("signed_white", grey, {"s": 1, "w": 1}, CORRUPT, "signed samples that are inverted"),
        ("top_0", grey, {"t": 0}, CORRUPT, "a white of 0"),
        ("top_255", grey, {"t": 255}, CORRUPT, "a white that needs no saying"),
        ("top_of_depth", deep, {"d": 12, "t": 4095}, CORRUPT, "a white that depth says"),
        ("top_palette", grey, {"t": 100, "c": palette}, CORRUPT, "a white of indices"),
        ("top_text", grey, {"t": "100"}, CORRUPT, "a white that is text"),
        ("white_key", grey, {"w": 1, "k": [1]}, CORRUPT, "inverted samples with a key"),
        ("white_of_rgb", rgb, {"w": 1}, CORRUPT, "inverted RGB samples"),
        ("white_palette", grey, {"w": 1, "c": palette}, CORRUPT, "inverted indices"),
        ("unknown_beside", grey, {"t": 100, "y": 1}, NEWER, "an unknown field beside another"),
    ):
        yield f"type_{name}", with_section(data, (b"P", msgpack.packb(fields))), error, reason
    beyond = with_section(STORED, (b"P", msgpack.packb({"t": 59})))
    yield "type_sample_beyond_top", beyond, CORRUPT, "a sample beyond white"
    # a depth changes what context models take samples for, so these are coded as they are
    ten = coordinate_file(np.array([[0, 1024]], np.uint16), modes=(0,) * 16)
    data = with_section(ten, (b"P", msgpack.packb({"d": 10})))
    yield "type_sample_beyond_depth_10", data, CORRUPT, "a sample beyond 10 bits"
