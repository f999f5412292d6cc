"""Encoding of frames and tiles: pages -> shared networks, fitted to some parts -> parts, each
decoded again and compared -> index.

However many frames and tiles there are, a few of them are in memory; parts go into a spool file as
they come, and behind the index, which tells their lengths, at the end.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO

import numpy as np

from ..candidates import Wanted
from ..coding.backend import Workers, fresh_backend
from ..contents import Contents, digest_of_digests, geometry_of, pack, parse
from ..context.own_prior import Prior
from ..context.prior import forget_prior
from ..context.shared import SharedNetworks
from ..encode import options_of
from ..errors import ImageError, LinrWarning, VerificationError
from ..files.metadata import Metadata
from ..files.picture import PLAIN, Picture, PixelType
from ..files.timing import as_file, repeats_alone, split
from ..limits import DEFAULT, Limits
from ..options import FitOptions
from ..progress import FIT_PLANES, Progress
from ..source.skeleton import Skeleton
from ..verification import BROKEN
from .file import Frames
from .index import MAX_PARTS, PageSize
from .pages import SOURCE, ArrayPage, Page, size_of
from .part import CodedPart, Job, Known, PartEncoder, Seen
from .plan import INTERVAL, Stage, stages
from .sets import Sample, fit_sets
from .tiles import TILE_STEP, Box, Grid, Tile, checked_tile

MANY = 1 << 20  # parts of a file whose number is not known yet
# What is fitted to: groups of frames, tiles of each; or pages; pixels of all, and sides of each.
SAMPLE_GROUPS, SAMPLE_TILES, SAMPLE_PAGES = 3, 8, 12
SAMPLE_PIXELS, SIDE = 1 << 23, 1024
PIECE = 1 << 20  # bytes that are copied at a time


@dataclass
class EncodedFrames:
    """A file of parts, as it is written: head, then the parts from where they were spooled, as
    (first byte, length) in their order. contents: as parse finds them; priors: those that it was
    made from."""

    head: bytes
    spool: BinaryIO
    places: list[tuple[int, int]]
    contents: Contents
    priors: tuple[Prior, ...] = ()

    def __len__(self) -> int:
        return len(self.head) + sum(length for _, length in self.places)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, piece by piece."""
        yield self.head
        for start, length in self.places:
            self.spool.seek(start)
            while length:
                piece = self.spool.read(min(length, PIECE))
                if not piece:
                    raise VerificationError("what was spooled does not read back")
                yield piece
                length -= len(piece)


@dataclass(frozen=True)
class Outer:
    """What a file of parts has of its source file as a whole. bare: its pages have nothing besides
    their samples and what these stand for."""

    metadata: Metadata | None = None
    left_out: tuple[str, ...] = ()
    source: Skeleton | None = None
    bare: bool = False


def encode_frames(
    frames: np.ndarray | Iterable[np.ndarray | Picture],
    *,
    tile: Tile = None,
    limits: Limits = DEFAULT,
    **options: Any,
) -> bytes:
    """Encodes frames (pages, slices, times, channels of one scene) into one file, of which any can
    be decoded without the others, but for four at most that it sees.

    frames: an array (N, H, W) or (N, H, W, C) of uint8 or uint16, (N, H, W, C) where the last axis
    is 2 to 4; or any iterable of images as encode takes them, of which a few are in memory at a
    time. Where all are alike a frame sees others, if that pays. tile: height and width of tiles
    that decode alone, multiples of 16, or one number for both; None: frames are whole. limits: as
    encode's, of each frame. options: as encode's, but for model="coordinate", coordinate, report
    and watch. Each part was decoded and compared before the file is returned. Raises as encode, and
    ImageError where there is no frame.
    """
    pages, outer = pages_of(frames, limits)
    with tempfile.SpooledTemporaryFile(1 << 26) as spool:
        coded = encode_pages(pages, tile, spool, outer=outer, limits=limits, **options)  # type: ignore[arg-type]
        return b"".join(coded.chunks())


