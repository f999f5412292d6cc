"""The golden files decode to what they were made of, in each form of the decoder.

golden/golden.json has of each file the shape, bits and SHA-256 of the samples (little-endian) that
decode() gives, the SHA-256 of every 2nd, 4th and 8th row and column of them and, where there is
more to a picture, that of what about() says of it, and the BLAKE2b-128 of its source file.
golden/make_golden.py makes all of it anew, as long as format 2.0 may change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec import kernels
from inrcodec.coding.backend import numpy_backend, torch_backend
from inrcodec.contents import Contents, parse
from inrcodec.options import Reading
from inrcodec.reconstruct import decode_samples
from inrcodec.source.restore import restore

FOLDER = Path(__file__).parent / "golden"
WANT = json.loads((FOLDER / "golden.json").read_text())
NAMES = sorted(WANT)
# What is slow takes a part of the files, of each kind some: names that sort together are alike.
WITHOUT_LIBRARY, WITH_TORCH = NAMES[2::6], NAMES[1::36]
SCALES = (2, 4, 8)


def hashed(image: np.ndarray) -> str:
    """SHA-256 of samples, little-endian, in C order."""
    return hashlib.sha256(image.astype(image.dtype.newbyteorder("<")).tobytes()).hexdigest()


def about(picture: inrcodec.Picture) -> str:
    """What a picture has besides its samples, in Python's own notation; metadata that are in its
    source file are not said twice."""
    pixels, metadata = picture.type, picture.metadata
    entries = None
    if metadata is not None and picture.source is None:
        entries = [metadata.kind, [list(entry) for entry in metadata.chunks or metadata.tags]]
    said = [pixels.depth, pixels.palette, pixels.alpha, list(pixels.key), entries]
    more = [pixels.top, int(pixels.white), int(pixels.signed), pixels.extra]
    if any(more) or picture.left_out:
        said += [more, list(picture.left_out)]
    return repr(said)


def is_rich(picture: inrcodec.Picture) -> bool:
    """Whether about() says anything."""
    alone = picture.metadata is not None and picture.source is None
    return bool(picture.type != inrcodec.PixelType() or alone or picture.left_out)


def check(image: np.ndarray, name: str) -> None:
    want = WANT[name]
    assert list(image.shape) == want["shape"]
    assert 8 * image.dtype.itemsize == want["bits"]
    assert hashed(image) == want["sha256"]


def contents(name: str) -> Contents:
    return parse((FOLDER / name).read_bytes())


def test_all_files_are_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.linr")} == set(WANT)


@pytest.mark.parametrize("name", NAMES)
def test_golden_file(name: str) -> None:
    picture = inrcodec.decode_picture((FOLDER / name).read_bytes(), threads=2)
    check(picture.array(), name)
    assert is_rich(picture) == ("about" in WANT[name])
    if is_rich(picture):
        assert hashlib.sha256(about(picture).encode()).hexdigest() == WANT[name]["about"]


@pytest.mark.parametrize("name", [name for name in NAMES if "source" in WANT[name]])
def test_source_file(name: str) -> None:
    """None of them needs a compressor that changes with its version."""
    picture = inrcodec.decode_picture((FOLDER / name).read_bytes(), threads=1)
    assert picture.source is not None
    data = restore(picture)
    assert hashlib.blake2b(data, digest_size=16).hexdigest() == WANT[name]["source"]


@pytest.mark.parametrize("name", NAMES)
def test_a_reduced_scale(name: str) -> None:
    data, scale = (FOLDER / name).read_bytes(), SCALES[NAMES.index(name) % len(SCALES)]
    small = inrcodec.decode(data, scale=scale, threads=1)
    assert hashed(small) == WANT[name]["scales"][str(scale)]


@pytest.mark.parametrize("name", NAMES[::24])
def test_all_reduced_scales(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    found = {str(s): hashed(inrcodec.decode(data, scale=s, threads=1)) for s in SCALES}
    assert found == WANT[name]["scales"]


LIBRARY = kernels.library()


# the last one is what all of them have just been decoded with
@pytest.mark.parametrize("isa", LIBRARY.isas[:-1] if LIBRARY else ())
def test_slower_instruction_sets(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forced = kernels.Library(kernels.library_path(), isa)
    monkeypatch.setattr(kernels, "library", lambda: forced)
    for name in NAMES:
        file = contents(name)
        check(file.type.expand(decode_samples(file, Reading(numpy_backend(), 1))), name)


@pytest.mark.parametrize("name", WITHOUT_LIBRARY)
def test_without_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "library", lambda: None)
    file = contents(name)
    check(file.type.expand(decode_samples(file, Reading(numpy_backend(), 1))), name)


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """These arrays are too small for more, which wait for each other where cores are busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("name", WITH_TORCH)
def test_whole_arrays_of_torch(name: str) -> None:
    file = contents(name)
    check(file.type.expand(decode_samples(file, Reading(torch_backend("cpu"), 1))), name)
