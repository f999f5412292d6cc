"""All of a .linr file but its samples, for the second decoder: from format_spec.md alone.

That is sections 1, 2 and 16 with what sections 13 and 14 have a reader refuse of them.
"""

from __future__ import annotations

import re
import zlib
from math import prod
from typing import Any

import msgpack
import numpy as np

Array = np.ndarray
Header = dict[str, Any]
Sections = dict[str, bytes]

HEAD = re.compile(rb"([A-Za-z])([\x80-\xff]{0,7}[\0-\x7f])")  # tag and length
PRIORS = {  # trunk width and BLAKE2b-128
    1: (32, "30186a5e9546098a35b855283f0d2ea5"),
    2: (32, "3b38c248521bef776b59e11d1af78803"),
    3: (64, "5cfda6a1a775209cced950d09c31ca47"),
}
OWN_CHUNKS = ["PLTE", "tRNS", "IDAT"]
TIFF_SIZES = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8]  # of field types 1 to 12, in bytes


def read_sections(data: bytes) -> Sections:  # 1
    """The sections of this version; those that may be skipped are left out."""
    assert data[:9] == b"\x89LNR\r\n\x1a\n\1", "signature and major version"
    assert len(data) > 9, "minor version"  # any will do
    sections, at, count = {}, 10, 0
    while at < len(data):
        head = HEAD.match(data, at)
        assert head, "a section's tag and length"
        start, at = head.end(), head.end() + sum((n & 127) << 7 * i for i, n in enumerate(head[2]))
        crc = zlib.crc32(head[1] + data[start:at]).to_bytes(4, "little")
        assert crc == data[at : at + 4], "CRC"
        tag, payload, at, count = head[1].decode(), data[start:at], at + 4, count + 1
        assert tag in "HWDXVAPCm" or tag.islower(), f"unknown section {tag}"
        assert tag not in sections, f"section {tag} twice"
        sections |= {tag: payload} if tag in "HWDXVAPCm" else {}
    assert count <= 64, "number of sections"
    return sections


def inflate(stream: bytes, most: int) -> bytes:
    """Of one raw deflate stream and nothing more, most bytes at most."""
    inflater = zlib.decompressobj(-15)
    data = inflater.decompress(stream, most + 1)
    assert (inflater.eof, inflater.unused_data) == (True, b""), "deflate stream"
    assert len(data) <= most, "length of what is deflated"
    return data


def check_numbers(values: Any, count: int, low: int, high: int) -> None:
    assert (type(values), len(values)) == (list, count), "a list"
    assert all(type(v) is int and low <= v <= high for v in values), "a number"


def check_keys(names: Any, always: str, optional: str, what: str) -> None:
    assert set(always) <= set(names) <= set(always + optional), what


def read_map(payload: bytes) -> Header:
    pairs = msgpack.unpackb(payload, object_pairs_hook=list)
    fields = dict(pairs)
    assert len(fields) == len(pairs), "a key twice"
    return fields


def read_header(sections: Sections) -> tuple[Header, Header]:  # 2
    """The header, and what it would be if what is coded were the image itself (16.2)."""
    assert len(sections["H"]) <= 1024, "length of the header"
    header = read_map(sections["H"])
    check_numbers([header["m"]], 1, 0, 2)
    check_numbers([header["b"]], 1, 8, 16)
    m, q, k, c = (header.get(key) for key in "mqkc")
    weights = "W" * (q is None)
    keys = "olpef" + ("w" if q is None else "r" if q in (2, 3) and "W" in sections else "")
    always, optional, tags, optional_tags = {
        0: ("", "", "", "C"),
        1: (keys, "qc", weights, "W" + ("X" if c else "C" if "C" in sections else "V")),
        2: ("kawgnft" + "v" * (k == 2), "", "W", "A" * (k == 0)),
    }[m]
    check_keys(header, "sbmd" + always, optional, "header keys")
    check_keys(sections, "HD" + tags, "Pm" + optional_tags, "sections")
    check_numbers(header["s"], 3, 1, 2**28)
    assert prod(header["s"][:2]) <= 2**28, "pixels"
    assert header["s"][2] <= 4, "channels"
    assert header["b"] in (8, 16), "bits"
    assert (type(header["d"]), len(header["d"])) == (bytes, 16), "digest"
    coded = header | ({"s": header["s"][:2] + [1], "b": 8} if "C" in sections else {})
    if m == 1:
        check_context_header(coded)
        widths = {"w": [PRIORS[coded["q"]][0], 16]} if "q" in coded else {}
        coded = {"q": 0, "r": 0, "c": 0} | widths | coded
    return header, coded


def check_context_header(header: Header) -> None:
    channels, b = header["s"][2], header["b"]
    check_numbers(header["o"], channels, 0, channels - 1)
    assert len(set(header["o"])) == channels, "a permutation"
    assert channels % 2 or header["o"][-1] == channels - 1, "alpha comes last"
    check_numbers(header["l"], channels, 0, 2**b - 1)
    check_numbers(header["p"], channels, 0, b)
    check_numbers([header["e"]], 1, 0, 8)
    check_numbers([header["f"]], 1, 0, 0 if "q" in header else 2)
    check_numbers(header.get("w", [1, 1]), 2, 1, 64)
    check_numbers([header.get("q", 1)], 1, 1, len(PRIORS))
    check_numbers([header.get("c", 1)], 1, 1, 2)
    check_numbers([header.get("r", 1)], 1, 1, 32)
    assert "c" not in header or (header["c"] == 1 and b == 8 and channels > 2), "conversion"


