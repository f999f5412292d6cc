"""How long the frames of an animation are shown and how often all of them, as chunks among their
metadata: an APNG's acTL and fcTL, the latter of whole frames.

Those of a file stand for all of its frames but those that have their own.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..errors import CorruptError
from .metadata import PNG, Chunk, Metadata

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
    """What says how often frames are shown; frames 0: so many as the file has."""
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
    if metadata is None or metadata.kind != PNG:
        return metadata
    chunks = tuple(chunk for chunk in metadata.chunks if chunk[0] not in _CHUNKS)
    return Metadata(PNG, chunks=chunks) if chunks else None


def of_file(metadata: Metadata | None, frames: int) -> Metadata | None:
    """Metadata of a file of so many frames, which say so where they said 0."""
    repeats = repeats_of(metadata)
    if metadata is None or repeats is None or repeats.frames:
        return metadata
    count = repeats_chunk(repeats._replace(frames=frames))
    return Metadata(PNG, chunks=(count, *(c for c in metadata.chunks if c[0] != ANIMATION)))


def of_frame(metadata: Metadata | None, outer: Metadata | None) -> Metadata | None:
    """Those of a frame: its own, and of its file's what it has not, by kind and name of chunk."""
    if metadata is None or outer is None or metadata.kind != outer.kind or outer.kind != PNG:
        return metadata or outer
    own = {name for name, body in metadata.chunks if body is not None}
    placed = [name for name, body in metadata.chunks if body is None]
    if placed:  # of which there is one order
        return metadata
    others = tuple(chunk for chunk in outer.chunks if chunk[0] not in own)
    while others and others[-1][1] is None:
        others = others[:-1]
    return Metadata(PNG, chunks=(*metadata.chunks, *others))


def check(
    metadata: Metadata | None, *, size: tuple[int, int] | None, frames: int | None = None
) -> None:
    """Raises CorruptError where metadata speak of an animation and should not, or of another one.
    size: height and width of all frames that they are for, None where there are no frames, or of
    several sizes; frames: how many the file has whose they are, None for those of a frame."""
    repeats, body = repeats_of(metadata), _body(metadata, FRAME)
    if repeats is not None and (
        frames is None or repeats.frames not in (frames, frames - 1) or not repeats.frames
    ):
        raise CorruptError("metadata of an animation of other frames")
    if body is not None and (
        size is None or body != delay_chunk(*size, Delay(*struct.unpack(_LAYOUT, body)[5:7]))[1]
    ):
        raise CorruptError("metadata of a frame of another size or form")


def _body(metadata: Metadata | None, name: str) -> bytes | None:
    chunks = metadata.chunks if metadata is not None else ()
    return next((body for kind, body in chunks if kind == name), None)
