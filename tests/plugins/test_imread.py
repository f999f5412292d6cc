"""Paths to arrays, as Dask's and tifffile's `imread=` ask for."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial
from pathlib import Path

import dask.array.image
import fsspec
import numpy as np
import pytest
import tifffile
import zarr
from pictures import scene
from zarr.storage import FsspecStore

import inrcodec
from inrcodec.errors import ImageError, NotLinrError

imread = partial(inrcodec.imread, threads=1)  # as several are read at once


@pytest.fixture
def series(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder with c0t0.linr to c1t2.linr, and its images (C, T, H, W)."""
    images = np.array(
        [[scene(12, 17, 1, np.uint16, 3 * c + t) for t in range(3)] for c in range(2)]
    )
    for c in range(2):
        for t in range(3):
            inrcodec.imwrite(tmp_path / f"c{c}t{t}.linr", images[c, t], effort=1)
    return tmp_path, images


def test_paths_and_open_files(tmp_path: Path) -> None:
    image, path = scene(16, 24, 3, np.uint8), tmp_path / "a.linr"
    assert inrcodec.imwrite(path, scene(3, 5, 1, np.uint8), effort=1) == path.stat().st_size
    size = inrcodec.imwrite(str(path), image, effort=1)  # in its place
    assert size == path.stat().st_size
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        assert np.array_equal(inrcodec.imread(source), image)
    with path.open("rb") as file:
        assert np.array_equal(inrcodec.imread(file, scale=8), image[::8, ::8])
    url, buffer = "memory://of-imread/a.linr", io.BytesIO()
    for place in (url, buffer):
        assert inrcodec.imwrite(place, image, effort=1) == size
    assert np.array_equal(inrcodec.imread(url), image)
    assert buffer.getvalue() == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        inrcodec.imread(tmp_path / "b.linr")
    (tmp_path / "b.linr").write_bytes(b"II*\0")
    with pytest.raises(NotLinrError):
        inrcodec.imread(tmp_path / "b.linr")
    with pytest.raises(ImageError):
        inrcodec.imwrite(path, image.astype(np.float32))
    assert path.stat().st_size == size


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_dask(series: tuple[Path, np.ndarray], scheduler: str) -> None:
    folder, images = series
    stack = dask.array.image.imread(str(folder / "c1*.linr"), imread=imread)
    assert (stack.shape, stack.dtype, stack.numblocks) == ((3, 12, 17), "uint16", (3, 1, 1))
    assert np.array_equal(stack.compute(scheduler=scheduler), images[1])
    small = partial(imread, scale=4)
    previews = dask.array.image.imread(str(folder / "*.linr"), imread=small)
    assert previews.shape == (6, 3, 5)


def test_tifffile(series: tuple[Path, np.ndarray]) -> None:
    folder, images = series
    sequence = tifffile.FileSequence(imread, str(folder / "*.linr"), pattern=r"(c)(\d)(t)(\d)")
    assert (sequence.shape, sequence.axes) == ((2, 3), "CT")
    assert np.array_equal(sequence.asarray(ioworkers=2), images)
    with sequence.aszarr() as store:
        assert np.array_equal(zarr.open_array(store, mode="r")[1, 2], images[1, 2])
    found = tifffile.imread(str(folder / "c0*.linr"), imread=inrcodec.imread, threads=1)
    assert np.array_equal(found, images[0])


def test_tifffile_in_an_archive(series: tuple[Path, np.ndarray]) -> None:
    folder, images = series
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for path in sorted(folder.glob("*.linr")):
            archive.write(path, path.name)
    found = tifffile.imread("*.linr", imread=imread, container=str(folder / "a.zip"))
    assert np.array_equal(found, images.reshape(6, 12, 17))


def test_references_to_files_as_chunks(series: tuple[Path, np.ndarray]) -> None:
    """tifffile makes a zarr array of files where they are, which are then its chunks."""
    folder, images = series
    sequence = tifffile.FileSequence(imread, str(folder / "*.linr"), pattern=r"(c)(\d)(t)(\d)")
    text = io.StringIO()
    with sequence.aszarr() as store:
        store.write_fsspec(text, url=folder.as_uri(), codec_id="linr")
    references = json.loads(text.getvalue())
    assert json.loads(references[".zarray"])["compressor"] == {"id": "linr"}
    system = fsspec.filesystem(
        "reference",
        fo=references,
        asynchronous=True,
        remote_protocol="file",
        remote_options={"asynchronous": True},
    )
    array = zarr.open_array(FsspecStore(system, read_only=True, path=""), zarr_format=2, mode="r")
    assert np.array_equal(array[:], images)
