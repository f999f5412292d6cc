"""Files that are changed, for the tests of the second decoder."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
from second_container import Sections, read_sections

SIGNATURE = b"\x89LNR\r\n\x1a\n"

Change = Callable[[bytes], bytes]
Parts = list[tuple[str, bytes]]


def examples() -> list[bytes]:  # 9
    text = (Path(__file__).parents[1] / "format_spec.md").read_text().split("## 9. Worked")[1]
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    lines = re.compile(r"^((?:[0-9a-f]{2} ?)+)(?:   |$)", re.MULTILINE)
    return [bytes.fromhex("".join(lines.findall(block))) for block in blocks]


def leb128(n: int) -> bytes:
    low = b""
    while n > 127:
        low, n = low + bytes([n % 128 + 128]), n >> 7
    return low + bytes([n])


def file_of(parts: Parts, version: bytes = b"\2\0") -> bytes:
    data = SIGNATURE + version
    for tag, payload in parts:
        crc = zlib.crc32(tag.encode() + payload).to_bytes(4, "little")
        data += tag.encode() + leb128(len(payload)) + payload + crc
    return data


def parts_of(data: bytes) -> Parts:
    """The sections, data last."""
    return parts(read_sections(data))


def parts(sections: Sections) -> Parts:
    flat = [(tag, payload) for tag, payloads in sections.items() for payload in payloads]
    return sorted(flat, key=lambda part: part[0] == "D")


def with_sections(**payloads: bytes | list[bytes] | None) -> Change:
    """With these sections, without those that are None."""

    def change(data: bytes) -> bytes:
        new = {tag: [v] if isinstance(v, bytes) else v or [] for tag, v in payloads.items()}
        return file_of(parts(read_sections(data) | new))

    return change


def with_header(**keys: Any) -> Change:
    """With these keys in the header, without those that are None."""

    def change(data: bytes) -> bytes:
        header = msgpack.unpackb(read_sections(data)["H"][0]) | keys
        kept = {key: value for key, value in header.items() if value is not None}
        return with_sections(H=msgpack.packb(kept))(data)

    return change


def with_fields(**keys: Any) -> Change:
    """With these keys among the model's fields, without those that are None."""

    def change(data: bytes) -> bytes:
        number, fields = msgpack.unpackb(read_sections(data)["H"][0])["m"]
        kept = {key: value for key, value in (fields | keys).items() if value is not None}
        return with_header(m=[number, kept])(data)

    return change


def with_pixel(**keys: Any) -> Change:
    return with_sections(P=msgpack.packb(keys))


def with_more(tag: str, payload: bytes | None = None) -> Change:
    """With one more section at the end, the one that is there if no payload is given."""

    def change(data: bytes) -> bytes:
        more = read_sections(data)[tag][0] if payload is None else payload
        return file_of([*parts_of(data), (tag, more)])

    return change


def with_end(tag: str, end: bytes) -> Change:
    """With these bytes behind those of the section, which has to be there once."""

    def change(data: bytes) -> bytes:
        (payload,) = read_sections(data)[tag]
        return with_sections(**{tag: payload + end})(data)

    return change


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()
