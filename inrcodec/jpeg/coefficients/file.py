"""What of a file is the coefficients' model: levels and networks in the header, its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ...coding.backend import Backend
from ...coding.rangecoder import Decoder, Encoder, integer_model
from ...coding.weights import unpack_weights
from ...container.fields import Fields
from ...container.linr import DATA, Section, Sections
from ...context.file import WEIGHTS, ContextImage
from ...context.networks import Network
from ...context.prior import add
from ...context.scans import unpack_streams
from ...errors import CorruptError, UnsupportedVersionError
from ...history.planes import DCT, Geometry, Planes
from ...limits import Limits, check_bits
from ...options import Reading
from .direct import direct_geometry, direct_parts
from .frequencies import MAX_LEVEL
from .layout import Component, lay_out
from .prior import PRIORS, network_shape, prior_networks
from .traversal import traverse, used_networks

COEFFICIENTS, CHANGES = b"Q", b"U"
MAX_RANK, MAX_STREAMS = 8, 16


@dataclass(frozen=True)
class CoefficientImage:
    """The coefficients of a picture as their model codes them.

    geometry: of coefficients; levels: (64,) of each component (frequencies.py); direct: the DC
    coefficients; prior, rank, changes: the networks are a prior with changes of a rank, if any;
    scans: the payload of each component, of its bands of rows.
    """

    geometry: Geometry
    levels: tuple[tuple[int, ...], ...]
    direct: ContextImage
    prior: int
    rank: int
    changes: bytes
    scans: tuple[bytes, ...]

    number: ClassVar[int] = 3
    name: ClassVar[str] = "jpeg"
    tags: ClassVar[frozenset[bytes]] = frozenset({COEFFICIENTS, CHANGES, WEIGHTS, DATA})
    digests: ClassVar[tuple[bytes, ...]] = ()

    @property
    def weights(self) -> bytes:
        """All changes to networks."""
        return self.direct.weights + self.changes

    @property
    def data(self) -> bytes:
        """All data sections."""
        return self.direct.data + b"".join(self.scans)

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The levels, the prior and the fields of the DC coefficients' model; its sections, the
        changes, and the data of each component."""
        inner, sections = self.direct.pack()
        encoder, model = Encoder(), integer_model()
        for levels in self.levels:
            encoder.encode_integers(np.diff(np.array(levels), prepend=0), model)
        fields: dict[str, Any] = {"l": encoder.finish(), "q": self.prior, "d": inner}
        own = [Section(COEFFICIENTS, scan) for scan in self.scans]
        if self.changes:
            fields["r"] = self.rank
            own.insert(0, Section(CHANGES, self.changes))
        return fields, [*own, *sections]

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> CoefficientImage:
        """Undoes pack."""
        if geometry.kind != DCT:
            raise CorruptError("coefficients of a picture without a step to them")
        coefficients = sum(64 * own.rows * own.cols for own in geometry.blocks)
        limits.check("pixels", coefficients // 4, f"a quarter of {coefficients} coefficients")
        prior = fields.integer("q", 1, 255)
        if prior not in PRIORS:
            raise UnsupportedVersionError(f"prior {prior} of coefficients needs a newer reader")
        inner = fields.take("d")
        if not isinstance(inner, dict) or not all(type(key) is str for key in inner):
            raise CorruptError("the DC coefficients have no fields")
        inner_fields = Fields(inner, "DC coefficients")
        direct = ContextImage.unpack(
            inner_fields, sections, direct_geometry(geometry.blocks), limits
        )
        inner_fields.end()
        if direct.shared is not None:
            raise CorruptError("shared networks of the DC coefficients")
        changes = sections.optional(CHANGES)
        if changes == b"":
            raise CorruptError("changes to networks that are none")
        rank = 0 if changes is None else fields.integer("r", 1, MAX_RANK)
        scans = sections.all(COEFFICIENTS)
        if len(scans) != len(geometry.blocks):
            raise CorruptError(f"{len(scans)} components of {len(geometry.blocks)}")
        levels = _levels(fields.take("l"), len(scans))
        return cls(geometry, levels, direct, prior, rank, changes or b"", tuple(scans))

    def components(self) -> list[Component]:
        """How they are laid out."""
        blocks = self.geometry.blocks
        levels = [np.array(own) for own in self.levels]
        return lay_out(
            [(own.rows, own.cols) for own in blocks], [own.table() for own in blocks], levels
        )

    def decode(self, reading: Reading) -> Planes:
        """The coefficients."""
        components = self.components()
        self._check_work(components, reading.limits)
        alone = replace(reading, observe=None)  # observers know samples of the picture
        direct = direct_parts(self.geometry.blocks, self.direct.decode(alone))
        networks = read_networks(components, self.prior, self.rank, self.changes, reading.backend)
        streams = [unpack_streams(scan) for scan in self.scans]
        if max(map(len, streams)) > MAX_STREAMS:
            raise CorruptError("a component of more bands than there are")
        with reading.workers() as workers:
            found = traverse(workers, components, direct, networks, streams)
        return Planes(self.geometry, tuple(found))

    def _check_work(self, components: Sequence[Component], limits: Limits) -> None:
        """Refuses what asks for more time than its size can account for, or than is allowed."""
        work = 0
        for c, scan in zip(components, self.scans, strict=True):
            coded = len(c.frequencies) * c.rows * c.cols
            check_bits(coded, len(scan))
            weights = [network_shape(n).weights() for n in used_networks([c])]
            work += coded * max(weights, default=0)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")


def read_networks(
    components: Sequence[Component], prior: int, rank: int, changes: bytes, backend: Backend
) -> dict[int, Network]:
    """The networks that components need, by their numbers: of a prior, and changes to them."""
    numbers = used_networks(components)
    tensors = [prior_networks(prior)[number] for number in numbers]
    shapes = [network_shape(number) for number in numbers]
    if changes:
        found = unpack_weights("int", [shape.changes(rank) for shape in shapes], changes)
        tensors = [add(*pair) for pair in zip(tensors, found, strict=True)]
    return {n: Network(s, t, backend) for n, s, t in zip(numbers, shapes, tensors, strict=True)}


def _levels(packed: Any, count: int) -> tuple[tuple[int, ...], ...]:
    if not isinstance(packed, bytes):
        raise CorruptError("the levels of coefficients are missing")
    decoder, model, found = Decoder(packed), integer_model(), []
    for _ in range(count):
        own = np.cumsum(decoder.decode_integers(64, model))
        if own[0] or own.min() < 0 or own.max() > MAX_LEVEL:
            raise CorruptError("a level of coefficients that there is not")
        found.append(tuple(own.tolist()))
    return tuple(found)
