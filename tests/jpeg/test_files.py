"""JPEG files come back byte for byte, whoever wrote them, or are refused."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import imagecodecs
import msgpack
import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.errors import CorruptError, ImageError, LimitError, LinrError
from inrcodec.limits import Limits
from inrcodec.source.jpeg import JpegFile, find, put_together, take_apart
from inrcodec.source.sparse import Sparse
from tests.jpeg.files import picture, pillow, segment, written


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "library", lambda: None)


def same(a: JpegFile, b: JpegFile) -> bool:
    return (
        (a.sparse, a.recipe) == (b.sparse, b.recipe)
        and len(a.coefficients) == len(b.coefficients)
        and all(map(np.array_equal, a.coefficients, b.coefficients))
    )


def check(data: bytes) -> JpegFile:
    """That it comes back, through MessagePack too."""
    found = find(data, "it")
    recipe = msgpack.unpackb(msgpack.packb(found.recipe))
    assert put_together(found.sparse, recipe, found.coefficients) == data
    return found


@pytest.mark.parametrize("name", written())
def test_a_file_comes_back(name: str, request: pytest.FixtureRequest) -> None:
    data = written()[name]
    compiled = check(data)
    assert compiled.recipe == {}
    assert len(compiled.sparse.literals) < 1500 + (len(data) if name == "behind" else 0)
    request.getfixturevalue("plain")
    assert same(check(data), compiled)


def test_coefficients_are_those_of_the_picture() -> None:
    """Their inverse DCT is what Pillow decodes."""
    data = written()["pillow-grey"]
    found = find(data, "it")
    (grid,) = found.coefficients
    assert grid.shape == (6, 8, 64)
    assert grid.dtype == np.int16
    sums = [n // 8 + n % 8 for n in range(64)]
    zigzag = sorted(range(64), key=lambda n: (sums[n], n // 8 if sums[n] % 2 else n % 8))
    values = np.zeros(grid.shape)
    values[..., zigzag] = grid * found.markers.quantisation[0].astype(np.int64)
    k, n = np.mgrid[:8, :8]
    basis = np.cos((2 * n + 1) * k * np.pi / 16) * np.where(k, 0.5, 8**-0.5)
    blocks = basis.T @ values.reshape(6, 8, 8, 8) @ basis + 128
    pixels = np.clip(blocks.swapaxes(1, 2).reshape(48, 64)[:45, :59], 0, 255)
    assert abs(pixels - imagecodecs.jpeg8_decode(data)).max() < 2


def test_a_long_run_comes_back() -> None:
    """EOB runs of 0x7FFF blocks."""
    found = check(pillow(np.full((1032, 2048), 90, np.uint8), progressive=True))
    assert found.recipe == {}


def test_other_padding_comes_back(request: pytest.FixtureRequest) -> None:
    """Padding bits that are zeros, and some that are."""
    data = written()["pillow-blocks"]
    found = find(data, "it")
    zeros = put_together(found.sparse, {"p": 0}, found.coefficients)
    assert zeros != data
    ends = sum(data.count(bytes((0xFF, n))) for n in range(0xD0, 0xD8)) + 1
    pads = bytes(random.Random(1).choices((0, 255), k=ends))
    mixed = put_together(found.sparse, {"p": pads}, found.coefficients)
    for _ in range(2):
        assert check(zeros).recipe == {"p": 0}
        assert isinstance(check(mixed).recipe["p"], bytes)
        request.getfixturevalue("plain")


def test_a_damaged_file_keeps_the_rest_as_it_is(request: pytest.FixtureRequest) -> None:
    """A scan that ends early, a wrong restart marker, bytes behind the last MCU."""
    data = written()["pillow-blocks"]
    cut, place = data[: len(data) * 3 // 4], data.index(b"\xff\xd4")
    wrong = data[:place] + b"\xff\xd5" + data[place + 2 :]
    more = data[:-2] + b"more" + data[-2:]
    for _ in range(2):
        for damaged in (cut, wrong):
            found = check(damaged)
            assert found.recipe.keys() == {"n"}
        start, length = found.sparse.holes[0]
        assert place - 2 <= start + length <= place
        assert check(more).recipe == {}
        request.getfixturevalue("plain")


def test_what_is_refused() -> None:
    baseline = written()["pillow-grey"]
    frame, scan = baseline.index(b"\xff\xc0"), baseline.index(b"\xff\xda")
    arithmetic = baseline.replace(b"\xff\xc0", b"\xff\xc9")
    deep = baseline[: frame + 4] + b"\x0c" + baseline[frame + 5 :]
    late = baseline[: frame + 5] + b"\0\0" + baseline[frame + 7 :]
    progressive = written()["pillow-progressive-grey"]
    tables = progressive.index(b"\xff\xc4")
    behind = progressive.index(b"\xff\xda")
    lossless = imagecodecs.ljpeg_encode(picture(20, 20, 1))
    refused = {
        "arithmetic": arithmetic, "12 bits": deep, "stated behind": late, "lossless": lossless,
        "no JPEG": b"\x89PNG", "without a scan": baseline[:scan], "an end": baseline[:scan] +
        b"\xff\xd9", "Huffman tables": progressive[:tables] + progressive[behind:],
        "quantisation table": baseline[:20] + baseline[frame:], "segment": baseline[: scan - 9],
        "without coefficients": baseline[: scan + 10] + b"\xff\xd9",
    }  # fmt: skip
    for why, data in refused.items():
        with pytest.raises(ImageError, match=why):
            find(data, "it")
        assert take_apart(data, "it") is None


def test_limits() -> None:
    data = written()["pillow-progressive-grey"]
    with pytest.raises(LimitError, match="pixels"):
        take_apart(data, "it", Limits(pixels=45 * 59 - 1))
    found = find(data, "it", Limits(pixels=45 * 59))
    with pytest.raises(LimitError, match="pixels"):
        put_together(found.sparse, {}, found.coefficients, Limits(pixels=45 * 59 - 1))
    large = segment(0xC0, bytes((8, 0xFF, 0xFF, 0x0F, 0xFF, 1, 1, 0x11, 0)))
    with pytest.raises(ImageError, match="fewer bytes than its size takes"):
        find(b"\xff\xd8" + large, "it")
    last = data.rindex(b"\xff\xda")
    with pytest.raises(LimitError, match="over its blocks 76 times"):
        find(data[:-2] + data[last:-2] * 70, "it")
    with pytest.raises(LimitError, match="more than 1000 scans"):
        find(data[:-2] + data[last:-2] * 1000, "it")


def mutated(data: bytes, rng: random.Random) -> bytes:
    """With a few bytes or bits changed, cut out or put in, most of them behind the headers."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(2 if rng.random() < 0.5 else len(changed) // 2, len(changed))
        way = rng.randrange(6)
        if way < 2:
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 2:
            changed[at] = rng.choice((0, 1, 255, rng.randrange(256)))
        elif way == 3:
            del changed[at : at + rng.choice((1, 3, len(changed)))]
        elif way == 4:
            changed[at:at] = bytes(rng.choices(range(256), k=rng.choice((1, 4))))
        else:
            source = rng.randrange(len(changed))
            changed[at:at] = changed[source : source + rng.randrange(30)]
    return bytes(changed)