def pages_of(
    frames: np.ndarray | Iterable[np.ndarray | Picture], limits: Limits
) -> tuple[Sequence[Page] | Iterator[Page], Outer]:
    """Frames as pages, all at once or one by one, and what their file has besides."""
    if isinstance(frames, np.ndarray):
        shape = frames.shape
        if len(shape) not in (3, 4) or (len(shape) == 4 and not 1 <= shape[3] <= 4):
            hint = "; of more axes make one: frames.reshape(-1, H, W)" if len(shape) > 3 else ""
            raise ImageError(f"frames have shape (N, H, W) or (N, H, W, 1..4), not {shape}{hint}")

    several = isinstance(frames, np.ndarray | Sequence)

    def named() -> Iterator[ArrayPage]:
        for number, frame in enumerate(frames):
            page = ArrayPage.of(frame, f"frame {number}", limits)
            if page.picture.source is not None:
                warnings.warn(f"frame {number}: left out is {SOURCE}", LinrWarning, stacklevel=2)
            # readers of cameras and videos fill one array again and again
            yield page if several else page.copy()

    if not several:
        one_by_one = named()
        first = list(islice(one_by_one, 1))
        of_first = first[0].picture.metadata if first else None
        return chain(first, one_by_one), Outer(repeats_alone(of_first))
    pages = list(named())
    if not pages:
        return [], Outer()
    sizes = [(page.height, page.width) for page in pages]
    given, types = [page.picture.metadata for page in pages], {page.type for page in pages}
    common, own = split(given, sizes, types)
    with_own = [
        ArrayPage(replace(page.picture, metadata=its)) for page, its in zip(pages, own, strict=True)
    ]
    return with_own, Outer(common)


def encode_pages(
    pages: Sequence[Page] | Iterator[Page],
    tile: Tile,
    spool: BinaryIO,
    *,
    outer: Outer = Outer(),
    limits: Limits = DEFAULT,
    **options: Any,
) -> EncodedFrames:
    """Encodes pages; parts go into the spool. options: as encode_frames'. Raises as it does."""
    if options.get("model", "auto") == "coordinate":
        raise ValueError("frames and tiles are for the models auto, context, graphics and stored")
    known = pages if isinstance(pages, Sequence) else ()
    samples = sum(page.height * page.width * page.channels for page in known)
    fit, wanted = options_of(samples=samples, **options)
    return _Encoder(pages, checked_tile(tile), spool, outer, fit, wanted, limits).run()


