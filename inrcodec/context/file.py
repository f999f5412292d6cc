"""What of a file is the context model's: its layout and networks in the header, its sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..coding.backend import Backend
from ..coding.rangecoder import Decoder
from ..coding.weights import FORMS, unpack_weights
from ..container.fields import Fields
from ..container.linr import DATA, DIGEST_BYTES, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import YCC, Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .inference import ChannelNetworks
from .layout import MAX_EXPONENT, Channel, Layout, references
from .networks import Network, Shape
from .prior import MAX_RANK, PRIORS, add, is_wide, prior_networks
from .traversal import plane_shape, traverse, trunk_shape

WEIGHTS = b"W"
MAX_WIDTH = 64


@dataclass(frozen=True)
class Models:
    """What the context model of a file is made of."""

    form: str  # of the weights: weights.FORMS
    trunk_width: int
    plane_width: int
    prior: int = 0  # one of prior.PRIORS where the weights are changes to it
    rank: int = 0  # of the changes to w1 and w2 of prior 2 and later ones

    @classmethod
    def of_prior(cls, prior: int, rank: int = 0) -> Models:
        """Models that start from a prior."""
        return cls("int", PRIORS[prior].trunk_width, PRIORS[prior].plane_width, prior, rank)


@dataclass(frozen=True)
class ContextImage:
    """Planes as the context model codes them."""

    geometry: Geometry
    layout: Layout
    models: Models
    weights: bytes
    data: bytes

    number: ClassVar[int] = 1
    name: ClassVar[str] = "context"
    tags: ClassVar[frozenset[bytes]] = frozenset({WEIGHTS, DATA})
    digests: ClassVar[tuple[bytes, ...]] = ()

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The layout and models; the weights, where there are any, and the data."""
        channels, models = self.layout.channels, self.models
        fields: dict[str, Any] = {
            "o": [c.index for c in channels],
            "l": [c.lowest for c in channels],
            "p": [c.planes for c in channels],
            "e": self.layout.exponent,
            "f": FORMS.index(models.form),
        }
        if models.prior:
            fields["q"] = models.prior
            if models.rank and self.weights:
                fields["r"] = models.rank
        else:
            fields["w"] = [models.trunk_width, models.plane_width]
        sections = [Section(DATA, self.data)]
        if self.weights or not models.prior:
            sections.insert(0, Section(WEIGHTS, self.weights))
        return fields, sections

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> ContextImage:
        """Undoes pack."""
        if not geometry.whole:
            raise UnsupportedVersionError("channels of different sizes need a newer reader")
        weights = sections.optional(WEIGHTS)
        models = _models(fields, weights is not None)
        if weights is None and not models.prior:
            raise CorruptError("the weights section is missing")
        layout = _layout(fields, geometry, is_wide(models.prior))
        return cls(geometry, layout, models, weights or b"", sections.one(DATA))

    def decode(self, reading: Reading) -> Planes:
        """The planes."""
        self._check_work(reading.limits)
        networks = read_networks(self.layout, self.models, self.weights, reading.backend)
        with reading.workers() as workers:
            samples = traverse(
                reading.backend,
                workers,
                self.layout,
                networks,
                Decoder(self.data),
                observe=reading.observe,
            )
        return Planes.of_array(self.geometry, samples).reduced(reading.scale)

    def _check_work(self, limits: Limits) -> None:
        """Refuses what asks for more time than its size can account for, or than is allowed."""
        layout = self.layout
        pixels, work = layout.height * layout.width, 0
        check_bits(pixels * sum(c.planes for c in layout.channels), len(self.data))
        sizes = [shape.weights() for shape in network_shapes(layout, self.models)]
        limits.check("weights", sum(sizes), f"the networks: {sum(sizes)} weights")
        left = iter(sizes)
        for channel in layout.channels:
            if channel.planes:
                a, b, plane = next(left), next(left), next(left)
                work += pixels * (max(a, b) + channel.planes * plane)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")


def network_shapes(layout: Layout, models: Models) -> list[Shape]:
    """The shapes of all networks in the order of the weights section: trunk A, trunk B and plane
    INR of each channel with planes."""
    shapes = []
    for channel in layout.channels:
        if channel.planes:
            count = len(channel.references)
            shapes += [trunk_shape(count, models.trunk_width, layout.wide)] * 2
            shapes.append(plane_shape(count, models.plane_width))
    return shapes


def read_networks(
    layout: Layout, models: Models, weights: bytes, backend: Backend
) -> list[ChannelNetworks | None]:
    """The networks of each channel, from the weights section."""
    shapes = network_shapes(layout, models)
    if models.prior:
        tensors = prior_networks(layout, models.prior)
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


def _layout(fields: Fields, geometry: Geometry, wide: bool) -> Layout:
    """Takes the layout out of the header."""
    bits, count = geometry.sample_bits, geometry.channels
    order = tuple(fields.integers("o", count, 0, count - 1))
    if len(set(order)) != count or (geometry.alpha and order[-1] != count - 1):
        raise CorruptError("the coding order is no order of the channels with alpha last")
    lowest = fields.integers("l", count, 0, (1 << bits) - 1)
    planes = fields.integers("p", count, 0, bits)
    channels = tuple(map(Channel, order, lowest, planes, references(order)))
    exponent = fields.integer("e", 0, MAX_EXPONENT)
    conversion = int(geometry.kind == YCC)
    return Layout(geometry.height, geometry.width, bits, channels, exponent, conversion, wide)


def _models(fields: Fields, weights: bool) -> Models:
    """Takes the models out of the header; weights: whether the file has a section of them."""
    form = fields.integer("f", 0, 255)
    if form >= len(FORMS):
        raise UnsupportedVersionError(f"weight form {form} needs a newer reader")
    if "q" not in fields:
        return Models(FORMS[form], *fields.integers("w", 2, 1, MAX_WIDTH))
    if fields.type_of("q") is bytes:
        digest = fields.bytes("q", DIGEST_BYTES).hex()
        raise UnsupportedVersionError(f"prior {digest} needs a newer reader")
    prior = fields.integer("q", 1, 255)
    if prior not in PRIORS:
        raise UnsupportedVersionError(f"prior {prior} needs a newer reader")
    if FORMS[form] != "int":
        raise CorruptError("changes to a prior are in the int form")
    rank = fields.integer("r", 1, MAX_RANK) if weights and prior > 1 else 0
    return Models.of_prior(prior, rank)
