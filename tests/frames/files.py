"""Files of parts that are made as a test wants them, whatever an encoder would choose."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, Prior
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.container.linr import Window
from inrcodec.contents import (
    Contents,
    digest_of_digests,
    geometry_of,
    minor_version,
    pack,
    pack_part,
    parse,
    parse_part,
    planes_of,
)
from inrcodec.context.file import Models
from inrcodec.context.layout import choose_layout
from inrcodec.context.prior import QUICK
from inrcodec.context.shared import SharedNetworks, code_shared
from inrcodec.files.picture import PLAIN, PixelType, digest
from inrcodec.frames.file import Frames
from inrcodec.frames.index import PageSize
from inrcodec.frames.tiles import Grid
from inrcodec.history.planes import Planes
from inrcodec.history.step import Step
from inrcodec.options import Reading
from inrcodec.reconstruct import planes_of_model
from tests.golden.recipes import chained, random_weights


def stored(picture: Picture) -> bytes:
    """A file of one image."""
    return inrcodec.encode(picture, model="stored")


@dataclass(frozen=True)
class How:
    """How a part is coded: as a file of one image is, or with a set of networks, behind the pages
    that it sees, which are so far away."""

    file: Callable[[Picture], bytes] | None = None
    shared: int = 0
    sees: tuple[int, ...] = ()
    steps: tuple[type[Step], ...] = ()


@dataclass(frozen=True)
class Made:
    """The parts of a file, and what it has of its own."""

    pages: Sequence[Picture]
    tile: tuple[int, int] | None = None
    sets: tuple[SharedNetworks, ...] = ()
    type: PixelType = PLAIN
    metadata: Metadata | None = None
    left_out: tuple[str, ...] = ()
    priors: tuple[Prior, ...] = ()
    parts: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _planes: dict[tuple[int, int], Planes] = field(default_factory=dict)

    def grid(self, page: int) -> Grid:
        return Grid(*self.pages[page].samples.shape[:2], self.tile)

    def contents(self, lengths: tuple[int, ...], digests: tuple[bytes, ...]) -> Contents:
        """The file's own."""
        sizes = tuple(_size(picture.samples) for picture in self.pages)
        geometry = geometry_of(*sizes[0], self.type)
        model = Frames(geometry, sizes, self.tile, self.sets, lengths)
        whole = digest_of_digests(digests)
        return Contents(geometry, whole, self.type, self.metadata, (), model, self.left_out)

    def code(self, page: int, tile: int, how: How) -> None:
        """Codes a part; those that it sees are coded."""
        box, picture = self.grid(page)[tile], self.pages[page]
        rows, cols = slice(box.top, box.bottom), slice(box.left, box.right)
        samples = np.ascontiguousarray(picture.samples[rows, cols])
        if tile:
            picture = replace(picture, samples=samples, metadata=None, left_out=())
        else:
            picture = replace(picture, samples=samples)
        given = planes_of(picture).geometry, digest(samples)
        if how.file is not None:
            contents = parse(how.file(picture))
        else:
            chain = chained(picture, how.steps)
            layout = choose_layout(chain.planes, frames=len(how.sees))
            beside = [self._planes[page + distance, tile] for distance in how.sees]
            with Workers(numpy_backend(), 1) as workers:
                model = code_shared(
                    chain.planes, layout, how.shared, self.sets[how.shared], beside, how.sees,
                    workers, self.priors,
                )  # fmt: skip
            about = picture.type, picture.metadata, chain.steps, model, picture.left_out
            contents = Contents(*given, *about)
        data = pack_part(contents, self.type)
        outer = self.contents((0,), ())
        part = parse_part(io.BytesIO(data), Window(0, len(data)), outer)
        beside = tuple(self._planes[page + distance, tile] for distance in how.sees)
        reading = Reading(numpy_backend(), 1, shared=self.sets, beside=beside, priors=self.priors)
        self._planes[page, tile] = planes_of_model(part, reading)
        self.parts[page, tile] = data

    def file(self) -> bytes:
        """Of all parts."""
        parts = [self.parts[key] for key in sorted(self.parts)]
        outer = self.contents((0,), ())
        read = [parse_part(io.BytesIO(part), Window(0, len(part)), outer) for part in parts]
        contents = self.contents(tuple(map(len, parts)), tuple(part.digest for part in read))
        return pack(contents, max(minor_version(part.model) for part in read)) + b"".join(parts)


def parts_file(
    pages: Sequence[Picture | np.ndarray],
    how: Sequence[How] = (How(),),
    order: Sequence[int] = (),
    **options: object,
) -> bytes:
    """The file of pages, each coded as the next of `how` says, from the first one again behind the
    last; order: in which they are coded. options: as Made's."""
    pictures = [page if isinstance(page, Picture) else Picture(page) for page in pages]
    made = Made(pictures, **options)  # type: ignore[arg-type]
    for page in order or range(len(pages)):
        for tile in range(len(made.grid(page))):
            made.code(page, tile, how[page % len(how)])
    return made.file()


def a_set(
    channels: int = 1,
    frames: int = 0,
    conversion: int = 0,
    models: Models | None = None,
    random: tuple[int, int] | None = None,
) -> SharedNetworks:
    """Shared networks: a prior as it is, or weights or changes at random, of that magnitude at
    most, with that shift."""
    chosen = models or Models.of_prior(QUICK)
    alpha = channels in (2, 4)
    empty = SharedNetworks(channels, alpha, conversion, frames, chosen, b"")
    if random is None:
        return empty
    return replace(empty, weights=random_weights(empty, chosen, *random))


def moving(
    count: int, height: int, width: int, channels: int, dtype: type, seed: int = 0
) -> np.ndarray:
    """Frames (count, height, width) or (count, height, width, channels) of a scene that moves under
    some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0 : width + count].astype(float)
    light = 0.4 + 0.2 * np.sin(x / 3 + y / 5) + 0.15 * np.cos(y / 2 - x / 7)
    top, frames = np.iinfo(dtype).max, []
    for number in range(count):
        view = light[:, number : number + width]
        planes = [view * (0.9 + 0.1 * k) for k in range(channels)]
        if channels in (2, 4):
            planes[-1] = (view > 0.4) * 0.5 + 0.5
        image = np.stack(planes, axis=-1) + rng.normal(0, 0.004, (height, width, channels))
        frames.append((np.clip(image, 0, 1) * top).astype(dtype))
    frames_ = np.stack(frames)
    return frames_[..., 0] if channels == 1 else frames_


def _size(samples: np.ndarray) -> PageSize:
    channels = samples.shape[2] if samples.ndim == 3 else 1
    return PageSize(*samples.shape[:2], channels, 8 * samples.itemsize)
