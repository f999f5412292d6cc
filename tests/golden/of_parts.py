"""Golden files of parts: frames, tiles, shared networks, pages that see others, pages of all types.

But for two nothing is fitted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, PixelType, Prior
from inrcodec.contents import planes_of
from inrcodec.context.file import Models
from inrcodec.encode import source_picture
from inrcodec.files.timing import Delay, Repeats, delay_chunk, of_frame, repeats_chunk
from inrcodec.history.chroma_search import Source
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import Lattice
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import COSITED
from inrcodec.history.value_ranks import ValueRanks
from inrcodec.jpeg.step import Jpeg
from tests.files.tiffs import by_pillow, saved
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.golden.of_jpegs import jpeg_file
from tests.golden.recipes import Recipe, context
from tests.jpeg.files import pillow
from tests.must_fail.faults import coordinate_file
from tests.pictures import chroma_scene, enlarged, jpeg_scene, scene

OWN = Path(__file__).parent
DYADIC, ORDER = ((), (-1, 1), (-2, 2), (-1, 1), (-4, -4)), (0, 4, 2, 1, 3)
SHORT, ITS_ORDER = ((), (-1, 1), (-2, -2)), (0, 2, 1)
KINDS = {8: np.uint8, 16: np.uint16}
MadeParts = tuple[str, list[Picture], bytes]


def seeing(plan: tuple[tuple[int, ...], ...] = DYADIC) -> list[How]:
    """A page that sees none, the last one, which sees it twice, and those between them."""
    return [How(None, 1 if sees else 0, sees) for sees in plan]


def parts() -> Iterator[MadeParts]:
    """All of them."""
    for name, pages, data in (
        *keys(), *pages_that_see(), *tiles(), *sets(), *several(), *steps(), *types(),
        *animations(), *tiffs(), *encoded()
    ):  # fmt: skip
        pictures = [page if isinstance(page, Picture) else Picture(page) for page in pages]
        yield f"part_{name}", pictures, data


def keys() -> Iterator[tuple]:
    """Pages that see none, stored and with networks, shared and of their own."""
    for kind, channels, bits in (
        ("grey", 1, 8), ("grey_alpha", 2, 16), ("rgb", 3, 8), ("rgba", 4, 16),
    ):  # fmt: skip
        pages = moving(2, 8, 9, channels, KINDS[bits])
        yield f"keys_{kind}{bits}", pages, parts_file(pages, sets=(a_set(channels),))
    grey, rgb = moving(4, 12, 9, 1, np.uint8), moving(2, 9, 8, 3, np.uint8)
    yield "stored_grey8", grey, parts_file(grey, [How(stored)])
    yield "one_page_grey8", grey[:1], parts_file(grey[:1], sets=(a_set(),))
    yield "one_pixel_grey8", grey[:2, :1, :1], parts_file(grey[:2, :1, :1], sets=(a_set(),))
    own = [How(lambda page: context(page, Recipe(prior=2))), How(networks)]
    yield "own_networks_rgb8", rgb, parts_file(rgb, own)
    yield "coordinate_rgb8", rgb, parts_file(rgb, [How(coordinate), How(stored)])
    long = moving(2, 140, 30, 1, np.uint8) // 32
    yield "sections_grey8", long, parts_file(long, sets=(a_set(),))


def networks(picture: Picture) -> bytes:
    """With some of its own."""
    return context(picture, Recipe("fp16", (3, 3), random=(3, 4)))


def coordinate(picture: Picture) -> bytes:
    """With coordinate networks whose weights are 0."""
    return coordinate_file(picture.samples)


def pages_that_see() -> Iterator[tuple]:
    """Pages behind, between and before those that they see."""
    for kind, channels, bits, plan, order in (
        ("grey", 1, 8, DYADIC, ORDER), ("grey_alpha", 2, 16, SHORT, ITS_ORDER),
        ("rgb", 3, 16, SHORT, ITS_ORDER), ("rgba", 4, 8, SHORT, ITS_ORDER),
    ):  # fmt: skip
        pages = moving(len(plan), 9, 8, channels, KINDS[bits])
        its = (a_set(channels), a_set(channels, 2, random=(2, 6), models=RANKED))
        data = parts_file(pages, seeing(plan), order, sets=its)
        yield f"seeing_{kind}{bits}", pages, data
    pages = moving(5, 14, 15, 1, np.uint8, 3)
    backward = [How(None, 0, (1,)), How(None, 0, (1,)), How(None, 0, (1,)), How(None, 0, (1,))]
    data = parts_file(pages, [*backward, How(stored)], (4, 3, 2, 1, 0), sets=(a_set(1, 1),))
    yield "seeing_the_next_grey8", pages, data
    far = moving(4, 10, 11, 1, np.uint16)
    data = parts_file(
        far,
        [How(), How(stored), How(networks), How(None, 1, (-3, -1))],
        sets=(a_set(), a_set(1, 2)),
    )
    yield "seeing_others_grey16", far, data
    flat = moving(3, 9, 12, 3, np.uint8)
    flat[1, :, :, 0], flat[2, :, :, 2], flat[1, :, :, 1] = 7, 9, flat[1, :, :, 1] // 2 + 100
    data = parts_file(flat, [How(), How(None, 1, (-1,)), How(None, 1, (-1,))],
                      sets=(a_set(3), a_set(3, 1)))  # fmt: skip
    yield "seeing_flat_rgb8", flat, data


RANKED = Models.of_prior(1, 2)


def tiles() -> Iterator[tuple]:
    """Of one page and of several, with edges that are less than a tile."""
    for name, size, channels, kind, tile in (
        ("grey8", (37, 41), 1, np.uint8, (16, 16)),
        ("grey16", (16, 50), 1, np.uint16, (16, 32)),
        ("rgb8", (33, 32), 3, np.uint8, (32, 16)),
        ("rgba16", (17, 17), 4, np.uint16, (16, 16)),
        ("smaller_grey8", (12, 15), 1, np.uint8, (16, 65536)),
    ):
        pages = moving(1, *size, channels, kind)
        yield f"tiles_{name}", pages, parts_file(pages, tile=tile, sets=(a_set(channels),))
    pages = moving(5, 18, 20, 1, np.uint8)
    its = (a_set(), a_set(1, 2))
    data = parts_file(pages, seeing(), ORDER, tile=(16, 16), sets=its)
    yield "tiles_seeing_grey8", pages, data
    for name, step in (("444", 0), ("420", 2)):
        picture = source_picture(
            pillow(scene(32, 48, 3, np.uint8), quality=80, subsampling=step), "it"
        )
        pages = [picture.samples, picture.samples[::-1]]
        coded = [How(of_jpeg), How(stored)]
        data = parts_file(pages, coded, tile=(32, 48), sets=(a_set(3),))
        yield f"coefficients_{name}_rgb8", pages, data


def of_jpeg(picture: Picture) -> bytes:
    """A file of its coefficients."""
    planes = planes_of(picture)
    jpeg = Jpeg.find(planes)
    assert jpeg is not None
    return jpeg_file(replace(picture, jpeg=jpeg))


def sets() -> Iterator[tuple]:
    """Shared networks of all forms, for pages that see others and for those that see none."""
    for number, (name, models, random) in enumerate((
        ("prior2", Models.of_prior(2), None),
        ("rank5", Models.of_prior(2, 5), (3, 7)),
        ("fp16", Models("fp16", 3, 3), (3, 4)),
        ("widest", Models("int", 64, 64), (2, 5)),
        ("ternary", Models("ternary", 4, 3), (3, 4)),
        ("int", Models("int", 5, 4), (40, 4)),
        ("narrowest", Models("int", 1, 1), (40, 4)),
    )):  # fmt: skip
        channels, kind = (1, np.uint16) if number % 2 else (3, np.uint8)
        pages = moving(3, 11, 10, channels, kind, number)
        its = tuple(a_set(channels, n, 0, models, random) for n in (0, 1 + number % 2))
        sees = (-1, 1) if number % 2 else (-1,)
        how = [How(), How(None, 1, sees), How()]
        name = f"sets_{name}_{'grey16' if number % 2 else 'rgb8'}"
        yield name, pages, parts_file(pages, how, (0, 2, 1), sets=its)
    own = Prior.read(OWN / "own1.prior")
    for rank in (0, 2):
        pages = moving(2, 12, 11, 1, np.uint8, rank)
        models, random = Models.of_prior(own, rank), (2, 7) if rank else None
        its = tuple(a_set(1, n, 0, models, random) for n in (0, 1))
        how = [How(), How(None, 1, (-1,))]
        data = parts_file(pages, how, sets=its, priors=(own,))
        yield f"sets_own_prior_rank{rank}_grey8", pages, data


def several() -> Iterator[tuple]:
    """Pages of several sizes, channels and bits, each kind with its own networks."""
    jpeg, photo_cd = jpeg_scene(14, 16), Source(CONVERSIONS[1], COSITED, Lattice(2, 2))
    pages = [
        scene(9, 12, 1, np.uint8), scene(8, 7, 3, np.uint16), scene(20, 19, 2, np.uint8), jpeg,
        chroma_scene(45, 50, photo_cd)[:18], scene(1, 1, 4, np.uint8), scene(9, 12, 1, np.uint8, 1),
        scene(10, 12, 1, np.uint8),
    ]  # fmt: skip
    its = (a_set(), a_set(3), a_set(2), a_set(3, 0, 1), a_set(3, 0, 2), a_set(4), a_set(1, 1))
    how = [How(None, n) for n in range(6)] + [How(None, 6, (-6,)), How()]
    how[3], how[4] = How(None, 3, steps=(Jfif,)), How(None, 4, steps=(Subsampled,))
    yield "sizes", pages, parts_file(pages, how, sets=its)
    yield "sizes_in_tiles", pages[:3], parts_file(pages[:3], how[:3], tile=(16, 16), sets=its)


def steps() -> Iterator[tuple]:
    """Pages behind steps, which see others behind the same."""
    jpegs = np.stack([jpeg_scene(12, 13), jpeg_scene(12, 13)[::-1]])
    how = [How(steps=(Jfif,)), How(None, 1, (-1,), (Jfif,))]
    yield "steps_jfif_rgb8", jpegs, parts_file(jpegs, how, sets=(a_set(3, 0, 1), a_set(3, 1, 1)))
    video = Source(CONVERSIONS[1], COSITED, Lattice(2, 2))
    chroma = np.stack([chroma_scene(24, 30, video, n) for n in range(2)])
    how = [How(steps=(Subsampled,)), How(None, 1, (-1,), (Subsampled,))]
    its = a_set(3, 0, 2), a_set(3, 1, 2)
    yield "steps_subsampled_rgb8", chroma, parts_file(chroma, how, sets=its)
    coarse = (moving(3, 20, 22, 1, np.uint8) // 4).astype(np.uint16) * np.uint16(1000)
    how = [How(steps=(ValueRanks,)), *[How(None, 1, (-1, -1), (ValueRanks,))] * 2]
    yield "steps_values_grey16", coarse, parts_file(coarse, how, sets=(a_set(), a_set(1, 2)))
    large = np.stack([enlarged(page, 2, 3, 1, 1) for page in moving(3, 16, 17, 1, np.uint8)])
    how = [How(steps=(Enlarged,)), *[How(None, 1, (-1,), (Enlarged,))] * 2]
    yield "steps_enlarged_grey8", large, parts_file(large, how, sets=(a_set(), a_set(1, 1)))


def types() -> Iterator[tuple]:
    """Palettes, depths, signed samples, metadata and names: the file's, and the pages' own."""
    few = moving(3, 12, 13, 1, np.uint8) // 16
    palette = np.random.default_rng(2).integers(0, 256, 48, dtype=np.uint8).tobytes()
    its = (a_set(), a_set(1, 1))
    how = [How(), How(None, 1, (-1,)), How(stored)]
    for name, type_ in (
        ("palette", PixelType(4, palette, b"\0\x80")),
        ("depth4", PixelType(4)),
        ("signed", PixelType(signed=True)),
    ):
        pages = [Picture(page, type_) for page in few]
        yield f"type_{name}_grey8", pages, parts_file(pages, how, sets=its, type=type_)
    deep = [Picture(page >> 4, PixelType(12)) for page in moving(1, 9, 17, 3, np.uint16)]
    data = parts_file(deep, tile=(16, 16), sets=(a_set(3),), type=PixelType(12))
    yield "type_depth12_rgb16", deep, data
    pages = [
        Picture(few[0], PixelType(4, palette)),
        Picture(few[1], PixelType(4, palette[::-1])),
        Picture(few[2], PixelType(4, key=(3,))),
        Picture(np.stack([few[0] * 9, 255 - few[0] * 3, few[0] // 2 * 30], axis=-1)),
        Picture(scene(9, 8, 3, np.uint8), PixelType(key=(1, 2, 3))),
    ]
    how = [How(), How(None, 1, (-1,)), How(stored), How(steps=(ColourTable,)), How(stored)]
    yield "types_of_pages", pages, parts_file(pages, how, sets=its)
    text = ("tEXt", b"Comment\0hello")
    whole = Metadata("png", (text,))
    own = Metadata("tiff", tags=((270, 2, b"a page\0"),))
    pages = [Picture(few[0]), Picture(few[1], metadata=own, left_out=("a thing",)), Picture(few[2])]
    about = [replace(pages[0], metadata=whole, left_out=("all",)),
             replace(pages[1], left_out=("all", "a thing")),
             replace(pages[2], metadata=whole, left_out=("all",))]  # fmt: skip
    data = parts_file(pages, tile=(16, 16), sets=its, metadata=whole, left_out=("all",))
    yield "metadata_grey8", about, data


def animations() -> Iterator[tuple]:
    """How long pages are shown, and how often."""
    frames, repeats = moving(3, 9, 10, 1, np.uint8), Repeats(2, 0)
    text = ("tEXt", b"Comment\0hello")
    times = [None, Delay(1, 10), Delay(3, 0)]
    own = [
        None if delay is None else Metadata("png", (delay_chunk(9, 10, delay),)) for delay in times
    ]
    outer = Metadata("png", (repeats_chunk(repeats), text))
    pages = [
        Picture(frame, metadata=of_frame(its, outer))
        for frame, its in zip(frames, own, strict=True)
    ]
    given = [Picture(frame, metadata=its) for frame, its in zip(frames, own, strict=True)]
    yield "times_grey8", pages, parts_file(given, sets=(a_set(),), metadata=outer)


def tiffs() -> Iterator[tuple]:
    """TIFF files of several images, which come back."""
    deep, grey = moving(3, 9, 18, 1, np.uint16), moving(3, 9, 18, 1, np.uint8)
    for name, pages, file in (
        ("strips_grey16", deep, written(deep, rowsperstrip=4)),
        ("tiles_grey16", deep, written(deep, tile=(16, 16))),
        ("truncated_grey16", deep, written(deep, truncate=True, byteorder=">")),
        ("volume_grey16", deep, written(deep, volumetric=True)),
        ("bigtiff_grey16", deep, written(deep, bigtiff=True)),
        ("deflate_grey8", grey, by_pillow(grey, "tiff_adobe_deflate")),
    ):
        linr = io.BytesIO()
        inrcodec.encode_file(io.BytesIO(file), linr, model="stored")
        with inrcodec.LinrFile(linr.getvalue()) as read:
            about = [replace(read.facts(n), samples=page) for n, page in enumerate(pages)]
            yield f"tiff_{name}", about, linr.getvalue()


def written(pages: np.ndarray, **options: Any) -> bytes:
    """A TIFF by tifffile."""
    return saved(pages, photometric="minisblack", **options)


def encoded() -> Iterator[tuple]:
    """As the encoder makes them, with networks that are fitted."""
    pages = moving(9, 14, 18, 1, np.uint8, 5)
    yield "encoded_grey8", pages, inrcodec.encode_frames(pages, effort=2, model="context")
    rgb = moving(3, 9, 19, 3, np.uint8, 6)
    data = inrcodec.encode_frames(rgb, tile=16, effort=1, model="context")
    yield "encoded_tiles_rgb8", rgb, data
