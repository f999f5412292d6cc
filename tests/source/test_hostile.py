"""Source files that nobody encoded: each is refused by a LinrError, soon, and in little memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from importlib import resources
from typing import Any

import msgpack
import numpy as np
import pytest

import inrcodec
from inrcodec.encode import source_picture
from inrcodec.source.restore import restore
from inrcodec.source.skeleton import Skeleton, pack_skeleton
from inrcodec.source.sparse import Sparse
from tests.container.test_damage import sealed, sections
from tests.files.test_images import header, png
from tests.files.test_tiff import GREY, PIXELS, tiff
from tests.fuzz.mutate import EDGES, STRANGERS

DICTIONARY = resources.files("inrcodec.source").joinpath("dictionary.bin").read_bytes()
PACKED = zlib.compress(PIXELS.tobytes())
TILES = {key: value for key, value in GREY.items() if key not in (273, 278, 279)}
FILES = {
    "png": png(header(3, 2, 8, 0), b"\0\1\2\3\0\4\5\6"),
    "tiff": tiff({**GREY, 259: 8, 279: len(PACKED)}, PACKED),
    "tiles": tiff({**TILES, 322: 16, 323: 16, 324: 8, 325: 256}, bytes(range(256))),
    "plain": b"P2 3 2 255 1 2 3 4 5 6",
}
MOST = 1 << 27


def parts(data: bytes) -> tuple[bytes, list[Any]]:
    """The .linr file of an image file, and what its source file's section says."""
    packed = inrcodec.encode(source_picture(data, "it"), model="stored")
    section = dict(sections(packed))[b"s"]
    primed = zlib.decompressobj(-15, zdict=DICTIONARY if section[0] == 2 else b"")
    raw = primed.decompress(section[1:]) if section[0] else section[1:]
    return packed, msgpack.unpackb(raw)


def with_source(packed: bytes, section: bytes) -> bytes:
    """The file with another section of its source file."""
    return sealed([(t, section if t == b"s" else payload) for t, payload in sections(packed)])


def refused(data: bytes) -> bool:
    """Whether a .linr file, or putting its source file together, is refused; in little memory."""
    tracemalloc.start()
    try:
        picture = inrcodec.decode_picture(data, threads=1)
        assert picture.source is None or restore(picture)
    except inrcodec.LinrError:
        return True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST
    return False


def changes(value: Any) -> list[Any]:
    """What may stand in place of a value."""
    found = [other for other in [*EDGES, *STRANGERS, [[0]] * 3, [[1, 2], [3]]] if other != value]
    if isinstance(value, list):
        for number, own in enumerate(value):
            found += [[*value[:number], other, *value[number + 1 :]] for other in changes(own)]
        found += [value[:-1], [*value, 0], value * 2]
    if isinstance(value, bytes):
        found += [value[:-1], value + b"\0"]
    return found


@pytest.mark.parametrize("kind", FILES)
def test_recipes_of_other_values(kind: str) -> None:
    packed, given = parts(FILES[kind])
    assert not refused(packed)
    recipe = given[4]
    assert recipe
    tried = said = 0
    for key in recipe:
        for value in changes(recipe[key]):
            other = [*given[:4], {**recipe, key: value}, given[5]]
            try:
                section = b"\0" + msgpack.packb(other)
            except OverflowError:
                continue
            tried += 1
            said += refused(with_source(packed, section))
    # other numbers can give the same file, as another window of deflate does
    assert tried > said > 0.9 * tried if "v" in recipe else tried == said > 0


@pytest.mark.parametrize("kind", FILES)
def test_sections_of_other_values(kind: str) -> None:
    packed, given = parts(FILES[kind])
    for number in (0, 1, 2, 3, 5):
        for value in changes(given[number]):
            other = [*given[:number], value, *given[number + 1 :]]
            unknown = number == 0 and type(value) is str  # which is skipped
            try:
                section = b"\0" + msgpack.packb(other)
            except OverflowError:
                continue
            assert refused(with_source(packed, section)) or unknown


