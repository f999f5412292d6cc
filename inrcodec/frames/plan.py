"""Which frames see which: dyadic order between key frames.

Every INTERVAL-th frame is a key frame, which sees no other; a frame halfway between two that are
known sees both, so that any frame needs MAX_OTHERS others at most (hierarchical B pictures:
Schwarz, Marpe & Wiegand 2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

INTERVAL = 8
MAX_OTHERS = 4

# Frames, each with those that it sees, the nearer first.
Stage = dict[int, tuple[int, ...]]


def stages(first: int, last: int) -> Iterator[Stage]:
    """The frames first + 1 .. last behind a key frame `first`, INTERVAL of them at most, in stages
    that follow each other; frames of a stage do not see each other. The last of INTERVAL frames is
    the next key frame, that of fewer sees the first."""
    if last == first:
        return
    yield {last: () if last - first == INTERVAL else (first, first)}
    known = [first, last]
    while len(known) <= last - first:
        stage: Stage = {(a + b) // 2: (a, b) for a, b in pairwise(known) if b - a > 1}
        yield stage
        known = sorted([*known, *stage])


def reach(frame: int, count: int) -> Stage:
    """All that a frame of `count` needs, in the order in which they can be coded, and itself at the
    end; each with what it sees."""
    first = frame - frame % INTERVAL
    if frame == first:
        return {frame: ()}
    seen: Stage = {first: ()}
    for stage in stages(first, min(first + INTERVAL, count - 1)):
        seen |= stage
    wanted, order = [frame], list[int]()
    while wanted:
        order.append(wanted.pop())
        wanted += [other for other in seen[order[-1]] if other not in order]
    return {other: seen[other] for other in seen if other in order}
