"""Which frames see which."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inrcodec.frames.encode import groups
from inrcodec.frames.pages import ArrayPage
from inrcodec.frames.plan import INTERVAL, MAX_OTHERS, Stage, reach, stages
from inrcodec.limits import DEFAULT

LENGTHS = st.integers(1, 70)


def planned(count: int) -> list[Stage]:
    """All stages of so many frames that are alike, as the encoder codes them."""
    page = ArrayPage.of(np.zeros((1, 1), np.uint8), "it", DEFAULT)
    return [stage for _, plan in groups([page] * count, True) for stage in plan]


def needs(frame: int, seen: Stage) -> set[int]:
    found = set(seen[frame])
    return found.union(*(needs(other, seen) for other in found))


@given(LENGTHS)
def test_each_frame_once_behind_those_that_it_sees(count: int) -> None:
    known = set[int]()
    for stage in planned(count):
        for frame, others in stage.items():
            assert set(others) <= known
            assert frame not in known
        known |= set(stage)
    assert known == set(range(count))


@given(LENGTHS)
def test_any_frame_needs_few_others_and_keys_none(count: int) -> None:
    seen: Stage = {}
    for stage in planned(count):
        seen |= stage
    for frame in range(count):
        others = needs(frame, seen)
        assert len(others) <= MAX_OTHERS
        assert frame not in others
        assert all(abs(frame - other) <= INTERVAL for other in others)
        if frame % INTERVAL == 0 and (frame + INTERVAL < count or frame + 1 == count):
            assert not others or frame + 1 == count
    assert [frame for frame in range(count) if not seen[frame]][:1] == [0]
    keys = range(0, count, INTERVAL)
    assert all(not seen[key] for key in keys)


@given(LENGTHS, st.data())
def test_what_a_frame_needs_in_an_order(count: int, data: st.DataObject) -> None:
    frame, seen = data.draw(st.integers(0, count - 1)), dict[int, tuple[int, ...]]()
    for stage in planned(count):
        seen |= stage
    found = reach(frame, count)
    assert list(found)[-1] == frame
    assert set(found) == {frame} | needs(frame, seen)
    for number, other in enumerate(found):
        assert set(found[other]) <= set(list(found)[:number])
        assert found[other] == seen[other]


def test_eight_frames_behind_a_key() -> None:
    assert list(stages(0, 8)) == [
        {8: ()}, {4: (0, 8)}, {2: (0, 4), 6: (4, 8)},
        {1: (0, 2), 3: (2, 4), 5: (4, 6), 7: (6, 8)},
    ]  # fmt: skip
    assert list(stages(8, 10)) == [{10: (8, 8)}, {9: (8, 10)}]
    assert list(stages(3, 3)) == []
