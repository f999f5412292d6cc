"""TIFF files of several images: any part of any of them is read, and no more than that."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.errors import ImageError, LimitError, LinrError
from inrcodec.files import tiff_pages
from inrcodec.files.picture import SIGNED, PixelType
from inrcodec.files.tiff_directory import Opened, Whole
from inrcodec.files.tiff_pages import TiffPages, open_pages
from inrcodec.limits import Limits
from tests.files.test_tiff import GREY, PIXELS, tiff
from tests.files.tiffs import FOREIGN, WAYS, by_pillow, colour, grey, mixed, saved, written


class Watched(Opened):
    """A file that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.bytes = 0

    def read(self, start: int, size: int) -> memoryview:
        self.bytes += size
        return super().read(start, size)


def whole(pages: TiffPages) -> list[np.ndarray]:
    return [page.read(0, 0, page.height, page.width) for page in pages]


def same(pages: TiffPages, images: Any) -> bool:
    found = whole(pages)
    return len(found) == len(images) and all(
        one.dtype == other.dtype and np.array_equal(one, other)
        for one, other in zip(found, images, strict=True)
    )


@pytest.mark.parametrize(("channels", "way"), [*WAYS, *[(1, way) for way in FOREIGN]])
def test_images_of_tifffile(channels: int, way: dict[str, Any]) -> None:
    data, images = written(channels, way)
    others = tifffile.imread(io.BytesIO(data))
    assert np.array_equal(np.moveaxis(others, 1, 3) if "planarconfig" in way else others, images)
    for file in (Whole(data), Opened(io.BytesIO(data))):
        pages = open_pages(file, "it")
        assert same(pages, images)
        assert same(pages[1:3], images[1:3])
        assert pages[-1].number == len(images) - 1
        rng = np.random.default_rng(0)
        for page, image in zip(pages, images, strict=True):
            top, left = rng.integers(0, image.shape[:2])
            height, width = rng.integers(1, (image.shape[0] - top + 1, image.shape[1] - left + 1))
            part = page.read(int(top), int(left), int(height), int(width))
            assert np.array_equal(part, image[top : top + height, left : left + width])
            assert (page.height, page.width, page.channels) == (*image.shape[:2], channels)
            assert page.bits == 8 * image.itemsize


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_deflate"])
def test_images_of_pillow(compression: str | None) -> None:
    images = colour()
    assert same(open_pages(Whole(by_pillow(images, compression)), "it"), images)


def test_pages_of_many_kinds() -> None:
    data, images = mixed()
    pages = open_pages(Whole(data), "it")
    assert same(pages, images)
    assert [page.type for page in pages][5:] == [PixelType(depth=1), SIGNED]
    assert [page.metadata is not None for page in pages] == [True] * len(images)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for page, other in zip(pages, file.pages, strict=True):
            assert page.metadata is not None
            texts = [body for tag, _, body in page.metadata.tags if tag == 270]
            assert texts == [other.description.encode() + b"\0"]


def test_what_is_said_is_looked_for_in_the_file() -> None:
    images = grey()
    stack = saved(images, imagej=True, truncate=True)
    assert len(open_pages(Whole(stack), "it")) == 5
    # a directory for each of them, and one that counts too many
    assert same(open_pages(Whole(saved(images, imagej=True)), "it"), images)
    for less in (1, images[0].nbytes):
        assert len(open_pages(Whole(stack[: len(stack) - less]), "it")) == 1
    assert len(open_pages(Whole(stack.replace(b"images=5", b"images=7")), "it")) == 5  # slices=5
    alone = saved(images[0], imagej=True, metadata={"note": "images=5"})
    assert len(open_pages(Whole(alone + bytes(9999)), "it")) == 1


def test_stacks_of_metamorph_and_volumes() -> None:
    body = PIXELS.tobytes() + PIXELS[::-1].tobytes() + (PIXELS + 9).tobytes()
    images = [PIXELS, PIXELS[::-1], PIXELS + 9]
    for tags in ({33629: (1, 2, 3)}, {32997: 3}):
        assert same(open_pages(Whole(tiff({**GREY, **tags}, body)), "it"), images)
        few = open_pages(Whole(tiff({**GREY, **tags}, body[:-1])), "it")
        assert len(few) == 1
        with pytest.raises(ImageError, match="several images"):
            open_pages(Whole(tiff({**GREY, 259: 5, 32997: 3}, body)), "it")
    with pytest.raises(ImageError, match="tiles of several images"):
        open_pages(Whole(tiff({**GREY, 32997: 3, 32998: 3}, body)), "it")


def test_errors_name_the_page() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(grey()[0])
        writer.write(grey()[0].astype(np.float32))
    with pytest.raises(ImageError, match="it: page 2: TIFF with floating-point"):
        open_pages(Whole(file.getvalue()), "it")
    data = bytearray(saved(grey(), compression="zlib", metadata=None))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        place = tif.pages[3].dataoffsets[0]  # type: ignore[union-attr]
    data[place : place + 2] = b"\0\0"
    pages = open_pages(Whole(bytes(data)), "it")
    assert len(whole(pages[:3])) == 3
    with pytest.raises(ImageError, match="it: page 4: damaged TIFF"):
        pages[3].read(5, 5, 1, 1)
    for part in ((0, 0, 21, 1), (-1, 0, 1, 1), (0, 33, 1, 1), (0, 0, 0, 1)):
        with pytest.raises(ValueError, match="not in the page"):
            pages[0].read(*part)


