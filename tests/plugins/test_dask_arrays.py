"""Dask arrays of .linr files: blocks are decoded alone, as they are asked for."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import Picture, PixelType
from inrcodec.dask import from_linr
from inrcodec.frames.reader import LinrFile
from tests.pictures import scene

STACK = np.stack([scene(70, 90, 3, np.uint8, seed) for seed in range(5)])

SMALL = STACK[:3, :30, :20]


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dask") / "tiled.linr"
    path.write_bytes(inrcodec.encode_frames(STACK, effort=1, tile=(32, 48)))
    return path


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is decoded from now on: frame, region, scale."""
    found: list[tuple[object, ...]] = []
    real = LinrFile.picture

    def watched(self: LinrFile, *args: object) -> Picture:
        found.append(args)
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(LinrFile, "picture", watched)
    return found


def test_blocks_are_tiles_of_frames(tiled: Path, regions: list[tuple[object, ...]]) -> None:
    array = from_linr(tiled)
    assert (array.shape, array.dtype) == ((5, 70, 90, 3), np.uint8)
    assert array.chunks == ((1,) * 5, (32, 32, 6), (48, 42), (3,))
    assert regions == []
    block = array.blocks[3, 1, 1].compute()
    np.testing.assert_array_equal(block[0], STACK[3, 32:64, 48:])
    assert regions == [(3, (32, 48, 32, 42), 1)]
    np.testing.assert_array_equal(array.compute(), STACK)
    del regions[:]
    np.testing.assert_array_equal(array[2, 40:50, 10:20].compute(), STACK[2, 40:50, 10:20])
    assert [region[1] for region in regions] == [(32, 0, 32, 48)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dask") / "small.linr"
    path.write_bytes(inrcodec.encode_frames(SMALL, model="stored", tile=16))
    return path


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_slice_is_that_of_the_array(small: Path, data: st.DataObject) -> None:
    keys = []
    for length in SMALL.shape[: data.draw(st.integers(1, 4))]:
        numbers = st.one_of(st.none(), st.integers(-length, length))  # Dask's own beyond differ
        steps = st.sampled_from([None, 1, 2, 7, -1, -3])
        slices = st.builds(slice, numbers, numbers, steps)
        keys.append(data.draw(st.one_of(slices, st.integers(-length, length - 1))))
    key = tuple(keys)
    array = from_linr(small)
    np.testing.assert_array_equal(array[key].compute(scheduler="sync"), SMALL[key])


def test_one_frame_scales_and_files_of_one(tiled: Path, tmp_path: Path) -> None:
    one = from_linr(tiled, frame=4)
    assert one.shape == (70, 90, 3)
    np.testing.assert_array_equal(one.compute(), STACK[4])
    small = from_linr(tiled, scale=4)
    assert small.chunks[1:3] == ((8, 8, 2), (12, 11))
    np.testing.assert_array_equal(small.compute(), STACK[:, ::4, ::4])
    np.testing.assert_array_equal(small[:, 3:9, 5:].compute(), STACK[:, ::4, ::4][:, 3:9, 5:])
    with pytest.raises(ValueError, match="frame is 5"):
        from_linr(tiled, frame=5)
    with pytest.raises(ValueError, match="scale is 3"):
        from_linr(tiled, scale=3)
    path = tmp_path / "a.linr"
    for image in (
        Picture(scene(20, 25, 1, np.uint16)),
        Picture(scene(20, 25, 1, np.uint8) % 4, PixelType(2, bytes(range(12)), b"\0")),
        Picture.of_numbers(scene(20, 25, 1, np.uint16).astype(np.int16)),
    ):
        path.write_bytes(inrcodec.encode(image, effort=1))
        array = from_linr(path)
        assert (array.dtype, array.numblocks[:2]) == (image.array().dtype, (1, 1))
        np.testing.assert_array_equal(array.compute(), image.array())


def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.linr"
    found = []
    for value in (1, 2):
        path.write_bytes(inrcodec.encode(np.full((8, 9), value, np.uint8), effort=1))
        os.utime(path, ns=(0, value))
        found.append(from_linr(path))
        assert from_linr(path).name == found[-1].name
        np.testing.assert_array_equal(found[-1].compute(), value)
    assert found[0].name != found[1].name
    assert from_linr(path, name="mine").name == "mine"


def test_it_is_opened_once(tiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = from_linr(tiled)
    monkeypatch.setattr("inrcodec.dask_arrays.LinrFile", None)
    np.testing.assert_array_equal(array.compute(scheduler="threads", num_workers=4), STACK)


def test_frames_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "a.linr"
    image = scene(20, 25, 1, np.uint8)
    path.write_bytes(inrcodec.encode_frames([image, image[:9]], effort=1))
    with pytest.raises(inrcodec.ImageError, match="differ in size or type"):
        from_linr(path)
    np.testing.assert_array_equal(from_linr(path, frame=1).compute(), image[:9])
    palette = Picture(image % 4, PixelType(palette=bytes(range(12))))
    path.write_bytes(inrcodec.encode_frames([image, palette], effort=1))
    array = from_linr(path)
    np.testing.assert_array_equal(array[0].compute(), image)
    with pytest.raises(inrcodec.ImageError, match="frame 1 is of another type"):
        array[1].compute()


def test_damage_is_of_its_blocks(tiled: Path, tmp_path: Path) -> None:
    data = bytearray(tiled.read_bytes())
    data[-3] ^= 1
    path = tmp_path / "a.linr"
    path.write_bytes(data)
    array = from_linr(path)
    np.testing.assert_array_equal(array[:4].compute(), STACK[:4])
    with pytest.raises(inrcodec.LinrError, match="frame 4, tile 5"):
        array.compute()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_on_a_cluster(tiled: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiled.parent)  # which workers are not in
    array = from_linr(tiled.name)
    assert len(pickle.dumps(array)) < 1 << 14
    future = client.compute(array.astype(np.int64).sum(axis=(1, 2)))
    np.testing.assert_array_equal(future.result(), STACK.astype(np.int64).sum(axis=(1, 2)))


def test_urls() -> None:
    path = "memory://dask-arrays/a.linr"
    image = scene(40, 50, 1, np.uint8)
    inrcodec.imwrite(path, image, effort=1, tile=16)
    np.testing.assert_array_equal(from_linr(path).compute(), image)
    MemoryFileSystem.store.clear()


def test_no_cluster_is_needed(tiled: Path) -> None:
    code = f"""
import sys
sys.modules["distributed"] = None
from inrcodec.dask_arrays import from_linr
print(from_linr({str(tiled)!r})[0].mean().compute(scheduler="sync"))
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(STACK[0].mean())
