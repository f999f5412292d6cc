"""Files that earlier versions wrote decode to what they were made of, for ever.

golden/golden.json has the shape, bits and SHA-256 of the samples (little-endian) that decode()
gives of each file and, where there is more to a picture, the SHA-256 of what about() says of it.
Files are added here, never made anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.coding.backend import torch_backend
from inrcodec.contents import parse
from inrcodec.decode import decode_samples
from inrcodec.options import Reading

# The files are made when the context model of format 2 is final: remove this mark then.
pytestmark = pytest.mark.skip(reason="no golden files of format 2 yet")
FOLDER = Path(__file__).parent / "golden"
WANT = json.loads((FOLDER / "golden.json").read_text())


def check(image: np.ndarray, name: str) -> None:
    want = WANT[name]
    assert list(image.shape) == want["shape"]
    assert 8 * image.dtype.itemsize == want["bits"]
    samples = image.astype(image.dtype.newbyteorder("<")).tobytes()
    assert hashlib.sha256(samples).hexdigest() == want["sha256"]


def about(picture: inrcodec.Picture) -> str:
    """What a picture has besides its samples, in Python's own notation."""
    pixels, metadata = picture.type, picture.metadata
    entries = None
    if metadata is not None:
        entries = [metadata.kind, [list(entry) for entry in metadata.chunks or metadata.tags]]
    return repr([pixels.depth, pixels.palette, pixels.alpha, list(pixels.key), entries])


def test_all_files_are_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.linr")} == set(WANT)


@pytest.mark.parametrize("name", sorted(WANT))
def test_golden_file(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    picture, file = inrcodec.decode_picture(data), parse(data)
    check(picture.array(), name)
    check(file.type.expand(decode_samples(file, Reading(torch_backend("cpu"), 1))), name)
    rich = picture.type != inrcodec.PixelType() or picture.metadata is not None
    assert rich == ("about" in WANT[name])
    if rich:
        assert hashlib.sha256(about(picture).encode()).hexdigest() == WANT[name]["about"]
