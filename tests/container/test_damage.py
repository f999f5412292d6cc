"""No damaged file gives a wrong image, a traceback or a hang: exact pixels or a LinrError."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.container.linr import SIGNATURE, parse
from tests.pictures import jpeg_scene, scene, unfitted_file

IMAGE = scene(9, 7, 3, np.uint8)
STORED = inrcodec.encode(IMAGE, model="stored")
CONTEXT = {form: unfitted_file(IMAGE, form) for form in ("int", "fp16", "ternary")}
JPEG_IMAGE = jpeg_scene(33, 40, 1)
JPEG = unfitted_file(JPEG_IMAGE)
FILES = [STORED, *CONTEXT.values()]
GOLDEN = Path(__file__).parents[1] / "golden"
OTHERS = [
    "coordinate_joint_finer_int_row8", "coordinate_joint_finer_fp16_grey16",
    "coordinate_value_none_grey_alpha8", "coordinate_planes_pe-gelu_ternary_rgb8",
    "palette_stored_indexed2", "key_metadata_context_rgb8", "values_prior2_grey16", "prior3_grey16",
]  # fmt: skip


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


@pytest.mark.parametrize("name", OTHERS)
def test_every_truncation_and_some_flipped_bits_of_golden_files(name: str) -> None:
    data = (GOLDEN / f"{name}.linr").read_bytes()
    want = inrcodec.decode(data)
    assert not any(exact_or_refused(data[:length]) for length in range(len(data)))
    for at in range(len(data)):
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


def sections(data: bytes) -> list[tuple[bytes, bytes]]:
    """Tags and payloads of a small file, whose lengths take at most two bytes."""
    found, at = [], 10
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length >= 0x80:
            length, start = length - 0x80 + (data[at + 2] << 7), at + 3
        found.append((data[at : at + 1], data[start : start + length]))
        at = start + length + 4
    return found


def sealed(chain: list[tuple[bytes, bytes]], version: bytes = b"\1\0") -> bytes:
    """A file of these sections with checksums that hold."""
    out = SIGNATURE + version
    for tag, payload in chain:
        n = len(payload)
        length = bytes([n]) if n < 0x80 else bytes([n & 0x7F | 0x80, n >> 7])
        out += tag + length + payload + zlib.crc32(tag + payload).to_bytes(4, "little")
    return out


@pytest.mark.parametrize("form", ["stored", "int", "fp16", "ternary"])
def test_every_flipped_byte_behind_a_valid_checksum(form: str) -> None:
    image = scene(3, 4, 1, np.uint8)
    stored = form == "stored"
    data = inrcodec.encode(image, model="stored") if stored else unfitted_file(image, form)
    chain = sections(data)
    assert sealed(chain) == data
    for number, (tag, payload) in enumerate(chain):
        for at in range(len(payload)):
            for change in (0x01, 0xFF):
                damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
                resealed = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]])
                exact_or_refused(resealed, image)


def test_a_colour_conversion_and_its_exceptions_in_damaged_files() -> None:
    chain = sections(JPEG)
    assert [tag for tag, _ in chain] == [b"H", b"W", b"D", b"X"]
    assert exact_or_refused(JPEG, JPEG_IMAGE)
    for at in range(len(chain[3][1])):
        changed = bytes(b ^ (0x10 if i == at else 0) for i, b in enumerate(chain[3][1]))
        assert not exact_or_refused(sealed([*chain[:3], (b"X", changed)]), JPEG_IMAGE)
    assert not exact_or_refused(sealed(chain[:3]), JPEG_IMAGE)
    plain = sections(CONTEXT["int"])
    assert refusal(sealed([*plain, chain[3]])) is inrcodec.CorruptError


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
    assert refusal(sealed(chain, b"\2\0")) is inrcodec.UnsupportedVersionError
    assert refusal(sealed([*chain, (b"T", b"")])) is inrcodec.UnsupportedVersionError
    assert refusal(sealed([header, payload])) is inrcodec.CorruptError
    assert refusal(sealed([header, weights])) is inrcodec.CorruptError
    assert refusal(sealed([weights, payload])) is inrcodec.CorruptError
    assert refusal(sealed([*chain, payload])) is inrcodec.CorruptError
    assert refusal(sealed([*chain] + [(b"x", b"")] * 80)) is inrcodec.LimitError
    assert refusal(CONTEXT["int"][:-1] + b"\0\0") is not None
    other_digest = header[1].replace(parse(CONTEXT["int"]).digest, bytes(16))
    assert refusal(sealed([(b"H", other_digest), weights, payload])) is inrcodec.ChecksumError


def test_unknown_optional_sections_and_newer_minor_versions_are_read() -> None:
    chain = sections(CONTEXT["int"])
    newer = sealed([chain[0], (b"x", b"a note"), *chain[1:], (b"x", b"")], b"\1\7")
    assert exact_or_refused(newer)
    assert inrcodec.info(newer, planes=False)["version"] == "1.7"
    assert not exact_or_refused(newer[:-3])


def test_headers_that_ask_for_too_much() -> None:
    """Refused by what they state, before anything of that size is allocated or computed."""
    import msgpack

    chain = sections(CONTEXT["int"])
    fields = msgpack.unpackb(chain[0][1])

    def with_fields(**changes: object) -> bytes:
        header = msgpack.packb({**fields, **changes})
        return sealed([(b"H", header), *chain[1:]])

    assert exact_or_refused(with_fields())
    for changes, error in [
        ({"s": [1 << 20, 1 << 20, 3]}, inrcodec.LimitError),
        ({"s": [1 << 14, 1 << 14, 3]}, inrcodec.CorruptError),  # far too few bytes for it
        ({"s": [9, 7, 5]}, inrcodec.CorruptError),
        ({"s": [0, 7, 3]}, inrcodec.CorruptError),
        ({"s": [9.0, 7, 3]}, inrcodec.CorruptError),
        ({"s": [True, 7, 3]}, inrcodec.CorruptError),
        ({"s": None}, inrcodec.CorruptError),
        ({"b": 12}, inrcodec.CorruptError),
        ({"m": 3}, inrcodec.UnsupportedVersionError),
        ({"f": 3}, inrcodec.UnsupportedVersionError),
        ({"z": 0}, inrcodec.UnsupportedVersionError),
        ({"o": [0, 0, 1]}, inrcodec.CorruptError),
        ({"p": [8, 8, 9]}, inrcodec.CorruptError),
        ({"l": [0, 0, 256]}, inrcodec.CorruptError),
        ({"e": 9}, inrcodec.CorruptError),
        ({"c": 2}, inrcodec.UnsupportedVersionError),
        ({"c": 0}, inrcodec.CorruptError),
        ({"c": 1, "b": 16}, inrcodec.CorruptError),
        ({"w": [65, 1]}, inrcodec.CorruptError),
        ({"d": b"short"}, inrcodec.CorruptError),
    ]:
        assert refusal(with_fields(**changes)) is error, changes
    # samples that would not fit 8 bits
    assert refusal(with_fields(l=[255, 255, 255])) in (
        inrcodec.CorruptError,
        inrcodec.ChecksumError,
    )
    large = msgpack.packb({**fields, "s": [1 << 14, 1 << 14, 3], "w": [64, 64]})
    work = sealed([(b"H", large), chain[1], (b"D", bytes(16000))])
    assert refusal(work) is inrcodec.CorruptError
