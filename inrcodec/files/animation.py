"""Animations (GIF, APNG, WebP) as the frames that are shown, one after the other.

A frame is composed of those before it, so frames are read in their order; the last few are kept.
Of GIF and WebP Pillow composes them; what is looked at before is which samples hold all frames.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, overload

import numpy as np

from ..errors import ImageError, LinrError
from ..history.colour_table import BRIGHTNESS, MAX_COLOURS
from ..limits import DEFAULT, Limits, check_size
from . import png
from .apng import HOW_STORED, Apng, open_apng
from .metadata import Metadata
from .others import Kind, itself, kind_of, metadata_left_out, read_error
from .picture import PLAIN, PixelType
from .shown import Shown
from .timing import Delay, Repeats, split, with_times

MOST_PIXELS = 1 << 36  # of all frames together
FRAMES_KEPT = "its frames are kept, as they are shown, and their times"
_KINDS = ("GIF", "WebP")
_HEAD = 32  # bytes that tell them
_OPAQUE = 255


@dataclass(frozen=True)
class Shape:
    """Of the samples of a frame."""

    height: int
    width: int
    channels: int = 1
    bits: int = 8

    @classmethod
    def of(cls, samples: np.ndarray) -> Shape:
        """That of an array (H, W) or (H, W, C)."""
        height, width, *channels = samples.shape
        return cls(height, width, channels[0] if channels else 1, 8 * samples.itemsize)


@dataclass(frozen=True)
class AnimationPage:
    """A frame as it is shown."""

    shape: Shape
    type: PixelType
    metadata: Metadata | None
    number: int
    frames: Shown

    left_out: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return self.shape.height

    @property
    def width(self) -> int:
        return self.shape.width

    @property
    def channels(self) -> int:
        return self.shape.channels

    @property
    def bits(self) -> int:
        return self.shape.bits

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The samples of a rectangle, to be written to. Raises ImageError."""
        return self.frames[self.number][top : top + height, left : left + width].copy()


class Animation(Sequence[AnimationPage]):
    """The frames of an animation. metadata: what is true of all of them, with how often they are
    shown, and how long if a frame does not say; left_out: what of the file does not come back."""

    def __init__(
        self,
        frames: Shown,
        shapes: Sequence[Shape],
        pixels: PixelType,
        repeats: Repeats,
        delays: Sequence[Delay | None],
        metadata: Metadata | None,
        left_out: tuple[str, ...],
    ) -> None:
        self.left_out = left_out
        sizes = [(shape.height, shape.width) for shape in shapes]
        whole = [
            with_times(metadata, size, delay, None if number else repeats)
            for number, (size, delay) in enumerate(zip(sizes, delays, strict=True))
        ]
        self.metadata, own = split(whole, sizes, {pixels})
        self._pages = [
            AnimationPage(shape, pixels, its, number, frames)
            for number, (shape, its) in enumerate(zip(shapes, own, strict=True))
        ]

    def __len__(self) -> int:
        return len(self._pages)

    @overload
    def __getitem__(self, index: int) -> AnimationPage: ...

    @overload
    def __getitem__(self, index: slice) -> list[AnimationPage]: ...

    def __getitem__(self, index: int | slice) -> AnimationPage | list[AnimationPage]:
        return self._pages[index]


def open_animation(
    source: bytes | BinaryIO, name: str = "image", limits: Limits = DEFAULT
) -> Animation | None:
    """The frames of an animated GIF, PNG or WebP as they are shown; None for any other file, those
    of a single image included, or where Pillow is missing for GIF and WebP.

    source: the file's bytes, or the file open at its beginning, where it is left. Frames are uint8
    or uint16 samples of one type: of an APNG those of the file, where these have what it needs; of
    the others indices of a palette where all frames together have 256 colours at most, grey, RGB or
    RGBA. Raises ImageError, with `name` in front, for a damaged file, LimitError above
    limits.pixels in a frame.
    """
    if isinstance(source, bytes):
        return _opened(source, name, limits)
    start = source.tell()
    head = source.read(_HEAD)
    source.seek(start)
    if not _may_be(head, name) or (head.startswith(png.SIGNATURE) and not _says_so(source)):
        source.seek(start)
        return None
    source.seek(start)
    found = _opened(source.read(), name, limits)
    source.seek(start)
    return found


def _says_so(file: BinaryIO) -> bool:
    """Whether a PNG has a chunk acTL before its image data, of which nothing is read."""
    at = file.tell() + len(png.SIGNATURE)
    while len(head := _read_at(file, at, 8)) == 8:
        if head[4:] in (b"acTL", b"IDAT"):
            return head[4:] == b"acTL"
        at += 12 + int.from_bytes(head[:4], "big")
    return False


def _read_at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _may_be(head: bytes, name: str) -> Kind | bool | None:
    """Whether it begins like an animation; the kind of those that Pillow reads."""
    if head.startswith(png.SIGNATURE):
        return True
    kind = kind_of(head, name)
    return kind if kind is not None and kind.name in _KINDS else None


def _opened(data: bytes, name: str, limits: Limits) -> Animation | None:
    kind = _may_be(data[:_HEAD], name)
    if kind is True:
        found = open_apng(data, name, limits)
        return _of_apng(found, name) if found is not None else None
    return _of_pillow(data, kind, name, limits) if isinstance(kind, Kind) else None