def one_pixel(data: bytes, holes: list[tuple[int, int]], **recipe: Any) -> bytes:
    """The .linr of a picture of a pixel whose source file is said to be other data, with holes."""
    packed = inrcodec.encode(source_picture(b"P5 1 1 255 a", "it"), model="stored")
    kind = "png" if data.startswith(b"\x89") else "tiff"
    skeleton = Skeleton(kind, bytes(16), Sparse.of(data, holes), recipe)
    return with_source(packed, pack_skeleton(skeleton))


def test_tiles_that_are_much_larger_than_the_picture() -> None:
    size = {**TILES, 256: 1, 257: 1, 322: 1 << 14, 323: 1 << 14, 324: 8, 325: 6, 259: 8}
    assert refused(one_pixel(tiff(size, bytes(6)), [(8, 6)], v=[1, 0x789C, 6]))


def test_a_directory_of_another_size() -> None:
    for changed in ({256: 1 << 20, 257: 1 << 20}, {256: 1, 257: 2}, {259: 7}, {273: 9}, {262: 3}):
        tags = {**GREY, 256: 1, 257: 1, 279: 1, **changed}
        assert refused(one_pixel(tiff(tags, bytes(1)), [(8, 1)]))


def test_fields_that_share_their_values() -> None:
    """Each would be a copy of 4 MB."""
    many, place = 400, 8 + 2 + 12 * 400 + 4
    fields = [struct.pack(">HHII", 40000 + n, 1, 1 << 22, place) for n in range(many)]
    data = b"MM\0*\0\0\0\x08" + struct.pack(">H", many) + b"".join(fields) + bytes(4)
    assert refused(one_pixel(data + bytes(1 << 22), [(len(data), 1)]))


def test_chunks_of_many_bytes() -> None:
    data, stream = FILES["png"], [0, 0x789C, 6, 15, 8, 0, 4096]
    packed, given = parts(data)
    for sizes in ([[1 << 62, 1 << 62]], [[0, 1 << 62]], [[1, 1 << 30]], [[1 << 31, 1]], []):
        other = [*given[:4], {"v": stream, "f": 0, "c": sizes}, given[5]]
        assert refused(with_source(packed, b"\0" + msgpack.packb(other)))


def test_lists_of_lists_and_many_holes() -> None:
    packed, given = parts(FILES["png"])
    nested = b"\xdd" + struct.pack(">I", 1 << 20) + b"\x90" * (1 << 20)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = b"\x96" + b"".join(msgpack.packb(part) for part in given[:3])
    for body in (
        nested, b"\xdd\xff\xff\xff\xff", b"\xdd" + struct.pack(">I", 1 << 20) + b"\1" * (1 << 20),
        msgpack.packb(given[3]) + b"\x81\xa1c" + nested,
        msgpack.packb(given[3]) + b"\x81\xa1v" + nested,
    ):  # fmt: skip
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        section = squeeze.compress(head + body) + squeeze.flush()
        assert refused(with_source(packed, b"\1" + section))


def test_a_png_of_chunks_without_number() -> None:
    chunks = (struct.pack(">I", 0) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))) * 70_000
    data = png(header(1, 1, 8, 0), b"\0a")
    at = data.index(b"IDAT") - 4
    size = struct.unpack_from(">I", data, at)[0] + 12
    other = one_pixel(data[: at + size] + chunks + data[at + size :], [(at, size)], v=[0], c=[])
    assert refused(other)


def test_a_file_read_through_its_holes() -> None:
    data = bytes(range(1, 101))
    holes = [(0, 3), (10, 5), (15, 1), (40, 20), (99, 1)]
    sparse = Sparse.of(data, holes)
    seen = np.frombuffer(data, np.uint8).copy()
    for start, length in holes:
        seen[start : start + length] = 0
    for start in range(102):
        for size in (0, 1, 2, 7, 50, 200):
            assert sparse.read(start, size) == seen[start : start + size].tobytes()
