"""What Pillow opens: pictures of every type, decoded when they are needed; damaged files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("PIL")
from PIL import Image, PngImagePlugin, UnidentifiedImageError

import inrcodec
import inrcodec.pillow
from inrcodec import Limits, Metadata, Picture, PixelType
from inrcodec.contents import Contents
from inrcodec.encode import source_picture
from inrcodec.files.images import write_picture
from inrcodec.files.metadata import PNG, TIFF
from inrcodec.files.picture import OF_OTHER_COLOURS, PREMULTIPLIED, UNSPECIFIED
from inrcodec.frames import reader
from inrcodec.options import Reading
from tests.pictures import scene
from tests.plugins.images import (
    IMAGES,
    PALETTE,
    PROFILE,
    coded,
    linr,
    look,
    metadata_options,
    opened,
    rich,
    saved,
    with_palette,
)

GOLDEN = Path(__file__).parents[1] / "golden"
MUST_FAIL = Path(__file__).parents[1] / "must_fail"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """How pixels are decoded from now on."""
    found: list[Reading] = []
    real = reader.picture_of

    def watched(contents: Contents, reading: Reading) -> Picture:
        found.append(reading)
        return real(contents, reading)

    monkeypatch.setattr(reader, "picture_of", watched)
    return found


PICTURES = {
    "2 bits": Picture(scene(7, 9, 1, np.uint8) >> 6, PixelType(depth=2)),
    "12 bits": Picture(scene(7, 9, 1, np.uint16) >> 4, PixelType(depth=12)),
    "up to 200": Picture(scene(7, 9, 1, np.uint8) % 200, PixelType(top=200)),
    "0 is white": Picture(scene(7, 9, 1, np.uint8), PixelType(white=True)),
    "0 is white, 1 bit": Picture(scene(7, 9, 1, np.uint8) >> 7, PixelType(depth=1, white=True)),
    "0 is white, alpha": Picture(scene(7, 9, 2, np.uint8), PixelType(white=True)),
    "grey key": Picture(scene(7, 9, 1, np.uint16), PixelType(key=(5,))),
    "colour key": Picture(scene(7, 9, 3, np.uint8), PixelType(key=(5, 6, 300))),
    "palette of 4 bits": Picture(
        scene(7, 9, 1, np.uint8) % 5, PixelType(4, bytes(PALETTE), b"\xff\0\7")
    ),
    "chunks": Picture(
        scene(7, 9, 3, np.uint8),
        metadata=Metadata(
            PNG,
            (
                ("sRGB", b"\0"),
                ("IDAT", None),
                ("tEXt", b"Late\0text"),
                ("iCCP", b"x\0\0" + zlib.compress(PROFILE)),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_open_as_the_png_that_equals_them(name: str) -> None:
    png = opened(write_picture(PICTURES[name], ".png"))
    png.load()  # before it has read what is behind its image data
    assert look(opened(linr(PICTURES[name]))) == look(png)


@pytest.mark.parametrize(
    ("pixels", "channels", "dtype", "mode"),
    [
        (PixelType(signed=True), 1, np.uint8, "I"),
        (PixelType(signed=True), 1, np.uint16, "I"),
        (PixelType(extra=PREMULTIPLIED), 2, np.uint8, "La"),
        (PixelType(extra=PREMULTIPLIED), 4, np.uint8, "RGBa"),
        (PixelType(extra=UNSPECIFIED), 4, np.uint8, "RGBX"),
    ],
)
def test_pictures_beyond_png(pixels: PixelType, channels: int, dtype: type, mode: str) -> None:
    picture = Picture(scene(7, 9, channels, dtype), pixels)
    image = opened(linr(picture))
    assert image.mode == mode
    wanted = picture.array().astype(np.int32) if mode == "I" else picture.array()
    assert image.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("pixels", "channels", "dtype"),
    [
        (PixelType(), 2, np.uint16),
        (PixelType(), 3, np.uint16),
        (PixelType(depth=12), 4, np.uint16),
        (PixelType(signed=True), 3, np.uint8),
        (PixelType(extra=UNSPECIFIED), 2, np.uint8),
        (OF_OTHER_COLOURS, 4, np.uint8),
    ],
)
def test_samples_without_a_mode_are_refused(pixels: PixelType, channels: int, dtype: type) -> None:
    samples = scene(7, 9, channels, dtype) >> (4 if pixels.depth else 0)
    data = linr(Picture(samples, pixels))
    with pytest.raises(UnidentifiedImageError, match="Pillow has no mode"):
        opened(data)


def test_a_file_that_is_kept_unread_is_refused() -> None:
    file = io.BytesIO()
    IMAGES["L"]().save(file, "JPEG")
    coded = bytearray(file.getvalue())
    coded[coded.index(b"\xff\xc0") + 1] = 0xC9  # arithmetic coding
    data = inrcodec.encode(source_picture(bytes(coded), "x.jpg"))
    with pytest.raises(OSError, match="are not read"):
        opened(data)


def test_metadata_of_tiffs() -> None:
    tags = (
        (270, 2, b"A description\0"),
        (274, 3, b"\6\0"),
        (282, 5, struct.pack("<II", 300, 1)),
        (283, 5, struct.pack("<II", 300, 1)),
        (700, 1, b"<xmp/>"),
        (34675, 7, PROFILE),
    )
    image = opened(linr(Picture(scene(7, 9, 3, np.uint8), metadata=Metadata(TIFF, tags=tags))))
    assert image.info["icc_profile"] == PROFILE
    assert image.info["xmp"] == b"<xmp/>"
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    exif = image.getexif()
    assert (exif[270], exif[274], exif[282]) == ("A description", 6, 300)


def test_metadata_of_jpegs() -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 8
    IMAGES["RGB"]().save(file, "JPEG", exif=exif, icc_profile=PROFILE, dpi=(200, 200))
    data = inrcodec.encode(source_picture(file.getvalue(), "x.jpg"))
    image, jpeg = opened(data), opened(file.getvalue())
    assert image.info["icc_profile"] == PROFILE
    assert image.info["dpi"] == pytest.approx((200, 200), abs=0.01)
    assert image.getexif() == jpeg.getexif()
    assert image.tobytes() == jpeg.tobytes()


def test_texts_beyond_pillows_bounds_are_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(IMAGES["RGB"](), **metadata_options())
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 3)
    with pytest.raises(OSError, match="MAX_TEXT_CHUNK"):
        opened(data)


def test_opens_without_decoding(readings: list[Reading], tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    image = scene(260, 270, 1, np.uint8)  # large enough for its front to be a part of its own
    path.write_bytes(inrcodec.encode(image, effort=1, model="context", history=False))
    with open(path, "rb") as file:
        lazy = Image.open(file)
        assert (lazy.mode, lazy.size, lazy.info, lazy.text) == ("L", (270, 260), {}, {})
        assert file.tell() < path.stat().st_size / 2  # the front part has been read, at most
        assert not readings
        lazy.load()
        lazy.load()
    assert [reading.scale for reading in readings] == [1]


@pytest.mark.parametrize("model", ["stored", "context"])
@pytest.mark.parametrize("size", [(60, 80), (16, 8), (17, 23), (7, 200), (8, 10), (1, 1)])
def test_draft(model: str, size: tuple[int, int]) -> None:
    image, data, file = scene(83, 61, 3, np.uint8), coded(model, 83, 61), io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    drawn, jpeg = opened(data), opened(file.getvalue())
    assert drawn.draft(None, size) == jpeg.draft(None, size)
    assert drawn.size == jpeg.size
    scale = -(-61 // drawn.size[0])
    assert np.array_equal(np.asarray(drawn), image[::scale, ::scale])
    assert drawn.draft(None, size) is None


@pytest.mark.parametrize("name", IMAGES)
def test_thumbnails_of_every_mode(name: str) -> None:
    whole = IMAGES[name]().resize((90, 70))
    data = saved(whole)
    image = opened(data)
    image.draft(None, (20, 10))
    assert image.size == (23, 18)
    assert np.array_equal(np.asarray(image), np.asarray(opened(data))[::4, ::4])
    if whole.mode[0] != "I":  # which Pillow does not reduce
        small = opened(data)
        small.thumbnail((10, 10))
        assert small.size == (10, 8)


def test_a_thumbnail_decodes_no_more_than_it_needs(readings: list[Reading]) -> None:
    image = opened(linr(scene(200, 210, 1, np.uint8)))
    image.thumbnail((12, 12))
    assert [reading.scale for reading in readings] == [8]
    assert image.size == (12, 11)
    assert abs(int(np.asarray(image).mean()) - int(scene(200, 210, 1, np.uint8).mean())) < 4


def test_every_image_of_a_file_of_several() -> None:
    data = (GOLDEN / "coordinate_set_int_2_of_3x1.linr").read_bytes()
    image = opened(data)
    assert (image.n_frames, image.is_animated) == (3, True)
    for frame in (1, 0, 2):
        image.seek(frame)
        assert image.tell() == frame
        assert np.array_equal(np.asarray(image), inrcodec.decode(data, frame=frame))
    with pytest.raises(EOFError):
        image.seek(3)
    again = opened(saved(image, save_all=True, effort=1))
    assert again.n_frames == 3
    assert image.tell() == 2


def test_other_files_are_not_identified() -> None:
    for data in (b"", b"\x89LNR", b"no image", b"\x89LNX\r\n\x1a\n" + bytes(99)):
        with pytest.raises(UnidentifiedImageError):
            opened(data)
    with pytest.raises(UnidentifiedImageError, match="signature"):
        inrcodec.pillow.LinrImageFile(io.BytesIO(b"some other file"))


def test_newer_files_and_limits_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    data = linr(scene(40, 40, 3, np.uint8))
    with pytest.raises(OSError, match="format version 9"):
        opened(data[:8] + b"\x09" + data[9:])
    monkeypatch.setattr(inrcodec.pillow, "LIMITS", Limits(pixels=1000))
    with pytest.raises(OSError, match="limit: pixels"):
        opened(data)
    monkeypatch.setattr(inrcodec.pillow, "LIMITS", Limits())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        opened(data)


@pytest.mark.parametrize("model", ["stored", "context"])
def test_truncated_files(model: str) -> None:
    data = coded(model, 83, 61)
    for end in [*range(0, len(data) - 1, 97), len(data) - 1]:
        with pytest.raises(OSError) as caught:  # noqa: PT011
            opened(data[:end]).load()
        if end > 10:
            assert isinstance(caught.value.__cause__, inrcodec.TruncatedError)


def test_threads_of_the_module(readings: list[Reading], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inrcodec.pillow, "THREADS", 1)
    opened(rich()).load()
    assert [reading.threads for reading in readings] == [1]


@settings(max_examples=80, deadline=None)
@given(st.booleans(), st.integers(0, 1 << 30), st.integers(1, 255))
def test_damaged_files(palette: bool, place: int, flip: int) -> None:
    data = saved(with_palette(b"\7\xff\0")) if palette else rich()
    damaged = bytearray(data)
    damaged[place % len(data)] ^= flip
    try:
        image = opened(bytes(damaged))
    except UnidentifiedImageError:
        return
    if place % len(data) != 9:  # the minor version, of which nothing is asked
        for use in (image.load, opened(bytes(damaged)).verify):
            with pytest.raises(OSError) as caught:  # noqa: PT011
                use()
            assert isinstance(caught.value.__cause__, inrcodec.LinrError)


@pytest.mark.parametrize("path", sorted(MUST_FAIL.glob("*.linr"))[::5], ids=lambda path: path.stem)
def test_files_that_must_be_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # which would refuse some before
    data = path.read_bytes()
    with pytest.raises(OSError) as caught:  # noqa: PT011, PT012
        image = opened(data)
        for frame in range(image.n_frames):
            image.seek(frame)
            image.load()
        opened(data).verify()
    if inrcodec.pillow.accept(data):
        assert isinstance(caught.value.__cause__, inrcodec.LinrError)
