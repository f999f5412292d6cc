"""The plug-in of napari, by npe2: its manifest, and files that are read and written through it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest, io_utils
from pictures import scene

import inrcodec
import inrcodec.napari
from inrcodec.errors import ImageError, NotLinrError, TruncatedError
from inrcodec.files.picture import Picture, PixelType
from inrcodec.napari import get_reader, write_image

pytest_plugins = ["npe2._pytest_plugin"]  # which pyproject.toml keeps from all other tests
MANIFEST = Path(inrcodec.__file__).with_name("napari.yaml")
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True)
def plugin(npe2pm: Any) -> Iterator[None]:
    with npe2pm.tmp_plugin(manifest=str(MANIFEST)):
        yield


def write(path: Path, image: np.ndarray | Picture) -> str:
    path.write_bytes(inrcodec.encode(image, effort=1))
    return str(path)


def read(*paths: str, stack: bool = False) -> tuple[np.ndarray, dict[str, Any]]:
    """The one layer that npe2 makes of paths."""
    [(data, options, kind)] = io_utils.read(list(paths), stack=stack)
    assert kind == "image"
    return data, options


def test_manifest() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    # and as the entry point of the installed package has it
    assert PluginManifest.from_distribution("inrcodec") == manifest
    manager = PluginManager.instance()
    assert [reader.command for reader in manager.iter_compatible_readers(["a.linr"])] == [
        "inrcodec.get_reader"
    ]
    assert not list(manager.iter_compatible_readers(["a.png"]))
    assert [writer.command for writer in manager.iter_compatible_writers(["image"])] == [
        "inrcodec.write_image"
    ]
    for others in (["labels"], ["points"], ["image", "image"], ["image", "labels"]):
        assert not list(manager.iter_compatible_writers(others))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_back_and_forth(tmp_path: Path, channels: int, dtype: type) -> None:
    image = scene(9, 10, channels, dtype)
    if dtype == np.int16:
        image -= 9000
    layer = (image, {"rgb": channels > 1, "name": "cells", "opacity": 0.5}, "image")
    path = str(tmp_path / "cells.linr")
    assert io_utils.write(path, [layer]) == [path]
    data, options = read(path)
    assert data.dtype == image.dtype
    assert np.array_equal(data, image)
    assert options == {"name": "cells", "rgb": channels > 1}
    # which every other reader of such files reads
    assert np.array_equal(inrcodec.decode(Path(path).read_bytes()), image)
    io_utils.write(path, [(image[:5], {"rgb": channels > 1}, "image")])
    assert len(read(path)[0]) == 5


def test_colours_that_are_others_in_napari(tmp_path: Path) -> None:
    grey = scene(20, 25, 2, np.uint16)
    data, options = read(write(tmp_path / "a.linr", grey))
    assert options["rgb"]
    assert np.array_equal(data, np.dstack([grey[..., 0]] * 3 + [grey[..., 1]]))
    palette = PixelType(depth=2, palette=bytes(range(12)))
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    data, options = read(write(tmp_path / "b.linr", Picture(indices, palette)))
    assert options["rgb"]
    assert np.array_equal(data[0, 1], [3, 4, 5])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_stacks(tmp_path: Path, channels: int) -> None:
    images = [scene(9, 10, channels, np.uint8, seed) for seed in range(3)]
    paths = [write(tmp_path / f"t{number}.linr", image) for number, image in enumerate(images)]
    data, options = read(*paths, stack=True)
    assert options == {"name": "t0", "rgb": channels > 1}
    assert data.shape[:3] == (3, 9, 10)
    data = np.asarray(data)
    assert np.array_equal(
        data[..., 0] if channels > 1 else data, [i.reshape(9, 10, -1)[..., 0] for i in images]
    )
    assert read(*paths[:1], stack=True)[0].shape[:2] == (9, 10)


@pytest.mark.parametrize("other", [scene(9, 11, 1, np.uint8), scene(9, 10, 1, np.uint16)])
def test_stacks_of_what_is_not_alike(tmp_path: Path, other: np.ndarray) -> None:
    paths = [
        write(tmp_path / "a.linr", scene(9, 10, 1, np.uint8)),
        write(tmp_path / "b.linr", other),
    ]
    with pytest.raises(ImageError, match=r"b\.linr: not of the size and type of .*a\.linr"):
        read(*paths, stack=True)


def test_a_file_of_several_images() -> None:
    path = GOLDEN / "coordinate_set_int_2_of_3x1.linr"
    data, options = read(str(path))
    assert data.shape == inrcodec.decode(path.read_bytes()).shape
    assert options["rgb"] == (data.ndim == 4)
    assert np.array_equal(np.asarray(data[2]), inrcodec.decode(path.read_bytes(), frame=2))


def test_files_that_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.linr", scene(9, 10, 1, np.uint8))
    assert get_reader("a.png") is None
    assert get_reader([path, "a.png"]) is None
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:-3])
    with pytest.raises(TruncatedError):
        read(path)
    Path(path).write_bytes(b"II*\0" + data)
    with pytest.raises(NotLinrError):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "none.linr"))


@pytest.mark.parametrize(
    ("data", "attributes", "named"),
    [
        (np.zeros((4, 5), np.float32), {}, "not float32"),
        (np.zeros((4, 5), np.int64), {}, "not int64"),
        (np.zeros((2, 3, 4, 5), np.uint8), {}, r"no \(2, 3, 4, 5\)"),
        (np.zeros((2, 4, 5, 3), np.uint8), {"rgb": False}, r"no \(2, 4, 5, 3\)"),
        (np.zeros((2, 2, 4, 5, 3), np.uint8), {"rgb": True}, r"no \(2, 2, 4, 5, 3\)"),
        (np.zeros((0, 4, 5), np.uint8), {}, r"no \(0, 4, 5\)"),
        (np.zeros(5, np.uint8), {}, r"no \(5,\)"),
        (
            [np.zeros((4, 5), np.uint8), np.zeros((2, 2), np.uint8)],
            {"multiscale": True},
            "one scale",
        ),
    ],
)
def test_layers_that_are_not_written(
    tmp_path: Path, data: Any, attributes: dict[str, Any], named: str
) -> None:
    path = tmp_path / "a.linr"
    with pytest.raises(ImageError, match=named):
        write_image(str(path), data, attributes)
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        write_image(str(tmp_path / "none" / "a.linr"), np.zeros((4, 5), np.uint8), {})


def test_layers_of_dask(tmp_path: Path) -> None:
    image = scene(20, 25, 1, np.uint16)
    write_image(str(tmp_path / "a.linr"), dask.array.from_array(image, chunks=(7, 9)), {})
    assert np.array_equal(read(str(tmp_path / "a.linr"))[0], image)


@pytest.fixture(params=[True, False])
def has_dask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With and without Dask."""
    if not request.param:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return bool(request.param)


