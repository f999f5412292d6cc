"""The codec of zarr 3 and its chunks: configuration, damage, and who calls it from where."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.dtype import UInt16
from zarr.storage import LocalStore, MemoryStore

import inrcodec
from inrcodec.errors import CorruptError, LinrError, NotLinrError
from inrcodec.zarr import Linr
from tests.pictures import scene
from tests.plugins.zarrs import FAST, created, put, sample, stored


def test_configuration(tmp_path: Path) -> None:
    created(tmp_path / "a", shape=(40, 50), dtype="uint16", serializer=Linr(effort=3, threads=2))
    metadata = json.loads((tmp_path / "a" / "zarr.json").read_text())
    want = {"name": "linr", "configuration": {"effort": 3, "history": True}}
    assert metadata["codecs"] == [want]
    assert zarr.open_array(tmp_path / "a").metadata.codecs == (Linr(effort=3),)
    for codec in (Linr(), FAST, Linr(effort=7, history=False)):
        assert Linr.from_dict(json.loads(json.dumps(codec.to_dict()))) == codec
        assert pickle.loads(pickle.dumps(codec)) == codec
    assert Linr.from_dict({"name": "linr"}) == Linr()
    # and as text
    assert created(shape=(40, 50), dtype="uint16", serializer=want).metadata.codecs == (
        Linr(effort=3),
    )


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        ({"effort": 10}, "effort is 10"),
        ({"effort": None}, "effort is None"),
        ({"effort": 5, "threads": 1000}, "no threads"),
        ({"quality": 90, "effort": 5}, "no quality"),
    ],
)
def test_bad_configurations(tmp_path: Path, configuration: dict[str, Any], named: str) -> None:
    """Also of what is written already."""
    array = created(tmp_path / "a", shape=(40, 50), dtype="uint16")
    path = tmp_path / "a" / "zarr.json"
    metadata = json.loads(path.read_text())
    metadata["codecs"][0]["configuration"] = configuration
    path.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=named):
        zarr.open_array(tmp_path / "a")
    assert array.metadata.codecs == (FAST,)
    with pytest.raises(ValueError, match="linr"):
        Linr.from_dict({"name": "blosc", "configuration": {}})


def test_damaged_chunks() -> None:
    store = MemoryStore()
    array = created(store, shape=(32, 20), dtype="uint16")
    chunks = stored(array, scene(32, 20, 1, np.uint16))
    whole = chunks["c/1/0"].to_bytes()
    for damaged in (whole[:-9], whole[:40], whole[:-1] + b"\0", b"", b"\x28\xb5\x2f\xfd" + whole):
        put(chunks, "c/1/0", damaged)
        with pytest.raises(LinrError):
            array[:]
        # the others are as they were
        assert np.array_equal(array[:16], scene(32, 20, 1, np.uint16)[:16])
    put(chunks, "c/1/0", b"no chunk of this codec")
    with pytest.raises(NotLinrError):
        array[20, 3]
    with pytest.raises(LinrError):
        array[20, 3] = 5  # which keeps the rest of the chunk
    assert chunks["c/1/0"].to_bytes() == b"no chunk of this codec"


@pytest.mark.parametrize(
    ("dtype", "image"),
    [
        ("uint16", sample((20, 16), "uint16")),
        ("uint16", sample((16, 21), "uint16")),
        ("uint16", sample((16, 20, 3), "uint16")),
        ("uint16", sample((16, 20), "uint8")),
        ("int16", sample((16, 20), "uint16")),
        ("uint8", sample((16, 20), "uint16")),
        ("uint8", sample((8, 20), "uint16")),
        ("int8", sample((16, 20), "uint8")),
        ("bool", sample((16, 20), "uint8")),
        ("bool", sample((16, 20), "uint16") * 0),
    ],
)
def test_chunks_of_another_shape_or_type(dtype: str, image: np.ndarray) -> None:
    store = MemoryStore()
    array = created(store, shape=(16, 20), dtype=dtype)
    chunks = stored(array, sample((16, 20), dtype))
    put(chunks, "c/0/0", inrcodec.encode(image, effort=1))
    with pytest.raises(CorruptError, match="holds an image of"):
        array[:]


def test_no_more_is_decoded_than_a_chunk_has(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    array = created(store, shape=(16, 20), dtype="uint8")
    chunks = stored(array, sample((16, 20), "uint8"))
    put(chunks, "c/0/0", inrcodec.encode(np.zeros((1000, 1000), np.uint8), model="stored"))
    monkeypatch.setattr("inrcodec.chunks.picture_of", None)
    with pytest.raises(CorruptError, match=r"an image of \(1000, 1000"):
        array[:]


def test_before_another_codec() -> None:
    store = MemoryStore()
    data = sample((40, 50), "uint8")
    array = created(store, shape=data.shape, dtype="uint8", compressors="auto")
    array[:] = data
    assert np.array_equal(array[:], data)


def test_the_calls_that_pipelines_make() -> None:
    """Together and one by one, with an event loop and without."""
    config = ArrayConfig.from_dict({})
    prototype = default_buffer_prototype()
    spec = ArraySpec((16, 20), UInt16(), 0, config, prototype)
    data = sample((16, 20), "uint16")
    buffer = prototype.nd_buffer.from_numpy_array(data)
    packed = FAST._encode_sync(buffer, spec)
    encoded = list(asyncio.run(FAST.encode([(buffer, spec), (None, spec), (buffer, spec)])))
    assert encoded[1] is None
    assert packed.to_bytes() == encoded[0].to_bytes() == encoded[2].to_bytes()  # type: ignore[union-attr]
    decoded = list(asyncio.run(FAST.decode([(packed, spec), (None, spec)])))
    assert decoded[1] is None
    for found in (decoded[0], FAST._decode_sync(packed, spec)):
        assert np.array_equal(found.as_numpy_array(), data)  # type: ignore[union-attr]
    with pytest.raises(NotImplementedError):
        FAST.compute_encoded_size(100, spec)
    assert FAST.resolve_metadata(spec) == spec


ALONE = """
import sys
import zarr
array = zarr.open(sys.argv[1], mode="r+")
print(int(array[:].sum()))
array[0, 0] = 1
assert "torch" not in sys.modules
"""


def test_a_process_that_imports_only_zarr(tmp_path: Path) -> None:
    data = scene(40, 50, 1, np.uint16)
    created(tmp_path / "a", shape=data.shape, dtype="uint16")[:] = data
    command = [sys.executable, "-c", ALONE, str(tmp_path / "a")]
    found = subprocess.run(command, capture_output=True, check=True, text=True)
    assert int(found.stdout) == data.sum(dtype=np.int64)
    assert zarr.open_array(tmp_path / "a")[0, 0] == 1


def write_rows(place: tuple[str, int]) -> int:
    path, row = place
    array = zarr.open_array(path)
    array[row : row + 16] = scene(48, 40, 1, np.uint16)[row : row + 16]
    return int(array[row : row + 16].astype(np.int64).sum())


def test_worker_processes(tmp_path: Path) -> None:
    created(tmp_path / "a", shape=(48, 40), dtype="uint16")
    places = [(str(tmp_path / "a"), row) for row in (0, 16, 32)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sums = pool.map(write_rows, places)
    found = zarr.open_array(tmp_path / "a")[:]
    assert np.array_equal(found, scene(48, 40, 1, np.uint16))
    assert sum(sums) == found.sum(dtype=np.int64)


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_dask(tmp_path: Path, scheduler: str) -> None:
    data = sample((48, 60), "uint16")
    array = created(LocalStore(tmp_path / "a"), shape=data.shape, dtype="uint16")
    with dask.config.set(scheduler=scheduler):
        dask.array.from_array(data, chunks=(16, 20)).store(array, lock=False)
        lazily = dask.array.from_zarr(str(tmp_path / "a"))
        assert np.array_equal((lazily + np.uint16(1)).compute(), data + np.uint16(1))
