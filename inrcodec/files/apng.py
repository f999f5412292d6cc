"""Animated PNGs: the frames as they are shown, of those that are stored, and back.

PNG specification, third edition, 11.3.6. A stored frame is a rectangle that is put upon, or blended
with, what was shown before. Frames are composed of samples as the file has them where these have a
transparent one, if one is needed; else in grey or RGB with alpha.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..errors import ImageError
from ..limits import Limits
from .images import as_of_png
from .metadata import PNG, Metadata
from .picture import PLAIN, Picture, PixelType
from .png import Head, assemble, chunks_of, head_of, image_data, read_png, write_png
from .timing import ANIMATION, FRAME, Delay, Repeats, delay_of, repeats_of

_NONE, _BACKGROUND, _PREVIOUS = range(3)  # what becomes of a frame when the next one comes
_SOURCE, _OVER = range(2)  # how it is put upon what is there
_DATA = "fdAT"
_CONTROL = struct.Struct(">IIIIIHHBB")
_OF_SAMPLES = ("bKGD", "hIST", "sBIT")  # chunks that speak of samples as the file has them
_UNTIMED = Delay(1, 10)
HOW_STORED = "which areas its frames are stored as, and how these are packed"


@dataclass(frozen=True)
class _Stored:
    """A frame as it is stored; stream: the bodies of its IDAT or fdAT chunks."""

    top: int
    left: int
    height: int
    width: int
    delay: Delay
    disposal: int
    blending: int
    stream: list[bytes] = field(default_factory=list, repr=False)

    @property
    def area(self) -> tuple[slice, slice]:
        """Where it lies."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)

    def covers(self, other: _Stored) -> bool:
        """Whether all of another one lies in it."""
        mine, its = self.area, other.area
        return all(a.start <= b.start and b.stop <= a.stop for a, b in zip(mine, its, strict=True))


@dataclass(frozen=True)
class Apng:
    """An animated PNG. head: what it says of the frames as they are shown; delays: of each, None of
    a first one that is no part of the animation."""

    head: Head
    repeats: Repeats
    delays: tuple[Delay | None, ...]
    _chunks: list[tuple[str, bytes]] = field(repr=False)
    _frames: list[_Stored] = field(repr=False)
    _clear: np.ndarray | None
    _name: str
    _limits: Limits

    def shown(self) -> Iterator[np.ndarray]:
        """The samples of each frame. Raises ImageError where its image data are damaged."""
        canvas = self._blank()
        first = len(self._frames) - self.repeats.frames
        for number, frame in enumerate(self._frames):
            samples = self._decoded(number)
            if number < first:
                yield samples
                continue
            under = canvas[frame.area].copy() if frame.disposal == _PREVIOUS else None
            if frame.blending == _OVER and number > first:
                samples = _over(samples, canvas[frame.area], self.head.type)
            canvas[frame.area] = samples
            yield canvas.copy()
            if _clears(frame, number == first):
                canvas[frame.area] = 0 if self._clear is None else self._clear
            elif under is not None:
                canvas[frame.area] = under

    def _blank(self) -> np.ndarray:
        head = self.head
        shape = (head.height, head.width) + ((head.channels,) if head.channels > 1 else ())
        canvas = np.zeros(shape, f"u{head.bits // 8}")
        if self._clear is not None:
            canvas[:] = self._clear
        return canvas

    def _decoded(self, number: int) -> np.ndarray:
        frame = self._frames[number]
        header = struct.pack(">II", frame.width, frame.height) + self._chunks[0][1][8:]
        data = assemble([("IHDR", header), *self._chunks[1:], ("IDAT", b"".join(frame.stream))])
        picture = read_png(data, f"{self._name}: frame {number}", self._limits)
        if picture.type == self.head.type and picture.cube.shape[2] == self.head.channels:
            return picture.samples
        return _with_alpha(picture)