def read_pixel_type(sections: Sections, header: Header) -> Header:  # 16.1
    if "P" not in sections:
        return {}
    assert len(sections["P"]) <= 2048, "length of the pixel type"
    pixel, channels, b = read_map(sections["P"]), header["s"][2], header["b"]
    assert pixel, "no keys"
    check_keys(pixel, "", "dca" if "c" in pixel else "dk", "keys of the pixel type")
    assert (channels, b) == (1, 8) or set(pixel) == {"k"}, "depth or palette"
    check_numbers([pixel.get("d", 1)], 1, 1, 4)
    assert pixel.get("d") != 3, "depth"
    if "c" in pixel:
        palette, alpha = pixel["c"], pixel.get("a", b"\0")
        assert (type(palette), type(alpha)) == (bytes, bytes), "palette"
        assert len(palette) in range(3, 769, 3), "palette"
        assert 1 <= len(alpha) <= len(palette) // 3, "alpha"
    if "k" in pixel:
        assert channels in (1, 3), "transparent colour"
        check_numbers(pixel["k"], channels, 0, 65535)
    return pixel


def check_samples(samples: Array, pixel: Header) -> None:
    assert "d" not in pixel or samples.max() < 2 ** pixel["d"], "sample beyond the depth"
    assert "c" not in pixel or samples.max() < len(pixel["c"]) // 3, "sample beyond the palette"


def show(samples: Array, pixel: Header) -> Array:
    """The picture: a palette's colours, grey of 8 bits, with alpha where there is any."""
    if "c" in pixel:
        colours = np.frombuffer(pixel["c"], np.uint8).reshape(-1, 3)
        if "a" in pixel:
            alpha = np.frombuffer(pixel["a"].ljust(len(colours), b"\xff"), np.uint8)
            colours = np.hstack([colours, alpha[:, None]])
        return colours[samples[..., 0]]
    b = 8 * samples.dtype.itemsize
    shown = samples * (255 // (2 ** pixel["d"] - 1)) if "d" in pixel else samples
    if "k" in pixel:
        key = [v % 2 ** pixel.get("d", b) for v in pixel["k"]]
        alpha = (samples != key).any(axis=-1, keepdims=True) * (2**b - 1)
        shown = np.concatenate([shown, alpha], axis=-1)
    return shown.astype(samples.dtype)


def read_colours(sections: Sections, header: Header) -> Array | None:  # 16.2
    """The table, (colours, channels)."""
    if "C" not in sections:
        return None
    channels, size = header["s"][2], header["b"] // 8
    data = inflate(sections["C"], 256 * channels * size)
    assert data, "no colours"
    return np.frombuffer(data, f"<u{size}").reshape(channels, -1).T


def read_metadata(data: bytes) -> tuple[str, list] | None:  # 16.3
    """Kind and entries, for which nothing of the picture is decoded."""
    sections = read_sections(data)
    if "m" not in sections or sections["m"][0] > 1:
        return None
    packing, packed = sections["m"][0], sections["m"][1:]
    kind, entries = msgpack.unpackb(inflate(packed, 2**26) if packing else packed)
    if kind not in ("png", "tiff"):
        return None
    assert type(entries) is list, "entries"
    assert 1 <= len(entries) <= 65536, "number of entries"
    if kind == "png":
        for name, body in entries:
            assert re.fullmatch("[a-z][A-Za-z]{3}|PLTE|IDAT", name), "name"
            assert name not in ("acTL", "fcTL", "fdAT"), "chunk of an animation"
            if body is None:
                assert name in OWN_CHUNKS, "body"
            else:
                assert (type(body), name in OWN_CHUNKS[1:]) == (bytes, False), "body"
        pixel = read_pixel_type(sections, read_header(sections)[0])
        has = ["c" in pixel, "a" in pixel or "k" in pixel, True]
        own = [name for name, there in zip(OWN_CHUNKS, has, strict=True) if there]
        marks = [name for name, body in entries if body is None]
        assert entries[-1][1] is not None, "a mark at the end"
        assert marks == own[: len(marks)], "own chunks"
        suggested = [name for name, body in entries if name == "PLTE" and body is not None]
        assert len(suggested) <= 1 - ("c" in pixel), "suggested palette"
    else:
        tags = [tag for tag, _, _ in entries]
        check_numbers(tags, len(tags), 0, 65535)
        assert tags == sorted(set(tags)), "tags ascend"
        check_numbers([field for _, field, _ in entries], len(tags), 1, 12)
        for _, field, values in entries:
            assert (type(values), len(values) % TIFF_SIZES[field - 1]) == (bytes, 0), "values"
            assert values, "no values"
    return kind, entries
