"""How long the frames of an animation are shown and how often all of them, as chunks among their
metadata: an APNG's acTL and fcTL, the latter of whole frames.

Those of a file stand for all of its frames but those that have their own.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ..errors import CorruptError
from .metadata import PNG, Chunk, Metadata
from .picture import PixelType

ANIMATION, FRAME = "acTL", "fcTL"
_CHUNKS = {ANIMATION, FRAME}
_LAYOUT = ">IIIIIHHBB"  # sequence number, width, height, left, top, delay, disposal, blending


class Delay(NamedTuple):
    """How long a frame is shown: over / under seconds; an `under` of 0 stands for 100."""

    over: int
    under: int

    @property
    def milliseconds(self) -> float:
        return 1000 * self.over / (self.under or 100)

    @classmethod
    def of_milliseconds(cls, given: float) -> Delay:
        """The nearest one; up to 65 seconds exact of whole milliseconds."""
        for under in (1000, 100, 10):
            if round(given * under / 1000) < 1 << 16:
                return cls(max(0, round(given * under / 1000)), under)
        return cls(min((1 << 16) - 1, round(given / 1000)), 1)


class Repeats(NamedTuple):
    """frames: that are shown, of a file all but the first or all; plays: how often, 0: for ever."""

    frames: int
    plays: int


def repeats_chunk(repeats: Repeats) -> Chunk:
    """What says how often frames are shown."""
    return ANIMATION, struct.pack(">II", *repeats)


def delay_chunk(height: int, width: int, delay: Delay) -> Chunk:
    """What says how long a frame of a size is shown."""
    return FRAME, struct.pack(_LAYOUT, 0, width, height, 0, 0, *delay, 0, 0)


def repeats_of(metadata: Metadata | None) -> Repeats | None:
    """How often the frames are shown; None where that is not said."""
    body = _body(metadata, ANIMATION)
    return None if body is None else Repeats(*struct.unpack(">II", body))


def delay_of(metadata: Metadata | None) -> Delay | None:
    """How long a frame is shown; None where that is not said."""
    body = _body(metadata, FRAME)
    return None if body is None else Delay(*struct.unpack(_LAYOUT, body)[5:7])


def still(metadata: Metadata | None) -> Metadata | None:
    """What is true of a frame as an image by itself."""
    return _with((), metadata)


def repeats_alone(metadata: Metadata | None) -> Metadata | None:
    """What is said of how often the frames are shown, and nothing else."""
    repeats = repeats_of(metadata)
    return None if repeats is None else Metadata(PNG, chunks=(repeats_chunk(repeats),))


def as_frame(metadata: Metadata | None, height: int, width: int) -> Metadata | None:
    """Metadata for a frame of a size: what they say of a whole file is left out."""
    delay = delay_of(metadata)
    return _with((delay_chunk(height, width, delay),) if delay is not None else (), metadata)


def as_file(metadata: Metadata | None, frames: int) -> Metadata | None:
    """Metadata for a file of so many frames: how many are shown is put right."""
    repeats = repeats_of(metadata)
    if metadata is None or repeats is None or repeats.frames in {frames, frames - 1} - {0}:
        return metadata
    count = repeats_chunk(repeats._replace(frames=frames))
    chunks = (count if chunk[0] == ANIMATION else chunk for chunk in metadata.chunks)
    return Metadata(PNG, chunks=tuple(chunks))


def of_frame(metadata: Metadata | None, outer: Metadata | None) -> Metadata | None:
    """All of a frame's: its own, and those of its file that it lacks; how long it is shown, and
    all else, each by itself."""
    if metadata is None or outer is None or not metadata.kind == outer.kind == PNG:
        return metadata or outer
    times = [chunk for chunk in outer.chunks if chunk[0] == ANIMATION]
    times += [c for c in (*metadata.chunks, *outer.chunks) if c[0] == FRAME][:1]
    return _with(times, still(metadata) or outer)


def with_times(
    metadata: Metadata | None,
    size: tuple[int, int],
    delay: Delay | None,
    repeats: Repeats | None = None,
) -> Metadata | None:
    """Metadata of a frame of some height and width with how long it is shown, and all are."""
    times = [repeats_chunk(repeats)] if repeats is not None else []
    return _with([*times, *([delay_chunk(*size, delay)] if delay is not None else [])], metadata)


def split(
    frames: Sequence[Metadata | None],
    sizes: Sequence[tuple[int, int]],
    types: Collection[PixelType],
) -> tuple[Metadata | None, list[Metadata | None]]:
    """Metadata of frames of some heights and widths as those of their file and what each has
    besides; how often they are shown the first one says. types: of all of them, to which other
    metadata are tied."""
    repeats, delays = repeats_of(frames[0]), [delay_of(metadata) for metadata in frames]
    others, common = [still(metadata) for metadata in frames], None
    alike = len(set(types)) == 1 and all(other == others[0] for other in others)
    # of a first frame that is not shown nothing may be said, and of other sizes it would be wrong
    if None not in delays and len(set(sizes)) == 1:
        common = Counter(delays).most_common(1)[0][0]
    own = [
        with_times(None if alike else other, size, delay if delay != common else None)
        for size, delay, other in zip(sizes, delays, others, strict=True)
    ]
    return with_times(others[0] if alike else None, sizes[0], common, repeats), own


def _with(times: Iterable[Chunk], metadata: Metadata | None) -> Metadata | None:
    """Metadata with these chunks of times, and no others."""
    times = tuple(times)
    if metadata is not None and metadata.kind != PNG:
        return metadata
    chunks = metadata.chunks if metadata is not None else ()
    chunks = (*times, *(chunk for chunk in chunks if chunk[0] not in _CHUNKS))
    return Metadata(PNG, chunks=chunks) if chunks else None


def check_times(
    metadata: Metadata | None, size: tuple[int, int] | None, frames: int | None = None
) -> None:
    """Raises CorruptError where metadata speak of an animation and should not, or of another one.
    size: height and width of the frames that they are for, None of no frame, or of several sizes;
    frames: how many the file has whose they are, None for those of a frame."""
    repeats, delay = repeats_of(metadata), delay_of(metadata)
    if repeats is not None and (frames is None or repeats.frames not in {frames, frames - 1} - {0}):
        raise CorruptError("metadata of an animation of other frames")
    if delay is not None and (
        size is None or _body(metadata, FRAME) != delay_chunk(*size, delay)[1]
    ):
        raise CorruptError("metadata of a frame of another size or form")


def _body(metadata: Metadata | None, name: str) -> bytes | None:
    chunks = metadata.chunks if metadata is not None else ()
    return next((body for kind, body in chunks if kind == name), None)
