"""Reading of .linr files: any frame, any region of it, at any scale, and no more of the file."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO, Self

import numpy as np

from ..coding.backend import Workers, backend_for
from ..contents import Contents, digest_of_digests
from ..context.own_prior import Prior
from ..errors import (
    ChecksumError,
    CorruptError,
    DeviceError,
    ImageError,
    LinrError,
    PriorNotFoundError,
)
from ..files.picture import Picture
from ..files.places import Place, opened
from ..files.timing import of_frame
from ..limits import DEFAULT, Limits
from ..options import Reading
from ..reconstruct import SCALES, picture_of, read_contents
from ..source.copy import Copy
from .file import Frames
from .index import PageSize
from .parts import Parts
from .tiles import Box, Grid

Region = tuple[int, int, int, int]  # top, left, height, width


class LinrFile:
    """A .linr file that is open: its frames, whole or in part.

    source: the file's bytes, or a path, a URL or a binary file object, of which no more is read
    than is asked for. device, threads, priors, limits: as decode's. damaged: told of each part (a
    frame, or a tile of one) that cannot be decoded, whose samples are then 0, instead of the error.
    Safe for several threads. Raises as decode where the file is none, OSError as its file system
    does. Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        source: bytes | Place,
        *,
        device: str = "cpu",
        threads: int | None = None,
        priors: Sequence[Prior] = (),
        limits: Limits = DEFAULT,
        damaged: Callable[[LinrError], None] | None = None,
    ) -> None:
        self.reading = Reading(backend_for(device), threads, limits, priors=priors)
        self.damaged, self._stack = damaged, ExitStack()
        self._lock = threading.Lock()
        self._digests = dict[int, bytes]()  # of the parts that were decoded
        with ExitStack() as stack:
            if isinstance(source, bytes | bytearray | memoryview):
                self._file: BinaryIO = io.BytesIO(source)
            else:
                self._file = stack.enter_context(opened(source, whole=False))
            self._start = self._file.tell()
            self._scale = max(SCALES)
            self.contents = self._read(self._scale)
            if isinstance(self.contents.model, Frames):
                self._parts = Parts(self._file, self.contents, self.contents.model, self._lock)
            self._stack = stack.pop_all()

    def _read(self, scale: int) -> Contents:
        self._file.seek(self._start)
        return read_contents(self._file, scale, self.reading.limits)

    def close(self) -> None:
        """Closes what it opened."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def frames(self) -> int:
        """How many there are."""
        return self.contents.images

    def __len__(self) -> int:
        return self.frames

    def size(self, frame: int = 0) -> PageSize:
        """Of a frame's samples: height, width, channels, bits."""
        self._check(frame)
        if isinstance(self.contents.model, Frames):
            return self.contents.model.sizes[frame]
        picture = self.contents.picture
        return PageSize(picture.height, picture.width, picture.channels, picture.sample_bits)

    @property
    def tile(self) -> tuple[int, int] | None:
        """Height and width of the tiles that decode alone; None where frames are whole."""
        model = self.contents.model
        return model.tile if isinstance(model, Frames) else None

    def grid(self, frame: int = 0) -> Grid:
        """The tiles of a frame."""
        size = self.size(frame)
        return Grid(size.height, size.width, self.tile)

    def box(self, frame: int, region: Region | None) -> Box:
        """A region of a frame, None being all of it. Raises ValueError where it does not lie in
        the frame."""
        whole = self.grid(frame).whole
        return whole if region is None else _box(region, whole)

    def array(self, frame: int = 0, region: Region | None = None, scale: int = 1) -> np.ndarray:
        """A frame, or a region of it, as decode has it."""
        return self.picture(frame, region, scale).array()

    def picture(self, frame: int = 0, region: Region | None = None, scale: int = 1) -> Picture:
        """A frame, or a region of it, with its palette and depth; metadata of whole frames alone.
        Raises ValueError for a frame, region or scale that there is not, else as decode."""
        self._check(frame)
        _check_scale(scale)
        whole, box = self.grid(frame).whole, self.box(frame, region)
        if not box.reduced(scale).height or not box.reduced(scale).width:
            raise ValueError(f"region {region} has no pixel of every {scale}-th row and column")
        if not isinstance(self.contents.model, Frames):
            picture = self._single(frame, scale)
            if region is None:
                return picture
            rows, cols = box.reduced(scale).slices(whole.reduced(scale))
            return Picture(picture.samples[rows, cols], picture.type, unread=picture.unread)
        return self._of_parts(frame, box, scale, region is None)

    def stack(self, region: Region | None = None, scale: int = 1) -> np.ndarray:
        """All frames, or a region of each, in one array (N, H, W) or (N, H, W, C); of a file of one
        that alone. Raises ImageError where they are not alike, LimitError where they have more
        pixels together than one image may."""
        if self.frames == 1:
            return self.array(0, region, scale)
        _check_scale(scale)
        first, target = self.size(0)[:2], self.box(0, region).reduced(scale)
        pixels = self.frames * target.height * target.width
        self.reading.limits.check("pixels", pixels, f"{self.frames} frames at once")
        result: np.ndarray | None = None
        for frame in range(self.frames):
            image = self.array(frame, region, scale) if self.size(frame)[:2] == first else None
            if result is None and image is not None:
                result = np.empty((self.frames, *image.shape), image.dtype)
            assert result is not None
            if image is None or (image.shape, image.dtype) != (result.shape[1:], result.dtype):
                raise ImageError(
                    "the frames of this file differ in size or type: decode them one by one, with"
                    " frame=, or inrcodec.frames"
                )
            result[frame] = image
        assert result is not None
        return result

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.array(frame) for frame in range(self.frames))

    def _check(self, frame: int) -> None:
        if not isinstance(frame, int | np.integer) or not 0 <= frame < self.frames:
            raise ValueError(f"frame is {frame!r}; the file has {self.frames} frames")

    def _single(self, frame: int, scale: int) -> Picture:
        """A picture of a file without parts."""
        with self._lock:
            if scale < self._scale:
                self.contents, self._scale = self._read(scale), scale
        return picture_of(self.contents, replace(self.reading, frame=frame, scale=scale))

    def _of_parts(self, frame: int, box: Box, scale: int, entire: bool) -> Picture:
        model, outer = self._frames(), self.contents
        size, grid = model.sizes[frame], model.grid(frame)
        first, target = model.first_parts[frame], box.reduced(scale)
        shape = (target.height, target.width) + ((size.channels,) if size.channels > 1 else ())
        samples = np.zeros(shape, np.uint8 if size.bits == 8 else np.uint16)
        numbers, found = list(grid.touched(box)), dict[int, Contents]()
        new = len(self._digests) < len(model.lengths)
        threads = self.reading.threads or os.cpu_count() or 1
        reading = replace(self.reading, threads=max(1, threads // len(numbers)), scale=scale)

        def fill(number: int) -> None:
            try:
                part, decoded = self._parts.part(first + number, reading)
            except (DeviceError, PriorNotFoundError):
                raise  # which no part is to blame for
            except LinrError as error:
                named = self._named(error, frame, number)
                if self.damaged is None:
                    raise named from error
                self.damaged(named)
                return
            found[number] = part
            self._digests[first + number] = part.digest
            wanted = grid[number].within(box).reduced(scale)
            if wanted.height and wanted.width:
                into, of = wanted.slices(target), wanted.slices(grid[number].reduced(scale))
                samples[into] = decoded[of]

        with Workers(self.reading.backend, min(threads, len(numbers))) as workers:
            workers.map(fill, numbers)
        types = {part.type for part in found.values()} or {outer.type}
        if len(types) > 1:
            raise CorruptError(f"frame {frame}: tiles of several types of samples")
        if new and len(self._digests) == len(model.lengths):
            self._compare(tuple(self._digests[n] for n in range(len(self._digests))))
        head = found.get(0)
        metadata = of_frame(head.metadata if head else None, outer.metadata)
        left_out = tuple(dict.fromkeys((*outer.left_out, *(head.left_out if head else ()))))
        source = outer.source if entire and scale == 1 and self.frames == 1 else None
        about = (metadata, left_out, source) if entire else (None, (), None)
        return Picture(samples, types.pop(), *about)

    def _named(self, error: LinrError, frame: int, number: int) -> LinrError:
        """An error that says which part it is of."""
        where = f"frame {frame}"
        if self.tile is not None:
            box = self.grid(frame)[number]
            where += f", tile {number} at row {box.top}, column {box.left}"
        return type(error)(f"{where}: {error}")

    def _frames(self) -> Frames:
        model = self.contents.model
        assert isinstance(model, Frames)
        return model

    def contents_of(self, part: int, scale: int = 1) -> Contents:
        """A part, by its number, taken apart. Raises a LinrError, which says which part it is,
        where it is damaged."""
        try:
            return self._parts.contents(part, scale, self.reading)
        except LinrError as error:
            page, _ = self._frames().page_of(part)
            raise self._named(error, page, part - self._frames().first_parts[page]) from error

    def facts(self, frame: int) -> Picture:
        """What is known of a frame but its samples, which are all 0: type, metadata, what was left
        out; of a damaged one, where `damaged` is told of these, no more than the file says of all.
        Raises as picture."""
        self._check(frame)
        size, outer = self.size(frame), self.contents
        head = outer
        if isinstance(outer.model, Frames):
            try:
                head = self._head(outer.model.first_parts[frame])
            except LinrError:
                if self.damaged is None:
                    raise
                # picture tells it of the damage, and has the file's own facts for the frame, too
        shape = (size.height, size.width) + ((size.channels,) if size.channels > 1 else ())
        samples = np.broadcast_to(np.zeros((), f"u{size.bits // 8}"), shape)
        metadata = of_frame(head.metadata, outer.metadata)
        left_out = tuple(dict.fromkeys((*outer.left_out, *head.left_out)))
        why = head.model.why if isinstance(head.model, Copy) else ""
        return Picture(samples, head.type, metadata, left_out, unread=why)

    def array_like(self, frame: int = 0) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and dtype of the array of a frame. Raises as picture, and ImageError where its
        samples are not known."""
        facts = self.facts(frame)
        pixel = replace(facts, samples=facts.samples[:1, :1].copy()).array()
        return (*facts.samples.shape[:2], *pixel.shape[2:]), pixel.dtype

    def check(self) -> None:
        """Raises a LinrError where a checksum of the file does not hold; reads all of it, and
        decodes nothing."""
        if not isinstance(self.contents.model, Frames):
            with self._lock:
                self._read(1)
            return
        for part in range(self.contents.model.first_parts[-1]):
            self.contents_of(part)
        self.check_digest()

    def check_digest(self) -> None:
        """Raises ChecksumError where the parts are not those that the file was made of, whatever
        each by itself says; reads all of them."""
        parts = len(self._frames().lengths)
        self._compare(tuple(self._head(number).digest for number in range(parts)))

    def _head(self, part: int) -> Contents:
        """A part, by its number, as far as an eighth of its size needs it."""
        return self.contents_of(part, max(SCALES))

    def _compare(self, digests: tuple[bytes, ...]) -> None:
        if digest_of_digests(digests) != self.contents.digest:
            raise ChecksumError("the digests of the parts do not match the file's")


class EachFrame(Iterator[np.ndarray]):
    """The frames of a file one by one; goes on behind one that is damaged. Closes the file behind
    the last one."""

    def __init__(self, file: LinrFile) -> None:
        self._file, self._next = file, 0

    def __next__(self) -> np.ndarray:
        if self._next >= self._file.frames:
            self._file.close()
            raise StopIteration
        self._next += 1
        return self._file.array(self._next - 1)


def _check_scale(scale: int) -> None:
    if not isinstance(scale, int | np.integer) or scale not in SCALES:
        raise ValueError(f"scale is {scale!r}; it can be {', '.join(map(str, SCALES))}")


def _box(region: Region, whole: Box) -> Box:
    """A region of a page; ValueError where it is none."""
    if len(region) != 4 or not all(isinstance(n, int | np.integer) for n in region):
        raise ValueError(f"region is {region!r}; it can be (top, left, height, width)")
    box = Box(*(int(n) for n in region))
    if box.height < 1 or box.width < 1 or min(box.top, box.left) < 0 or box.within(whole) != box:
        raise ValueError(
            f"region {tuple(region)} does not lie in the {whole.height} x {whole.width} pixels"
        )
    return box
