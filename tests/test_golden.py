"""The golden files decode to what they were made of, in each form of the decoder.

golden/golden.json has of each file the shape, bits and SHA-256 of the samples (little-endian) that
decode() gives, the SHA-256 of every 2nd, 4th and 8th row and column of them and, where there is
more to a picture, that of what about() says of it, and the BLAKE2b-128 of its source file; of files
of parts all of this of each page. golden/make_golden.py adds files.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec import kernels
from inrcodec.coding.backend import Backend, numpy_backend, torch_backend
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


def pages(name: str) -> list[dict]:
    """What is wanted of each page."""
    return WANT[name].get("pages", [WANT[name]])


def check(image: np.ndarray, want: dict) -> None:
    assert list(image.shape) == want["shape"]
    assert 8 * image.dtype.itemsize == want["bits"]
    assert hashed(image) == want["sha256"]


def check_all(name: str, backend: Backend) -> None:
    """Decodes all pages on a backend."""
    with inrcodec.LinrFile((FOLDER / name).read_bytes(), threads=1) as file:
        file.reading = replace(file.reading, backend=backend)
        for frame, want in enumerate(pages(name)):
            check(file.array(frame), want)


def test_all_files_are_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.linr")} == set(WANT)


@pytest.mark.parametrize("name", NAMES)
def test_golden_file(name: str) -> None:
    with inrcodec.LinrFile((FOLDER / name).read_bytes(), threads=2) as file:
        assert file.frames == len(pages(name)) or name.startswith("coordinate_set")
        for frame, want in enumerate(pages(name)):
            picture = file.picture(frame)
            check(picture.array(), want)
            assert is_rich(picture) == ("about" in want)
            if is_rich(picture):
                assert hashlib.sha256(about(picture).encode()).hexdigest() == want["about"]


@pytest.mark.parametrize("name", [name for name in NAMES if "source" in WANT[name]])
def test_source_file(name: str) -> None:
    """None of them needs a compressor that changes with its version."""
    if "pages" in WANT[name]:
        target = io.BytesIO()
        inrcodec.decode_file(FOLDER / name, target, extension=".tif", threads=1)
        data = target.getvalue()
    else:
        picture = inrcodec.decode_picture((FOLDER / name).read_bytes(), threads=1)
        assert picture.source is not None
        data = restore(picture)
    assert hashlib.blake2b(data, digest_size=16).hexdigest() == WANT[name]["source"]


@pytest.mark.parametrize("name", NAMES)
def test_a_reduced_scale(name: str) -> None:
    data, scale = (FOLDER / name).read_bytes(), SCALES[NAMES.index(name) % len(SCALES)]
    for frame, want in enumerate(pages(name)):
        small = inrcodec.decode(data, frame=frame, scale=scale, threads=1)
        assert hashed(small) == want["scales"][str(scale)]


@pytest.mark.parametrize("name", NAMES[::24])
def test_all_reduced_scales(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    for frame, want in enumerate(pages(name)):
        found = [inrcodec.decode(data, frame=frame, scale=s, threads=1) for s in SCALES]
        assert list(map(hashed, found)) == [want["scales"][str(s)] for s in SCALES]


LIBRARY = kernels.library()


# the last one is what all of them have just been decoded with
@pytest.mark.parametrize("isa", LIBRARY.isas[:-1] if LIBRARY else ())
def test_slower_instruction_sets(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forced = kernels.Library(kernels.library_path(), isa)
    monkeypatch.setattr(kernels, "library", lambda: forced)
    for name in NAMES:
        check_all(name, numpy_backend())


@pytest.mark.parametrize("name", WITHOUT_LIBRARY)
def test_without_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "library", lambda: None)
    check_all(name, numpy_backend())


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
    check_all(name, torch_backend("cpu"))
