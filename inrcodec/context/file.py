"""What of a file is the context model's: its layout and networks in the header, its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..coding.backend import Backend
from ..coding.weights import FORMS, Tensors, unpack_weights
from ..container.fields import Fields
from ..container.linr import DATA, DIGEST_BYTES, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .layout import MAX_EXPONENT, MAX_FRAMES, Layout, Networked, lay_out
from .networks import Network, Shape
from .own_prior import Prior, find_prior
from .prior import MAX_RANK, PRIORS, add, prior_networks, widened
from .scans import MAX_SECTIONS, ScanDecoder
from .step import ChannelNetworks, plane_shape, trunk_of
from .traversal import levels_of, reduced_size, traverse

if TYPE_CHECKING:
    from .shared import SharedNetworks

WEIGHTS = b"W"
MAX_WIDTH = 64
MAX_SHARED = 256  # sets of networks that parts of a file share
MAX_DISTANCE = 1 << 20  # in pages, of a frame that another one sees
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

    def fields(self, weights: bytes) -> dict[str, Any]:
        """The fields that say this of a header; weights: the section of them."""
        fields: dict[str, Any] = {"f": FORMS.index(self.form)}
        prior = self.prior
        if prior:
            fields["q"] = bytes.fromhex(prior) if isinstance(prior, str) else prior
            if self.rank and weights:
                fields["r"] = self.rank
        if not prior or isinstance(prior, str):
            fields["w"] = [self.trunk_width, self.plane_width]
        return fields


@dataclass(frozen=True)
class ContextImage:
    """Planes as the context model codes them.

    models: None of networks that are shared; shared: their number then; beside: how many pages on
    the frames are that the image sees, the nearest first, for those who have them.
    """

    layout: Layout
    models: Models | None
    weights: bytes
    scans: tuple[bytes, ...]  # the payloads of the data sections that are there
    sections: int  # and how many there are in the whole file
    shared: int | None = None
    beside: tuple[int, ...] = ()

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
        channels = self.layout.channels
        fields: dict[str, Any] = {
            "o": [c.index for c in channels],
            "l": [c.lowest for c in channels],
            "p": [c.planes for c in channels],
            "e": self.layout.exponent,
            "n": self.sections,
        }
        sections = [Section(DATA, payload) for payload in self.scans]
        if self.models is None:
            fields["g"] = self.shared
            if self.beside:
                fields["b"] = list(self.beside)
            return fields, sections
        if self.weights or not self.models.prior:
            sections.insert(0, Section(WEIGHTS, self.weights))
        return fields | self.models.fields(self.weights), sections

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> ContextImage:
        """Undoes pack."""
        weights, models, shared, beside = None, None, None, tuple[int, ...]()
        if "g" in fields:
            shared, beside = fields.integer("g", 0, MAX_SHARED - 1), _beside(fields)
        else:
            weights = sections.optional(WEIGHTS)
            models = unpack_models(fields, weights is not None)
            if weights is None and not models.prior:
                raise CorruptError("the weights section is missing")
        layout = _layout(fields, geometry, len(beside))
        count = fields.integer("n", 1, min(MAX_SECTIONS, max(1, levels_of(layout))))
        scans = sections.all(DATA)
        if not scans or len(scans) > count:
            raise CorruptError(f"{len(scans)} data sections of {count}")
        return cls(layout, models, weights or b"", tuple(scans), count, shared, beside)

    def decode(self, reading: Reading) -> Planes:
        """The planes."""
        if self.models is not None:
            self._check_work(self.models, reading.scale, reading.limits)
            networks = read_networks(
                self.layout, self.models, self.weights, reading.backend, reading.priors
            )
        else:
            shared = self._shared(reading)
            self._check_work(shared.models, reading.scale, reading.limits)
            networks = shared.networks(self.layout, reading.backend, reading.priors)
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
                beside=reading.beside,
            )

    def _shared(self, reading: Reading) -> SharedNetworks:
        """The networks that are shared; CorruptError where there are none of that number, or the
        frames are not those that the image sees."""
        assert self.shared is not None
        if self.shared >= len(reading.shared):
            raise CorruptError(f"shared networks {self.shared} of {len(reading.shared)}")
        like = self.layout.geometry, reading.scale
        frames = [(planes.geometry, planes.scale) for planes in reading.beside]
        if frames != [like] * len(self.beside):
            raise CorruptError("the frames beside an image are not of its size and kind")
        return reading.shared[self.shared]

    def _check_work(self, models: Models, scale: int, limits: Limits) -> None:
        """Refuses what asks for more time than its size can account for, or than is allowed."""
        layout, samples, done = self.layout, list[int](), list[int]()
        for channel in layout.channels:
            height, width = reduced_size(channel, scale)
            samples.append(height * width)
            # compiled loops work on so many columns at a time, whether they are there or not
            done.append(height * -(-width // COLUMNS) * COLUMNS)
        bits = sum(n * c.planes for n, c in zip(samples, layout.channels, strict=True))
        check_bits(bits, sum(map(len, self.scans)))
        sizes, work = [shape.weights() for shape in network_shapes(layout, models)], 0
        limits.check("weights", sum(sizes), f"the networks: {sum(sizes)} weights")
        left = iter(sizes)
        for channel, number in zip(layout.channels, done, strict=True):
            if channel.planes:
                a, b, plane = next(left), next(left), next(left)
                work += number * (max(a, b) + channel.planes * plane)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")


def network_shapes(of: Networked, models: Models) -> list[Shape]:
    """The shapes of all networks in the order of the weights section: trunk A, trunk B and plane
    INR of each channel."""
    shapes = []
    for kind in of.kinds:
        shapes += [trunk_of(kind, models.trunk_width)] * 2
        shapes.append(plane_shape(kind.references, models.plane_width))
    return shapes


def start_of(of: Networked, models: Models, priors: Sequence[Prior]) -> list[Tensors] | None:
    """What networks start from, if they do: a shipped prior, or one that is among `priors` or
    known. Raises as own_prior.find_prior, CorruptError for one of other widths."""
    if not models.prior:
        return None
    if isinstance(models.prior, int):
        start = prior_networks(of, models.prior)
    else:
        prior = find_prior(models.prior, priors)
        widths = PRIORS[prior.base]
        if (models.trunk_width, models.plane_width) != (widths.trunk_width, widths.plane_width):
            raise CorruptError("the networks are not of the widths of the prior")
        start = prior.networks_of(of)
    shapes = network_shapes(of, models)
    return [widened(*pair) for pair in zip(start, [s.inputs for s in shapes], strict=True)]


def read_networks(
    layout: Layout,
    models: Models,
    weights: bytes,
    backend: Backend,
    priors: Sequence[Prior] = (),
) -> list[ChannelNetworks | None]:
    """The networks of each channel, from the weights section; raises as start_of."""
    networks = iter(unpack_networks(layout, models, weights, backend, priors))
    return [next(networks) if channel.planes else None for channel in layout.channels]


def unpack_networks(
    of: Networked, models: Models, weights: bytes, backend: Backend, priors: Sequence[Prior]
) -> list[ChannelNetworks]:
    """Those of channels that have some, one after the other; as read_networks."""
    shapes = network_shapes(of, models)
    start = start_of(of, models, priors)
    if start is not None:
        tensors = start
        if weights:
            sizes = [s.changes(models.rank) if models.rank else s.tensors() for s in shapes]
            changes = unpack_weights(models.form, sizes, weights)
            tensors = [add(*pair) for pair in zip(tensors, changes, strict=True)]
    else:
        tensors = unpack_weights(models.form, [s.tensors() for s in shapes], weights)
    networks = iter([Network(s, t, backend) for s, t in zip(shapes, tensors, strict=True)])
    return [ChannelNetworks((next(networks), next(networks)), next(networks)) for _ in of.kinds]


def _beside(fields: Fields) -> tuple[int, ...]:
    """Takes out of the header which frames are seen."""
    if "b" not in fields:
        return ()
    distances = fields.take("b")
    count = len(distances) if isinstance(distances, list) else 0
    if not 1 <= count <= MAX_FRAMES:
        raise CorruptError(f"{fields.name} field 'b' is not 1 to {MAX_FRAMES} integers")
    if not all(type(d) is int and d and abs(d) <= MAX_DISTANCE for d in distances):
        raise CorruptError(f"{fields.name} field 'b' has a value that is no distance")
    return tuple(distances)


def _layout(fields: Fields, geometry: Geometry, frames: int) -> Layout:
    """Takes the layout out of the header."""
    bits, count = geometry.sample_bits, geometry.channels
    order = tuple(fields.integers("o", count, 0, count - 1))
    if len(set(order)) != count or (geometry.alpha and order[-1] != count - 1):
        raise CorruptError("the coding order is no order of the channels with alpha last")
    lowest = fields.integers("l", count, 0, (1 << bits) - 1)
    planes = fields.integers("p", count, 0, bits)
    if not geometry.whole and order[0] != 0:
        raise CorruptError("the coding order of planes with subsampled chroma begins with chroma")
    exponent = fields.integer("e", 0, MAX_EXPONENT)
    return lay_out(geometry, order, lowest, planes, exponent, frames)


def unpack_models(fields: Fields, weights: bool) -> Models:
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
