"""What of a file is the context model's: its layout and networks in the header, its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..coding.backend import Backend
from ..coding.weights import FORMS, Tensors, unpack_weights
from ..container.fields import Fields
from ..container.linr import DATA, DIGEST_BYTES, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .layout import MAX_EXPONENT, Layout, lay_out
from .networks import Network, Shape
from .own_prior import Prior, find_prior
from .prior import MAX_RANK, PRIORS, add, prior_networks
from .scans import MAX_SECTIONS, ScanDecoder
from .step import ChannelNetworks, plane_shape, trunk_of
from .traversal import levels_of, reduced_size, traverse

WEIGHTS = b"W"
MAX_WIDTH = 64
COLUMNS = 64  # what a row is rounded up to where work is counted


@dataclass(frozen=True)
class Models:
    """What the context model of a file is made of."""

    form: str  # of the weights: weights.FORMS
    trunk_width: int
    plane_width: int
    prior: int | str = 0  # where the weights are changes: to one of prior.PRIORS or that digest
    rank: int = 0  # of the changes to w1 and w2 of a prior

    @classmethod
    def of_prior(cls, prior: int | Prior, rank: int = 0) -> Models:
        """Models that start from a prior."""
        widths, named = (
            (PRIORS[prior.base], prior.digest)
            if isinstance(prior, Prior)
            else (PRIORS[prior], prior)
        )
        return cls("int", widths.trunk_width, widths.plane_width, named, rank)


@dataclass(frozen=True)
class ContextImage:
    """Planes as the context model codes them."""

    layout: Layout
    models: Models
    weights: bytes
    scans: tuple[bytes, ...]  # the payloads of the data sections that are there
    sections: int  # and how many there are in the whole file

    number: ClassVar[int] = 1
    name: ClassVar[str] = "context"
    tags: ClassVar[frozenset[bytes]] = frozenset({WEIGHTS, DATA})
    digests: ClassVar[tuple[bytes, ...]] = ()

    @property
    def geometry(self) -> Geometry:
        """That of the planes."""
        return self.layout.geometry

    @property
    def data(self) -> bytes:
        """All data sections."""
        return b"".join(self.scans)

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The layout and models; the weights, where there are any, and the data."""
        channels, models = self.layout.channels, self.models
        fields: dict[str, Any] = {
            "o": [c.index for c in channels],
            "l": [c.lowest for c in channels],
            "p": [c.planes for c in channels],
            "e": self.layout.exponent,
            "n": self.sections,
            "f": FORMS.index(models.form),
        }
        prior = models.prior
        if prior:
            fields["q"] = bytes.fromhex(prior) if isinstance(prior, str) else prior
            if models.rank and self.weights:
                fields["r"] = models.rank
        if not prior or isinstance(prior, str):
            fields["w"] = [models.trunk_width, models.plane_width]
        sections = [Section(DATA, payload) for payload in self.scans]
        if self.weights or not models.prior:
            sections.insert(0, Section(WEIGHTS, self.weights))
        return fields, sections

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> ContextImage:
        """Undoes pack."""
        weights = sections.optional(WEIGHTS)
        models = _models(fields, weights is not None)
        if weights is None and not models.prior:
            raise CorruptError("the weights section is missing")
        layout = _layout(fields, geometry)
        count = fields.integer("n", 1, min(MAX_SECTIONS, max(1, levels_of(layout))))
        scans = sections.all(DATA)
        if not scans or len(scans) > count:
            raise CorruptError(f"{len(scans)} data sections of {count}")
        return cls(layout, models, weights or b"", tuple(scans), count)

    def decode(self, reading: Reading) -> Planes:
        """The planes."""
        self._check_work(reading.scale, reading.limits)
        networks = read_networks(
            self.layout, self.models, self.weights, reading.backend, reading.priors
        )
        scans = ScanDecoder(self.scans, self.sections)
        with reading.workers() as workers:
            return traverse(
                reading.backend,
                workers,
                self.layout,
                networks,
                scans,
                observe=reading.observe,
                scale=reading.scale,
            )

    def _check_work(self, scale: int, limits: Limits) -> None:
        """Refuses what asks for more time than its size can account for, or than is allowed."""
        layout, samples, done = self.layout, list[int](), list[int]()
        for channel in layout.channels:
            height, width = reduced_size(channel, scale)
            samples.append(height * width)
            # compiled loops work on so many columns at a time, whether they are there or not
            done.append(height * -(-width // COLUMNS) * COLUMNS)
        bits = sum(n * c.planes for n, c in zip(samples, layout.channels, strict=True))
        check_bits(bits, sum(map(len, self.scans)))
        sizes, work = [shape.weights() for shape in network_shapes(layout, self.models)], 0
        limits.check("weights", sum(sizes), f"the networks: {sum(sizes)} weights")
        left = iter(sizes)
        for channel, number in zip(layout.channels, done, strict=True):
            if channel.planes:
                a, b, plane = next(left), next(left), next(left)
                work += number * (max(a, b) + channel.planes * plane)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")


def network_shapes(layout: Layout, models: Models) -> list[Shape]:
    """The shapes of all networks in the order of the weights section: trunk A, trunk B and plane
    INR of each channel with planes."""
    shapes = []
    for channel in layout.channels:
        if channel.planes:
            shapes += [trunk_of(channel, models.trunk_width)] * 2
            shapes.append(plane_shape(len(channel.references), models.plane_width))
    return shapes


def start_of(layout: Layout, models: Models, priors: Sequence[Prior]) -> list[Tensors] | None:
    """What the networks of a layout start from, if they do: a shipped prior, or one that is among
    `priors` or known. Raises as own_prior.find_prior, CorruptError for one of other widths."""
    if isinstance(models.prior, int):
        return prior_networks(layout, models.prior) if models.prior else None
    prior = find_prior(models.prior, priors)
    widths = PRIORS[prior.base]
    if (models.trunk_width, models.plane_width) != (widths.trunk_width, widths.plane_width):
        raise CorruptError("the networks are not of the widths of the prior")
    return prior.networks_of(layout)


def read_networks(
    layout: Layout,
    models: Models,
    weights: bytes,
    backend: Backend,
    priors: Sequence[Prior] = (),
) -> list[ChannelNetworks | None]:
    """The networks of each channel, from the weights section; raises as start_of."""
    shapes = network_shapes(layout, models)
    start = start_of(layout, models, priors)
    if start is not None:
        tensors = start
        if weights:
            sizes = [s.changes(models.rank) if models.rank else s.tensors() for s in shapes]
            changes = unpack_weights(models.form, sizes, weights)
            tensors = [add(*pair) for pair in zip(tensors, changes, strict=True)]
    else:
        tensors = unpack_weights(models.form, [s.tensors() for s in shapes], weights)
    networks = iter([Network(s, t, backend) for s, t in zip(shapes, tensors, strict=True)])
    return [
        ChannelNetworks((next(networks), next(networks)), next(networks)) if c.planes else None
        for c in layout.channels
    ]


def _layout(fields: Fields, geometry: Geometry) -> Layout:
    """Takes the layout out of the header."""
    bits, count = geometry.sample_bits, geometry.channels
    order = tuple(fields.integers("o", count, 0, count - 1))
    if len(set(order)) != count or (geometry.alpha and order[-1] != count - 1):
        raise CorruptError("the coding order is no order of the channels with alpha last")
    lowest = fields.integers("l", count, 0, (1 << bits) - 1)
    planes = fields.integers("p", count, 0, bits)
    if not geometry.whole and order[0] != 0:
        raise CorruptError("the coding order of planes with subsampled chroma begins with chroma")
    return lay_out(geometry, order, lowest, planes, fields.integer("e", 0, MAX_EXPONENT))


def _models(fields: Fields, weights: bool) -> Models:
    """Takes the models out of the header; weights: whether the file has a section of them."""
    form = fields.integer("f", 0, 255)
    if form >= len(FORMS):
        raise UnsupportedVersionError(f"weight form {form} needs a newer reader")
    if "q" not in fields:
        return Models(FORMS[form], *fields.integers("w", 2, 1, MAX_WIDTH))
    own = fields.type_of("q") is bytes
    prior = fields.bytes("q", DIGEST_BYTES).hex() if own else fields.integer("q", 1, 255)
    if not own and prior not in PRIORS:
        raise UnsupportedVersionError(f"prior {prior} needs a newer reader")
    if FORMS[form] != "int":
        raise CorruptError("changes to a prior are in the int form")
    rank = fields.integer("r", 1, MAX_RANK) if weights else 0
    if isinstance(prior, int):
        return Models.of_prior(prior, rank)
    trunk_width, plane_width = fields.integers("w", 2, 1, MAX_WIDTH)
    return Models("int", trunk_width, plane_width, prior, rank)