def directory_at(data: bytes, page: int) -> tuple[int, int]:
    """Where a page's directory is, and where it says where the next one is."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        start = file.pages[page].offset  # type: ignore[union-attr]
    return start, start + 2 + 12 * struct.unpack_from("<H", data, start)[0]


def test_chains_that_do_not_end() -> None:
    data = bytearray(saved(grey(), metadata=None))
    for page in range(5):
        start, _ = directory_at(bytes(data), page)
        _, end = directory_at(bytes(data), 4)
        struct.pack_into("<I", data, end, start)
        pages = open_pages(Whole(bytes(data)), "it")
        assert same(pages, grey())
        assert pages.left_out == ()
    with pytest.raises(LimitError, match="5 or more images"):
        open_pages(Whole(bytes(data)), "it", Limits(pages=4))
    assert len(open_pages(Whole(bytes(data)), "it", Limits(pages=5))) == 5
    stack = saved(grey(), truncate=True)
    with pytest.raises(LimitError, match="5 images"):
        open_pages(Whole(stack), "it", Limits(pages=4))
    with pytest.raises(LimitError, match="33 x 20"):
        open_pages(Whole(stack), "it", Limits(pixels=659))


def test_directories_that_share_a_long_table() -> None:
    """Each would have to be read whole."""
    many = 4000
    table = 8
    count = struct.pack(">HHII", 279, 1, many, table)
    fields = struct.pack(">HHIIHHII", 256, 4, 1, 1, 257, 4, 1, many)
    fields += struct.pack(">HHII", 273, 1, many, table) + struct.pack(">HHII", 278, 4, 1, 1) + count
    size = 2 + len(fields) + 4
    first = table + many
    directories = b"".join(
        struct.pack(">H", 5) + fields + struct.pack(">I", first + (n + 1) * size)
        for n in range(100)
    )
    data = b"MM\0*" + struct.pack(">I", first) + b"\1" * many + directories
    with pytest.raises(ImageError, match="more strips or tiles than bytes"):
        open_pages(Whole(data), "it")


@cache
def all_files() -> list[bytes]:
    return [mixed()[0], *[written(*way)[0] for way in WAYS]]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(all_files())))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] = data.draw(st.sampled_from([0, 1, 255, file[at] ^ 1]))
    cut = data.draw(st.sampled_from([len(file), data.draw(st.integers(0, len(file)))]))
    with contextlib.suppress(LinrError):
        whole(open_pages(Whole(bytes(file[:cut])), "it", Limits(pixels=1 << 20)))


def test_nothing_is_read_before_it_is_asked_for() -> None:
    images = np.stack([np.add.outer(np.arange(2000), np.arange(1000)).astype(np.uint16)] * 2)
    for way, most in (({}, 1 << 20), ({"tile": (64, 64)}, 128), ({"compression": "zlib"}, 1 << 18)):
        file = Watched(saved(images, metadata=None, photometric="minisblack", **way))
        page = open_pages(file, "it")[1]
        assert file.bytes < 30000
        before = file.bytes
        assert np.array_equal(page.read(1100, 7, 1, 2), images[1][1100:1101, 7:9])
        assert file.bytes - before <= most < page.height * page.width


@pytest.mark.parametrize("way", [{"compression": "zlib", "rowsperstrip": 50}, {}])
def test_strips_are_read_once(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    image = grey(1, 300, 400)[0]
    file = Watched(saved(image, metadata=None, **way))
    page = open_pages(file, "it")[0]
    before = file.bytes
    for top in range(0, 300, 100):
        for left in range(0, 400, 50):
            part = page.read(top, left, 100, 50)
            assert np.array_equal(part, image[top : top + 100, left : left + 50])
    assert file.bytes - before <= len(file)
    # where a row of tiles is more than may be held, of strips that are not packed only parts are
    monkeypatch.setattr(tiff_pages, "CACHE_BYTES", 1000)
    file = Watched(saved(image, metadata=None, **way))
    page = open_pages(file, "it")[0]
    assert np.array_equal(page.read(0, 50, 300, 50), image[:, 50:100])


@pytest.mark.parametrize("way", [{}, {"compression": "zlib"}, {"tile": (256, 256)}])
def test_memory(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.add.outer(np.arange(4000, dtype=np.uint16), np.arange(4000, dtype=np.uint16))
    file = Opened(io.BytesIO(saved(image, rowsperstrip=None if "tile" in way else 32, **way)))
    monkeypatch.setattr(tiff_pages, "CACHE_BYTES", 1 << 20)
    tracemalloc.start()
    page = open_pages(file, "it")[0]
    for top in range(0, 4000, 160):
        assert page.read(top, 0, 160, 4000)[7, 9] == image[top + 7, 9]
    for left in range(0, 4000, 250):
        assert page.read(1000, left, 64, 250)[7, 9] == image[1007, left + 9]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.nbytes // 4
