"""The codec of zarr 3, through arrays: what its own tests ask of codecs, and damage."""

from __future__ import annotations

import asyncio
import json
import math
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
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import scene
from zarr.codecs import ShardingCodec, TransposeCodec
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.dtype import UInt16
from zarr.storage import LocalStore, MemoryStore

import inrcodec
from inrcodec.chunks import ChunkTypeError
from inrcodec.errors import CorruptError, ImageError, LinrError, NotLinrError
from inrcodec.zarr import Linr

FAST = Linr(effort=1, history=False)
IN_FORMAT_2 = {"id": "linr", "effort": 1, "history": False}
DTYPES = ["bool", "int8", "uint8", "int16", "uint16"]


def created(store: Any = None, **options: Any) -> zarr.Array:
    """An array of which chunks are .linr files and nothing else."""
    given = {"serializer": FAST, "compressors": None, "filters": None, "chunks": (16, 20)}
    return zarr.create_array({} if store is None else store, **(given | options))


def sample(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Few values, of which a file is made in no time, in an order that does not repeat."""
    order = np.arange(math.prod(shape), dtype=np.uint16).reshape(shape)
    values = (order // 5 * (order // 11) % 13).astype(np.uint16) * np.uint16(5041)
    return values.astype(dtype) if dtype != "bool" else values > 40000


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((), ()),
        ((50,), (16,)),
        ((33, 41), (16, 20)),
        ((2, 33, 41), (1, 16, 20)),
        ((3, 33, 41), (3, 16, 41)),
        ((33, 41, 3), (16, 20, 3)),
        ((2, 1, 3, 18, 20), (1, 1, 2, 18, 20)),
    ],
)
def test_round_trips(
    shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str, zarr_format: int
) -> None:
    """Chunks at the edges are whole ones."""
    data, store = sample(shape, dtype), MemoryStore()
    coder: dict[str, Any] = {"serializer": FAST, "compressors": None}
    if zarr_format == 2:
        coder = {"compressors": IN_FORMAT_2, "serializer": "auto"}
    created(store, shape=shape, dtype=dtype, chunks=chunks, zarr_format=zarr_format, **coder)[
        ...
    ] = data
    found = zarr.open_array(store, mode="r")
    assert found.dtype == dtype
    assert np.array_equal(found[...], data)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_orders_in_memory(order: str, zarr_format: int) -> None:
    data = np.asarray(scene(33, 41, 1, np.uint16), order=order)  # type: ignore[call-overload]
    coder: dict[str, Any] = {"config": {"order": order}}
    if zarr_format == 2:
        coder = {"order": order, "compressors": IN_FORMAT_2, "serializer": "auto"}
    array = created(shape=(33, 41), dtype="uint16", zarr_format=zarr_format, **coder)
    array[:] = data
    array[3:9, 30:] = 7
    data[3:9, 30:] = 7
    assert np.array_equal(array[:], data)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", ">i2"])
def test_byte_orders(dtype: str) -> None:
    data = sample((20, 30), "uint16").astype(dtype)
    array = created(shape=data.shape, dtype=dtype)
    array[:] = data
    assert np.array_equal(array[:], data)
    array[3:5] = 5
    assert (array[3:5] == 5).all()


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
def test_behind_a_filter_that_makes_integers() -> None:
    filters = pytest.importorskip("zarr.codecs.numcodecs")
    quantized = filters.FixedScaleOffset(offset=-1, scale=100, dtype="<f8", astype="<u2")
    try:
        array = created(shape=(20, 30), dtype="float64", filters=[quantized])
    except ChunkTypeError:
        pytest.skip("this zarr tells codecs of the array's dtype alone")
    array[:] = data = sample((20, 30), "uint16") / 100 - 1
    assert np.allclose(array[:], data)


@pytest.mark.parametrize("shards", [None, (32, 40)])
@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int32", "uint32", "int64", "complex64", "S4", "U4",
     "datetime64[s]", str],
)  # fmt: skip
def test_types_that_are_refused(dtype: Any, shards: tuple[int, ...] | None) -> None:
    """Before anything is written."""
    store = MemoryStore()
    with pytest.raises(ImageError, match=r"linr chunks are of bool, .*uint16, not") as caught:
        created(store, shape=(64, 80), dtype=dtype, shards=shards)
    assert isinstance(caught.value, TypeError)
    assert not store._store_dict


def test_the_other_byte_order_in_format_2() -> None:
    array = created(
        shape=(8, 8), dtype=">u2", zarr_format=2, chunks=(8, 8),
        compressors={"id": "linr"}, serializer="auto",
    )  # fmt: skip
    with pytest.raises(ChunkTypeError, match="byte order"):
        array[:] = 5


def test_fill_values_and_missing_chunks() -> None:
    store = MemoryStore()
    array = created(store, shape=(40, 50), dtype="int16", fill_value=-7)
    assert (array[:] == -7).all()
    array[16:32, :20] = scene(16, 20, 1, np.int16)
    array[0:5, 41:50] = -7  # nothing is stored of what the fill value says
    assert sorted(store._store_dict) == ["c/1/0", "zarr.json"]
    assert np.array_equal(array[16:32, :20], scene(16, 20, 1, np.int16))
    assert (array[:16] == -7).all()
    array[16:32, :20] = -7
    assert sorted(store._store_dict) == ["zarr.json"]
    # and where empty chunks are asked for
    array = created(shape=(40, 50), dtype="int16", config={"write_empty_chunks": True})
    array[:] = 0
    assert array.nchunks_initialized == 9
    assert not array[:].any()


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0)])
def test_behind_a_transposition(order: tuple[int, ...]) -> None:
    data = sample((3, 33, 41), "uint16")
    store = MemoryStore()
    array = created(
        store, shape=data.shape, dtype="uint16", chunks=(3, 16, 20),
        filters=[TransposeCodec(order=order)],
    )  # fmt: skip
    array[:] = data
    assert np.array_equal(array[:, 10:20, 3:], data[:, 10:20, 3:])


def test_channels_first_as_channels_last() -> None:
    """Planes are below each other, but for a transposition that puts the channels last."""
    store, data = MemoryStore(), np.moveaxis(scene(16, 20, 3, np.uint8), 2, 0)
    for filters, shape in ((None, (48, 20)), ([TransposeCodec(order=(1, 2, 0))], (16, 20, 3))):
        array = created(
            store, shape=(3, 16, 20), dtype="uint8", chunks=(3, 16, 20), filters=filters,
            overwrite=True,
        )  # fmt: skip
        array[:] = data
        assert inrcodec.decode(store._store_dict["c/0/0/0"].to_bytes()).shape == shape
        assert np.array_equal(array[:], data)


@pytest.mark.parametrize("chunks", [(16, 20), (8, 40)])
def test_shards(chunks: tuple[int, int]) -> None:
    """Reading and writing of parts, from one chunk of a shard on."""
    data, store = sample((70, 90), "uint16"), MemoryStore()
    array = created(store, shape=data.shape, dtype="uint16", chunks=chunks, shards=(32, 80))
    array[:] = data
    array = zarr.open_array(store)
    for part in (np.s_[:], np.s_[3:4, 5:6], np.s_[16:32, :20], np.s_[30:70:3, 79:], np.s_[-1]):
        assert np.array_equal(array[part], data[part])
    array[14:18, 38:42] = data[14:18, 38:42] = 9
    assert np.array_equal(array[:], data)
    assert np.array_equal(array.oindex[[3, 60], :], data[[3, 60]])


def test_shards_as_serializer() -> None:
    data = sample((32, 40), "uint8")
    sharding = ShardingCodec(chunk_shape=(16, 20), codecs=[FAST])
    array = created(shape=data.shape, dtype="uint8", chunks=(32, 40), serializer=sharding)
    array[:] = data
    assert np.array_equal(array[:], data)
    assert pickle.loads(pickle.dumps(sharding)) == sharding


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_writes_of_any_part(data: st.DataObject) -> None:
    """As of an array of NumPy, whatever was written before."""
    want, array = (
        np.full((23, 31), 3, np.uint16),
        created(shape=(23, 31), dtype="uint16", chunks=(7, 12), fill_value=3),
    )
    for _ in range(3):
        rows, cols = (
            slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))))
            for n in want.shape
        )
        value = data.draw(st.integers(0, 65535))
        want[rows, cols] = value
        array[rows, cols] = value
    assert np.array_equal(array[:], want)


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


def stored(array: zarr.Array, data: np.ndarray) -> dict[str, Any]:
    """The chunks of an array in memory, which takes those that are changed in it."""
    array[:] = data
    store: Any = array.store
    chunks: dict[str, Any] = store._store_dict
    return chunks


def put(chunks: dict[str, Any], key: str, data: bytes) -> None:
    chunks[key] = default_buffer_prototype().buffer.from_bytes(data)


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