@pytest.mark.parametrize("name", sorted(written()))
def test_mutants_come_back_or_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, came_back = random.Random(name), 0
    library = kernels.library()
    for number in range(60):
        data = mutated(written()[name], rng)
        results: list[Any] = []
        for form in (library, None) if number < 4 else (library,):
            monkeypatch.setattr(kernels, "library", lambda form=form: form)
            try:
                results.append(check(data))
            except LinrError as error:
                results.append(str(error))
        came_back += isinstance(results[0], JpegFile)
        if isinstance(results[0], JpegFile) and len(results) == 2:
            assert same(*results)
        else:
            assert len(set(map(str, results))) == 1
    assert came_back > 5


def hostile(found: JpegFile, rng: random.Random) -> tuple[Sparse, dict[str, Any], list[np.ndarray]]:
    """Parts of a JpegFile that a .linr may have instead of those."""
    literals, recipe = found.sparse.literals, dict[str, Any](found.recipe)
    holes, coefficients = list(found.sparse.holes), [a.copy() for a in found.coefficients]
    way = rng.randrange(6)
    if way == 0:
        literals = mutated(literals, rng)
    elif way == 1:
        array = rng.choice(coefficients)
        array.flat[rng.randrange(array.size)] = rng.choice((-32768, 32767, 1, 1000, -5))
    elif way == 2:
        number = rng.randrange(len(holes))
        start, length = holes[number]
        holes[number] = rng.choice(((start, length + 1), (start, length - 1), (start + 1, length)))
    elif way == 3:
        del holes[rng.randrange(len(holes))]
    elif way == 4:
        key = rng.choice("enprz")
        junk = [0, 1, -1, True, None, [], [1], [1 << 70], b"", b"\0" * 4, b"\1\0\0\0" * 2]
        junk += [bytes(8), b"\xff" * 8, bytes(5), [10**6] * len(holes), [1] * len(holes), "x", 0.5]
        recipe[key] = rng.choice(junk)
    else:
        number = rng.randrange(len(coefficients))
        array = coefficients[number]
        coefficients[number] = rng.choice(
            (array[1:], array[..., :63], array.astype(np.int32), np.asfortranarray(array), array[0])
        )
    size = len(literals) + sum(length for _, length in holes)
    return Sparse(size, tuple(holes), literals), recipe, coefficients


@pytest.mark.parametrize("name", ["pillow-blocks", "pillow-progressive", "opencv-411-1", "behind"])
def test_hostile_parts_make_no_more_than_a_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, rng = find(written()[name], "it"), random.Random(name)
    library = kernels.library()
    for number in range(300):
        try:
            parts = hostile(found, rng)
        except CorruptError:
            continue
        results = []
        for form in (library, None) if number < 30 else (library,):
            monkeypatch.setattr(kernels, "library", lambda form=form: form)
            try:
                results.append(put_together(*parts))
                assert len(results[-1]) == parts[0].size
            except (CorruptError, LimitError) as error:
                results.append(type(error))
        assert len(set(results)) == 1


def test_more_holes_than_coefficients_allow() -> None:
    found = find(written()["one"], "it")
    (start, length), size = found.sparse.holes[0], found.sparse.size
    huge = replace(found.sparse, holes=((start, 1 << 40),), size=size - length + (1 << 40))
    with pytest.raises(CorruptError, match="more bytes"):
        put_together(huge, {}, found.coefficients)


def test_tables_without_a_code() -> None:
    """A coefficient that an optimised table lacks."""
    found = find(written()["pillow-optimize"], "it")
    found.coefficients[0][0, 0, 63] = 900
    with pytest.raises(CorruptError, match="does not hold such coefficients"):
        put_together(found.sparse, {}, found.coefficients)
