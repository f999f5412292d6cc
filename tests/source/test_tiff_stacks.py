"""TIFF files of several images come back byte for byte, strip by strip, or say that they do not."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile

from inrcodec.errors import ChecksumError, CorruptError, LinrError
from inrcodec.files import tiff_pages
from inrcodec.files.picture import Picture
from inrcodec.files.tiff_directory import Opened, Whole
from inrcodec.files.tiff_pages import TiffPages, open_pages
from inrcodec.limits import DEFAULT, Limits
from inrcodec.source.restore import keep_pages, restore
from inrcodec.source.skeleton import Skeleton, pack_skeleton, unpack_skeleton
from inrcodec.source.tiff import Rows, pages_of, restored_chunks
from tests.files.test_tiff import GREY, PIXELS, tiff
from tests.files.tiffs import FOREIGN, WAYS, by_pillow, colour, grey, mixed, saved, written
from tests.pictures import scene
from tests.source.test_hostile import changes


def rows_of(pages: TiffPages) -> Rows:
    return lambda page, top, bottom: pages[page].read(top, 0, bottom - top, pages[page].width)


def size_of(pages: TiffPages) -> int:
    return sum(page.height * page.width * page.channels * page.bits // 8 for page in pages)


def kept(data: bytes, threads: int = 1, more: int = 0) -> Skeleton:
    """The skeleton of a file that comes back, through its bytes."""
    file = Opened(io.BytesIO(data))
    pages = open_pages(file, "it")
    skeleton = keep_pages(file, pages, "it", threads=threads)
    assert skeleton is not None
    packed = pack_skeleton(skeleton)
    assert unpack_skeleton(packed, size_of(pages), 1 << 20) == skeleton
    assert b"".join(restored_chunks(skeleton, rows_of(pages), DEFAULT, threads)) == data
    again = pages_of(skeleton, DEFAULT)
    assert [page.metadata for page in again] == [page.metadata for page in pages]
    assert len(packed) < 1200 + more
    return skeleton


@pytest.mark.parametrize(("channels", "way"), WAYS)
def test_files_of_tifffile(channels: int, way: dict[str, Any]) -> None:
    skeleton = kept(written(channels, way)[0], threads=channels)
    assert ("v" in skeleton.recipe) == ("compression" in way)
    assert ("i" in skeleton.recipe) == ("truncate" in way)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_files_of_pillow(compression: str | None) -> None:
    kept(by_pillow(colour(), compression))


def test_each_image_has_its_own_packing() -> None:
    recipe = kept(mixed()[0]).recipe
    assert recipe["w"] == bytes([0, 1, 2, 3, 4, 2, 1])
    numbers, variants = list(recipe["a"]), list[list[int]]()
    while numbers:
        count = numbers.pop(0)
        variants.append([numbers.pop(0) for _ in range(count)])
    assert len(variants) == 5
    assert variants[2] == []  # not packed
    assert "v" not in recipe


@pytest.mark.parametrize("way", FOREIGN)
def test_what_cannot_be_packed_again(way: dict[str, Any]) -> None:
    file = Whole(written(1, way)[0])
    assert keep_pages(file, open_pages(file, "it"), "it") is None
    squeeze = zlib.compressobj(6)
    halves = grey(2, 16, 16)
    odd = squeeze.compress(halves[1].tobytes()[:300]) + squeeze.flush(zlib.Z_FULL_FLUSH)
    odd += squeeze.compress(halves[1].tobytes()[300:]) + squeeze.flush()
    strip = zlib.compress(halves[0].tobytes())
    entry = {**GREY, 256: 16, 257: 16, 258: 16, 259: 8, 278: 16, 273: 8, 279: len(strip)}
    assert kept(tiff(entry, strip)).recipe
    file = Whole(tiff({**entry, 279: len(odd)}, odd))
    assert keep_pages(file, open_pages(file, "it"), "it") is None


def test_a_packing_that_the_first_strips_do_not_tell() -> None:
    """Many levels make the same of blank strips, and the longest is not where they differ."""
    image = np.zeros((3, 96, 64), np.uint8)
    image[1, 8:88] = scene(80, 64, 1, np.uint8).squeeze() // 8
    image[2, :8] = np.random.default_rng(0).integers(0, 256, (8, 64))
    for level in (1, 4, 9):
        file = io.BytesIO()
        strips = (zlib.compress(part.tobytes(), level) for part in image.reshape(36, 8, 64))
        tifffile.imwrite(
            file, strips, shape=image.shape, dtype=np.uint8, compression="zlib", rowsperstrip=8,
            photometric="minisblack",
        )  # fmt: skip
        kept(file.getvalue())


def test_pads_and_row_ends_of_some_images() -> None:
    images = colour(3, 20, 18)
    data = bytearray(saved(images, photometric="rgb", tile=(16, 16)))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        second, third = (page.dataoffsets for page in file.pages[1:])  # type: ignore[union-attr]
    data[second[1] + 3 * 2] = 7  # beyond the right edge, of the first row
    for row in range(16):
        at = third[1] + 3 * 16 * row
        data[at + 6 : at + 48] = bytes(data[at + 3 : at + 6]) * 14
    for tile in third[2:]:
        at = tile + 3 * 16 * 3
        edge = bytearray(data[at : at + 48])
        if tile == third[3]:
            edge[6:] = bytes(edge[3:6]) * 14
            for row in range(3):
                data[at - 48 * (row + 1) + 6 : at - 48 * row] = (
                    bytes(data[at - 48 * (row + 1) + 3 : at - 48 * (row + 1) + 6]) * 14
                )
            edge = bytearray(data[at : at + 3] + bytes(data[at + 3 : at + 6]) * 15)
        data[at : at + 48] = edge
        for row in range(4, 16):
            data[tile + 48 * row : tile + 48 * (row + 1)] = edge
    recipe = kept(bytes(data)).recipe
    assert recipe["p"] == bytes([0, 2, 1])
    assert recipe["e"].count(7) == 1
    bits = bytearray(saved(grey(3, 9, 13) > 30000, photometric="minisblack", metadata=None))
    with tifffile.TiffFile(io.BytesIO(bits)) as file:
        place = file.pages[1].dataoffsets[0]  # type: ignore[union-attr]
    bits[place + 5] |= 5
    assert kept(bytes(bits)).recipe == {"b": bytes(9 + 2) + b"\5" + bytes(6 + 9)}


def test_strips_that_images_share() -> None:
    data = bytearray(saved(grey(3), compression="zlib", metadata=None, photometric="minisblack"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        first, second = (file.pages[n].tags for n in (0, 1))  # type: ignore[union-attr]
        for code in (273, 279):
            at, place = second[code].valueoffset, first[code].valueoffset
            data[at : at + 4] = data[place : place + 4]
    pages = open_pages(Whole(bytes(data)), "it")
    assert np.array_equal(pages[1].read(0, 0, 20, 33), grey()[0])
    kept(bytes(data), more=len(data) // 3)  # one that no image has any more


def test_tags_in_the_image_data() -> None:
    data = tiff({**GREY, 256: 4, 279: 8, 40000: (1, 2)}, PIXELS.tobytes() + b"\1\2")
    assert kept(data)
    place = data.index(b"\x9c\x40\0\4\0\0\0\2") + 8
    file = Whole(data[:place] + b"\0\0\0\x08" + data[place + 4 :])
    assert keep_pages(file, open_pages(file, "it"), "it") is None


def test_others_rows_are_refused() -> None:
    data, images = written(1, {"compression": "zlib"})
    file = Whole(data)
    skeleton = keep_pages(file, open_pages(file, "it"), "it")
    assert skeleton is not None
    given = images.copy()
    chunks = restored_chunks(skeleton, lambda n, top, bottom: given[n, top:bottom], DEFAULT)
    assert b"".join(chunks) == data
    given[4, 19, 32] ^= 1
    with pytest.raises((ChecksumError, CorruptError)):
        list(restored_chunks(skeleton, lambda n, top, bottom: given[n, top:bottom], DEFAULT))
    for other in (images[:, :, 1:], images.astype(np.uint8), images[..., None].repeat(3, 3)):
        with pytest.raises(CorruptError, match="another size"):
            list(
                restored_chunks(
                    skeleton, lambda n, top, bottom, other=other: other[n, top:bottom], DEFAULT
                )
            )


def test_a_picture_is_not_all_of_several() -> None:
    data, images = written(1, {})
    file = Whole(data)
    skeleton = keep_pages(file, open_pages(file, "it"), "it")
    with pytest.raises(CorruptError, match="another size"):
        restore(Picture(images[0], source=skeleton))


def test_recipes_of_other_values() -> None:
    packed = [mixed()[0], *[written(1, way)[0] for way in ({"truncate": True},)]]
    for data in packed:
        file = Whole(data)
        pages = open_pages(file, "it")
        skeleton = keep_pages(file, pages, "it")
        assert skeleton is not None
        for key, value in skeleton.recipe.items():
            refused, tried = 0, [*changes(value), None]
            for other in tried:
                recipe = {**skeleton.recipe, key: other}
                if other is None:
                    del recipe[key]
                try:
                    section = pack_skeleton(replace(skeleton, recipe=recipe))
                except OverflowError:
                    refused += 1
                    continue
                try:
                    again = unpack_skeleton(section, size_of(pages), 1 << 20)
                    assert again is not None
                    list(restored_chunks(again, rows_of(pages), DEFAULT))
                except LinrError:
                    refused += 1
            # other numbers can give the same file, as another window of deflate does
            assert refused == len(tried) or (key == "a" and refused > 0.9 * len(tried)), key


def test_limits_hold() -> None:
    file = Whole(written(1, {})[0] + bytes(range(256)) * 40)
    pages = open_pages(file, "it")
    assert keep_pages(file, pages, "it") is not None
    assert keep_pages(file, pages, "it", Limits(metadata=10_000)) is None
    skeleton = keep_pages(file, pages, "it")
    assert skeleton is not None
    with pytest.raises(LinrError, match="pages"):
        list(restored_chunks(skeleton, rows_of(pages), Limits(pages=4)))


@pytest.mark.parametrize("way", [{}, {"compression": "zlib"}, {"tile": (128, 128)}])
def test_memory(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.add.outer(np.arange(4000, dtype=np.uint16), np.arange(4000, dtype=np.uint16))
    data = saved(image, rowsperstrip=None if "tile" in way or not way else 32, **way)
    monkeypatch.setattr(tiff_pages, "CACHE_BYTES", 1 << 20)
    file = Opened(io.BytesIO(data))
    tracemalloc.start()
    pages = open_pages(file, "it")
    skeleton = keep_pages(file, pages, "it", threads=2)
    assert skeleton is not None
    at = 0
    for chunk in restored_chunks(skeleton, rows_of(pages), DEFAULT, 2):
        assert data.startswith(chunk, at)
        at += len(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert at == len(data)
    assert peak < image.nbytes // 2
