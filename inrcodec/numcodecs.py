"""The codec of numcodecs, for zarr 2 and whatever else has chunks under a codec_id:

>>> import numpy as np
>>> from numcodecs import get_codec
>>> codec = get_codec({"id": "linr", "effort": 1})
>>> chunk = np.arange(4096, dtype=np.uint16).reshape(1, 64, 64)
>>> codec.decode(codec.encode(chunk)).shape
(64, 64)

numcodecs finds it by its entry point; nothing has to be imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_contiguous_ndarray, ensure_ndarray, ndarray_copy

from .chunks import Chunks, ChunkTypeError
from .errors import CorruptError


@dataclass(frozen=True, kw_only=True)
class Linr(Chunks, Codec):  # type: ignore[misc]
    """Arrays of bool, (u)int8 and (u)int16 of any shape, each as one .linr file. Options are those
    of chunks.Chunks: effort, history, prior, embed_prior and threads."""

    codec_id: ClassVar[str] = "linr"

    def encode(self, buf: Any) -> bytes:
        """The .linr file of an array, or of what exports a buffer, in its order in memory. Raises
        ChunkTypeError for another dtype, big-endian ones included (decode gives the machine's own,
        and nothing says that they were others), else as inrcodec.encode."""
        array = ensure_ndarray(buf)
        if array.itemsize > 1 and not array.dtype.isnative:
            raise ChunkTypeError(
                f"linr chunks are of the machine's byte order, not {array.dtype.str}"
            )
        # what decode gives is put back into the same order, as zarr does for order="F"
        return self.encode_chunk(array.T if array.flags.fnc else array)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The image in a .linr file, (H, W) or (H, W, 2..4), of the dtype that was encoded (but
        uint8 for bool); or `out` with it. Raises as inrcodec.decode, and CorruptError where `out`
        is of another size."""
        data = ensure_bytes(buf)
        if out is None:
            return self.decode_chunk(data)
        target = ensure_contiguous_ndarray(out)
        image = self.decode_chunk(data, most=target.nbytes)
        if target.nbytes != image.nbytes:
            raise CorruptError(f"a chunk of {target.nbytes} bytes holds an image of {image.nbytes}")
        ndarray_copy(image, target)
        return out

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id, **self.configuration()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        return cls.from_configuration(config)
