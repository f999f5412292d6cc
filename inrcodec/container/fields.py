"""MessagePack of strangers: small maps with a key for each field."""

from __future__ import annotations

from typing import Any

import msgpack

from ..errors import CorruptError, LimitError, UnsupportedVersionError

MAX_FIELDS, MAX_LIST = 32, 16


class Fields:
    """The fields of a map, taken one after the other by those who know them; what is then left over
    is for a newer reader. name: of what they are fields of, for messages."""

    def __init__(self, values: dict[str, Any], name: str) -> None:
        self._values, self.name = dict(values), name

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def type_of(self, key: str) -> type:
        """Of what a field holds; NoneType where it is missing."""
        return type(self._values.get(key))

    def take(self, key: str) -> Any:
        """Whatever a field holds; None where it is missing. Raises CorruptError for a nil."""
        if key in self._values and self._values[key] is None:
            raise CorruptError(f"{self.name} field {key!r} is nil")
        return self._values.pop(key, None)

    def integer(self, key: str, low: int, high: int) -> int:
        """Takes an integer in low .. high; CorruptError for anything else."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise CorruptError(f"{self.name} field {key!r} is not an integer in {low}..{high}")
        return value

    def integers(self, key: str, count: int, low: int, high: int) -> list[int]:
        """Takes a list of so many integers in low .. high; CorruptError for anything else."""
        values = self.take(key)
        if not isinstance(values, list) or len(values) != count:
            raise CorruptError(f"{self.name} field {key!r} is not {count} integers")
        if not all(type(value) is int and low <= value <= high for value in values):
            raise CorruptError(f"{self.name} field {key!r} has a value outside {low}..{high}")
        return values

    def bytes(self, key: str, size: int) -> bytes:
        """Takes so many bytes; CorruptError for anything else."""
        value = self.take(key)
        if not isinstance(value, bytes) or len(value) != size:
            raise CorruptError(f"{self.name} field {key!r} is not {size} bytes")
        return value

    def end(self) -> None:
        """Raises UnsupportedVersionError for a field that nobody took."""
        for key in self._values:
            raise UnsupportedVersionError(f"{self.name} field {key!r} needs a newer reader")


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
    if not isinstance(fields, dict):
        raise CorruptError(f"the {name} is not a map")
    return fields


def _unique(pairs: Any) -> dict[str, Any]:
    pairs = list(pairs)
    fields = dict(pairs)
    if len(fields) < len(pairs) or not all(isinstance(key, str) for key in fields):
        raise ValueError("a key stands twice, or is no string")
    return fields