def lazy(data: Any) -> bool:
    return not isinstance(data, np.ndarray)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frames_are_one_layer(tmp_path: Path, channels: int, has_dask: bool) -> None:
    frames = [scene(40, 50, channels, np.uint8, seed) for seed in range(4)]
    path = tmp_path / "a.linr"
    path.write_bytes(inrcodec.encode_frames(frames, effort=1, tile=32))
    data, options = read(str(path))
    assert lazy(data) == has_dask
    assert options == {"name": "a", "rgb": channels > 1}
    wanted = np.stack(frames)
    wanted = wanted[..., [0, 0, 0, 1]] if channels == 2 else wanted
    assert np.array_equal(np.asarray(data), wanted)
    if has_dask:
        assert data.chunksize[:3] == (1, 32, 32)


def test_frames_that_differ_are_several_layers(tmp_path: Path, has_dask: bool) -> None:
    palette = PixelType(depth=2, palette=bytes(range(12)))
    small = [Picture(np.full((8, 9), n, np.uint8), palette) for n in range(2)]
    large = [Picture(scene(20, 25, 1, np.uint16, n)) for n in range(3)]
    frames = [small[0], large[0], large[1], small[1], large[2]]
    path = tmp_path / "a.linr"
    path.write_bytes(inrcodec.encode_frames(frames, effort=1))
    layers = io_utils.read([str(path)], stack=False)
    assert [options for _, options, _ in layers] == [
        {"name": "a 0", "rgb": True},
        {"name": "a 1", "rgb": False},
    ]
    for (data, _, _), pictures in zip(layers, (small, large), strict=True):
        assert lazy(data) == has_dask
        assert np.array_equal(np.asarray(data), [picture.array() for picture in pictures])


def test_stacks_of_files_are_lazy_too(tmp_path: Path, has_dask: bool) -> None:
    images = [scene(9, 10, 1, np.uint8, seed) for seed in range(3)]
    paths = [write(tmp_path / f"t{number}.linr", image) for number, image in enumerate(images)]
    data, _ = read(*paths, stack=True)
    assert lazy(data) == has_dask
    assert np.array_equal(np.asarray(data), images)


def test_large_tiles_have_several_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inrcodec.napari, "LARGE", 64)
    image = scene(70, 90, 3, np.uint8)
    path = tmp_path / "a.linr"
    path.write_bytes(inrcodec.encode(image, effort=1, tile=32))
    data, options = read(str(path))
    assert options == {"name": "a", "rgb": True, "multiscale": True}
    assert [level.shape for level in data] == [(70, 90, 3), (35, 45, 3), (18, 23, 3), (9, 12, 3)]
    for level, scale in zip(data, (1, 2, 4, 8), strict=True):
        assert np.array_equal(np.asarray(level), image[::scale, ::scale])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("of_dask", [False, True])
def test_layers_of_frames_are_written(tmp_path: Path, channels: int, of_dask: bool) -> None:
    stack = np.stack([scene(9, 10, channels, np.uint16, seed) for seed in range(3)])
    data = dask.array.from_array(stack, chunks=1) if of_dask else stack
    path = str(tmp_path / "a.linr")
    io_utils.write(path, [(data, {"rgb": channels > 1}, "image")])
    assert np.array_equal(inrcodec.decode(Path(path).read_bytes()), stack)
