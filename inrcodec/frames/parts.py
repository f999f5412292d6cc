"""Reading of a file's parts: each behind those that it sees, the last few of which are kept."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import BinaryIO

import numpy as np

from ..coding.backend import Workers
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
class _Part:
    """A part that is needed: the numbers of its steps and of those that it sees; taken apart, or
    its planes, where these are known."""

    steps: tuple[int, ...]
    sees: tuple[int, ...]
    contents: Contents | None
    planes: Planes | None = None


class Parts:
    """The parts of a file that is open, by their numbers. contents, model: of the file; lock: for
    whoever reads it. Safe for several threads."""

    def __init__(self, file: BinaryIO, contents: Contents, model: Frames, lock: Lock) -> None:
        self._file, self._outer, self._model, self._lock = file, contents, model, lock
        self._kept: OrderedDict[tuple[int, int], _Part] = OrderedDict()

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
        return part, samples_of(part, self._planes(part, number, reading), reading)[0]

    def _planes(self, part: Contents, number: int, reading: Reading) -> Planes:
        """The planes of a part's model, behind those of all that it needs, side by side where
        these do not see each other."""
        needed = self._needed(part, number, reading)
        known = {n: its.planes for n, its in needed.items() if its.planes is not None}
        threads = reading.threads or os.cpu_count() or 1
        while number not in known:
            stage = [n for n in needed if n not in known and known.keys() >= {*needed[n].sees}]
            if not stage:
                raise CorruptError("a frame that sees itself")
            each = replace(
                reading, threads=max(1, threads // len(stage)), shared=self._model.shared
            )
            with Workers(reading.backend, min(threads, len(stage))) as workers:
                found = workers.map(partial(self._decoded, number, needed, known, each), stage)
            known |= zip(stage, found, strict=True)
        if any(shared.frames for shared in self._model.shared):
            self._keep({n: replace(needed[n], planes=known[n]) for n in needed}, reading.scale)
        return known[number]

    def _decoded(
        self,
        number: int,
        needed: dict[int, _Part],
        known: dict[int, Planes],
        reading: Reading,
        other: int,
    ) -> Planes:
        """The planes of one that another, `number`, needs, or of that itself."""
        contents = needed[other].contents
        assert contents is not None
        beside = tuple(known[n] for n in needed[other].sees)
        with self._named(other, number):
            return planes_of_model(contents, replace(reading, beside=beside))

    def _needed(self, part: Contents, number: int, reading: Reading) -> dict[int, _Part]:
        """A part and all that it needs. Raises CorruptError where these are too many, or are none
        that it may see."""
        found, left = dict[int, _Part](), [number]
        while left:
            n = left.pop()
            if n in found:
                continue
            if len(found) > MAX_OTHERS:
                raise CorruptError(f"a frame that needs more than {MAX_OTHERS} others")
            with self._named(n, number):
                kept = self._kept_of(n, reading.scale)
                if kept is None:
                    kept = self._taken(
                        part if n == number else self.contents(n, reading.scale, reading), n
                    )
                if found and kept.steps != found[number].steps:
                    raise CorruptError("it has other steps")
            found[n] = kept
            left += kept.sees
        return found

    def _taken(self, part: Contents, number: int) -> _Part:
        """A part that was taken apart, with those that it sees."""
        sees, model = list[int](), part.model
        if isinstance(model, ContextImage):
            page, _ = self._model.page_of(number)
            sees += [self._beside(number, page, page + distance) for distance in model.beside]
        return _Part(tuple(step.number for step in part.steps), tuple(sees), part)

    def _kept_of(self, number: int, scale: int) -> _Part | None:
        with self._lock:
            kept = self._kept.get((number, scale))
            if kept is not None:
                self._kept.move_to_end((number, scale))
            return kept

    def _keep(self, parts: dict[int, _Part], scale: int) -> None:
        """Keeps planes for those that see them next, and forgets the oldest."""
        with self._lock:
            for number, part in parts.items():
                self._kept[number, scale] = replace(part, contents=None)
            while len(self._kept) > KEPT * len(self._model.grid(0)):
                self._kept.popitem(last=False)

    @contextmanager
    def _named(self, other: int, number: int) -> Iterator[None]:
        """Makes an error say of which frame it is, if not of that which is asked for."""
        try:
            yield
        except (DeviceError, PriorNotFoundError):
            raise
        except LinrError as error:
            if other == number:
                raise
            page, _ = self._model.page_of(other)
            raise type(error)(f"frame {page}, which it sees: {error}") from error

    def _beside(self, number: int, page: int, other: int) -> int:
        """The number of the same tile of another page."""
        model = self._model
        if not 0 <= other < len(model.sizes) or model.sizes[other] != model.sizes[page]:
            raise CorruptError("a frame that sees one of another size, or none")
        return number - model.first_parts[page] + model.first_parts[other]
