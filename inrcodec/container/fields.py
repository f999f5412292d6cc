"""MessagePack of strangers: small maps with a key for each field."""

from __future__ import annotations

from typing import Any

import msgpack

from ..errors import CorruptError, LimitError

MAX_FIELDS, MAX_LIST = 32, 16


def unpack_fields(payload: bytes, name: str, limit: int) -> dict[str, Any]:
    """The fields of a map with string keys, each once. Raises LimitError for a payload of more than
    `limit` bytes and CorruptError for anything else."""
    if len(payload) > limit:
        raise LimitError(f"a {name} of {len(payload)} bytes; at most {limit} are allowed")
    try:
        fields = msgpack.unpackb(
            payload, max_map_len=MAX_FIELDS, max_array_len=MAX_LIST, object_pairs_hook=_unique
        )
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise CorruptError(f"the {name} is not MessagePack with each key once") from error
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise CorruptError(f"the {name} is not a map with string keys")
    return fields


def _unique(pairs: Any) -> dict[Any, Any]:
    pairs = list(pairs)
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields
