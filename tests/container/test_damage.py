"""No damaged file gives a wrong image, a traceback or a hang: exact pixels or a LinrError."""

from __future__ import annotations

import zlib
from functools import cache

import msgpack
import numpy as np
import pytest

import inrcodec
from inrcodec import Picture
from inrcodec.container.linr import SIGNATURE
from inrcodec.contents import parse
from inrcodec.encode import source_picture
from inrcodec.source.restore import restore
from tests.pictures import jpeg_scene, made_files, scene, unfitted_file

IMAGE = scene(9, 7, 3, np.uint8)
STORED = inrcodec.encode(IMAGE, model="stored")
CONTEXT = {form: unfitted_file(IMAGE, form) for form in ("int", "fp16", "ternary")}
MADE = [
    "stored_palette", "stored_key_metadata", "context_table", "context_ranks", "context_jfif",
    "context_changes", "coordinate_set", "coordinate_joint", "coordinate_planes",
    "coordinate_value",
]  # fmt: skip
FILES = [STORED, *CONTEXT.values()]


def exact_or_refused(data: bytes, want: np.ndarray = IMAGE) -> bool:
    """Whether the file decodes; if it does, it is to the image."""
    try:
        image = inrcodec.decode(data, threads=1)
    except inrcodec.LinrError:
        return False
    assert np.array_equal(image, want)
    assert image.dtype == want.dtype
    return True


@pytest.mark.parametrize("data", FILES)
def test_every_truncation_is_refused(data: bytes) -> None:
    assert not any(exact_or_refused(data[:length]) for length in range(len(data)))


@pytest.mark.parametrize("name", MADE)
def test_every_truncation_and_some_flipped_bits_of_other_files(name: str) -> None:
    data = made_files()[name]
    want = inrcodec.decode(data)
    step = max(1, len(data) // 400)
    assert not any(exact_or_refused(data[:length]) for length in range(0, len(data), step))
    for at in range(0, len(data), step):
        damaged = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        assert not exact_or_refused(damaged, want) or at == len(SIGNATURE) + 1


@pytest.mark.parametrize("data", FILES)
def test_every_flipped_bit(data: bytes) -> None:
    survived = []
    for at in range(len(data)):
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            if exact_or_refused(damaged):
                survived.append(at)
    # nothing but the minor version can change unnoticed
    assert set(survived) == {len(SIGNATURE) + 1}


PLAIN = b"P5 # a note\n3 2 255\nabcdefgh"
SOURCES = {
    "source": source_picture(PLAIN, "it"),
    "left out": Picture(scene(3, 4, 1, np.uint8), left_out=("comments", "bytes behind the image")),
}


def same_or_refused(data: bytes, want: Picture) -> bool:
    """Whether a file decodes, and to the picture; and to the same source file, or to none."""
    try:
        picture = inrcodec.decode_picture(data, threads=1)
    except inrcodec.LinrError:
        return False
    assert np.array_equal(picture.samples, want.samples)
    assert picture.type == want.type
    if picture.source is not None:
        try:
            assert restore(picture) == PLAIN
        except inrcodec.LinrError:
            return False
    return True


@pytest.mark.parametrize("name", SOURCES)
def test_source_files_and_names_in_damaged_files(name: str) -> None:
    want, survived = SOURCES[name], []
    data = inrcodec.encode(want, model="stored")
    assert not any(same_or_refused(data[:length], want) for length in range(len(data)))
    for at in range(len(data)):
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            if same_or_refused(damaged, want):
                survived.append(at)
    assert set(survived) == {len(SIGNATURE) + 1}
    chain, read = sections(data), 0
    (number,) = [n for n, (tag, _) in enumerate(chain) if tag in b"sn"]
    tag, payload = chain[number]
    for at in range(len(payload)):
        assert payload[:at] == b"" or not same_or_refused(
            sealed([*chain[:number], (tag, payload[:at]), *chain[number + 1 :]]), want
        )
        for change in range(1, 256):
            damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
            resealed = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]])
            read += same_or_refused(resealed, want)
    # what is skipped, or names other things
    assert read > 0


def sections(data: bytes) -> list[tuple[bytes, bytes]]:
    """Tags and payloads of a file."""
    found, at = [], 10
    while at < len(data):
        tag, start, length = data[at : at + 1], at + 1, 0
        for shift in range(0, 56, 7):
            start += 1
            length |= (data[start - 1] & 0x7F) << shift
            if data[start - 1] < 0x80:
                break
        found.append((tag, data[start : start + length]))
        at = start + length + 4
    return found


