"""Golden files of the graphics model, which needs no fit, and of parts that are of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

import inrcodec
from inrcodec import Picture, PixelType
from inrcodec.contents import planes_of
from inrcodec.encode import source_picture
from inrcodec.graphics.boxes import Box
from inrcodec.graphics.encode import repeats
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.step import Step
from inrcodec.history.value_ranks import ValueRanks
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.golden.of_jpegs import jpeg_file
from tests.golden.recipes import KINDS, Made, Recipe, context, spoilt
from tests.graphics.pictures import drawn, graphics_file, of_many_colours, with_photographs
from tests.jpeg.files import pillow
from tests.pictures import enlarged, jpeg_scene, scene, unfitted_file

LEVELS, WITH_PRIOR = (1, 2, 3), (4, 5, 6)


def graphics() -> Iterator[Made]:
    """All of them."""
    for name, picture, data in (
        *levels(), *sizes(), *constants(), *types(), *steps(), *parts(), *encoded(),
        *boxes(), *boxes_of_channels(), *boxes_of_steps(), *with_priors()
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


def networks(picture: Picture) -> bytes:
    """A file of the context model under a prior as it is."""
    return context(picture, Recipe(prior=1))


def in_sections(picture: Picture) -> bytes:
    """A file of the context model whose data are in three sections, in several streams."""
    return context(picture, Recipe(prior=1, streams=(1, 2, 3)))


def unfitted(picture: Picture) -> bytes:
    """A file of the context model with networks of its own."""
    return unfitted_file(picture.samples)


def behind(*its: type[Step]) -> Callable[[Picture], bytes]:
    """Files of the context model behind steps."""
    return lambda picture: context(picture, Recipe(prior=2, steps=its))


def boxes() -> Iterator[tuple]:
    """One box or several, in text and in flat areas; all of a picture."""
    one = Box(9, 17, 18, 22)
    for level, channels, dtype in (
        (1, 3, np.uint8), (2, 4, np.uint8), (3, 1, np.uint8), (2, 3, np.uint16), (1, 2, np.uint16)
    ):  # fmt: skip
        image = with_photographs(drawn(36, 64, channels, dtype, level), [one])
        name = f"box_level{level}_{KINDS[channels - 1]}{8 * image.itemsize}"
        yield name, image, graphics_file(image, level, boxes=[(one, networks)])
    # at all edges, two of them in corners; two that touch, and two whose corners do
    many = [
        Box(0, 0, 9, 12), Box(0, 60, 5, 20), Box(9, 12, 8, 11), Box(9, 23, 6, 9), Box(14, 0, 7, 5),
        Box(15, 142, 14, 8), Box(24, 50, 6, 21),
    ]  # fmt: skip
    flat = np.full((30, 150, 3), (240, 240, 230), np.uint8)
    flat[:, 32:60] = drawn(30, 28, 3, np.uint8, 4)
    image = with_photographs(flat, many)
    mixed = [(box, (networks, stored)[n % 2]) for n, box in enumerate(many)]
    yield "boxes_level1_rgb8", image, graphics_file(image, 1, boxes=mixed)
    yield "boxes_level2_rgb8", image, graphics_file(image, 2, boxes=mixed)
    for level in LEVELS:
        # a box in the last column of a block, and one in its first; speckles around others
        near = [
            Box(4, 33, 3, 9), Box(8, 34, 2, 30), Box(13, 9, 7, 15), Box(16, 31, 6, 12),
            Box(23, 50, 5, 20),
        ]  # fmt: skip
        flat = np.full((29, 110, 3), (12, 40, 90), np.uint8)
        flat[:, 70:90], flat[:, 90:] = (250, 250, 250), (90, 0, 0)
        rng = np.random.default_rng(level)
        speckled = rng.random((18, 110)) < 0.15
        speckles = rng.integers(0, 256, (2 + level, 3), dtype=np.uint8)
        flat[11:][speckled] = speckles[rng.integers(0, 2 + level, speckled.sum())]
        flat[17:27:3, 2:99:9] = rng.integers(0, 256, (4, 11, 3))
        image = with_photographs(flat, near)
        its = [(box, stored) for box in near]
        yield f"boxes_speckled_level{level}_rgb8", image, graphics_file(image, level, boxes=its)
    spots = [Box(row, 7 * row % 40, 1, 1) for row in range(16)]
    image = with_photographs(np.full((17, 90), 3, np.uint8), spots)
    pixels = [(box, stored) for box in spots]
    yield "boxes_of_pixels_grey8", image, graphics_file(image, 1, boxes=pixels)
    photo = scene(19, 26, 3, np.uint8, 2)
    yield "box_of_all_rgb8", photo, graphics_file(photo, 1, boxes=[(Box(0, 0, 19, 26), networks)])
    photo = scene(21, 40, 1, np.uint8, 3)
    halves = [(Box(0, 0, 11, 40), in_sections), (Box(11, 0, 10, 40), stored)]
    yield "boxes_of_all_grey8", photo, graphics_file(photo, 3, boxes=halves)


def boxes_of_channels() -> Iterator[tuple]:
    """In pictures of which not all channels are coded, or that are indices, or of a few bits."""
    one, two = Box(5, 9, 14, 20), Box(22, 30, 13, 17)
    for name, channels, dtype, values in (
        ("alpha_rgba8", 4, np.uint8, {3: 255}), ("green_rgb8", 3, np.uint8, {1: 7}),
        ("all_but_blue_rgba16", 4, np.uint16, {0: 0, 1: 9, 3: 65535}),
    ):  # fmt: skip
        image = with_photographs(drawn(38, 56, channels, dtype, channels), [one, two])
        for channel, value in values.items():
            image[:, :, channel] = value
        data = graphics_file(image, 1 + channels % 3, boxes=[(one, networks), (two, stored)])
        yield f"boxes_constant_{name}", image, data
    opaque = with_photographs(drawn(38, 56, 4, np.uint8, 7), [one])
    opaque[:, :, 3] = 255
    data = graphics_file(opaque, 2, bits=8, boxes=[(one, networks)])
    yield "box_constant_coded_rgba8", opaque, data
    few = with_photographs(drawn(38, 56, 1, np.uint8, 8), [one]) >> 4
    palette = np.random.default_rng(3).integers(0, 256, 3 * 16, dtype=np.uint8).tobytes()
    indices = Picture(few, PixelType(4, palette))
    yield "box_indexed4", indices, graphics_file(indices, 1, boxes=[(one, networks)])
    deep = Picture(with_photographs(drawn(38, 56, 3, np.uint16, 9), [one]) >> 4, PixelType(12))
    yield "box_depth12_rgb16", deep, graphics_file(deep, 2, boxes=[(one, unfitted)])


def boxes_of_steps() -> Iterator[tuple]:
    """Boxes behind steps, of JPEGs, and in planes that are behind steps; in tiles and pages."""
    one, two = Box(5, 9, 14, 20), Box(22, 30, 13, 17)
    image = drawn(40, 60, 3, np.uint8, 6)
    image[one.slices] = spoilt(jpeg_scene(one.height, one.width))
    image[two.slices] = drawn(two.height, two.width, 3, np.uint8, 8)
    data = graphics_file(image, 2, boxes=[(one, behind(Jfif)), (two, behind(ColourTable))])
    yield "boxes_jfif_table_rgb8", image, data
    coarse = drawn(40, 60, 1, np.uint16, 6)
    coarse[one.slices] = (scene(14, 20, 1, np.uint8) >> 3).astype(np.uint16) * np.uint16(2113)
    data = graphics_file(coarse, 1, boxes=[(one, behind(ValueRanks))])
    yield "box_values_grey16", coarse, data
    for name, channels, subsampling in (("420_rgb8", 3, 2), ("grey8", 1, 0)):
        file = pillow(scene(26, 35, channels, np.uint8), quality=80, subsampling=subsampling)
        jpeg = replace(source_picture(file, name), source=None, metadata=None)
        image, box = drawn(40, 60, channels, np.uint8, 5), Box(8, 16, 26, 35)
        image[box.slices] = jpeg.samples
        made = jpeg_file(jpeg)
        data = graphics_file(image, 3, boxes=[(box, lambda _, made=made: made)])
        yield f"box_jpeg_{name}", image, data
    small = with_photographs(drawn(20, 33, 3, np.uint8, 11), [Box(3, 5, 9, 12)])
    large = enlarged(small, 2, 3, 1, 1)
    data = graphics_file(large, 1, (Enlarged,), boxes=[(Box(3, 5, 9, 12), networks)])
    yield "box_enlarged_rgb8", large, data
    corners = [Box(row, col, 5, 9) for row in (0, 32) for col in (0, 32)]
    page = with_photographs(drawn(40, 60, 3, np.uint8, 13), corners)
    tiles = parts_file([page], [How(boxed)], tile=(32, 32))
    yield "box_tiles_rgb8", [Picture(page)], tiles
    grey = moving(3, 20, 36, 1, np.uint8)
    grey[1] = with_photographs(drawn(20, 36, 1), [Box(0, 0, 5, 9)])
    how = [How(graphics_file), How(boxed), How(stored)]
    yield "box_pages_grey8", [Picture(page) for page in grey], parts_file(grey, how)


def boxed(picture: Picture) -> bytes:
    """A file with a box at the top left."""
    return graphics_file(picture, 1, boxes=[(Box(0, 0, 5, 9), networks)])


def with_priors() -> Iterator[tuple]:
    """Levels whose weights start from a prior: text, photographs, flat areas, boxes, parts."""
    one = Box(7, 19, 16, 20)
    for level in WITH_PRIOR:
        for channels, dtype in ((level - 3, np.uint8), (4, np.uint8), (3, np.uint16)):
            image = drawn(34, 60, channels, dtype, 5 * level + channels)
            name = f"level{level}_{KINDS[channels - 1]}{8 * image.itemsize}"
            yield name, image, graphics_file(image, level)
        mixed = of_many_colours(30, 50, level - 2, np.uint8)
        name = f"photo_level{level}_{KINDS[level - 3]}8"
        yield name, mixed, graphics_file(mixed, level)
        flat = np.full((16, 120, 3), (7, 90, 31), np.uint8)
        flat[8, 90], flat[14, 5:50] = (1, 2, 3), (0, 0, 0)
        yield f"flat_level{level}_rgb8", flat, graphics_file(flat, level)
        lines = Picture(drawn(30, 50, 1, np.uint8, level) >> 7, PixelType(1))
        yield f"grey1_level{level}", lines, graphics_file(lines, level)
        image = with_photographs(drawn(34, 60, 3, np.uint8, level), [one])
        data = graphics_file(image, level, boxes=[(one, networks)])
        yield f"box_level{level}_rgb8", image, data
    table = drawn(34, 60, 3, np.uint8, 9)
    yield "table_level5_rgb8", table, graphics_file(table, 5, (ColourTable,))
    pages = [drawn(20, 36, 1, np.uint8, seed) for seed in (1, 2)]
    how = [How(lambda page: graphics_file(page, 6)), How(graphics_file)]
    yield "pages_level6_grey8", [Picture(page) for page in pages], parts_file(pages, how)
    image = drawn(38, 64, 3, np.uint8, 14)
    for effort in (1, 2):
        data = inrcodec.encode(image, effort=effort, model="graphics")
        yield f"encoded_effort{effort}_prior_rgb8", image, data
