"""Files that earlier versions wrote decode to what they were made of, for ever.

golden/golden.json has the shape, depth and SHA-256 of the samples (little-endian) of each file.
Files are added here, never made anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.backend import torch_backend
from inrcodec.container import parse
from inrcodec.decode import decode_parsed

FOLDER = Path(__file__).parent / "golden"
WANT = json.loads((FOLDER / "golden.json").read_text())


def check(image: np.ndarray, name: str) -> None:
    want = WANT[name]
    assert list(image.shape) == want["shape"]
    assert 8 * image.dtype.itemsize == want["bits"]
    samples = image.astype(image.dtype.newbyteorder("<")).tobytes()
    assert hashlib.sha256(samples).hexdigest() == want["sha256"]


def test_all_files_are_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.linr")} == set(WANT)


@pytest.mark.parametrize("name", sorted(WANT))
def test_golden_file(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    check(inrcodec.decode(data), name)
    check(decode_parsed(parse(data), torch_backend("cpu"), 1), name)
