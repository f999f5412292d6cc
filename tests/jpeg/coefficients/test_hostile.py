"""Files of coefficients that nobody encoded: the picture or a LinrError, soon, in little memory."""

from __future__ import annotations

import time
import tracemalloc
from functools import cache
from typing import Any

import msgpack
import numpy as np
import pytest

import inrcodec
from inrcodec.coding.rangecoder import Encoder, integer_model
from inrcodec.encode import source_picture
from inrcodec.source.restore import restore
from tests.container.test_damage import sealed, sections, with_fields
from tests.golden.of_jpegs import jpeg_file, parts_of_jpegs
from tests.jpeg.coefficients.twins import files
from tests.jpeg.files import pillow
from tests.pictures import scene
from tests.source.test_hostile import changes

MOST, SECONDS = 1 << 27, 5
FILE = pillow(scene(17, 20, 3, np.uint8), quality=70)


@cache
def good() -> dict[str, bytes]:
    """Files of all kinds of fields and sections."""
    made = {"turned": next(p for name, p in parts_of_jpegs() if name.startswith("turned_420"))}
    made |= {n: source_picture(files()[n], n) for n in ("grey", "cmyk", "block")}
    made["420"] = source_picture(FILE, "420")
    packed = {name: jpeg_file(picture) for name, picture in made.items()}
    return packed | {"changes": jpeg_file(made["grey"], 3, 2)}


@cache
def wanted(name: str) -> np.ndarray:
    return inrcodec.decode_picture(good()[name]).samples