def sealed(chain: list[tuple[bytes, bytes]], version: bytes = b"\2\0") -> bytes:
    """A file of these sections with checksums that hold."""
    out = SIGNATURE + version
    for tag, payload in chain:
        length, number = b"", len(payload)
        while number > 0x7F:
            length, number = length + bytes([number & 0x7F | 0x80]), number >> 7
        crc = zlib.crc32(tag + payload).to_bytes(4, "little")
        out += tag + length + bytes([number]) + payload + crc
    return out


def with_fields(data: bytes, changes: dict[str, object]) -> bytes:
    """The file with other fields in its header, those of the model as "m.key", of the first step
    as "t.key"; None takes one out."""
    chain = sections(data)
    header = msgpack.unpackb(chain[0][1])
    for name, value in changes.items():
        fields = header
        place, _, key = name.rpartition(".")
        if place:
            fields = header["m"][1] if place == "m" else header["t"][0][1]
        fields[key] = value
        if value is None:
            del fields[key]
    return sealed([(b"H", msgpack.packb(header)), *chain[1:]])


@pytest.mark.parametrize("form", ["stored", "int", "fp16", "ternary"])
def test_every_flipped_byte_behind_a_valid_checksum(form: str) -> None:
    image = scene(3, 4, 1, np.uint8)
    stored = form == "stored"
    data = inrcodec.encode(image, model="stored") if stored else unfitted_file(image, form)
    flip_all(data, image)


@cache
def jpeg_file() -> tuple[np.ndarray, bytes]:
    image = jpeg_scene(33, 40, 1)
    return image, unfitted_file(image)


def flip_all(data: bytes, image: np.ndarray, tags: bytes = b"") -> int:
    """Flips bytes of the payloads (with these tags) behind valid checksums; how many files were
    then still read, all exactly."""
    chain, read = sections(data), 0
    assert sealed(chain) == data
    for number, (tag, payload) in enumerate(chain):
        for at in range(len(payload) if not tags or tag in tags else 0):
            # of weights, which are many, one
            for change in [(0x01, 0x10, 0xFF)[at % 3]] if tag == b"W" else (0x01, 0x10, 0xFF):
                damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
                resealed = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]])
                read += exact_or_refused(resealed, image)
    return read


def test_a_colour_conversion_and_its_exceptions_in_damaged_files() -> None:
    image, data = jpeg_file()
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"X", b"W", b"D"]
    assert exact_or_refused(data, image)
    flip_all(data, image, b"X")
    assert refusal(sealed([chain[0], *chain[2:]])) is inrcodec.ChecksumError
    assert refusal(sealed([*chain[:2], *chain[1:]])) is inrcodec.CorruptError
    plain = sections(CONTEXT["int"])
    assert refusal(sealed([plain[0], chain[1], *plain[1:]])) is inrcodec.CorruptError


def test_more_bytes_are_refused() -> None:
    for data in FILES:
        assert not exact_or_refused(data + b"\0")
        assert not exact_or_refused(data + data)


def refusal(data: bytes) -> type[Exception]:
    with pytest.raises(inrcodec.LinrError) as caught:
        inrcodec.decode(data)
    return caught.type


def test_one_error_per_cause() -> None:
    chain = sections(CONTEXT["int"])
    header, weights, payload = chain
    assert refusal(b"") is inrcodec.TruncatedError
    assert refusal(b"\x89PNG\r\n\x1a\n" + bytes(50)) is inrcodec.NotLinrError
    assert refusal(sealed(chain, b"\3\0")) is inrcodec.UnsupportedVersionError
    assert refusal(sealed([header, (b"T", b""), *chain[1:]])) is inrcodec.UnsupportedVersionError
    assert refusal(sealed([*chain, (b"T", b"")])) is inrcodec.UnsupportedVersionError
    assert refusal(sealed([header, payload])) is inrcodec.CorruptError
    assert refusal(sealed([header, weights])) is inrcodec.CorruptError
    assert refusal(sealed([weights, payload])) is inrcodec.CorruptError
    assert refusal(sealed([weights, header, payload])) is inrcodec.CorruptError
    assert refusal(sealed([header, payload, weights])) is inrcodec.CorruptError
    assert refusal(sealed([header, *chain])) is inrcodec.CorruptError
    assert refusal(sealed([*chain, payload])) is inrcodec.CorruptError
    assert refusal(sealed([*chain] + [(b"x", b"")] * 80)) is inrcodec.LimitError
    assert refusal(CONTEXT["int"][:-1] + b"\0\0") is not None
    other_digest = header[1].replace(parse(CONTEXT["int"]).digest, bytes(16))
    assert refusal(sealed([(b"H", other_digest), weights, payload])) is inrcodec.ChecksumError


