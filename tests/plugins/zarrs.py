"""Arrays of zarr whose chunks are .linr files, and their chunks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype

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


def stored(array: zarr.Array, data: np.ndarray) -> dict[str, Any]:
    """The chunks of an array in memory, which takes those that are changed in it."""
    array[:] = data
    store: Any = array.store
    chunks: dict[str, Any] = store._store_dict
    return chunks


def put(chunks: dict[str, Any], key: str, data: bytes) -> None:
    chunks[key] = default_buffer_prototype().buffer.from_bytes(data)
