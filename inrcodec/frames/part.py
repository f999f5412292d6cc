"""Encoding of a part: a tile of a frame, behind those that it sees, decoded again and compared."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..candidates import Wanted, tried
from ..coding.backend import Backend, Workers, numpy_backend
from ..container.linr import Window
from ..contents import Contents, Model, minor_version, pack_part, parse_part, planes_of
from ..context.encode import code
from ..context.file import ContextImage, Models
from ..context.layout import choose_layout
from ..context.prior import QUICK
from ..context.shared import SharedNetworks, code_shared
from ..errors import ChecksumError, CorruptError, VerificationError
from ..files.picture import Picture, digest
from ..history.chain import Chain
from ..history.planes import Planes
from ..limits import Limits
from ..options import FitOptions, Reading
from ..reconstruct import planes_of_model, samples_of
from ..verification import BROKEN


@dataclass(frozen=True)
class Known:
    """A part that others may see: the planes that a decoder has of it, the numbers of the steps
    that led to them, and its bytes for each sample."""

    planes: Planes
    steps: tuple[int, ...]
    rate: float

    def like(self, chain: Chain) -> bool:
        """Whether planes of a chain may see it."""
        numbers = tuple(step.number for step in chain.steps)
        return (self.planes.geometry, self.steps) == (chain.planes.geometry, numbers)


class Seen(NamedTuple):
    """What a part may see: the distance in pages, and the part there."""

    distance: int
    known: Known


class Job(NamedTuple):
    """A picture to code as a part, what it may see, and how many threads it has."""

    picture: Picture
    seen: Sequence[Seen] = ()
    threads: int = 1


class CodedPart(NamedTuple):
    """A part's bytes, the digest of its samples, what others see, and the minor version of the
    format that its model needs."""

    data: bytes
    digest: bytes
    known: Known
    minor: int


@dataclass(frozen=True)
class PartEncoder:
    """Codes the parts of a file. outer: its contents, of which parts take the type; shared: its
    sets of networks; backend: with tables that are new, to decode again with."""

    outer: Contents
    shared: tuple[SharedNetworks, ...]
    options: FitOptions
    wanted: Wanted
    limits: Limits
    backend: Backend = field(repr=False)

    def code(self, job: Job) -> CodedPart:
        """The smallest part of a picture. Raises as encode does."""
        picture, seen, threads = job
        given = digest(picture.samples)
        plain = Chain((), planes_of(picture))

        def seal(chain: Chain, coded: Model) -> bytes:
            facts = picture.type, picture.metadata, chain.steps, coded, picture.left_out
            contents = Contents(plain.planes.geometry, given, *facts)
            return pack_part(contents, self.outer.type)

        def code_context(ways: list[Chain], options: FitOptions, _: object) -> bytes:
            with Workers(numpy_backend(), options.threads) as workers:
                coded = [
                    seal(way, image) for way in ways for image in self._coded(way, seen, workers)
                ]
            return min(coded, key=len)

        options = replace(self.options, threads=threads, tell=lambda _: None)
        candidates = tried(plain, picture, options, self.wanted, seal, code_context)
        data = min(candidates, key=len)
        return CodedPart(data, given, *self._verified(data, picture, seen, threads))

    def _coded(self, way: Chain, seen: Sequence[Seen], workers: Workers) -> list[Model]:
        """What the context model makes of a way, with the sets that are for it."""
        planes, priors, found = way.planes, self.options.priors, list[Model]()
        size = sum(plane.size for plane in planes.channels)
        may_see = bool(seen) and all(other.known.like(way) for other in seen)
        layouts = {n: choose_layout(planes, frames=n) for n in {0, len(seen) * may_see}}
        fitting = [
            (number, shared)
            for number, shared in enumerate(self.shared)
            if shared.frames in layouts and shared.fits(layouts[shared.frames])
        ]
        fitting.sort(key=lambda each: -each[1].frames)  # that which sees others first
        for number, shared in fitting:
            distances = tuple(other.distance for other in seen) if shared.frames else ()
            others = [other.known.planes for other in seen] if shared.frames else []
            layout = layouts[shared.frames]
            image = code_shared(planes, layout, number, shared, others, distances, workers, priors)
            found.append(image)
            if shared.frames and len(image.data) < size * max(o.known.rate for o in seen):
                break  # as was hoped for
        if not found:
            models = Models.of_prior(self.options.prior or QUICK)
            found.append(code(planes, layouts[0], models, b"", workers, priors))
        return found

    def _verified(
        self, data: bytes, picture: Picture, seen: Sequence[Seen], threads: int
    ) -> tuple[Known, int]:
        """Decodes a part as a reader would, and compares; what others see of it, and its minor
        version. Raises VerificationError."""
        reading = Reading(
            self.backend, threads, self.limits, priors=self.options.priors, shared=self.shared
        )
        window = Window(0, len(data))
        try:
            part = parse_part(io.BytesIO(data), window, self.outer, self.limits)
            if isinstance(part.model, ContextImage) and part.model.beside:
                reading = replace(reading, beside=tuple(other.known.planes for other in seen))
            planes = planes_of_model(part, reading)
            decoded, _ = samples_of(part, planes, reading)
        except (CorruptError, ChecksumError) as error:
            raise VerificationError(BROKEN) from error
        samples = picture.samples
        same = decoded.dtype == samples.dtype and np.array_equal(decoded, samples)
        facts = part.type, part.metadata, part.left_out
        if not same or facts != (picture.type, picture.metadata, picture.left_out):
            raise VerificationError(BROKEN)
        steps = tuple(step.number for step in part.steps)
        return Known(planes, steps, len(data) / samples.size), minor_version(part.model)


def best_way(ways: Sequence[Chain], workers: Workers) -> Chain:
    """The way for which the quick prior does best, as it is."""
    if len(ways) == 1:
        return ways[0]
    models = Models.of_prior(QUICK)
    sizes = [
        len(code(way.planes, choose_layout(way.planes), models, b"", workers).data) for way in ways
    ]
    return ways[sizes.index(min(sizes))]
