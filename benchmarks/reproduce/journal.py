"""What was measured before: a file of the fits that were done, and what it calls their signals."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from inrcodec.errors import LinrError

_Fields = Mapping[str, type | tuple[type, ...]]
_FIT: _Fields = {"row": dict, "curve": dict, "seconds": (int, float)}
_CURVE: _Fields = {"label": str, "x": list, "y": list}
_PAGE: _Fields = {"printed": str, "problem": (str, NoneType)}  # a page.Outcome


def signal_key(name: str, samples: np.ndarray) -> str:
    """What keys call a signal: its name and 8 hex digits of BLAKE2b over the type, the shape and
    the samples, as other signals may have its name. samples: of any shape and type."""
    digest = hashlib.blake2b(f"{samples.dtype.str} {samples.shape} ".encode(), digest_size=4)
    digest.update(samples.tobytes())
    return f"{name} {digest.hexdigest()}"


class Journal:
    """What was done, one in a line of a JSON file that only grows; None: it is not kept.

    A last line that was cut off, as its writer was killed, is taken away. Raises LinrError for a
    file that is something else, which stays as it is, and OSError where it could not be written.
    """

    START = b'{"key": ['

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[tuple[str, ...], dict[str, Any]] = {}
        if path is None:
            return
        *lines, rest = (path.read_bytes() if path.exists() else b"").split(b"\n")
        cut = not _is_json(rest) and _begins(rest, self.START, bool(lines))
        whole = lines if cut or not rest else [*lines, rest]
        for number, line in enumerate(whole, 1):
            entry = _entry(line)
            if entry is None:
                raise LinrError(f"{path} is no journal of fits, see its line {number}")
            self._found[entry[0]] = entry[1]
        with path.open("ab") as file:  # which says now if there is no such folder
            if rest and not cut:
                file.write(b"\n")
        if cut:
            os.truncate(path, sum(len(line) + 1 for line in lines))

    def find(self, key: Sequence[str]) -> dict[str, Any] | None:
        return self._found.get(tuple(key))

    def note(self, key: Sequence[str], result: dict[str, Any]) -> None:
        self._found[tuple(key)] = result
        if self._path is None:
            return
        with self._path.open("ab") as file:
            file.write(json.dumps({"key": list(key), "result": result}).encode() + b"\n")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _begins(line: bytes, start: bytes, ours: bool) -> bool:
    """Whether a line that was cut off begins as start; in a file that is ours it may be shorter."""
    return bool(line) and (line.startswith(start) or (ours and start.startswith(line)))


def _entry(line: bytes) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """Key and result of a line, None if they are not what scripts, or the page, have noted."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not _has(entry, {"key": list, "result": dict}):
        return None
    key, result = entry["key"], entry["result"]
    if not key or not all(isinstance(part, str) for part in key):
        return None
    if key[0] == "page":
        return (tuple(key), result) if _has(result, _PAGE) else None
    return (tuple(key), result) if _has(result, _FIT) and _is_curve(result["curve"]) else None


def _has(found: Any, fields: _Fields) -> bool:
    """Whether something is an object of these fields and no others."""
    return (
        isinstance(found, dict)
        and found.keys() == fields.keys()
        and all(isinstance(found[name], kind) for name, kind in fields.items())
    )


def _is_curve(found: Any) -> bool:
    if not _has(found, _CURVE) or len(found["x"]) != len(found["y"]):
        return False
    return all(isinstance(number, int | float) for number in [*found["x"], *found["y"]])
