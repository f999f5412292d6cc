"""Faults of context and coordinate images."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

import inrcodec
from inrcodec import Prior
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import parse
from inrcodec.context.networks import Tensor
from inrcodec.coordinate.file import CoordinateImage
from inrcodec.coordinate.transforms import Transform
from tests.container.test_damage import sections, with_fields
from tests.must_fail.faults import (
    CHECKSUM,
    CONTEXT,
    CORRUPT,
    GREY,
    IMAGE,
    LIMIT,
    NEWER,
    NOT_HERE,
    TRUNCATED,
    Case,
    coordinate_file,
    other_digest,
    replaced,
    set_file,
    with_section,
    without,
)
from tests.pictures import changed_prior_file, scene, unfitted_file

OWN_PRIOR = Path(__file__).parents[1] / "golden" / "own1.prior"


def context() -> Iterator[Case]:
    """Layout, networks and weights of context images."""
    good, grey = CONTEXT, unfitted_file(GREY)
    alpha = unfitted_file(scene(4, 5, 2, np.uint8))
    prior = inrcodec.encode(IMAGE, model="context", effort=1, device="cpu")
    changes = changed_prior_file(IMAGE)
    own = bytes.fromhex(Prior.read(OWN_PRIOR).digest)
    half, trits = (unfitted_file(GREY, form) for form in ("fp16", "ternary"))
    for key in "olpenfw":
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
        ("sections_0", good, {"m.n": 0}, CORRUPT, "no data sections"),
        ("sections_5_of_data", good, {"m.n": 5}, CORRUPT, "5 data sections"),
        ("sections_1_of_3", good, {"m.n": 3}, TRUNCATED, "2 of 3 data sections are missing"),
        ("form_3", good, {"m.f": 3}, NEWER, "a weight form of a newer version"),
        ("width_0", good, {"m.w": [0, 1]}, CORRUPT, "trunk networks without units"),
        ("width_65", good, {"m.w": [65, 1]}, CORRUPT, "trunk networks 65 wide"),
        ("prior_0", prior, {"m.q": 0}, CORRUPT, "prior 0"),
        ("prior_127", prior, {"m.q": 127}, NEWER, "a prior of a newer version"),
        (
            "shared_alone",
            prior,
            {"m.g": 0, "m.f": None, "m.q": None},
            CORRUPT,
            "shared networks of none",
        ),
        ("prior_digest", prior, {"m.q": bytes(16), "m.w": [32, 16]}, NOT_HERE, "no such prior"),
        ("prior_digest_of_15", prior, {"m.q": bytes(15), "m.w": [32, 16]}, CORRUPT, "no digest"),
        ("prior_digest_alone", prior, {"m.q": bytes(16)}, CORRUPT, "a prior of unknown widths"),
        (
            "prior_digest_in_fp16",
            prior,
            {"m.q": bytes(16), "m.w": [32, 16], "m.f": 1},
            CORRUPT,
            "changes to a prior of one's own in half precision",
        ),
        (
            "prior_of_other_widths",
            prior,
            {"m.q": own, "m.w": [64, 16]},
            CORRUPT,
            "other widths than the prior's",
        ),
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
    much = replaced(wide, b"D", bytes(20000))
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
        ("backbone_6", good, {"m.a": 6}, CORRUPT, "one constant of a hash grid"),
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
        ("transform_5", values, {"m.v": [5, 0, 255]}, CORRUPT, "residuals of another transform"),
        ("transform_of_nothing", values, {"m.v": []}, CORRUPT, "a transform without a kind"),
        ("transform_descends", values, {"m.v": [0, 9, 8]}, CORRUPT, "least above greatest"),
        ("transform_deviation_0", values, {"m.v": [1, 0, 9, 0, 0]}, CORRUPT, "a deviation of 0"),
        ("transform_without_scalars", values, {"m.v": [2, 0, 9]}, CORRUPT, "no exponent of gamma"),
    ):  # fmt: skip
        yield name, with_fields(data, fields), error, reason
    yield from transforms(values)
    yield from tables()
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


def transforms(values: bytes) -> Iterator[Case]:
    """Those of version 2.3, which all of these say that they are of; values: a good file."""
    for name, v, error, reason in (
        ("9", [9, 0, 255], NEWER, "a transform of a newer version"),
        ("256", [256, 0, 255], NEWER, "a transform above 255"),
        ("0_1_scalar", [5, 0, 255, 0], CORRUPT, "a scalar of 0-1"),
        ("0_1_descends", [5, 9, 8], CORRUPT, "least above greatest"),
        ("factor_none", [6, 0, 255], CORRUPT, "scaling by no factor"),
        ("factor_0", [6, 0, 255, 0], CORRUPT, "a factor of 0"),
        ("factor_small", [6, 0, 255, 4095], CORRUPT, "below 1/16"),
        ("factor_large", [6, 0, 255, (1 << 20) + 1], CORRUPT, "a factor above 16"),
        ("inverse_scalar", [7, 0, 255, 1], CORRUPT, "a scalar"),
        ("seed_none", [8, 0, 255], CORRUPT, "no seed of a permutation"),
        ("seed_2_to_the_32", [8, 0, 255, 1 << 32], CORRUPT, "a seed of 33 bits"),
        ("seed_negative", [8, 0, 255, -1], CORRUPT, "a seed of -1"),
        ("seed_float", [8, 0, 255, 1.0], CORRUPT, "a seed of 1.0"),
        ("two_seeds", [8, 0, 255, 1, 1], CORRUPT, "two seeds"),
    ):
        data = with_fields(values, {"m.v": v})
        yield f"transform_{name}", _newer(data), error, reason


def _newer(data: bytes) -> bytes:
    """The file as one of version 2.3."""
    return data[:9] + b"\3" + data[10:]


def tables() -> Iterator[Case]:
    """Hash grids and DINER's tables, of version 2.3."""
    grid = coordinate_file(GREY, backbone="hash-grid", constants=(2, 1, 4, 1, 3))
    diner = coordinate_file(GREY, backbone="diner", constants=(100, 2), size=GREY.shape)
    for name, data, fields, error, reason in (
        ("backbone_8", diner, {"m.a": 8}, NEWER, "a backbone of a newer version"),
        ("grid_of_4_constants", grid, {"m.g": [2, 1, 4, 1]}, CORRUPT, "no finest level"),
        ("grid_levels_0", grid, {"m.g": [0, 1, 4, 1, 3]}, CORRUPT, "no levels"),
        ("grid_levels_17", grid, {"m.g": [17, 1, 4, 1, 3]}, CORRUPT, "17 levels"),
        ("grid_features_0", grid, {"m.g": [2, 0, 4, 1, 3]}, CORRUPT, "rows of nothing"),
        ("grid_features_9", grid, {"m.g": [2, 9, 4, 1, 3]}, CORRUPT, "rows of 9 numbers"),
        ("grid_bits_0", grid, {"m.g": [2, 1, 0, 1, 3]}, CORRUPT, "tables of one row"),
        ("grid_bits_23", grid, {"m.g": [2, 1, 23, 1, 3]}, CORRUPT, "tables of 2^23 rows"),
        ("grid_coarsest_0", grid, {"m.g": [2, 1, 4, 0, 3]}, CORRUPT, "a level without cells"),
        ("grid_descends", grid, {"m.g": [2, 1, 4, 4, 3]}, CORRUPT, "coarsest above finest"),
        ("grid_cells_65537", grid, {"m.g": [2, 1, 4, 1, 65537]}, CORRUPT, "2^16 + 1 cells"),
        ("grid_cells_negative", grid, {"m.g": [2, 1, 4, -1, 3]}, CORRUPT, "-1 cells"),
        (
            "grid_numbers_2_to_the_24_and_more", grid, {"m.g": [16, 8, 22, 65536, 65536]}, LIMIT,
            "16 tables of 2^22 rows of 8 numbers",
        ),
        ("diner_of_1_constant", diner, {"m.g": [100]}, CORRUPT, "no number of features"),
        ("diner_features_0", diner, {"m.g": [100, 0]}, CORRUPT, "rows of nothing"),
        ("diner_features_9", diner, {"m.g": [100, 9]}, CORRUPT, "rows of 9 numbers"),
        ("diner_turns_large", diner, {"m.g": [(1 << 20) + 1, 2]}, CORRUPT, "turns above 2^20"),
        (
            "diner_numbers_2_to_the_24_and_more", diner, {"s": [1 << 10, 1 << 10, 1]}, LIMIT,
            "8 tables of 2^20 rows of 2 numbers",
        ),
    ):  # fmt: skip
        yield name, _newer(with_fields(data, fields)), error, reason
    half = coordinate_file(GREY, backbone="diner", constants=(100, 2), size=GREY.shape, form="fp16")
    larger = with_fields(half, {"s": [GREY.shape[0], GREY.shape[1] + 1, 1]})
    yield "diner_table_too_short", _newer(larger), TRUNCATED, "a column without rows"
    fewer = with_fields(half, {"m.n": [1, *[0] * 7]})
    yield "diner_table_too_many", _newer(fewer), CORRUPT, "a table of a plane without a network"
    short = replaced(half, b"W", dict(sections(half))[b"W"][:10])
    yield "diner_table_truncated", _newer(short), TRUNCATED, "a table that ends early"


def long_row() -> bytes:
    """A row of 2^15 pixels, a plane of which is under a layer of 1024 units."""
    row = np.zeros((1, 1 << 15), np.uint8)
    return coordinate_file(row, width=1024, modes=(0, *(1,) * 7))
