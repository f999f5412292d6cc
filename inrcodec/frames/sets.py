"""The networks that the parts of a file share: fitted to some parts, where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..candidates import Wanted
from ..coding.backend import Workers, can_fit, numpy_backend
from ..contents import planes_of
from ..context.file import Models
from ..context.layout import choose_layout
from ..context.prior import QUICK
from ..context.samples import Scene
from ..context.shared import SharedNetworks, code_shared, fit_shared
from ..files.picture import Picture
from ..graphics.encode import compared, judged, repeats
from ..history.chain import Chain, beginnings, chains, has_history
from ..history.planes import Planes
from ..jpeg.step import Jpeg
from ..options import LEAST_EFFORT, FitOptions
from .part import best_way

TRIED = 4  # samples on which sets are compared


@dataclass(frozen=True)
class Sample:
    """A part to fit to; seen: which of the samples it may see, by their place in the list."""

    picture: Picture
    seen: tuple[int, ...] = ()


class Fitted(NamedTuple):
    """Sets of networks, and what is to be tried for each part: no history where no sample has
    one."""

    shared: tuple[SharedNetworks, ...]
    wanted: Wanted


def fit_sets(samples: Sequence[Sample], parts: int, options: FitOptions, wanted: Wanted) -> Fitted:
    """Sets of networks for parts like some samples, of which the file will have so many: of each
    kind of planes one for parts that see no other, and one for those that do where it pays."""
    if wanted.model == "stored":
        return Fitted((), wanted)
    with Workers(numpy_backend(), options.threads) as workers:
        ways = [_way(sample.picture, options, wanted, workers) for sample in samples]
        kinds: dict[tuple[int, bool, int], list[int]] = {}
        for number, way in enumerate(ways):
            if way is not None:
                geometry = way.planes.geometry
                layout = choose_layout(way.planes)
                kind = geometry.channels, geometry.alpha, layout.conversion
                kinds.setdefault(kind, []).append(number)
        found: list[SharedNetworks] = []
        for members in kinds.values():
            share = parts * len(members) / len(samples)
            found += _of_kind(members, ways, samples, share, options, workers)
    history = wanted.history and any(way is None or has_history(way) for way in ways)
    return Fitted(tuple(found), replace(wanted, history=history))


def _way(picture: Picture, options: FitOptions, wanted: Wanted, workers: Workers) -> Chain | None:
    """How the context model will code a part; None where another will."""
    plain = Chain((), planes_of(picture))
    if wanted.model == "graphics" or (
        wanted.model == "auto"
        and repeats(plain.planes)
        and judged(compared(plain.planes, options), options)[0]
    ):
        return None
    if wanted.history and Jpeg.find(plain.planes) is not None:
        return None
    begun = beginnings(plain) if wanted.history else [plain]
    return best_way([way for start in begun for way in chains(start, wanted.history)], workers)


def _of_kind(
    members: list[int],
    ways: list[Chain | None],
    samples: Sequence[Sample],
    parts: float,
    options: FitOptions,
    workers: Workers,
) -> list[SharedNetworks]:
    """The sets for one kind of planes."""
    keys, others = list[Scene](), list[Scene]()
    for number in members:
        way = ways[number]
        assert way is not None
        beside = list[Planes]()
        for other in samples[number].seen:
            known = ways[other]
            if known is not None and known.planes.geometry == way.planes.geometry:
                beside.append(known.planes)
        if samples[number].seen and len(beside) == len(samples[number].seen):
            layout = choose_layout(way.planes, frames=len(beside))
            others.append(Scene(layout, way.planes, tuple(beside)))
        else:
            keys.append(Scene(choose_layout(way.planes), way.planes, ()))
    alone = keys or [Scene(choose_layout(s.planes), s.planes, ()) for s in others]
    own = options.prior
    as_it_is = SharedNetworks.of(alone[0].layout, Models.of_prior(own or QUICK), b"")
    fitted = own is not None and options.effort == LEAST_EFFORT
    if fitted or not can_fit():
        return [as_it_is]
    key_set = fit_shared(alone, options)
    share = parts * len(keys) / (len(keys) + len(others))
    found = [key_set]
    if others:
        seeing = fit_shared(others, options)
        tried = others[:: max(1, len(others) // TRIED)]
        blind = [Scene(choose_layout(s.planes), s.planes, ()) for s in tried]
        saved = _size(blind, key_set, options, workers) - _size(tried, seeing, options, workers)
        if saved * (parts - share) / len(tried) > len(seeing.weights):
            found.append(seeing)
        else:
            share = parts
    tried = alone[:: max(1, len(alone) // TRIED)]
    saved = _size(tried, as_it_is, options, workers) - _size(tried, key_set, options, workers)
    if saved * share / len(tried) <= len(key_set.weights):
        found[0] = as_it_is
    return found


def _size(
    scenes: Sequence[Scene], shared: SharedNetworks, options: FitOptions, workers: Workers
) -> int:
    """The bytes that scenes take with a set."""
    total = 0
    for scene in scenes:
        distances = tuple(range(1, len(scene.beside) + 1))
        image = code_shared(
            scene.planes, scene.layout, 0, shared, scene.beside, distances, workers, options.priors
        )
        total += len(image.data)
    return total
