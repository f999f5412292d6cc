"""Golden files of the graphics model, which needs no fit, and of parts that are of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import inrcodec
from inrcodec import Picture, PixelType
from inrcodec.contents import planes_of
from inrcodec.graphics.encode import repeats
from inrcodec.graphics.levels import LEVELS
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.value_ranks import ValueRanks
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.golden.recipes import KINDS, Made, spoilt
from tests.graphics.pictures import drawn, graphics_file, of_many_colours
from tests.pictures import enlarged, jpeg_scene, scene


def graphics() -> Iterator[Made]:
    """All of them."""
    for name, picture, data in (
        *levels(), *sizes(), *constants(), *types(), *steps(), *parts(), *encoded()
    ):  # fmt: skip
        whole = Picture(picture) if isinstance(picture, np.ndarray) else picture
        yield f"graphics_{name}", whole, data


def levels() -> Iterator[tuple]:
    """Each level of each number of channels; photographs, whose samples are coded."""
    for level in LEVELS:
        for channels, kind in enumerate(KINDS, 1):
            image = drawn(36, 64, channels, np.uint8, 4 * level + channels)
            yield f"level{level}_{kind}8", image, graphics_file(image, level)
        deep = drawn(30, 60, 3, np.uint16, level)
        yield f"level{level}_rgb16", deep, graphics_file(deep, level)
        mixed = of_many_colours(32, 52, 1 + level, np.uint8)
        yield f"photo_level{level}_{KINDS[level]}8", mixed, graphics_file(mixed, level)
        photo = scene(24, 27, 1, np.uint16, level)
        yield f"photo_level{level}_grey16", photo, graphics_file(photo, level)
    noise = np.random.default_rng(1).integers(0, 1 << 16, (15, 18, 3), dtype=np.uint16)
    yield "noise_rgb16", noise, graphics_file(noise, 3)
    mixed = of_many_colours(30, 41, 4, np.uint16)
    yield "photo_rgba16", mixed, graphics_file(mixed, 2)


def sizes() -> Iterator[tuple]:
    """One row, one column, one pixel; rows of few pixels, and of many."""
    for number, (height, width) in enumerate((
        (1, 1), (1, 2), (2, 1), (2, 2), (3, 5), (1, 200), (150, 1), (60, 2), (50, 7), (40, 15),
        (40, 16), (40, 17),
    )):  # fmt: skip
        level, channels = 1 + number % 3, (3, 1, 4, 2)[number % 4]
        image = drawn(height + 20, width + 20, channels, np.uint8, number)
        image = np.ascontiguousarray(image[14 : 14 + height, 3 : 3 + width])
        name = f"{height}x{width}_level{level}_{KINDS[channels - 1]}8"
        yield name, image, graphics_file(image, level)
    for level in LEVELS:
        wide = drawn(12, 200, 3, np.uint8, level)
        yield f"wide_level{level}_rgb8", wide, graphics_file(wide, level)
        # rows in which a match becomes as long as is counted
        period = np.random.default_rng(level).integers(0, 4, (6, 31)).astype(np.uint8) * 80
        again = np.tile(period, (1, 13))[:, :400]
        again[3:, 330] ^= 9
        yield f"periods_level{level}_grey8", again, graphics_file(again, level)
        flat = np.full((18, 130, 3), (0, 0, 0) if level == 2 else (200, 9, 31), np.uint8)
        flat[9, 100], flat[17, 3:60] = (1, 2, 3), (0, 0, 0)
        yield f"flat_level{level}_rgb8", flat, graphics_file(flat, level)
    black = np.zeros((14, 90), np.uint8)
    yield "black_grey8", black, graphics_file(black, 1)


def constants() -> Iterator[tuple]:
    """Channels that are all the same, told or coded."""
    for name, channels, dtype, values in (
        ("alpha_rgba8", 4, np.uint8, {3: 255}), ("first_grey_alpha8", 2, np.uint8, {0: 7}),
        ("all_but_one_rgba16", 4, np.uint16, {0: 65535, 1: 0, 3: 300}),
        ("middle_rgb8", 3, np.uint8, {1: 0}), ("all_rgb8", 3, np.uint8, {0: 9, 1: 8, 2: 255}),
    ):  # fmt: skip
        image = of_many_colours(28, 50, channels, dtype)
        for channel, value in values.items():
            image[:, :, channel] = value
        yield f"constant_{name}", image, graphics_file(image, 1 + channels % 3)
    opaque = drawn(28, 50, 4, np.uint8, 17)
    opaque[:, :, 3] = 255
    yield "constant_coded_rgba8", opaque, graphics_file(opaque, 2, (), 8)


def types() -> Iterator[tuple]:
    """Depths, palettes, transparent colours; more bits than the samples need."""
    palette = np.random.default_rng(2).integers(0, 256, 3 * 16, dtype=np.uint8).tobytes()
    few = drawn(32, 60, 1, np.uint8, 5)
    for level in LEVELS:
        lines = Picture(few >> 7, PixelType(1))
        yield f"grey1_level{level}", lines, graphics_file(lines, level)
        indices = Picture(few % 16, PixelType(4, palette, b"\0\x80"))
        yield f"indexed4_level{level}", indices, graphics_file(indices, level)
    many = Picture(np.unique(scene(30, 40, 1, np.uint8), return_inverse=True)[1].reshape(30, 40)
                   .astype(np.uint8), PixelType(0, bytes(range(256)) * 3))  # fmt: skip
    yield "indexed8", many, graphics_file(many, 3)
    deep = Picture(of_many_colours(24, 36, 3, np.uint16) >> 4, PixelType(12))
    yield "depth12_rgb16", deep, graphics_file(deep, 2)
    keyed = drawn(24, 40, 3, np.uint8, 7)
    clear = Picture(keyed, PixelType(key=tuple(int(v) for v in keyed[3, 3])))
    yield "key_rgb8", clear, graphics_file(clear, 2)
    dark = drawn(24, 40, 1, np.uint8, 8) >> 3
    yield "more_bits_grey8", dark, graphics_file(dark, 2, (), 8)
    yield (
        "all_bits_grey16",
        dark.astype(np.uint16),
        graphics_file(dark.astype(np.uint16), 3, (), 16),
    )


def steps() -> Iterator[tuple]:
    """Behind value ranks, tables of colours, an enlargement and a conversion."""
    image = drawn(34, 60, 3, np.uint8, 9)
    coarse = (scene(30, 34, 1, np.uint8) >> 3).astype(np.uint16) * np.uint16(2113)
    deep = drawn(30, 50, 3, np.uint16, 10)
    large = enlarged(drawn(12, 33, 3, np.uint8, 11), 2, 3, 1, 1)
    touched = large.copy()
    touched[7, 9:12] ^= 100
    jpeg = spoilt(jpeg_scene(19, 23))
    for name, picture, level, its in (
        ("table_rgb8", image, 2, (ColourTable,)),
        ("table_grey_alpha8", drawn(30, 50, 2, np.uint8, 12), 1, (ColourTable,)),
        ("table_rgb16", deep, 3, (ColourTable,)),
        ("values_grey16", coarse, 2, (ValueRanks,)),
        ("values_rgb16", deep, 1, (ValueRanks,)),
        ("values_table_rgb16", deep, 3, (ValueRanks, ColourTable)),
        ("enlarged_rgb8", large, 1, (Enlarged,)),
        ("enlarged_table_rgb8", touched, 2, (Enlarged, ColourTable)),
        ("jfif_rgb8", jpeg, 2, (Jfif,)),
    ):
        yield name, picture, graphics_file(picture, level, its)


def parts() -> Iterator[tuple]:
    """Tiles, pages and pages that are seen, some of the model."""
    half = drawn(40, 60, 3, np.uint8, 13)
    half[:, 30:] = scene(40, 30, 3, np.uint8)
    yield "tiles_rgb8", [Picture(half)], parts_file([half], [How(likely)], tile=(16, 16))
    grey = moving(3, 20, 36, 1, np.uint8)
    grey[0], grey[2] = drawn(20, 36, 1), drawn(20, 36, 1)
    grey[2, 4:6] ^= 3
    how = [How(graphics_file), How(stored), How(lambda page: graphics_file(page, 3))]
    yield "pages_grey8", [Picture(page) for page in grey], parts_file(grey, how)
    how = [How(graphics_file), How(None, 0, (-1,)), How(None, 0, (-2,))]
    seeing = parts_file(grey, how, sets=(a_set(1, 1),))
    yield "pages_seen_grey8", [Picture(page) for page in grey], seeing


def likely(picture: Picture) -> bytes:
    """A file of the model if the picture repeats, else a stored one."""
    return graphics_file(picture, 1) if repeats(planes_of(picture)) else stored(picture)


def encoded() -> Iterator[tuple]:
    """As the encoder makes them."""
    image = drawn(38, 64, 3, np.uint8, 14)
    for effort in (1, 2):
        data = inrcodec.encode(image, effort=effort, model="graphics")
        yield f"encoded_effort{effort}_rgb8", image, data
    pages = np.stack([drawn(20, 50, 4, np.uint8, seed) for seed in (15, 15, 16)])
    data = inrcodec.encode_frames(pages, tile=32, effort=1, model="graphics")
    yield "encoded_tiles_rgba8", [Picture(page) for page in pages], data