def refused(data: bytes, want: np.ndarray) -> bool:
    """Whether a file, or its source file, is refused; if not, it is the picture."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        picture = inrcodec.decode_picture(data, threads=1)
        assert np.array_equal(picture.samples, want)
        if picture.source is not None:
            restore(picture)
    except inrcodec.LinrError:
        return True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST, f"{peak >> 20} MiB"
        seconds = time.monotonic() - started
        assert seconds < SECONDS, f"{seconds:.1f} s"
    return False


def places(data: bytes) -> list[tuple[str, ...]]:
    """Where the fields of step and model are in a header."""
    header = msgpack.unpackb(sections(data)[0][1])
    (_, step), (_, model) = header["t"][0], header["m"]
    found: list[tuple[str, ...]] = [("t", key) for key in step]
    found += [("m", key) for key in model if key != "d"]
    return [*found, *(("m", "d", key) for key in model["d"]), ("m", "d")]


def changed(data: bytes, place: tuple[str, ...], value: Any = ..., more: Any = None) -> bytes:
    """The file with another value of a field, or without it; more: other fields of its header."""
    chain = sections(data)
    header = msgpack.unpackb(chain[0][1])
    fields = header["t"][0][1] if place[0] == "t" else header["m"][1]
    for key in place[1:-1]:
        fields = fields[key]
    if value is ...:
        del fields[place[-1]]
    else:
        fields[place[-1]] = value
    return sealed([(b"H", msgpack.packb(header | (more or {}))), *chain[1:]])


@pytest.mark.parametrize("name", ["turned", "420", "cmyk", "changes"])
def test_fields_of_other_values(name: str) -> None:
    data, want = good()[name], wanted(name)
    assert not refused(data, want)
    tried = said = 0
    for place in places(data):
        said += refused(changed(data, place), want)
        value: Any = msgpack.unpackb(sections(data)[0][1])
        value = value["t"][0][1] if place[0] == "t" else value["m"][1]
        for key in place[1:]:
            value = value[key]
        others = changes(value)
        for other in others[:: 1 + len(others) // 12]:
            try:
                made = changed(data, place, other)
            except OverflowError:
                continue
            tried += 1
            said += refused(made, want)
    assert said > 0.9 * tried > 70
    # keys that there are not
    for key in ("z", "f", "c", "g", "o", "u", "l", "r", "a", "k"):
        for place in (("t", key), ("m", key), ("m", "d", key)):
            if place not in places(data):
                assert refused(changed(data, place, 1), want), place


@pytest.mark.parametrize("name", ["turned", "cmyk", "block"])
def test_sizes_of_other_values(name: str) -> None:
    """Of the picture, the JPEG and its blocks."""
    data, want = good()[name], wanted(name)
    height, width, channels = msgpack.unpackb(sections(data)[0][1])["s"]
    sizes = [
        [height + 1, width, channels], [height, width - 1, channels], [width, height, channels],
        [1, 1, channels], [1, 1 << 28, channels], [1 << 28, 1, channels],
        [1 << 14, 1 << 14, channels], [17, 1 << 20, channels], [1 << 16, 1 << 12, channels],
        [height, width, channels % 4 + 1], [height, width, 1], [1 << 13, 1 << 13, channels],
    ]  # fmt: skip
    numbers = (0, 1, 2, 3, 17, 18, 1 << 11, 8192, 1 << 25, 1 << 31)
    fields = msgpack.unpackb(sections(data)[0][1])["t"][0][1]
    count = len(fields["t"])
    for own in sizes:
        if own != [height, width, channels]:
            assert refused(changed(data, ("t", "b"), fields["b"], {"s": own}), want), own
        for rows in numbers:
            for cols in numbers[::3]:
                other = changed(data, ("t", "b"), [rows, cols] * count, {"s": own})
                if "s" in fields:
                    frame = list(own[:2]) if "o" not in fields else [own[1], own[0]]
                    other = changed(other, ("t", "s"), frame)
                if rows * cols != 1 or own[:2] != [1, 1]:
                    assert refused(other, want) or [rows, cols] * count == fields["b"]


@pytest.mark.parametrize("size", [(1, 1 << 28), (1 << 28, 1), (3, 1 << 24), (1, 65536)])
def test_long_pictures_of_nothing(size: tuple[int, int]) -> None:
    """No JPEG is as long: coefficients would be many times what its pixels are."""
    data, want = good()["grey"], wanted("grey")
    inner = msgpack.unpackb(sections(data)[0][1])["m"][1]["d"]
    data = changed(data, ("m", "d"), {**inner, "p": [0], "l": [1 << 15]})
    data = changed(data, ("m", "l"), levels([0] * 64))
    rows, cols = (-(-n // 8) + 16 for n in size)
    data = changed(data, ("t", "b"), [rows, cols], {"s": [*size, 1]})
    data = changed(data, ("t", "s"), list(size))
    assert refused(data, want)


def levels(*own: list[int]) -> bytes:
    encoder, model = Encoder(), integer_model()
    for each in own:
        encoder.encode_integers(np.diff(np.array(each), prepend=0), model)
    return encoder.finish()


def test_levels_of_other_values() -> None:
    data, want = good()["grey"], wanted("grey")
    (rows, cols) = msgpack.unpackb(sections(data)[0][1])["t"][0][1]["b"]
    for own in (
        [0] * 64, [1] * 64, [0, *[97] * 63], [0, *[98] * 63], [0, *[-1] * 63],
        [0, 1 << 20, *[0] * 62],
        [0, *[1] * 63], [5, *[0] * 63],
    ):  # fmt: skip
        assert refused(changed(data, ("m", "l"), levels(own)), want)
    assert refused(changed(data, ("m", "l"), b""), want)
    assert refused(changed(data, ("m", "l"), b"\xff" * 20), want)
    # more blocks of these than the bits of the data can be
    chain = [(t, b"\1" if t == b"Q" else payload) for t, payload in sections(data)]
    large = {"s": [1 << 13, 1 << 13, 1]}
    step = {"s": [1 << 13, 1 << 13], "b": [1 << 10, 1 << 10]}
    other = sealed(chain)
    for key, value in (("s", step["s"]), ("b", step["b"])):
        other = changed(other, ("t", key), value, large)
    other = changed(other, ("m", "l"), levels([0, *[97] * 63]))
    with pytest.raises(inrcodec.CorruptError, match="too few"):
        inrcodec.decode(other)
    with pytest.raises(inrcodec.LimitError, match="multiply_adds"):
        inrcodec.decode(data, limits=inrcodec.Limits(multiply_adds=rows * cols * 1000))
    with pytest.raises(inrcodec.LimitError, match="pixels"):
        inrcodec.decode(data, limits=inrcodec.Limits(pixels=wanted("grey").size - 1))


def test_steps_and_models_of_others() -> None:
    """Coefficients are of no other model, and this model of nothing else; no step follows."""
    data, want = good()["420"], wanted("420")
    header = msgpack.unpackb(sections(data)[0][1])
    (jpeg,), stored = header["t"], inrcodec.encode(want, model="stored")
    others = [[1, {}], [2, {}], [3, {}], [4, {"c": 0, "u": 0, "l": [2, 2, 0, 0]}]]
    others += [[5, {"f": [2, 2], "p": [0, 0]}], jpeg, [7, {}], [255, {}]]
    for step in others:
        for both in ([jpeg, step], [step, jpeg], [step]):
            if both != [jpeg]:
                assert refused(with_fields(data, {"t": both}), want), both
    for model in ([0, {}], [1, header["m"][1]["d"]], [2, {}], [1, header["m"][1]], [9, {}]):
        assert refused(with_fields(data, {"m": model}), want)
    assert refused(with_fields(data, {"t": None}), want)
    assert refused(with_fields(stored, {"t": [jpeg]}), want)
    assert refused(with_fields(stored, {"m": header["m"]}), want)
    for depth in ({"d": 4}, {"w": True}, {"c": bytes(3)}, {"t": 3}, {"s": 1}, {"k": [1, 2, 3]}):
        chain = sections(data)
        typed = sealed([chain[0], (b"P", msgpack.packb(depth)), *chain[1:]])
        refused(typed, want)


@pytest.mark.parametrize("name", ["turned", "420", "changes"])
def test_sections_that_are_missing_doubled_or_swapped(name: str) -> None:
    data, want = good()[name], wanted(name)
    header, *chain = sections(data)
    for n, (tag, payload) in enumerate(chain):
        rest = [*chain[:n], *chain[n + 1 :]]
        assert refused(sealed([header, *rest]), want) or tag == b"s"
        assert refused(sealed([header, *chain[: n + 1], *chain[n:]]), want)
        assert refused(sealed([header, *chain, (tag, payload)]), want)
        assert refused(sealed([header, *chain[:n], (tag, b""), *chain[n + 1 :]]), want)
        for m in range(n):
            swapped = list(chain)
            swapped[n], swapped[m] = (tag, chain[m][1]), (chain[m][0], payload)
            same = chain[m][1] == payload
            assert refused(sealed([header, *swapped]), want) or same
        for other in (b"U", b"Q", b"J", b"W", b"V", b"X", b"A", b"D", b"T"):
            assert refused(sealed([header, *chain[:n], (other, payload), *chain[n:]]), want)


@pytest.mark.parametrize("name", ["turned", "420", "changes"])
def test_cuts_and_flipped_bits(name: str) -> None:
    data, want = good()[name], wanted(name)
    for end in range(0, len(data), 7 + len(data) // 12):
        assert refused(data[:end], want)
    for at in range(0, len(data), 5 + len(data) // 25):
        damaged = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        assert refused(damaged, want) or at == 9
    chain, read = sections(data), 0
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 7 + len(payload) // 12):
            damaged = payload[:at] + bytes([payload[at] ^ (0x01, 0xFF)[at % 2]]) + payload[at + 1 :]
            made = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]])
            read += not refused(made, want)
    assert read < len(data) / 2


def test_streams_of_any_number() -> None:
    data, want = good()["grey"], wanted("grey")
    chain = sections(data)
    own = dict(chain)[b"Q"]
    for payload in (
        b"", b"\0", b"\x11" + bytes(17), b"\x40" + bytes(64), b"\xff" * 300,
        b"\2", b"\2\xff\xff\x7f",
        b"\x10" + bytes(15) + own, b"\1" + b"\xff" * 9, own + bytes(1 << 16),
    ):  # fmt: skip
        made = sealed([(tag, payload if tag == b"Q" else given) for tag, given in chain])
        read = not refused(made, want)
        assert not read or payload.startswith(own)


def test_direct_coefficients_that_no_jpeg_has() -> None:
    data, want = good()["grey"], wanted("grey")
    inner = msgpack.unpackb(sections(data)[0][1])["m"][1]["d"]
    flat = {**inner, "p": [0], "l": [0]}
    assert refused(changed(data, ("m", "d"), flat), want)
    with pytest.raises(inrcodec.CorruptError, match="DC coefficient"):
        inrcodec.decode(changed(data, ("m", "d"), flat))


def test_a_source_file_of_a_picture_without_coefficients() -> None:
    """As pixels, or of other coefficients: the picture comes, and the file does not."""
    data = good()["420"]
    source = (b"s", dict(sections(data))[b"s"])
    plain = sections(inrcodec.encode(wanted("420"), model="stored"))
    other = source_picture(pillow(scene(17, 20, 3, np.uint8, 5), quality=70), "it")
    for chain in (plain, [s for s in sections(jpeg_file(other)) if s[0] != b"s"]):
        picture = inrcodec.decode_picture(sealed([chain[0], source, *chain[1:]]))
        assert picture.source is not None
        with pytest.raises(inrcodec.LinrError):
            restore(picture)
