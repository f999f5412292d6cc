"""TIFF files of several images, written strip by strip."""

from __future__ import annotations

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import tifffile

from inrcodec.files import tiff_write
from inrcodec.files.metadata import TIFF, Metadata
from inrcodec.files.picture import SIGNED, PixelType
from inrcodec.files.tiff_directory import Opened, Whole
from inrcodec.files.tiff_pages import open_pages
from inrcodec.files.tiff_write import PageToWrite, write_tiff_pages
from tests.pictures import scene

TEXT = Metadata(TIFF, tags=((270, 2, b"a scene\0"), (305, 2, b"it\0"), (40000, 12, bytes(24))))
PICTURES = [
    (scene(70, 41, 3, np.uint16), PixelType(), TEXT),
    (scene(30, 21, 1, np.uint8).squeeze() >> 6, PixelType(depth=2, white=True), None),
    (scene(30, 21, 4, np.uint8), PixelType(extra=2), TEXT),
    (scene(30, 21, 1, np.uint16).squeeze(), SIGNED, None),
    (scene(30, 21, 1, np.uint8).squeeze() % 3, PixelType(palette=bytes(9), alpha=b"\1"), None),
    (scene(30, 21, 3, np.uint8), PixelType(key=(1, 2, 3)), None),
    (scene(30, 21, 2, np.uint8), PixelType(white=True, extra=1), None),
]


def page(samples: np.ndarray, pixels: PixelType, metadata: Metadata | None) -> PageToWrite:
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    bits = 8 * samples.itemsize
    return PageToWrite(
        height, width, channels, bits, lambda top, bottom: samples[top:bottom], pixels, metadata
    )


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("strip", [1 << 20, 1000])
def test_what_is_written_is_read(big: bool, strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_write, "_STRIP_BYTES", strip)
    if big:
        monkeypatch.setattr(tiff_write, "_CLASSIC_BYTES", 5000)
    file = io.BytesIO()
    write_tiff_pages(file, [page(*picture) for picture in PICTURES], threads=1 + big)
    data = file.getvalue()
    assert data[2] == (43 if big else 42)
    pages = open_pages(Whole(data), "it")
    assert pages.left_out == ()
    with tifffile.TiffFile(io.BytesIO(data)) as others:
        assert len(pages) == len(others.pages) == len(PICTURES)
        for one, other, (samples, pixels, metadata) in zip(
            pages, others.pages, PICTURES, strict=True
        ):
            coloured = pixels.palette or pixels.key
            wanted = pixels.expand(samples) if coloured else samples
            assert np.array_equal(one.read(0, 0, one.height, one.width), wanted)
            assert one.type == (PixelType() if coloured else pixels)
            assert one.metadata == metadata
            image = other.asarray()
            if pixels.signed:
                image = image.view(np.uint16) ^ 0x8000
            assert np.array_equal(image, wanted)


def test_what_could_pass_4_gib_is_big() -> None:
    def rows(top: int, bottom: int) -> np.ndarray:
        raise KeyboardInterrupt  # before anything is written

    for width, number in ((65400, 42), (65536, 43)):  # deflate adds a little
        file = io.BytesIO()
        whole = PageToWrite(1 << 15, width, 1, 8, rows)
        with pytest.raises(KeyboardInterrupt):
            write_tiff_pages(file, [whole, whole])
        assert file.getvalue()[2] == number


def test_rows_of_others_are_refused() -> None:
    given = scene(20, 21, 3, np.uint8)
    for other in (given[:, 1:], given[..., 0], given.astype(np.uint16), given[:5]):
        wrong = PageToWrite(20, 21, 3, 8, lambda top, bottom, other=other: other)
        with pytest.raises(ValueError, match="another image"):
            write_tiff_pages(io.BytesIO(), [wrong])


def test_memory() -> None:
    line = np.arange(4000, dtype=np.uint16)
    asked = list[tuple[int, int]]()

    def rows(top: int, bottom: int) -> np.ndarray:
        asked.append((top, bottom))
        return np.add.outer(np.arange(top, bottom, dtype=np.uint16), line)

    file = io.BytesIO()
    tracemalloc.start()
    write_tiff_pages(file, [PageToWrite(4000, 4000, 1, 16, rows)] * 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 4000 * 4000 // 4
    assert asked[0][0] == 0
    assert all(a[1] == b[0] or a[1] - b[0] == 4000 for a, b in pairwise(asked))
    pages = open_pages(Opened(file), "it")
    assert pages[1].read(1234, 567, 1, 1) == 1234 + 567