@dataclass
class _Encoder:
    """The course of an encode. places, digests, known: by page and tile; known: of the last key
    frame; minor: the version that all parts so far need."""

    pages: Sequence[Page] | Iterator[Page]
    tile: tuple[int, int] | None
    spool: BinaryIO
    outer: Outer
    options: FitOptions
    wanted: Wanted
    limits: Limits
    sizes: dict[int, PageSize] = field(default_factory=dict)
    places: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    digests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    known: dict[int, Known] = field(default_factory=dict)
    minor: int = 0

    def run(self) -> EncodedFrames:
        """All of it."""
        if isinstance(self.pages, Sequence):
            first, rest = self.pages, iter(self.pages)
            total = sum(len(self._grid(page)) for page in first)
            types = {page.type for page in first}
        else:  # of which more may come, and be of other types
            first = list(islice(self.pages, INTERVAL + 1))
            rest, total, types = chain(first, self.pages), MANY, {PLAIN}
        if not first:
            raise ImageError("there is no frame to encode")
        _check_parts(total)
        samples = samples_of_pages(first, self.tile)
        shared, wanted = fit_sets(samples, total, self.options, self.wanted)
        # from here on what a decoder reads, not what was packed
        forget_prior()
        common = types.pop() if len(types) == 1 else PLAIN
        contents = self._contents((size_of(first[0]),), common, shared, (0,))
        contents = parse(pack(replace(contents, source=None)), self.limits)
        del first, samples  # whose memory is needed
        prior = self.options.prior and Prior.read(self.options.prior.data)
        assert isinstance(contents.model, Frames)
        shared = contents.model.shared
        see = any(each.frames for each in shared)
        encoder = PartEncoder(
            contents, shared, replace(self.options, prior=prior), wanted, self.limits,
            fresh_backend(),
        )  # fmt: skip
        with Workers(encoder.backend, self.options.threads) as workers:
            for group, plan in groups(rest, see):
                self._code(group, plan, encoder, workers, see)
                done = min(1.0, len(self.places) / total)
                self.options.tell(Progress("code", FIT_PLANES + (1 - FIT_PLANES) * done, None))
        parts = sorted(self.places)
        places = [self.places[key] for key in parts]
        sizes = tuple(self.sizes[page] for page in sorted(self.sizes))
        finished = self._contents(sizes, common, shared, tuple(length for _, length in places))
        head = pack(finished, self.minor)
        again = parse(head, self.limits)
        if replace(again, end=0, version=finished.version) != finished:
            raise VerificationError(BROKEN)
        return EncodedFrames(head, self.spool, places, again, self.options.priors)

    def _grid(self, page: Page) -> Grid:
        return Grid(page.height, page.width, self.tile)

    def _contents(
        self,
        sizes: tuple[PageSize, ...],
        common: PixelType,
        shared: tuple[SharedNetworks, ...],
        lengths: tuple[int, ...],
    ) -> Contents:
        """The file's own contents, of the parts that are coded by now."""
        geometry = geometry_of(*sizes[0], common)
        tile = self.tile if self.digests else None
        whole = digest_of_digests(tuple(self.digests[key] for key in sorted(self.digests)))
        model = Frames(geometry, sizes, tile, shared, lengths)
        outer = self.outer
        return Contents(
            geometry, whole, common, as_file(outer.metadata, len(sizes)), (), model,
            outer.left_out, outer.source,
        )  # fmt: skip

    def _code(
        self,
        group: dict[int, Page],
        plan: list[Stage],
        encoder: PartEncoder,
        workers: Workers,
        see: bool,
    ) -> None:
        """Codes pages that are alike: tiles side by side where there are several, else frames;
        see: whether the next group sees the last one."""
        _check_parts(len(self.places))
        for number, page in group.items():
            self.sizes[number] = size_of(page)
        tiles = range(len(self._grid(next(iter(group.values())))))
        for first in range(0, len(tiles), workers.threads):
            some = tiles[first : first + workers.threads]
            pictures = [
                {number: self._picture(number, page, tile) for number, page in group.items()}
                for tile in some
            ]

            alone = workers if len(some) == 1 else None
            work = partial(self._behind, plan=plan, encoder=encoder, workers=alone)
            found = workers.map(work, list(zip(some, pictures, strict=True)))
            for tile, coded in zip(some, found, strict=True):
                for number, part in coded.items():
                    self.places[number, tile] = self.spool.tell(), len(part.data)
                    self.digests[number, tile] = part.digest
                    self.minor = max(self.minor, part.minor)
                    self.spool.write(part.data)
                if see:
                    self.known[tile] = coded[max(coded)].known

    def _picture(self, number: int, page: Page, tile: int) -> Picture:
        """A tile of a page; the first one has what the page has besides."""
        box = self._grid(page)[tile]
        samples = page.read(box.top, box.left, box.height, box.width)
        if tile or self.outer.source is not None or self.outer.bare:
            picture = Picture(samples, page.type)
        else:
            picture = Picture(samples, page.type, page.metadata, page.left_out)
        picture.check(f"frame {number}")
        return picture

    def _behind(
        self,
        tile: tuple[int, dict[int, Picture]],
        plan: list[Stage],
        encoder: PartEncoder,
        workers: Workers | None,
    ) -> dict[int, CodedPart]:
        """A tile, by its number, of the pages of a group, stage by stage; workers: for the frames
        of a stage, if no one else needs them."""
        number, pictures = tile
        coded = dict[int, CodedPart]()
        known = {min(pictures) - 1: self.known[number]} if number in self.known else {}
        for stage in plan:
            threads = max(1, workers.threads // len(stage)) if workers else 1

            jobs = [
                Job(pictures[n], [Seen(other - n, known[other]) for other in others], threads)
                for n, others in stage.items()
            ]
            parts = workers.map(encoder.code, jobs) if workers else list(map(encoder.code, jobs))
            coded |= zip(stage, parts, strict=True)
            known |= {frame: part.known for frame, part in zip(stage, parts, strict=True)}
        return coded


def _check_parts(parts: int) -> None:
    if parts > MAX_PARTS:
        raise ImageError(f"{parts} frames and tiles: a file can have {MAX_PARTS}")


def groups(pages: Iterable[Page], see: bool) -> Iterator[tuple[dict[int, Page], list[Stage]]]:
    """Pages by their numbers, those of a group being alike, and in which stages to code them; see:
    whether they may see each other. The first of a group is not in it where it is known: it is the
    last one of the group before."""
    numbered = enumerate(pages)
    group = dict(islice(numbered, 1))
    yield group, [dict.fromkeys(group, ())]
    first = group[0]
    while group := dict(islice(numbered, INTERVAL)):
        before, start = first, min(group) - 1
        first = group[max(group)]
        alike = {(size_of(page), page.type) for page in (before, *group.values())}
        if len(alike) > 1:
            for number, page in group.items():
                yield {number: page}, [{number: ()}]
        elif see:
            yield group, list(stages(start, max(group)))
        else:
            yield group, [dict.fromkeys(group, ())]


def samples_of_pages(pages: Sequence[Page], tile: tuple[int, int] | None) -> list[Sample]:
    """What to fit networks to: whole groups of frames that are alike, or some pages; of large ones
    some tiles, or parts of them."""
    size = size_of(pages[0])
    grid = Grid(size.height, size.width, tile)
    alike = len(pages) > 1 and {(size_of(p), p.type) for p in pages} == {(size, pages[0].type)}
    found: list[Sample] = []
    if not alike:
        for page in evenly(pages, SAMPLE_PAGES):
            its = Grid(page.height, page.width, tile)
            for box in evenly(its, max(1, SAMPLE_TILES // min(len(pages), SAMPLE_PAGES))):
                found.append(Sample(_sample(page, box)))
        return found
    starts = range(0, len(pages) - 1, INTERVAL)
    pixels = min(size.height * size.width, SIDE * SIDE)
    most = max(1, min(SAMPLE_GROUPS, SAMPLE_PIXELS // (INTERVAL * pixels)))
    for start in evenly(starts, most):
        last = min(start + INTERVAL, len(pages) - 1)
        for box in evenly(grid, max(1, SAMPLE_TILES // INTERVAL)):
            at = {start: len(found)}
            found.append(Sample(_sample(pages[start], box)))
            for stage in stages(start, last):
                for number, others in stage.items():
                    at[number] = len(found)
                    seen = tuple(at[other] for other in others)
                    found.append(Sample(_sample(pages[number], box), seen))
    return found


def _sample(page: Page, box: Box) -> Picture:
    """What to look at of a tile: its middle where it is large."""
    height, width = min(box.height, SIDE), min(box.width, SIDE)
    top = box.top + (box.height - height) // 2 // TILE_STEP * TILE_STEP
    left = box.left + (box.width - width) // 2 // TILE_STEP * TILE_STEP
    return Picture(page.read(top, left, height, width), page.type)


def evenly(items: Sequence[Any] | Grid, most: int) -> list[Any]:
    """So many of a sequence at most, with the same number of others between them."""
    count = len(items)
    if count <= most:
        return [items[n] for n in range(count)]
    return [items[(2 * n + 1) * count // (2 * most)] for n in range(most)]