def _of_apng(apng: Apng, name: str) -> Animation:
    head = apng.head
    shape = Shape(head.height, head.width, head.channels, head.bits)
    count = len(apng.delays)
    _check_all(count * head.height * head.width, name)
    return Animation(
        Shown(apng.shown), [shape] * count, head.type, apng.repeats, apng.delays, head.metadata,
        (*head.left_out, HOW_STORED),
    )  # fmt: skip


def _check_all(pixels: int, name: str) -> None:
    if pixels > MOST_PIXELS:
        raise ImageError(f"{name}: an animation of {pixels} pixels, more than {MOST_PIXELS}")


def _of_pillow(data: bytes, kind: Kind, name: str, limits: Limits) -> Animation | None:
    try:
        library = importlib.import_module("PIL.Image")
    except ImportError:
        return None  # who reads it as one image says so
    try:
        return _Composed(library, data, kind, name, limits).animation()
    except (LinrError, MemoryError):
        raise
    except Exception as error:
        raise read_error(error, kind, name) from None


@dataclass(frozen=True)
class _Composed:
    """An animation that Pillow composes."""

    library: Any
    data: bytes
    kind: Kind
    name: str
    limits: Limits

    def animation(self) -> Animation | None:
        """All of it, frames being looked at once; None where there is one."""
        with self._open() as image:
            check_size(image.width, image.height, self.name, self.limits)
            count = image.n_frames
            if count < 2:
                return None
            _check_all(count * image.width * image.height, self.name)
            loop = image.info.get("loop")
            left_out = [itself(self.kind, FRAMES_KEPT), *metadata_left_out(image)]
        shapes, delays, times = list[Shape](), list[Delay](), list[float]()
        colours: set[tuple[int, ...]] | None = set()
        opaque = grey = True
        for image, frame in self._frames(count):
            check_size(frame.width, frame.height, self.name, self.limits)
            shapes.append(Shape(frame.height, frame.width))
            times.append(image.info.get("duration") or 0)
            delays.append(Delay.of_milliseconds(times[-1]))
            if colours is not None:
                found = frame.getcolors(MAX_COLOURS)
                colours = colours | {c for _, c in found} if found else None
                colours = colours if colours and len(colours) <= MAX_COLOURS else None
            opaque = opaque and frame.getextrema()[3] == (_OPAQUE, _OPAQUE)
            grey = grey and opaque and _is_grey(np.asarray(frame))
        if any(d.milliseconds != t for d, t in zip(delays, times, strict=True)):
            left_out.append("the exact times of some frames")
        if self.kind.name == "GIF":  # which says how often it is repeated, and nothing for once
            delays = [Delay(int(time) // 10, 100) for time in times]
            plays = 1 if loop is None else loop and loop + 1
        else:
            plays = loop or 0
        pixels, table = PLAIN, None
        channels = 1 if grey else 3 if opaque else 4
        if colours is not None and not grey:
            channels, table = 1, _sorted(colours)
            pixels = _palette(table)
        shapes = [Shape(s.height, s.width, channels) for s in shapes]
        frames = Shown(lambda: self._samples(count, channels, table))
        return Animation(
            frames, shapes, pixels, Repeats(count, plays), delays, None, tuple(left_out)
        )

    def _open(self) -> Any:
        return self.library.open(io.BytesIO(self.data), formats=[self.kind.name.upper()])

    def _frames(self, count: int) -> Iterator[tuple[Any, Any]]:
        """The file at each frame, and the frame as RGBA."""
        with self._open() as image:
            for number in range(count):
                image.seek(number)
                image.load()
                yield image, image.convert("RGBA")

    def _samples(self, count: int, channels: int, table: np.ndarray | None) -> Iterator[np.ndarray]:
        """The frames; table: of colours whose indices are wanted."""
        frames = self._frames(count)
        while True:
            try:
                _, frame = next(frames)
            except StopIteration:
                return
            except Exception as error:
                raise read_error(error, self.kind, self.name) from None
            samples = np.asarray(frame)
            if table is None:
                yield samples[..., 0].copy() if channels == 1 else samples[..., :channels].copy()
                continue
            keys = _keys(table)
            order = np.argsort(keys)
            yield order[np.searchsorted(keys[order], _keys(samples))].astype(np.uint8)


def _is_grey(samples: np.ndarray) -> bool:
    red, green, blue = (samples[..., channel] for channel in range(3))
    return bool((red == green).all() and (red == blue).all())


def _sorted(colours: set[tuple[int, ...]]) -> np.ndarray:
    """Colours (n, 4) by brightness, then alpha, as steps put them in order."""
    table = np.array(sorted(colours), np.uint8)
    return table[np.lexsort([table[:, 3], table[:, :3].astype(np.int64) @ BRIGHTNESS])]


def _palette(table: np.ndarray) -> PixelType:
    alpha = table[:, 3]
    clear = np.flatnonzero(alpha != _OPAQUE)
    depth = next(bits for bits in (1, 2, 4, 8) if len(table) <= 1 << bits) % 8
    shown = alpha[: int(clear[-1]) + 1].tobytes() if len(clear) else b""
    return PixelType(depth, table[:, :3].tobytes(), shown)


def _keys(colours: np.ndarray) -> np.ndarray:
    """A number for each colour (..., 4)."""
    return np.ascontiguousarray(colours).view(np.uint32)[..., 0]