def open_apng(data: bytes, name: str, limits: Limits) -> Apng | None:
    """An animated PNG, of which no frame is decoded yet; None of a PNG that is none. Raises
    ImageError, with `name` in front, for a damaged one, LimitError above limits.pixels."""
    if ANIMATION.encode() not in data[: max(0, data.find(b"IDAT"))]:
        return None
    chunks, frames, hidden = list[tuple[str, bytes]](), list[_Stored](), list[bytes]()
    repeats: Repeats | None = None
    sequence = 0
    for kind, body, _ in chunks_of(data, name):
        begun = bool(hidden or (frames and frames[0].stream))
        if kind == ANIMATION:
            if repeats is not None or begun or len(body) != 8:
                raise ImageError(f"{name}: damaged PNG, illegal or misplaced chunk {kind}")
            repeats = Repeats(*struct.unpack(">II", body))
        elif kind in (FRAME, _DATA):
            if body[:4] != struct.pack(">I", sequence):
                raise ImageError(f"{name}: damaged PNG, its frames are out of order")
            sequence += 1
            if kind == FRAME:
                frames.append(_stored(body, name))
            elif not begun or not frames:
                raise ImageError(f"{name}: damaged PNG, misplaced chunk {kind}")
            else:
                frames[-1].stream.append(body[4:])
        elif kind == "IDAT":
            if len(frames) > 1 or (hidden and frames):
                raise ImageError(f"{name}: damaged PNG, IDAT chunks are not consecutive")
            (frames[0].stream if frames else hidden).append(body)
            chunks.append((kind, body))
        elif kind != "IEND":
            chunks.append((kind, body))
    if repeats is None:
        return None
    head = head_of(assemble(chunks), name, limits)
    if len(frames) != repeats.frames or not frames or not all(f.stream for f in frames):
        raise ImageError(f"{name}: damaged PNG, not {repeats.frames} whole frames")
    image = _Stored(0, 0, head.height, head.width, Delay(0, 0), _NONE, _SOURCE, hidden)
    if not all(image.covers(frame) for frame in frames):
        raise ImageError(f"{name}: damaged PNG, a frame lies beyond the image")
    if not hidden and not frames[0].covers(image):
        raise ImageError(f"{name}: damaged PNG, a first frame of another size")
    clear, fits = _own_clear(head, frames, image)
    delays = (*[None] * bool(hidden), *(frame.delay for frame in frames))
    basis = [chunk for chunk in chunks if chunk[0] in ("IHDR", "PLTE", "tRNS")]
    frames = [image] * bool(hidden) + frames
    return Apng(
        head if fits else _in_colour(head), repeats, delays, basis, frames, clear, name, limits
    )


def _stored(body: bytes, name: str) -> _Stored:
    if len(body) != _CONTROL.size:
        raise ImageError(f"{name}: damaged PNG, a chunk {FRAME} of {len(body)} bytes")
    _, width, height, left, top, over, under, disposal, blending = _CONTROL.unpack(body)
    if not (width and height) or disposal > _PREVIOUS or blending > _OVER:
        raise ImageError(f"{name}: damaged PNG, an illegal chunk {FRAME}")
    return _Stored(top, left, height, width, Delay(over, under), disposal, blending)


def _clears(frame: _Stored, first: bool) -> bool:
    """Whether nothing is left behind a frame; the first one has nothing before it."""
    return frame.disposal == _BACKGROUND or (first and frame.disposal == _PREVIOUS)


def _own_clear(head: Head, frames: list[_Stored], image: _Stored) -> tuple[np.ndarray | None, bool]:
    """The sample of the file that is transparent, if there is one beside those of alpha channels;
    and whether frames can be composed of its samples."""
    pixels = head.type
    if head.channels in (2, 4):
        return None, True
    clear = None
    if b"\0" in pixels.alpha:
        clear = np.array(pixels.alpha.index(0), np.uint8)
    elif pixels.key:
        top = (1 << (pixels.depth or head.bits)) - 1
        clear = (np.array(pixels.key) & top).astype(f"u{head.bits // 8}")
    over = any(frame.blending == _OVER for frame in frames[1:])
    if over and set(pixels.alpha) - {0, 255}:
        return None, False
    return clear, clear is not None or not _bare(frames, image, bool(pixels.alpha))


def _bare(frames: list[_Stored], image: _Stored, transparent: bool) -> bool:
    """Whether nothing is shown anywhere in a frame; transparent: whether samples may be."""
    covered = np.zeros((image.height, image.width), bool)
    for number, frame in enumerate(frames):
        under = covered[frame.area].copy() if frame.disposal == _PREVIOUS else None
        if not transparent or frame.blending == _SOURCE or number == 0:
            covered[frame.area] = True
        if not covered.all():
            return True
        if _clears(frame, number == 0):
            covered[frame.area] = False
        elif under is not None:
            covered[frame.area] = under
    return False


def _in_colour(head: Head) -> Head:
    """What is said of frames in grey or RGB with alpha."""
    channels = 4 if head.type.palette or head.channels > 2 else 2
    left_out, kept = list(head.left_out), []
    for kind, body in head.metadata.chunks if head.metadata is not None else ():
        if kind in _OF_SAMPLES:
            left_out.append(f"chunk {kind}")
        elif body is not None or kind == "IDAT":
            kept.append((kind, body))
    while kept and kept[-1][1] is None:
        kept.pop()
    metadata = Metadata(PNG, chunks=tuple(kept)) if kept else None
    return Head(head.height, head.width, channels, head.bits, PLAIN, metadata, tuple(left_out))


