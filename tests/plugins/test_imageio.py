"""imageio reads and writes .linr files, after the tests of imageio's own plug-ins."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("imageio")
import imageio.v2
import imageio.v3 as iio
from imageio.config import known_extensions, known_plugins
from imageio.core.request import InitializationError
from PIL import Image

import inrcodec
import inrcodec.imageio
from inrcodec import Metadata, Picture, PixelType
from inrcodec.files.metadata import PNG
from inrcodec.imageio import LinrPlugin
from tests.pictures import scene

GOLDEN = Path(__file__).parents[1] / "golden"
QUICK = {"model": "stored", "history": False}
DEEP = scene(12, 10, 3, np.uint16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    iio.imwrite(tmp_path / "x.linr", DEEP, **QUICK)
    return tmp_path / "x.linr"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_arrays_come_back(channels: int, dtype: type, tmp_path: Path) -> None:
    image = scene(9, 11, channels, dtype)
    assert iio.imwrite(tmp_path / "x.linr", image, **QUICK) is None
    again = iio.imread(tmp_path / "x.linr")
    assert again.dtype == image.dtype
    assert np.array_equal(again, image)
    found = iio.improps(tmp_path / "x.linr")
    assert (found.shape, found.dtype, found.is_batch) == (image.shape, image.dtype, False)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_signed_arrays_come_back(dtype: type, tmp_path: Path) -> None:
    image = np.arange(-90, 90, dtype=dtype).reshape(9, 20)
    iio.imwrite(tmp_path / "x.linr", image, **QUICK)
    again = iio.imread(tmp_path / "x.linr")
    assert again.dtype == image.dtype
    assert np.array_equal(again, image)
    assert iio.improps(tmp_path / "x.linr").dtype == image.dtype


def test_other_endianness(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "x.linr", DEEP.astype(">u2"), **QUICK)
    assert np.array_equal(iio.imread(tmp_path / "x.linr"), DEEP)


def test_bytes_and_file_objects(path: Path) -> None:
    data = iio.imwrite("<bytes>", DEEP, extension=".linr", **QUICK)
    assert data == path.read_bytes()
    file = io.BytesIO()
    iio.imwrite(file, DEEP, extension=".linr", plugin="LINR", **QUICK)
    assert file.getvalue() == data
    for source in (data, io.BytesIO(data), str(path)):
        assert np.array_equal(iio.imread(source), DEEP)
        assert iio.improps(source).shape == DEEP.shape
    with open(path, "rb") as opened:
        assert np.array_equal(iio.imread(opened), DEEP)
        assert np.array_equal(iio.imread(opened), DEEP)  # from its beginning again


def test_whatever_the_name_is(path: Path) -> None:
    # PyAV's plug-in takes whatever is called .png, if it is there
    for name in ("x.dat", "x", *["x.png"] * (importlib.util.find_spec("av") is None)):
        renamed = path.with_name(name)
        renamed.write_bytes(path.read_bytes())
        assert np.array_equal(iio.imread(renamed), DEEP)


def test_version_2(path: Path) -> None:
    assert np.array_equal(imageio.v2.imread(path), DEEP)
    imageio.v2.imwrite(path, DEEP[::2], **QUICK)
    assert np.array_equal(imageio.v2.imread(path), DEEP[::2])


@pytest.mark.parametrize("plugin", ["LINR", LinrPlugin])
def test_opened_by_name_and_by_class(plugin: object, path: Path) -> None:
    with iio.imopen(path, "r", plugin=plugin) as file:
        assert np.array_equal(file.read(), DEEP)
        assert np.array_equal(file.read(index=0), DEEP)
        assert [image.shape for image in file.iter()] == [DEEP.shape]
        assert file.properties().shape == DEEP.shape
        assert file.metadata() == {}
        handle = file.request.get_file()
    assert handle.closed
    with iio.imopen(path, "w", plugin=plugin) as file:
        file.write(DEEP[:4], **QUICK)
    assert iio.imread(path).shape == (4, 10, 3)


def test_registration(path: Path) -> None:
    before = list(known_plugins)
    del known_plugins["LINR"], known_extensions[".linr"]
    try:
        with pytest.raises(ValueError, match="not a registered"):
            iio.imread(path, plugin="LINR")
        assert np.array_equal(iio.imread(path, plugin=LinrPlugin), DEEP)  # the class needs none
    finally:
        inrcodec.imageio.register()
    inrcodec.imageio.register()
    assert list(known_plugins) == before
    assert len(known_extensions[".linr"]) == 1
    assert np.array_equal(iio.imread(path), DEEP)


def test_indices_of_one_image(path: Path) -> None:
    assert iio.imread(path, index=0).shape == DEEP.shape
    assert iio.imread(path, index=...).shape == (1, *DEEP.shape)
    assert iio.improps(path, index=...).shape == (1, *DEEP.shape)
    assert iio.improps(path, index=...).n_images == 1
    assert len(list(iio.imiter(path))) == 1
    for index in (1, -1):
        with pytest.raises(ValueError, match="the file has 1 images"):
            iio.imread(path, index=index)
        with pytest.raises(ValueError, match="the file has 1 images"):
            iio.improps(path, index=index)
        with pytest.raises(ValueError, match="the file has 1 images"):
            iio.immeta(path, index=index)


def test_files_of_several_images() -> None:
    path = GOLDEN / "coordinate_set_int_2_of_3x1.linr"
    images = [inrcodec.decode(path.read_bytes(), frame=index) for index in range(3)]
    assert np.array_equal(iio.imread(path), images)
    assert np.array_equal(iio.imread(path, index=2), images[2])
    assert np.array_equal(list(iio.imiter(path)), images)
    found = iio.improps(path)
    assert (found.shape, found.n_images, found.is_batch) == (np.shape(images), 3, True)


def test_options_of_reading(path: Path) -> None:
    assert np.array_equal(iio.imread(path, scale=4), DEEP[::4, ::4])
    with pytest.raises(OSError, match="limit: pixels"):
        iio.imread(path, limits=inrcodec.Limits(pixels=10))
    with pytest.raises(TypeError):
        iio.imread(path, mode="L")


def test_options_of_writing(tmp_path: Path) -> None:
    image = scene(30, 40, 3, np.uint8)
    iio.imwrite(tmp_path / "x.linr", image, effort=1, model="context", history=False, threads=1)
    assert inrcodec.info((tmp_path / "x.linr").read_bytes(), planes=False)["mode"] == "context"
    with pytest.raises(ValueError, match="effort is 12"):
        iio.imwrite(tmp_path / "x.linr", image, effort=12)
    with pytest.raises(TypeError):
        iio.imwrite(tmp_path / "x.linr", image, quality=12)


def test_lists_and_batches(tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    for given in ([DEEP], DEEP[None]):
        iio.imwrite(path, given, **QUICK)
        assert np.array_equal(iio.imread(path), DEEP)
    other = DEEP[::-1].copy()
    for given in ([DEEP, other], np.stack([DEEP, other])):
        iio.imwrite(path, given, **QUICK)
        assert np.array_equal(iio.imread(path), np.stack([DEEP, other]))
        assert np.array_equal(iio.imread(path, index=1), other)
        assert np.array_equal(iio.imread(path, index=...), np.stack([DEEP, other]))
        assert [np.array_equal(*pair) for pair in zip(iio.imiter(path), given, strict=True)] == [
            True, True,
        ]  # fmt: skip
    with pytest.raises(ValueError, match="index is 2"):
        iio.imread(path, index=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_stacks_of_grey(dtype: type, tmp_path: Path) -> None:
    stack = np.random.default_rng(1).integers(0, 99, (3, 9, 12)).astype(dtype)
    path = tmp_path / "x.linr"
    iio.imwrite(path, stack, **QUICK)
    assert np.array_equal(iio.imread(path), stack)
    found = iio.improps(path)
    assert (found.shape, found.dtype, found.n_images, found.is_batch) == (
        (3, 9, 12), np.dtype(dtype), 3, True,
    )  # fmt: skip
    one = iio.improps(path, index=2)
    assert (one.shape, one.n_images, one.is_batch) == ((9, 12), None, False)
    # a batch or colours: by what is said, and else by how many there are
    few = np.abs(stack[:, :, :3])
    iio.imwrite(path, few.astype(np.uint8), **QUICK)
    assert iio.improps(path).n_images is None
    iio.imwrite(path, few.astype(np.uint8), is_batch=True, **QUICK)
    assert iio.improps(path).shape == (3, 9, 3)
    with pytest.raises(OSError, match="shape"):
        iio.imwrite(path, stack.astype(np.uint8), is_batch=False, **QUICK)


def test_frames_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    iio.imwrite(path, [DEEP, DEEP[:5]], **QUICK)
    assert iio.improps(path, index=1).shape == DEEP[:5].shape
    assert [image.shape for image in iio.imiter(path)] == [DEEP.shape, DEEP[:5].shape]
    for read in (iio.imread, iio.improps):
        with pytest.raises(OSError, match="differ in size or type"):
            read(path)


def test_metadata_of_each_frame(tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    frames = [
        Picture(DEEP, metadata=Metadata(PNG, chunks=(("tEXt", b"Title\0" + name),)))
        for name in (b"first", b"second")
    ]
    path.write_bytes(inrcodec.encode_frames(frames, effort=1))
    assert [iio.immeta(path, index=n)["Title"] for n in range(2)] == ["first", "second"]
    assert iio.immeta(path)["Title"] == "first"
    shared = Metadata(PNG, chunks=(("tEXt", b"Title\0both"),))
    iio.imwrite(path, [DEEP, DEEP], metadata=shared, **QUICK)
    assert [iio.immeta(path, index=n)["Title"] for n in range(2)] == ["both", "both"]


def test_regions_of_tiles(tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    image = scene(70, 90, 3, np.uint8)
    iio.imwrite(path, image, tile=32, **QUICK)
    region = (10, 20, 30, 40)
    assert np.array_equal(iio.imread(path, region=region), image[10:40, 20:60])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4), bool),
        np.zeros((4, 4), np.int32),
        np.zeros((4, 4, 5, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
    ids=lambda image: f"{image.dtype}-{image.ndim}-{image.size}",
)
def test_arrays_that_are_refused(image: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="image") as caught:
        iio.imwrite(tmp_path / "x.linr", image)
    assert isinstance(caught.value.__cause__, inrcodec.ImageError)


def test_metadata_are_those_of_the_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "A maker"
    chunks = (
        ("iCCP", b"x\0\0" + zlib.compress(b"profile" * 20)),
        ("pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        ("eXIf", exif.tobytes()[6:]),
        ("tEXt", b"Title\0A disc"),
    )
    image = scene(6, 5, 3, np.uint8)
    iio.imwrite(tmp_path / "x.linr", image, metadata=Metadata(PNG, chunks), **QUICK)
    inrcodec.decode_file(tmp_path / "x.linr", tmp_path / "x.png")
    found, png = iio.immeta(tmp_path / "x.linr"), iio.immeta(tmp_path / "x.png", plugin="pillow")
    assert {"icc_profile", "dpi", "Make", "Title"} <= found.keys()
    assert found == {key: value for key, value in png.items() if key not in ("mode", "shape")}


def test_palettes_are_applied(tmp_path: Path) -> None:
    palette, alpha = bytes(range(15)), b"\x00\x80"
    picture = Picture(scene(6, 5, 1, np.uint8) % 5, PixelType(palette=palette, alpha=alpha))
    (tmp_path / "x.linr").write_bytes(inrcodec.encode(picture, **QUICK))
    assert np.array_equal(iio.imread(tmp_path / "x.linr"), picture.array())
    assert iio.improps(tmp_path / "x.linr").shape == (6, 5, 4)
    assert iio.immeta(tmp_path / "x.linr") == {}
    whole = iio.immeta(tmp_path / "x.linr", exclude_applied=False)
    assert whole["palette"].tobytes() == palette
    assert whole["transparency"] == alpha


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "x.png", DEEP[..., 0])
    assert iio.imread(tmp_path / "x.png").shape == (12, 10)
    (tmp_path / "x.linr").write_bytes((tmp_path / "x.png").read_bytes())
    assert iio.imread(tmp_path / "x.linr").shape == (12, 10)
    with pytest.raises(OSError, match="can not handle") as caught:
        iio.imread(tmp_path / "x.linr", plugin="LINR")
    assert isinstance(caught.value.__cause__, InitializationError)
    with pytest.raises(OSError, match="can not handle"):
        iio.imwrite(tmp_path / "x.png", DEEP, plugin="LINR")


@pytest.mark.parametrize("place", [8, 9, 20, -3])
def test_damaged_files(place: int, path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    if place == 9:  # the minor version, of which nothing is asked
        assert np.array_equal(iio.imread(path), DEEP)
        return
    with pytest.raises(OSError) as caught:  # noqa: PT011
        iio.imread(path)
    assert isinstance(caught.value.__cause__, inrcodec.LinrError)


def test_truncated_files(path: Path) -> None:
    data = path.read_bytes()
    for end in range(8, len(data), 11):
        with pytest.raises(OSError) as caught:  # noqa: PT011
            iio.imread(data[:end])
        assert isinstance(caught.value.__cause__, inrcodec.TruncatedError)
