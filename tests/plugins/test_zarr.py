"""The codec of zarr 3, through arrays: what its own tests ask of codecs."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import ShardingCodec, TransposeCodec
from zarr.storage import MemoryStore

import inrcodec
from inrcodec.chunks import ChunkTypeError
from inrcodec.errors import ImageError
from tests.pictures import scene
from tests.plugins.zarrs import DTYPES, FAST, IN_FORMAT_2, created, sample


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
