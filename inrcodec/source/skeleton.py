"""What a .linr keeps of a source file besides its pixels, so that the same file comes back."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import msgpack

from ..errors import CorruptError, LimitError
from ..files.metadata import inflated, read_scalar
from ..files.packing import Packing
from ..files.tiff_directory import Bytes
from .sparse import Sparse

PNG, TIFF, PNM, JPEG = KINDS = ("png", "tiff", "pnm", "jpeg")
DIGEST_BYTES = 16
_RAW, _DEFLATE, _PRIMED = b"\0", b"\1", b"\2"
_DICTIONARY_DIGEST = "3a4c9b96f9e07fe43c5470b1d331b9c0"
# A file may have so many bytes of pixel data for each of the picture's own, and so many more.
MOST_TIMES, MOST_MORE = 16, 1 << 24
MAX_HOLES = 1 << 20
_AT_ONCE = 1 << 20
OTHERS = 1000  # holes that are of no samples: a palette, its alpha, scans of a small JPEG
# What is in a recipe, by its key: one of these types, lists being of numbers or pairs of them.
_RECIPES: dict[str, dict[str, tuple[type, ...]]] = {
    PNG: {"v": (list,), "f": (int, bytes), "c": (list,), "z": (bytes,), "b": (bytes,)},
    TIFF: {
        "v": (list,), "a": (list,), "w": (bytes,), "p": (int, bytes), "e": (bytes,),
        "b": (bytes,), "i": (list,),
    },
    PNM: {"e": (bytes,), "b": (bytes,)},
    JPEG: {"e": (int,), "n": (list,), "p": (int, bytes), "r": (bytes,), "z": (bytes,)},
}  # fmt: skip
_NEEDED = {PNG: {"v", "c"}, TIFF: set[str](), PNM: set[str](), JPEG: set[str]()}
MAX_NUMBERS, MAX_PAIRS = 1 << 13, 1 << 16  # of a list in a recipe


Pack = Callable[[Packing, bytes], bytes]  # what bytes become, packed


class Found(NamedTuple):
    """A file taken apart: without its pixel data, the recipe for these, and what is known of them,
    packed."""

    sparse: Sparse
    recipe: dict[str, Any]
    pack: Pack = Packing.pack


@dataclass(frozen=True)
class Skeleton:
    """kind: of file, one of KINDS; digest: BLAKE2b-128 of it; sparse: its bytes but for those of
    pixels; recipe: how these are packed, in numbers (and bytes) of the kind's own; verified: the
    digest of the samples, and the type, of which the file was put together and compared, if it was.
    """

    kind: str
    digest: bytes
    sparse: Sparse = field(repr=False)
    recipe: dict[str, Any]
    verified: Any = field(default=None, compare=False)

    def fits(self, samples: int) -> bool:
        """Whether a picture of so many bytes of samples may have it."""
        holes = self.sparse.holes
        pixels = sum(length for _, length in holes)
        return len(holes) <= min(MAX_HOLES, samples + OTHERS) and pixels <= most_bytes(samples)


def most_bytes(samples: int) -> int:
    """How many bytes of pixel data, packed or not, a file may have for so many of samples."""
    return MOST_TIMES * samples + MOST_MORE


def digest_of(data: bytes) -> bytes:
    """BLAKE2b-128 of a file."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def digest_of_file(file: Bytes) -> bytes:
    """The same of a file that need not be in memory."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for start in range(0, len(file), _AT_ONCE):
        digest.update(file.read(start, _AT_ONCE))
    return digest.digest()


def pack_skeleton(skeleton: Skeleton) -> bytes:
    """A byte for how the rest is packed, then a MessagePack list."""
    sparse, at, holes = skeleton.sparse, 0, list[int]()
    for start, length in sparse.holes:
        holes += [start - at, length]
        at = start + length
    raw = msgpack.packb(
        [skeleton.kind, skeleton.digest, sparse.size, holes, skeleton.recipe, sparse.literals]
    )
    ways = [_RAW + raw]
    for method, dictionary in ((_DEFLATE, b""), (_PRIMED, _dictionary())):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=dictionary)
        ways.append(method + squeeze.compress(raw) + squeeze.flush())
    return min(ways, key=len)


@cache
def _dictionary() -> bytes:
    """What many skeletons have in common, for deflate to refer to. It never changes."""
    data = resources.files(__package__).joinpath("dictionary.bin").read_bytes()
    if digest_of(data).hex() != _DICTIONARY_DIGEST:
        raise CorruptError(
            "dictionary.bin of this installation is not the one that files depend on"
        )
    return data


def unpack_skeleton(payload: bytes, samples: int, limit: int) -> Skeleton | None:
    """Undoes pack_skeleton; None for a kind or packing that this reader does not know. samples:
    bytes of the picture's; limit: of the literals and all else, LimitError beyond. Raises
    CorruptError where damaged."""
    method, raw = payload[:1], payload[1:]
    if method in (_DEFLATE, _PRIMED):
        window = _dictionary() if method == _PRIMED else b""
        raw = inflated(raw, limit, "the source file's bytes", window)
    elif not method:
        raise CorruptError("an empty section of a source file")
    elif method != _RAW:
        return None
    if len(raw) > limit:
        raise LimitError(f"more than {limit} bytes of a source file (limit: metadata)")
    reader = msgpack.Unpacker(max_array_len=2 * MAX_HOLES, max_buffer_size=max(1, len(raw)))
    reader.feed(raw)
    try:
        return _read(reader, raw, samples)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise CorruptError("the source file's bytes are not MessagePack") from error


def _read(reader: msgpack.Unpacker, raw: bytes, samples: int) -> Skeleton | None:
    """Part by part, as millions of lists would fit into few bytes."""
    if reader.read_array_header() != 6:
        raise CorruptError("the source file's bytes are not a list of six parts")
    kind, digest, size = (read_scalar(reader, raw) for _ in range(3))
    if type(kind) is not str or type(digest) is not bytes or type(size) is not int:
        raise CorruptError("the source file's kind, digest or size is of another type")
    if kind not in KINDS:
        return None
    if len(digest) != DIGEST_BYTES or not 0 <= size < 1 << 62:
        raise CorruptError("the digest or size of the source file is none")
    numbers = _numbers(reader, raw, 2 * min(MAX_HOLES, samples + OTHERS))
    if len(numbers) % 2 or not all(n <= size for n in numbers):
        raise CorruptError("the holes of a source file are no pairs of numbers")
    holes, at = list[tuple[int, int]](), 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        holes.append((at + gap, length))
        at += gap + length
    recipe, known = dict[str, Any](), _RECIPES[kind]
    for _ in range(reader.read_map_header()):
        key = read_scalar(reader, raw)
        if key not in known:
            return None
        if key in recipe:
            raise CorruptError(f"a recipe of the source file has {key!r} twice")
        recipe[key] = _ingredient(reader, raw, known[key], key)
    if not recipe.keys() >= _NEEDED[kind]:
        raise CorruptError("a recipe of the source file lacks something")
    literals = read_scalar(reader, raw)
    if type(literals) is not bytes or reader.tell() != len(raw):
        raise CorruptError("the source file's bytes do not end with bytes")
    skeleton = Skeleton(kind, digest, Sparse(size, tuple(holes), literals), recipe)
    if not skeleton.fits(samples):
        raise CorruptError("a source file with more pixel data than its picture has")
    return skeleton


def _ingredient(reader: msgpack.Unpacker, raw: bytes, types: tuple[type, ...], key: str) -> Any:
    """A value of a recipe: a number, bytes, or a list of numbers or, as `c`, pairs of them."""
    if key == "c":
        count = reader.read_array_header()
        if count > MAX_PAIRS:
            raise CorruptError("a recipe of the source file with too many pairs")
        pairs = [_numbers(reader, raw, 2) for _ in range(count)]
        if not all(len(pair) == 2 for pair in pairs):
            raise CorruptError("a recipe of the source file with other lists than pairs")
        return pairs
    if list in types:
        return _numbers(reader, raw, MAX_NUMBERS)
    value = read_scalar(reader, raw)
    if type(value) not in types or (type(value) is int and value < 0):
        raise CorruptError(f"{key!r} in a recipe of the source file is of another type")
    return value


def _numbers(reader: msgpack.Unpacker, raw: bytes, most: int) -> list[int]:
    """A list of no more numbers than so many, none below 0."""
    count = reader.read_array_header()
    if count > most:
        raise CorruptError(f"a list of more than {most} numbers for a source file")
    numbers = [read_scalar(reader, raw) for _ in range(count)]
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise CorruptError("a list for a source file with more than numbers")
    return numbers
