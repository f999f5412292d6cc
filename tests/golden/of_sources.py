"""Golden files that put their source files together again, and types of samples that these have."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import tifffile

import inrcodec
from inrcodec import Metadata, Picture, PixelType
from inrcodec.coding.stored import filter_rows, scanlines
from inrcodec.encode import source_picture
from tests.files.test_images import chunk, header
from tests.files.test_tiff import tiff as tags_of
from tests.golden.recipes import Made, Recipe, context
from tests.pictures import ADAM7, repacked, scene

COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
PAM = b"P7\nWIDTH 5\nHEIGHT 2\nDEPTH 2\nMAXVAL 255\n"


def png(image: np.ndarray, kinds: Any = None, cuts: tuple[int, ...] = (), **more: Any) -> bytes:
    """A PNG with rows filtered as kinds say, its image data cut at some places; more: bits of grey
    below 8, a zlib level, bytes behind the stream, and chunks."""
    bits = more.get("bits", 0)
    channels = image.shape[2] if image.ndim == 3 else 1
    rows, step = scanlines(image, bits)
    lines = filter_rows(rows, step, kinds).tobytes()
    stream = zlib.compress(lines, more.get("level", 6)) + more.get("behind", b"")
    places = [0, *cuts, len(stream)]
    parts = [chunk(b"IDAT", stream[a:b]) for a, b in pairwise(places)]
    deep = bits or 8 * image.itemsize
    head = header(image.shape[1], image.shape[0], deep, more.get("colour", COLOURS[channels]))
    before, after = more.get("chunks", ((), ()))
    return b"".join([b"\x89PNG\r\n\x1a\n", head, *before, *parts, *after, chunk(b"IEND", b"")])


def interlaced(image: np.ndarray) -> bytes:
    """An interlaced PNG of grey."""
    lines = b""
    for left, top, across, down in ADAM7:
        part = image[top::down, left::across]
        if part.size:
            lines += filter_rows(*scanlines(part, 0), 1).tobytes()
    head = header(image.shape[1], image.shape[0], 8, 0, interlace=1)
    data = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


def tiff(image: np.ndarray, **options: Any) -> bytes:
    """A TIFF of tifffile's."""
    file = io.BytesIO()
    tifffile.imwrite(file, image, metadata=None, **options)
    return file.getvalue()


def source_files() -> Iterator[tuple[str, bytes]]:
    """Image files of every kind and packing."""
    grey, rgb = scene(14, 13, 1, np.uint8), scene(12, 17, 3, np.uint8)
    deep = scene(11, 10, 3, np.uint16)
    text = chunk(b"tEXt", b"Comment\0hello")
    plain = " ".join(map(str, rgb.ravel().tolist())).encode()
    yield "pnm_grey8", b"P5\n# by hand\n13 14\n255\n" + grey.tobytes()
    yield "pnm_rgb8_and_more", b"P6 17 12 255\n" + rgb.tobytes() + b"\nmore"
    yield "pnm_bitmap", b"P4\n11 3\n" + bytes([0x5A, 0x20, 0xFF, 0xE0, 1, 0x40])
    yield "pnm_top_grey16", b"P5 3 1 1000\n\0\1\3\xe8\2\0"
    yield "pnm_depth_rgb12", b"P6 1 2 4095\n" + bytes([0, 1, 15, 255, 2, 0, 0, 3, 1, 2, 3, 4])
    yield "pnm_band", PAM + b"ENDHDR\n" + bytes(range(20))
    yield "pnm_plain_rgb8", b"P3\n17 12\n# plain\n255\n" + plain.replace(b" 9", b"\n9") + b"\n\n"
    yield "pnm_plain_bitmap", b"P1 5 2\n01101#1 2\n 1 0 0 1 0"
    yield "tiff_grey8", tiff(grey, rowsperstrip=4, description="a scene")
    yield "tiff_big_rgb16", tiff(deep, photometric="rgb", bigtiff=True, byteorder=">")
    yield (
        "tiff_planes_rgb8",
        tiff(np.moveaxis(rgb, 2, 0), photometric="rgb", planarconfig="separate", byteorder=">"),
    )
    yield "tiff_signed_grey16", tiff(deep[..., 0].astype(np.int32).__sub__(32768).astype(np.int16))
    yield "tiff_white_grey8", tiff(grey, photometric="miniswhite")
    yield (
        "tiff_band_rgba8",
        tiff(scene(9, 8, 4, np.uint8), photometric="rgb", extrasamples=["unspecified"]),
    )
    yield (
        "tiff_premultiplied_grey_alpha8",
        tiff(scene(9, 8, 2, np.uint8), photometric="minisblack", extrasamples=["assocalpha"]),
    )
    for name, pads in (("zeros", 0), ("repeated", 1), ("stored", 2)):
        yield f"tiff_tiles_{name}_grey8", tiles(grey, pads)
    for name, number in (("lzw", 5), ("packbits", 32773)):
        yield f"tiff_{name}_rgb8", tiff(
            rgb, photometric="rgb", compression=number, rowsperstrip=5,
            predictor=name == "lzw" or None,
        )  # fmt: skip
    yield "tiff_deflate_grey8", deflated(grey, 8, {})
    yield "tiff_deflate_predictor_grey16", deflated(deep[..., 1], 16, {317: 2})
    yield "tiff_12_bits", deflated(deep[..., 2] >> 4, 12, {259: 1})
    yield "tiff_fill_order_grey8", deflated(grey, 8, {266: 2, 259: 1})
    yield "tiff_no_counts_grey8", deflated(grey, 8, {259: 1, 279: None})
    yield "png_least_rgb8", png(rgb)
    yield "png_sub_rgb16", png(deep, 1, level=9)
    every = np.arange(12, dtype=np.uint8) % 5
    yield "png_every_filter_rgb8", png(rgb, every, (0, 1, 2, 40, 40, 80), level=1)
    yield "png_stored_grey8", png(grey, 0, level=0)
    yield "png_interlaced_grey8", interlaced(grey)
    yield "png_behind_grey8", png(grey, 4, behind=b"xyz", chunks=((text,), (text,))) + b"\n"
    yield "png_grey1", png(grey >> 7, 0, bits=1)
    palette = chunk(b"PLTE", bytes(range(48)))
    yield "png_palette_indexed4", png(grey >> 4, 0, bits=4, colour=3, chunks=((palette,), ()))


