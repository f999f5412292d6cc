"""Frames that follow from those before them, read in any order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np

_MOST, _MOST_BYTES = 10, 1 << 30  # frames that are kept, and bytes of all but one


class Shown:
    """The frames that an iterator gives, by their numbers: the last few are kept, for one further
    back it begins anew. begin: makes it. Safe for several threads."""

    def __init__(self, begin: Callable[[], Iterator[np.ndarray]]) -> None:
        self._begin, self._frames, self._next = begin, begin(), 0
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def __getitem__(self, number: int) -> np.ndarray:
        """A frame, not to be written to. Raises as the iterator does."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            if number < self._next:
                self._frames, self._next = self._begin(), 0
            try:
                while self._next <= number:
                    frame = next(self._frames)
                    self._keep(self._next, frame)
                    self._next += 1
            except BaseException:
                self._frames, self._next = self._begin(), 0
                raise
            return frame

    def _keep(self, number: int, frame: np.ndarray) -> None:
        frame.flags.writeable = False
        self._kept[number] = frame
        self._kept.move_to_end(number)
        most = max(1, min(_MOST, _MOST_BYTES // frame.nbytes))
        while len(self._kept) > most:
            self._kept.popitem(last=False)
