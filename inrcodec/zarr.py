"""The codec of zarr 3, between the array and its bytes:

>>> import numpy as np
>>> import zarr
>>> from inrcodec.zarr import Linr
>>> data = np.arange(4096, dtype=np.uint16).reshape(1, 64, 64)
>>> array = zarr.create_array(
...     {}, data=data, chunks=(1, 64, 64), serializer=Linr(effort=1), compressors=None
... )
>>> bool((array[:] == data).all())
True

zarr finds it by its entry point: who opens an array imports nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zarr.abc.codec import ArrayBytesCodec
from zarr.core.common import parse_named_configuration

from .chunks import Chunks, check_dtype
from .errors import CorruptError

if TYPE_CHECKING:
    from typing import Self

    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.common import JSON


@dataclass(frozen=True, kw_only=True)
class Linr(Chunks, ArrayBytesCodec):
    """Chunks of bool, (u)int8 and (u)int16 of any shape, each as one .linr file. Options are those
    of chunks.Chunks: effort, history, prior, embed_prior and threads."""

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        configuration = parse_named_configuration(data, "linr", require_configuration=False)[1]
        return cls.from_configuration(configuration or {})

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "linr", "configuration": self.configuration()}

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Raises ChunkTypeError as an array is created or opened, here and not in validate, which
        is told of the array's dtype where a filter gives chunks of another (as zarr 3.1 tells
        this, too)."""
        check_dtype(array_spec.dtype.to_native_dtype())
        return self

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        chunk = chunk_array.as_numpy_array().reshape(chunk_spec.shape)  # filters can flatten it
        return chunk_spec.prototype.buffer.from_bytes(self.encode_chunk(chunk))

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = chunk_spec.dtype.to_native_dtype()
        chunk = self.decode_chunk(chunk_bytes.to_bytes(), chunk_spec.shape)
        if dtype.kind == "b" and chunk.dtype == "u1" and chunk.max() <= 1:
            chunk = chunk.view(bool)
        if chunk.dtype != dtype.newbyteorder("="):
            raise CorruptError(f"a chunk of {dtype} holds an image of {chunk.dtype}")
        return chunk_spec.prototype.nd_buffer.from_numpy_array(chunk.astype(dtype, copy=False))

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raises NotImplementedError, by which zarr's interface has codecs say that their sizes
        depend on the samples: sharding asks it of the codecs of an index, which this cannot be."""
        raise NotImplementedError