def tiles(image: np.ndarray, pads: int) -> bytes:
    """A TIFF with a tile that is larger than the image."""
    tile = np.pad(image, ((0, 16 - image.shape[0]), (0, 16 - image.shape[1])),
                  mode="edge" if pads == 1 else "constant")  # fmt: skip
    if pads == 2:
        tile[image.shape[0] :] = 7
    tags = {256: image.shape[1], 257: image.shape[0], 258: 8, 262: 1, 322: 16, 323: 16, 324: 8}
    return tags_of({**tags, 325: 256}, tile.tobytes())


def deflated(image: np.ndarray, bits: int, tags: dict[int, int | None]) -> bytes:
    """A TIFF of one strip, packed by zlib unless tags say otherwise."""
    lines = np.diff(image, axis=1, prepend=image.dtype.type(0)) if 317 in tags else image
    each = lines.reshape(len(lines), -1, 1) >> np.arange(bits)[::-1] & 1
    body = np.packbits(each.reshape(len(lines), -1).astype(np.uint8), axis=1).tobytes()
    body = body if 259 in tags else zlib.compress(body)
    if tags.get(266) == 2:
        body = bytes(int(f"{n:08b}"[::-1], 2) for n in body)
    height, width = image.shape
    own: dict[int, Any] = {256: width, 257: height, 258: bits, 259: 8, 262: 1, 273: 8, 278: height}
    own |= {279: len(body)} | tags
    return tags_of({tag: value for tag, value in own.items() if value is not None}, body)


def sources() -> Iterator[Made]:
    """Files that come back, one that does not, and types."""
    for number, (name, file) in enumerate(source_files()):
        picture = source_picture(file, name)
        assert picture.source is not None, (name, picture.left_out)
        # what other compressors write differs from version to version
        assert name[:3] == "pnm" or picture.source.recipe.get("v", [0])[0] not in (1, 2), name
        made = context(picture, Recipe(prior=1 + number // 4 % 2)) if number % 4 == 1 else None
        yield f"source_{name}", picture, made or inrcodec.encode(picture, model="stored")
    odd = source_picture(repacked(png(scene(9, 8, 3, np.uint8), 1)), "odd")
    assert odd.left_out
    yield "left_out_rgb8", odd, inrcodec.encode(odd, model="stored")
    named = Picture(
        scene(6, 7, 1, np.uint8), metadata=Metadata("png", (("tEXt", b"Title\0n"),)),
        left_out=tuple(f"thing {n}" for n in range(64)),
    )  # fmt: skip
    yield "left_out_64_grey8", named, context(named, Recipe(prior=1))
    deep, alpha = scene(8, 9, 1, np.uint16), scene(8, 9, 4, np.uint8)
    grey = scene(8, 9, 1, np.uint8)
    for name, samples, pixels in (
        ("top_grey8", grey % 101, PixelType(top=100)),
        ("top_white_grey8", grey % 101, PixelType(top=100, white=True)),
        ("top_rgb16", scene(8, 9, 3, np.uint16) % 1001, PixelType(top=1000)),
        ("top_depth_grey12", deep % 4001, PixelType(12, top=4000)),
        ("white_grey1", grey >> 7, PixelType(1, white=True)),
        ("white_grey4", grey >> 4, PixelType(4, white=True)),
        ("white_grey_alpha8", scene(8, 9, 2, np.uint8), PixelType(white=True)),
        ("signed_grey8", grey, PixelType(signed=True)),
        ("signed_band_rgba8", alpha, PixelType(signed=True, extra=1)),
        ("signed_rgb16", scene(8, 9, 3, np.uint16), PixelType(signed=True)),
        ("premultiplied_rgba8", alpha, PixelType(extra=2)),
        ("depth_rgb10", scene(8, 9, 3, np.uint16) >> 6, PixelType(10)),
        ("depth_band_grey_alpha15", scene(8, 9, 2, np.uint16) >> 1, PixelType(15, extra=1)),
        ("depth_key_grey9", deep >> 7, PixelType(9, key=(int(deep[3, 4] >> 7),))),
    ):  # fmt: skip
        picture = Picture(samples, pixels)
        stored = name in ("white_grey4", "top_rgb16", "signed_grey8")
        how = Recipe(prior=1 + len(name) % 2)
        data = inrcodec.encode(picture, model="stored") if stored else context(picture, how)
        yield f"type_{name}", picture, data