def _with_alpha(picture: Picture) -> np.ndarray:
    """Grey or RGB, with alpha in any case."""
    image = picture.array()
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels in (2, 4):
        return image
    opaque = np.full(image.shape[:2], np.iinfo(image.dtype).max, image.dtype)
    return np.dstack([image, opaque])


def _over(front: np.ndarray, back: np.ndarray, pixels: PixelType) -> np.ndarray:
    """Samples blended over others, as the specification's sample code has it, in integers."""
    if pixels.palette:
        alpha = np.full(256, 255, np.uint8)
        alpha[: len(pixels.alpha)] = np.frombuffer(pixels.alpha, np.uint8)
        return np.where(alpha[front] > 0, front, back)
    if pixels.key:
        top = (1 << (pixels.depth or 8 * front.itemsize)) - 1
        clear = (front.reshape(*front.shape[:2], -1) == np.array(pixels.key) & top).all(axis=2)
        return np.where(clear.reshape(clear.shape + (1,) * (front.ndim - 2)), back, front)
    if front.ndim == 2 or front.shape[2] == 3:
        return front
    top = np.iinfo(front.dtype).max
    result = np.where(front[..., -1:] > 0, front, back)
    partial = (front[..., -1] > 0) & (front[..., -1] < top)
    upper, lower = front[partial].astype(np.int64), back[partial].astype(np.int64)
    mine = upper[:, -1:] * top
    its = (top - upper[:, -1:]) * lower[:, -1:]
    both = mine + its
    blended = (upper[:, :-1] * mine + lower[:, :-1] * its) // both
    result[partial] = np.hstack([blended, both // top])
    return result


@dataclass(frozen=True)
class _Written:
    """A frame as it is written: (top, left, height, width) of its area, and its image data."""

    area: tuple[int, int, int, int]
    delay: Delay | None
    stream: bytes


def write_apng(frames: Iterable[Picture]) -> bytes:
    """An animated PNG of pictures of one size and type, which shows each exactly, with the first
    one's metadata. How long each is shown, and how often all, metadata say (timing.py); without
    them it is a tenth of a second, and for ever. Raises ImageError where pictures are not alike, or
    are none that a PNG holds."""
    first: Picture | None = None
    before, written, head = np.empty(0), list[_Written](), list[tuple[str, bytes]]()
    repeats: Repeats | None = None
    for frame in frames:
        picture, delay = as_of_png(frame), delay_of(frame.metadata)
        samples = picture.samples
        area = (0, 0, *samples.shape[:2])
        if first is None:
            first, repeats = picture, repeats_of(frame.metadata)
            head = [(kind, body) for kind, body, _ in chunks_of(write_png(picture, 6), "it")]
            written.append(_Written(area, delay if repeats else delay or _UNTIMED, b""))
        else:
            like = samples.shape, samples.dtype, picture.type
            if like != (before.shape, before.dtype, first.type):
                raise ImageError("an animated PNG holds frames of one size and type")
            if len(written) > 1 or written[0].delay is not None:  # it is put upon the one before
                area = _changed(samples, before)
            top, left, height, width = area
            part = np.ascontiguousarray(samples[top : top + height, left : left + width])
            stream = image_data(Picture(part, picture.type), 6)
            written.append(_Written(area, delay or _UNTIMED, stream))
        before = samples
    if first is None:
        raise ImageError("there is no frame to write")
    shown = [each for each in written if each.delay is not None]
    count = struct.pack(">II", len(shown), repeats.plays if repeats else 0)
    image = next(at for at, (kind, _) in enumerate(head) if kind == "IDAT")
    chunks, sequence = [head[0], (ANIMATION, count), *head[1:image]], 0
    for number, each in enumerate(written):
        if each.delay is not None:
            top, left, height, width = each.area
            places = width, height, left, top
            chunks.append((FRAME, _CONTROL.pack(sequence, *places, *each.delay, _NONE, _SOURCE)))
            sequence += 1
        if number:
            chunks.append((_DATA, struct.pack(">I", sequence) + each.stream))
            sequence += 1
        else:
            chunks += head[image:-1]
    return assemble(chunks)


def _changed(samples: np.ndarray, before: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of the least area that has all changes; of a pixel if there are
    none."""
    changes = (samples != before).reshape(*samples.shape[:2], -1).any(axis=2)
    if not changes.any():
        return 0, 0, 1, 1
    rows, cols = (np.flatnonzero(changes.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(cols[0])
    return top, left, int(rows[-1]) + 1 - top, int(cols[-1]) + 1 - left
