"""Pillow opens and saves .linr files as it does PNGs."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("PIL")
from PIL import Image, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

import inrcodec
import inrcodec.pillow
from inrcodec import Limits, Metadata, Picture, PixelType
from inrcodec.encode import source_picture
from inrcodec.files.images import read_picture, write_picture
from inrcodec.files.metadata import PNG, TIFF
from inrcodec.files.picture import OF_OTHER_COLOURS, PREMULTIPLIED, UNSPECIFIED
from tests.pictures import scene

GOLDEN = Path(__file__).parents[1] / "golden"
MUST_FAIL = Path(__file__).parents[1] / "must_fail"
QUICK = {"model": "stored", "history": False}
PROFILE = b"a profile of colours" * 9
PALETTE = [value for colour in range(5) for value in (40 * colour, 7, 255 - colour)]


def linr(image: np.ndarray | Picture) -> bytes:
    return inrcodec.encode(image, **QUICK)


@cache
def coded(model: str, height: int, width: int) -> bytes:
    return inrcodec.encode(scene(height, width, 3, np.uint8), effort=1, model=model, history=False)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def saved(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "LINR", **{**QUICK, **options})
    return file.getvalue()


def with_palette(alpha: bytes = b"") -> Image.Image:
    image = Image.fromarray(scene(11, 13, 1, np.uint8) % 5)
    image.putpalette(PALETTE)
    if alpha:
        image.info["transparency"] = alpha
    return image


def of_alpha_palette() -> Image.Image:
    image = with_palette()
    colours = [PALETTE[3 * n : 3 * n + 3] + [50 * n] for n in range(5)]
    image.putpalette([value for colour in colours for value in colour], "RGBA")
    return image


def deep(mode: str) -> Image.Image:
    return Image.frombytes(mode, (13, 11), scene(11, 13, 1, np.uint16).tobytes())


IMAGES: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(scene(11, 13, 1, np.uint8) > 99),
    "L": lambda: Image.fromarray(scene(11, 13, 1, np.uint8)),
    "LA": lambda: Image.fromarray(scene(11, 13, 2, np.uint8)),
    "RGB": lambda: Image.fromarray(scene(11, 13, 3, np.uint8)),
    "RGBA": lambda: Image.fromarray(scene(11, 13, 4, np.uint8)),
    "P": with_palette,
    "P with an index": lambda: with_palette(b"\xff\xff\x00"),
    "P with alpha": lambda: with_palette(b"\x10\xff\x80"),
    "P of RGBA": of_alpha_palette,
    "I;16": lambda: deep("I;16"),
    "I;16B": lambda: deep("I;16B"),
}


def look(image: Image.Image) -> tuple[object, ...]:
    palette = image.getpalette("RGB") if image.mode == "P" else None
    return image.mode, image.size, palette, image.info, image.tobytes()


@pytest.mark.parametrize("name", IMAGES)
def test_comes_back_as_from_pillows_png(name: str, tmp_path: Path) -> None:
    image = IMAGES[name]()
    image.save(tmp_path / "x.linr", **QUICK)
    image.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.linr") as again, Image.open(tmp_path / "x.png") as png:
        assert look(again) == look(png)
        assert again.format == "LINR"
        assert again.get_format_mimetype() == "image/x-linr"
        assert np.array_equal(np.asarray(again.convert("RGBA")), np.asarray(png.convert("RGBA")))
    assert np.array_equal(
        inrcodec.decode((tmp_path / "x.linr").read_bytes()),
        inrcodec.decode(linr(read_picture((tmp_path / "x.png").read_bytes()))),
    )


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_fewer_bits(bits: int) -> None:
    step = 255 // ((1 << bits) - 1)
    image = Image.fromarray(scene(9, 8, 1, np.uint8) // step * step)
    data = saved(image, bits=bits)
    assert inrcodec.decode_picture(data).type == PixelType(depth=bits)
    assert opened(data).tobytes() == image.tobytes()
    with pytest.raises(OSError, match=f"in {bits} bits"):
        saved(Image.fromarray(scene(9, 8, 1, np.uint8)), bits=bits)


def test_integers_of_16_bits() -> None:
    signed = scene(6, 7, 1, np.uint16).astype(np.int32) - (1 << 15)
    again = opened(saved(Image.fromarray(signed)))
    assert again.mode == "I"
    assert np.array_equal(np.asarray(again), signed)
    assert opened(saved(Image.fromarray(signed + (1 << 15)))).mode == "I;16"
    for beyond in (70_000, -70_000):
        with pytest.raises(OSError, match="cannot write mode I as LINR where samples are"):
            saved(Image.fromarray(np.full((3, 3), beyond, np.int32)))


@pytest.mark.parametrize("mode", ["F", "CMYK", "YCbCr", "HSV", "LAB", "PA", "La", "RGBa", "RGBX"])
def test_modes_that_are_not_saved(mode: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"cannot write mode {mode} as LINR"):
        Image.new(mode, (4, 4)).save(tmp_path / "x.linr")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved() -> None:
    with pytest.raises(ValueError, match="empty"):
        saved(Image.new("L", (0, 4)))
    with pytest.raises(OSError, match="several images"):
        saved(Image.new("L", (4, 4)), save_all=True, append_images=[Image.new("L", (4, 4))])
    image = Image.fromarray(np.full((4, 4), 9, np.uint8))
    image.putpalette(PALETTE)
    with pytest.raises(OSError, match="beyond"):
        saved(image)
    with pytest.raises(ValueError, match="effort is 10"):
        saved(Image.new("L", (4, 4)), effort=10)
    assert opened(saved(Image.new("L", (4, 4)), save_all=True)).size == (4, 4)


def test_encoding_options_are_passed_on() -> None:
    image = IMAGES["RGB"]()
    data = saved(image, model="context", effort=1, threads=1)
    assert inrcodec.info(data, planes=False)["mode"] == "context"
    assert look(opened(data)) == look(image)


def metadata_options() -> dict[str, Any]:
    exif, texts = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x0112] = 6
    texts.add_text("Title", "A disc", zip=True)
    texts.add_itxt("Author", "Zoë", "de", "Autor")
    texts.add(b"gAMA", struct.pack(">I", 45455))
    return {"icc_profile": PROFILE, "exif": exif, "dpi": (300, 72), "pnginfo": texts}


def test_metadata_as_in_pillows_png(tmp_path: Path) -> None:
    image, png = IMAGES["RGB"](), io.BytesIO()
    data = saved(image, xmp=b"<xmp/>", transparency=(1, 2, 3), **metadata_options())
    options = metadata_options()
    options["pnginfo"].add_itxt("XML:com.adobe.xmp", "<xmp/>")
    image.save(png, "PNG", transparency=(1, 2, 3), **options)
    again, wanted = opened(data), opened(png.getvalue())
    assert again.info == wanted.info
    assert again.info["icc_profile"] == PROFILE
    assert again.info["xmp"] == b"<xmp/>"
    assert again.getexif()[0x0112] == 6
    assert again.text == wanted.text
    assert ImageOps.exif_transpose(again).size == (11, 13)
    (tmp_path / "x.linr").write_bytes(data)
    inrcodec.decode_file(tmp_path / "x.linr", tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as decoded:
        assert look(decoded) == look(wanted)


def test_profile_and_transparency_are_carried_from_image_to_image() -> None:
    first = opened(saved(IMAGES["L"](), icc_profile=PROFILE, transparency=7, dpi=(99, 99)))
    assert opened(saved(first)).info == {"icc_profile": PROFILE, "transparency": 7}


def test_chunks_that_cannot_be_kept_are_told_of() -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"abCD", b"unsafe to copy")
    with pytest.warns(inrcodec.LinrWarning, match="left out are chunk abCD"):
        saved(IMAGES["L"](), pnginfo=info)


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


def test_opens_without_decoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    image = scene(260, 270, 1, np.uint8)  # large enough for its front to be a part of its own
    path.write_bytes(inrcodec.encode(image, effort=1, model="context", history=False))
    decoded = []
    real = inrcodec.pillow.picture_of
    monkeypatch.setattr(
        inrcodec.pillow,
        "picture_of",
        lambda contents, reading: decoded.append(reading.scale) or real(contents, reading),
    )
    with open(path, "rb") as file:
        lazy = Image.open(file)
        assert (lazy.mode, lazy.size, lazy.info, lazy.text) == ("L", (270, 260), {}, {})
        assert file.tell() < path.stat().st_size / 2  # the front part has been read, at most
        assert not decoded
        lazy.load()
        lazy.load()
    assert decoded == [1]


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
    image = opened(saved(whole))
    image.draft(None, (20, 10))
    assert image.size == (23, 18)
    assert np.array_equal(np.asarray(image), np.asarray(opened(saved(whole)))[::4, ::4])
    if whole.mode[0] != "I":  # which Pillow does not reduce
        small = opened(saved(whole))
        small.thumbnail((10, 10))
        assert small.size == (10, 8)


def test_a_thumbnail_decodes_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    scales = []
    real = inrcodec.pillow.picture_of
    monkeypatch.setattr(
        inrcodec.pillow,
        "picture_of",
        lambda contents, reading: scales.append(reading.scale) or real(contents, reading),
    )
    image = opened(linr(scene(200, 210, 1, np.uint8)))
    image.thumbnail((12, 12))
    assert scales == [8]
    assert image.size == (12, 11)
    assert abs(int(np.asarray(image).mean()) - int(scene(200, 210, 1, np.uint8).mean())) < 4


def test_every_image_of_a_file_of_several() -> None:
    data = (GOLDEN / "coordinate_set_int_2_of_3x1.linr").read_bytes()
    image = opened(data)
    assert (image.n_frames, image.is_animated) == (3, True)
    for frame in (1, 0, 2):
        image.seek(frame)
        assert image.tell() == frame
        assert np.array_equal(np.asarray(image), inrcodec.decode(data, index=frame))
    with pytest.raises(EOFError):
        image.seek(3)
    with pytest.raises(OSError, match="several images"):
        saved(image, save_all=True)


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


def damaged_files() -> list[bytes]:
    options = metadata_options()
    of_palette = saved(with_palette(b"\7\xff\0"), **{**options, "pnginfo": None})
    return [saved(IMAGES["RGB"](), model="context", effort=1, **options), of_palette]


DAMAGED = damaged_files()


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(DAMAGED), st.integers(0, 1 << 30), st.integers(1, 255))
def test_damaged_files(data: bytes, place: int, flip: int) -> None:
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


@pytest.mark.parametrize("path", sorted(MUST_FAIL.glob("*.linr"))[::6], ids=lambda path: path.stem)
def test_files_that_must_be_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # which would refuse some before
    data = path.read_bytes()
    with pytest.raises(OSError) as caught:  # noqa: PT011
        opened(data).load()
    if inrcodec.pillow.accept(data):
        assert isinstance(caught.value.__cause__, inrcodec.LinrError)


def test_verify(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(DAMAGED[0])
    image = Image.open(tmp_path / "x.linr")
    file = image.fp
    image.verify()
    assert file.closed
    with pytest.raises(RuntimeError, match="directly after open"):
        image.verify()


def test_files_are_closed(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(DAMAGED[0])
    with Image.open(tmp_path / "x.linr") as image:
        file = image.fp
        assert not file.closed
    assert file.closed
    loaded = Image.open(tmp_path / "x.linr")
    file = loaded.fp
    loaded.load()
    assert file.closed
    with open(tmp_path / "x.linr", "rb") as given:
        Image.open(given).load()
        assert not given.closed


def test_images_that_are_open_are_pickled(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(DAMAGED[0])
    image, wanted = Image.open(tmp_path / "x.linr"), IMAGES["RGB"]()
    again = pickle.loads(pickle.dumps(image))
    assert again.tobytes() == wanted.tobytes()
    assert (again.info, again.n_frames, again.tell()) == (image.info, 1, 0)


def test_incremental_parser() -> None:
    parser = ImageFile.Parser()
    for at in range(0, len(DAMAGED[0]), 50):
        parser.feed(DAMAGED[0][at : at + 50])
    assert parser.close().tobytes() == IMAGES["RGB"]().tobytes()


def test_registered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "OPEN", {})
    monkeypatch.setattr(Image, "ID", [])
    monkeypatch.setattr(Image, "_initialized", 2)
    with pytest.raises(UnidentifiedImageError):
        opened(DAMAGED[0])
    inrcodec.pillow.register()
    assert opened(DAMAGED[0]).format == "LINR"


def test_threads_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = inrcodec.pillow.picture_of
    monkeypatch.setattr(
        inrcodec.pillow,
        "picture_of",
        lambda contents, reading: seen.append(reading.threads) or real(contents, reading),
    )
    monkeypatch.setattr(inrcodec.pillow, "THREADS", 1)
    opened(DAMAGED[0]).load()
    assert seen == [1]