def test_a_file_of_format_1_is_refused_by_name() -> None:
    data = SIGNATURE + b"\1\6H!" + bytes(40)
    with pytest.raises(
        inrcodec.UnsupportedVersionError, match=r"format 1\.6; inrcodec 0\.3 reads it"
    ):
        inrcodec.decode(data)


def test_unknown_optional_sections_and_newer_minor_versions_are_read() -> None:
    chain = sections(CONTEXT["int"])
    newer = sealed([chain[0], (b"x", b"a note"), *chain[1:], (b"x", b"")], b"\2\7")
    assert exact_or_refused(newer)
    assert inrcodec.info(newer, planes=False)["version"] == "2.7"
    assert not exact_or_refused(newer[:-3])


def test_headers_that_ask_for_too_much() -> None:
    """Refused by what they state, before anything of that size is allocated or computed."""
    data = CONTEXT["int"]
    assert exact_or_refused(with_fields(data, {}))
    model = msgpack.unpackb(sections(data)[0][1])["m"]
    for changes, error in [
        ({"s": [1 << 20, 1 << 20, 3]}, inrcodec.LimitError),
        ({"s": [1 << 14, 1 << 14, 3]}, inrcodec.CorruptError),  # far too few bytes for it
        ({"s": [9, 7, 5]}, inrcodec.CorruptError),
        ({"s": [0, 7, 3]}, inrcodec.CorruptError),
        ({"s": [9.0, 7, 3]}, inrcodec.CorruptError),
        ({"s": [True, 7, 3]}, inrcodec.CorruptError),
        ({"s": None}, inrcodec.CorruptError),
        ({"b": 12}, inrcodec.CorruptError),
        ({"d": b"short"}, inrcodec.CorruptError),
        ({"z": 0}, inrcodec.UnsupportedVersionError),
        ({"m": None}, inrcodec.CorruptError),
        ({"m": 1}, inrcodec.CorruptError),
        ({"m": [1]}, inrcodec.CorruptError),
        ({"m": [[], model[1]]}, inrcodec.CorruptError),
        ({"m": [1, []]}, inrcodec.CorruptError),
        ({"m": [9, model[1]]}, inrcodec.UnsupportedVersionError),
        ({"m": [3, model[1]]}, inrcodec.CorruptError),
        ({"m.z": 0}, inrcodec.UnsupportedVersionError),
        ({"m.f": 3}, inrcodec.UnsupportedVersionError),
        ({"m.o": [0, 0, 1]}, inrcodec.CorruptError),
        ({"m.p": [8, 8, 9]}, inrcodec.CorruptError),
        ({"m.l": [0, 0, 256]}, inrcodec.CorruptError),
        ({"m.e": 9}, inrcodec.CorruptError),
        ({"m.w": [65, 1]}, inrcodec.CorruptError),
        ({"t": []}, inrcodec.CorruptError),
        ({"t": [1]}, inrcodec.CorruptError),
        ({"t": [[1, {}]] * 9}, inrcodec.CorruptError),
        ({"t": [[1, {}]] * 2}, inrcodec.CorruptError),
        ({"t": [[9, {}]]}, inrcodec.UnsupportedVersionError),
        ({"t": [[1, {"z": 0}]]}, inrcodec.UnsupportedVersionError),
        ({"t": [[1, {}]], "b": 16}, inrcodec.CorruptError),
        ({"t": [[2, {}]]}, inrcodec.CorruptError),  # without its section
    ]:
        assert refusal(with_fields(data, changes)) is error, changes
    # samples that would not fit 8 bits
    assert refusal(with_fields(data, {"m.l": [255, 255, 255]})) in (
        inrcodec.CorruptError,
        inrcodec.ChecksumError,
    )
    chain = sections(with_fields(data, {"s": [1 << 14, 1 << 14, 3], "m.w": [64, 64]}))
    work = sealed([*chain[:2], (b"D", bytes(16000))])
    assert refusal(work) is inrcodec.CorruptError
