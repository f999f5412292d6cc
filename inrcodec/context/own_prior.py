"""A prior of one's own: a shipped one, with changes that were learnt from alike images (learn.py).

Files that start from it name it by its digest, and need it to be decoded. format_spec.md, 6.3.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from ..coding.backend import numpy_backend
from ..coding.weights import Tensors, pack_weights, unpack_weights
from ..container.linr import DIGEST_BYTES
from ..errors import (
    ChecksumError,
    CorruptError,
    LimitError,
    NotLinrError,
    PriorNotFoundError,
    TruncatedError,
    UnsupportedVersionError,
)
from ..files.places import Place, opened
from .layout import Networked
from .networks import Network
from .prior import NETWORKS, PRIORS, add, all_networks, numbers_of, shapes_of

SIGNATURE, VERSION = b"\x89LNP\r\n\x1a\n", 1
HEAD, CHECKSUM_BYTES = len(SIGNATURE) + 7, 4  # version, base, rank; 32 bits, one for each network
MAX_BYTES = 1 << 22  # of a file; 27 networks of 64 units have 300,000 numbers
MAX_RANK = 64  # from which on changes are no products of factors
EXTENSION, VARIABLE = ".prior", "INRCODEC_PRIORS"


@dataclass(frozen=True)
class Prior:
    """Networks that were trained on images of one kind, to start from.

    data: the bytes of its file; digest: BLAKE2b-128 of them, 32 hexadecimal digits; base: the
    shipped prior that it changes; networks: those that it changes, as they are then, by number.
    """

    data: bytes = field(repr=False)
    digest: str
    base: int
    networks: dict[int, Tensors] = field(repr=False, compare=False)

    @classmethod
    def read(cls, source: bytes | Place) -> Prior:
        """The prior in a file, or in its bytes. Raises OSError as the file system does, and
        NotLinrError, UnsupportedVersionError, TruncatedError, LimitError, ChecksumError or
        CorruptError for what is none."""
        if not isinstance(source, bytes):
            with opened(source) as file:
                source = file.read(MAX_BYTES + 1)
        digest = digest_of(source)
        if not source.startswith(SIGNATURE):
            raise NotLinrError("not a prior: it does not begin with the signature of one")
        if len(source) > MAX_BYTES:
            raise LimitError(f"a prior has {MAX_BYTES} bytes at most")
        if len(source) < HEAD + CHECKSUM_BYTES:
            raise TruncatedError("the prior ends within its head")
        version, base, rank = source[len(SIGNATURE) :][:3]
        if version != VERSION:
            raise UnsupportedVersionError(f"version {version} of priors needs a newer reader")
        body, checksum = source[:-CHECKSUM_BYTES], source[-CHECKSUM_BYTES:]
        if zlib.crc32(body) != int.from_bytes(checksum, "little"):
            raise ChecksumError("the checksum of the prior does not match")
        if base not in PRIORS:
            raise UnsupportedVersionError(f"a prior that changes prior {base} needs a newer reader")
        mask = int.from_bytes(source[HEAD - 4 : HEAD], "little")
        if not 1 <= rank <= MAX_RANK or not mask or mask >> NETWORKS:
            raise CorruptError("the prior states no rank or networks that there are")
        numbers = [n for n in range(NETWORKS) if mask >> n & 1]
        shapes, networks = shapes_of(base), {}
        sizes = [shapes[n].changes(rank) for n in numbers]
        changes = unpack_weights("int", sizes, body[HEAD:])
        for number, changed in zip(numbers, changes, strict=True):
            networks[number] = add(all_networks(base)[number], changed)
            Network(shapes[number], networks[number], numpy_backend())  # it must run
        return cls(source, digest, base, networks)

    @classmethod
    def of(cls, base: int, rank: int, changes: dict[int, Tensors]) -> Prior:
        """The shipped prior `base` with changes of a rank to some of its networks, by number."""
        mask = sum(1 << number for number in changes)
        head = SIGNATURE + bytes([VERSION, base, rank]) + mask.to_bytes(4, "little")
        body = head + pack_weights("int", [changes[number] for number in sorted(changes)])
        return cls.read(body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little"))

    def covers(self, of: Networked) -> bool:
        """Whether all networks were trained, and none is the shipped one."""
        return self.networks.keys() >= set(numbers_of(of))

    def networks_of(self, of: Networked) -> list[Tensors]:
        """As prior.prior_networks."""
        shipped = all_networks(self.base)
        return [self.networks.get(number, shipped[number]) for number in numbers_of(of)]

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return Prior.read, (self.data,)


def digest_of(data: bytes) -> str:
    """What a prior is named by."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def find_prior(digest: str, priors: Sequence[Prior] = ()) -> Prior:
    """The prior of a digest among some and those of the files and folders (of *.prior) that the
    variable INRCODEC_PRIORS names. Raises PriorNotFoundError, or as Prior.read."""
    for prior in priors:
        if prior.digest == digest:
            return prior
    for path in _known():
        with suppress(OSError):  # what cannot be read is not that one
            status = path.stat()
            if not S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                continue  # a pipe would keep one waiting
            if _digest(path, status.st_size, status.st_mtime_ns) == digest:
                return _read(path.read_bytes())
    raise PriorNotFoundError(digest)


def _known() -> Iterator[Path]:
    """The files that the variable names."""
    for name in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        with suppress(OSError):
            path = Path(name)
            yield from sorted(path.glob(f"*{EXTENSION}")) if path.is_dir() else [path]


@lru_cache(maxsize=1 << 12)
def _digest(path: Path, size: int, changed: int) -> str:
    """That of a file as it is, of which size and time tell."""
    return digest_of(path.read_bytes())


@lru_cache(maxsize=8)
def _read(data: bytes) -> Prior:
    return Prior.read(data)
