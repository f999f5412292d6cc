"""The codec of numcodecs: what its own tests ask of codecs, and shapes, types and damage."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numcodecs import get_codec
from pictures import scene

import inrcodec
from inrcodec.chunks import ChunkTypeError, image_shape
from inrcodec.errors import ChecksumError, CorruptError, ImageError, LinrError, NotLinrError
from inrcodec.files.picture import Picture, PixelType
from inrcodec.numcodecs import Linr

FAST = Linr(effort=1)
GOLDEN = Path(__file__).parents[1] / "golden"


def as_stored(array: np.ndarray) -> np.ndarray:
    """What a reader of chunks makes of an array that was coded: numcodecs keeps no shape."""
    decoded = np.asarray(FAST.decode(FAST.encode(array)))
    order = "F" if array.flags.fnc else "C"
    return decoded.reshape(-1).view(array.dtype).reshape(array.shape, order=order)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(1000, dtype="u1").reshape(20, 50),
        np.arange(1000, dtype="i1").reshape(1, 1, 20, 50),
        np.arange(1000, dtype="u2").reshape(4, 5, 50),
        np.arange(1000, dtype="i2") - 500,
        scene(20, 25, 3, np.uint16),
        scene(20, 25, 1, np.uint8) > 99,
    ],
    ids=lambda array: f"{array.dtype}-{'x'.join(map(str, array.shape))}",
)
def test_as_numcodecs_tests_its_own(array: np.ndarray) -> None:
    common = pytest.importorskip("numcodecs.tests.common", reason="numcodecs without its tests")
    common.check_encode_decode(array, FAST)


def test_configuration() -> None:
    for codec in (Linr(), FAST, Linr(effort=9, history=False, threads=3)):
        assert get_codec(json.loads(json.dumps(codec.get_config()))) == codec
        assert pickle.loads(pickle.dumps(codec)) == codec
    assert Linr().get_config() == {"id": "linr", "effort": 5, "history": True}
    assert Linr(effort=2) != Linr(effort=3) != Linr(effort=3, history=False)
    # how many threads a reader has is nothing of the chunks
    assert Linr(threads=4) == Linr()
    assert repr(FAST).startswith("Linr(effort=1, history=True, ")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"effort": 0}, "effort is 0; it can be 1 to 9"),
        ({"effort": "5"}, "effort is '5'"),
        ({"effort": True}, "effort is True"),
        ({"history": None}, "history is None"),
        ({"threads": 8}, "no threads"),
        ({"efort": 1, "level": 5}, "no efort, level"),
    ],
)
def test_bad_configurations(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        get_codec({"id": "linr", **options})


def test_bad_options() -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        Linr(threads=0)
    with pytest.raises(TypeError):
        Linr(level=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("chunk", "image"),
    [
        ((), (1, 1)),
        ((7,), (1, 7)),
        ((7, 9), (7, 9)),
        ((7, 1), (1, 7)),
        ((7, 9, 1), (7, 9)),
        ((7, 9, 3), (7, 9, 3)),
        ((7, 9, 5), (63, 5)),
        ((1, 1, 7, 9), (7, 9)),
        ((1, 7, 9, 1, 4), (7, 9, 4)),
        ((7, 9, 2, 1), (7, 9, 2)),
        ((3, 7, 9), (21, 9)),
        ((2, 3, 7, 9, 3), (42, 9, 3)),
        ((1, 9, 3), (1, 9, 3)),
        ((4, 3), (4, 3)),
        ((1, 1, 1), (1, 1)),
        ((3, 1, 1, 2), (1, 3, 2)),
    ],
)
def test_shapes(chunk: tuple[int, ...], image: tuple[int, ...]) -> None:
    assert image_shape(chunk) == image
    array = np.random.default_rng(0).integers(0, 1 << 16, chunk, np.uint16)
    assert FAST.decode(FAST.encode(array)).shape == image
    assert np.array_equal(as_stored(array), array)


@settings(max_examples=20, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(["?", "u1", "i1", "=u2", "=i2"]),
        arrays.array_shapes(max_dims=5, max_side=6),
    )
)
def test_any_array_comes_back(array: np.ndarray) -> None:
    assert np.array_equal(as_stored(array), array)
    assert np.array_equal(as_stored(np.asfortranarray(array)), array)


def test_arrays_that_are_not_contiguous() -> None:
    image = scene(40, 50, 3, np.uint16)
    assert np.array_equal(FAST.decode(FAST.encode(image[::2, 5:25])), image[::2, 5:25])


def test_the_file_is_what_it_says() -> None:
    """A chunk is a .linr file like any other, and any other can be a chunk."""
    image = scene(20, 30, 1, np.int16) - np.int16(3000)
    data = FAST.encode(image[None])
    assert np.array_equal(inrcodec.decode(data), image)
    palette = Picture(
        np.arange(12, dtype=np.uint8).reshape(3, 4) % 4,
        PixelType(depth=2, palette=bytes(range(12))),
    )
    assert FAST.decode(inrcodec.encode(palette, effort=1)).shape == (3, 4, 3)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u4", "i4", "u8", "c8", "M8[s]", "S3", "V2"])
def test_types_that_are_refused(dtype: str) -> None:
    with pytest.raises(ImageError, match="uint16, not") as caught:
        FAST.encode(np.zeros((4, 4), dtype))
    assert isinstance(caught.value, TypeError)


def test_byte_order_that_would_be_lost() -> None:
    other = ">" if sys.byteorder == "little" else "<"
    with pytest.raises(ChunkTypeError, match=f"byte order, not {other}u2"):
        FAST.encode(np.zeros((4, 4), f"{other}u2"))
    assert np.array_equal(as_stored(np.ones((4, 4), ">u1")), np.ones((4, 4)))


def test_objects() -> None:
    with pytest.raises(TypeError):
        FAST.encode(np.array(["foo", "bar", "baz"], object))
    with pytest.raises(TypeError):
        FAST.decode(FAST.encode(np.zeros(10, "u1")), out=np.empty(10, object))


def test_nothing_to_encode() -> None:
    with pytest.raises(ImageError, match="empty"):
        FAST.encode(np.zeros((0, 4), "u1"))


def test_outputs_of_another_size() -> None:
    data = FAST.encode(scene(8, 9, 1, np.uint16))
    for out in (bytearray(143), np.zeros((8, 10), "u2"), np.zeros((8, 9), "u1")):
        with pytest.raises(CorruptError, match="holds an image of 144"):
            FAST.decode(data, out=out)
    with pytest.raises(ValueError, match="contiguous"):
        FAST.decode(data, out=np.zeros((16, 18), "u2")[::2, ::2])


def test_damage() -> None:
    data = FAST.encode(scene(16, 16, 1, np.uint8))
    for cut in range(0, len(data), 7):
        with pytest.raises(LinrError):
            FAST.decode(data[:cut])
    with pytest.raises(NotLinrError):
        FAST.decode(b"\x89PNG\r\n\x1a\n" + data)
    with pytest.raises(ChecksumError):
        FAST.decode(data[:-1] + bytes([data[-1] ^ 1]))
    several = (GOLDEN / "coordinate_set_int_2_of_3x1.linr").read_bytes()
    with pytest.raises(CorruptError, match="3 frames"):
        FAST.decode(several)


ALONE = """
import json, sys
from numcodecs import get_codec
codec = get_codec(json.loads(sys.argv[1]))
sys.stdout.buffer.write(codec.decode(sys.stdin.buffer.read()).tobytes())
assert "zarr" not in sys.modules and "torch" not in sys.modules
"""


def test_a_process_that_has_only_the_entry_point() -> None:
    image = scene(16, 17, 1, np.uint16)
    command = [sys.executable, "-c", ALONE, json.dumps(FAST.get_config())]
    found = subprocess.run(command, input=FAST.encode(image), capture_output=True, check=True)
    assert found.stdout == image.tobytes()
