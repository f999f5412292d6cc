"""Pillow saves .linr files as it does PNGs, and what it opens is an image like any other."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

import inrcodec
import inrcodec.pillow
from inrcodec import PixelType
from inrcodec.files.images import read_picture
from tests.pictures import scene
from tests.plugins.images import (
    IMAGES,
    PALETTE,
    PROFILE,
    QUICK,
    linr,
    look,
    metadata_options,
    opened,
    rich,
    saved,
)


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


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_fewer_bits(bits: int) -> None:
    step = 255 // ((1 << bits) - 1)
    image = Image.fromarray(scene(9, 8, 1, np.uint8) // step * step)
    data = saved(image, bits=bits)
    assert inrcodec.decode_picture(data).type == PixelType(depth=bits)
    assert np.array_equal(np.asarray(opened(data).convert("L")), np.asarray(image))
    with pytest.raises(OSError, match=f"in {bits} bits"):
        saved(Image.fromarray(scene(9, 8, 1, np.uint8)), bits=bits)
    with pytest.raises(OSError, match="in 3 bits"):
        saved(image, bits=3)


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
    with pytest.raises(OSError, match="cannot write mode F"):
        saved(Image.new("L", (4, 4)), save_all=True, append_images=[Image.new("F", (4, 4))])
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


def test_verify(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(rich())
    image = Image.open(tmp_path / "x.linr")
    file = image.fp
    image.verify()
    assert file.closed
    with pytest.raises(RuntimeError, match="directly after open"):
        image.verify()


def test_files_are_closed(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(rich())
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
    (tmp_path / "x.linr").write_bytes(rich())
    image, wanted = Image.open(tmp_path / "x.linr"), IMAGES["RGB"]()
    again = pickle.loads(pickle.dumps(image))
    assert again.tobytes() == wanted.tobytes()
    assert (again.info, again.n_frames, again.tell()) == (image.info, 1, 0)


def test_incremental_parser() -> None:
    parser = ImageFile.Parser()
    for at in range(0, len(rich()), 50):
        parser.feed(rich()[at : at + 50])
    assert parser.close().tobytes() == IMAGES["RGB"]().tobytes()


def test_registered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "OPEN", {})
    monkeypatch.setattr(Image, "ID", [])
    monkeypatch.setattr(Image, "_initialized", 2)
    with pytest.raises(UnidentifiedImageError):
        opened(rich())
    inrcodec.pillow.register()
    assert opened(rich()).format == "LINR"
