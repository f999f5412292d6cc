"""Reading of a file's parts: each behind those that it sees, the last few of which are kept."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from typing import BinaryIO

import numpy as np

from ..container.linr import Window
from ..contents import Contents, parse_part
from ..context.file import ContextImage
from ..errors import CorruptError, DeviceError, LinrError, PriorNotFoundError, TruncatedError
from ..files.timing import check_times
from ..history.planes import Planes
from ..options import Reading
from ..reconstruct import SCALES, planes_of_model, samples_of
from .file import Frames
from .plan import MAX_OTHERS

KEPT = MAX_OTHERS + 2  # pages whose planes are kept for those that see them


@dataclass(frozen=True)
class _Seen:
    """The planes of a part, and the numbers of all parts that it needed."""

    planes: Planes
    needs: frozenset[int]


class Parts:
    """The parts of a file that is open, by their numbers. contents, model: of the file; lock: for
    whoever reads it. Safe for several threads."""

    def __init__(self, file: BinaryIO, contents: Contents, model: Frames, lock: Lock) -> None:
        self._file, self._outer, self._model, self._lock = file, contents, model, lock
        self._kept: OrderedDict[tuple[int, int], _Seen] = OrderedDict()

    def contents(self, part: int, scale: int, reading: Reading) -> Contents:
        """A part taken apart, as far as a scale needs it. Raises a LinrError where it is
        damaged."""
        model, outer = self._model, self._outer
        begin, end = model.place(part)
        window = Window(outer.end + begin, outer.end + end)
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            size = self._file.tell()
            if window.end > size:
                raise TruncatedError("the file ends before it, or within it")
            found = parse_part(self._file, window, outer, reading.limits, SCALES[scale])
        page, box = model.page_of(part)
        size_ = model.sizes[page]
        picture = found.picture
        if (picture.height, picture.width, picture.channels, picture.sample_bits) != (
            box.height, box.width, size_.channels, size_.bits,
        ):  # fmt: skip
            raise CorruptError("it is of another size than its frame says")
        if part > model.first_parts[page] and (found.metadata or found.left_out):
            raise CorruptError("metadata of a tile that is not its frame's first")
        check_times(found.metadata, size_[:2])
        return found

    def part(self, number: int, reading: Reading) -> tuple[Contents, np.ndarray]:
        """A part and its samples. Raises a LinrError where it, or one that it sees, is damaged."""
        part = self.contents(number, reading.scale, reading)
        planes = self._planes(part, number, reading, ()).planes
        return part, samples_of(part, planes, reading)[0]

    def _planes(
        self, part: Contents, number: int, reading: Reading, within: tuple[int, ...]
    ) -> _Seen:
        """The planes of a part's model; within: the numbers of those that need it."""
        scale = reading.scale
        with self._lock:
            kept = self._kept.get((number, scale))
            if kept is not None:
                self._kept.move_to_end((number, scale))
                return kept
        model, frames = self._model, part.model
        beside, needs = list[Planes](), set[int]()
        if isinstance(frames, ContextImage) and frames.beside:
            page, _ = model.page_of(number)
            for distance in frames.beside:
                other = self._beside(number, page, page + distance)
                if other == number or other in within:
                    raise CorruptError("a frame that sees itself")
                if len(within) >= MAX_OTHERS:
                    raise CorruptError(f"a frame that needs more than {MAX_OTHERS} others")
                try:
                    seen = self._seen(part, other, reading, (*within, number))
                except (DeviceError, PriorNotFoundError):
                    raise
                except LinrError as error:
                    seen_ = f"frame {page + distance}, which it sees"
                    raise type(error)(f"{seen_}: {error}") from error
                beside.append(seen.planes)
                needs |= {other, *seen.needs}
            if len(needs) > MAX_OTHERS:
                raise CorruptError(f"a frame that needs more than {MAX_OTHERS} others")
        beside_it = replace(reading, shared=model.shared, beside=tuple(beside))
        seen = _Seen(planes_of_model(part, beside_it), frozenset(needs))
        if any(shared.frames for shared in model.shared):
            with self._lock:
                self._kept[number, scale] = seen
                while len(self._kept) > KEPT * len(model.grid(0)):
                    self._kept.popitem(last=False)
        return seen

    def _seen(self, part: Contents, other: int, reading: Reading, within: tuple[int, ...]) -> _Seen:
        """Another part, by its number, that a part sees; within: as in _planes."""
        its = self.contents(other, reading.scale, reading)
        if [step.number for step in its.steps] != [step.number for step in part.steps]:
            raise CorruptError("it has other steps")
        return self._planes(its, other, reading, within)

    def _beside(self, number: int, page: int, other: int) -> int:
        """The number of the same tile of another page."""
        model = self._model
        if not 0 <= other < len(model.sizes) or model.sizes[other] != model.sizes[page]:
            raise CorruptError("a frame that sees one of another size, or none")
        return number - model.first_parts[page] + model.first_parts[other]
