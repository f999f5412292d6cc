"""Damage of files of parts costs what it hits, and is told by name: exact pixels or a LinrError."""

from __future__ import annotations

import time
import tracemalloc
from functools import cache

import numpy as np
import pytest

import inrcodec
from inrcodec import LinrError, LinrFile
from inrcodec.frames.file import Frames
from tests.container.test_damage import sealed, sections, with_fields
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.fuzz.mutate import varint
from tests.must_fail.of_parts import put_together, taken_apart, with_index

SEES = ((), (-1, 1), (-2, 2), (-1, 1), ())
ORDER = (0, 4, 2, 1, 3)
NEEDS = ({0}, {0, 1, 2, 4}, {0, 2, 4}, {0, 2, 3, 4}, {4})  # parts that each page needs


@cache
def seeing() -> tuple[np.ndarray, bytes]:
    """Five pages, of which three see others."""
    frames = moving(5, 9, 11, 1, np.uint8)
    how = [How(None, 1 if sees else 0, sees) for sees in SEES]
    return frames, parts_file(frames, how, ORDER, sets=(a_set(), a_set(1, 2)))


@cache
def tiled() -> tuple[np.ndarray, bytes]:
    """Two pages of six tiles, stored and not."""
    frames = moving(2, 33, 20, 1, np.uint8)
    return frames, parts_file(frames, [How(), How(stored)], tile=(16, 16), sets=(a_set(),))


def places(data: bytes) -> list[tuple[int, int]]:
    """Where each part begins and ends."""
    with LinrFile(data) as file:
        model, end = file.contents.model, file.contents.end
    assert isinstance(model, Frames)
    return [(end + a, end + b) for a, b in map(model.place, range(len(model.lengths)))]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def read(data: bytes, frames: np.ndarray) -> dict[int, LinrError]:
    """The errors of frames that do not decode, all others being exact."""
    errors, found = dict[int, LinrError](), inrcodec.frames(data, threads=1)
    for number, want in enumerate(frames):
        try:
            frame = next(found)
        except LinrError as error:
            errors[number] = error
            continue
        assert np.array_equal(frame, want)
    with pytest.raises(StopIteration):
        next(found)
    return errors


def test_a_flip_in_a_part_costs_the_pages_that_need_it() -> None:
    frames, data = seeing()
    for part, (start, end) in enumerate(places(data)):
        for at in range(start, end, 19):
            errors = read(flipped(data, at), frames)
            assert set(errors) == {page for page, needs in enumerate(NEEDS) if part in needs}
            for page, error in errors.items():
                assert str(error).startswith(f"frame {page}: ")
                seen = f"frame {part}, which it sees: " in str(error)
                assert seen == (page != part), error


def test_a_flip_in_a_tile_costs_that_tile() -> None:
    frames, data = tiled()
    with LinrFile(data) as file:
        grid = file.grid()
    for part, (start, end) in enumerate(places(data)):
        page, tile = divmod(part, len(grid))
        told, box = list[LinrError](), grid[tile]
        for at in range(start, end, 67):
            with LinrFile(flipped(data, at), threads=1, damaged=told.append) as file:
                image = file.array(page)
                want = frames[page].copy()
                want[box.slices(grid.whole)] = 0
                assert np.array_equal(image, want)
                assert np.array_equal(file.array(1 - page), frames[1 - page])
                for other in range(len(grid)):
                    if other != tile:
                        its = grid[other]
                        region = its.top, its.left, its.height, its.width
                        found = file.array(page, region)
                        assert np.array_equal(found, frames[page][its.slices(grid.whole)])
        name = f"frame {page}, tile {tile} at row {box.top}, column {box.left}: "
        assert len(told) == len(range(start, end, 67))
        assert all(str(error).startswith(name) for error in told)


def test_the_class_of_an_error_is_that_of_its_cause() -> None:
    frames, data = seeing()
    (start, end), *_ = places(data)
    own, parts = taken_apart(data)
    other = put_together(own, [parts[1], *parts[1:]])
    unknown = put_together(own, [[parts[0][0], (b"Z", b""), *parts[0][1:]], *parts[1:]])
    for changed, error in (
        (flipped(data, end - 5), inrcodec.ChecksumError),
        (flipped(data, start + 1), inrcodec.ChecksumError),
        (data[: end - 1], inrcodec.TruncatedError),
        (other, inrcodec.CorruptError),
        (unknown, inrcodec.UnsupportedVersionError),
    ):
        assert type(read(changed, frames)[0]) is error


def test_a_file_that_ends_too_soon_has_the_parts_before() -> None:
    for frames, data in (seeing(), tiled()):
        ends, grid = [end for _, end in places(data)], len(places(data)) // len(frames)
        for at in sorted({*range(ends[0] - 40, len(data), 57), *ends[:-1]}):
            with LinrFile(data[:at], threads=1) as file:
                for page, want in enumerate(frames):
                    needs = NEEDS[page] if grid == 1 else range(page * grid, (page + 1) * grid)
                    if all(ends[part] <= at for part in needs):
                        assert np.array_equal(file.array(page), want)
                    else:
                        with pytest.raises(inrcodec.TruncatedError):
                            file.array(page)


@pytest.mark.parametrize("made", [seeing, tiled])
def test_damage_of_the_files_own_sections_is_one_error(made: object) -> None:
    frames, data = made()  # type: ignore[operator]
    start = places(data)[0][0]
    for at in range(start):
        changed = flipped(data, at)
        if at == 9:  # the minor version
            assert not read(changed, frames)
            continue
        with pytest.raises(LinrError):
            LinrFile(changed)
        with pytest.raises(LinrError):
            LinrFile(data[:at])


def test_bytes_behind_valid_checksums() -> None:
    """Of the file's own sections and of parts: exact, or refused."""
    frames = moving(2, 5, 6, 1, np.uint8)
    data = parts_file(frames, [How(), How(None, 1, (-1,))], sets=(a_set(), a_set(1, 1)))
    chain = sections(data)
    first = [tag for tag, _ in chain].index(b"F") + 1
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 1 if number < first else 2):
            change = (1, 16, 255)[at % 3]
            other = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
            changed = sealed([*chain[:number], (tag, other), *chain[number + 1 :]])
            try:
                errors = read(changed, frames)
            except LinrError:
                assert number < first
                continue
            part = [tag for tag, _ in chain[first : number + 1]].count(b"H") - 1
            if part == 1:
                assert set(errors) <= {1}


def test_parts_that_overlap() -> None:
    """A part may not go on into the next one."""
    frames, data = seeing()
    lengths = [end - start for start, end in places(data)]
    for more in (1, 30, lengths[1]):
        index = [lengths[0] + more, lengths[1] - more, *lengths[2:]]
        errors = read(with_index(data, b"".join(map(varint, index))), frames)
        assert set(errors) == {0, 1, 2, 3}


def test_many_pages_that_are_not_there() -> None:
    """A million pages, and what an index says of them, cost seconds and 300 bytes each."""
    frames, data = seeing()
    own, parts = taken_apart(data)
    behind = b"".join(sealed(part)[10:] for part in parts)
    lengths = b"".join(varint(len(sealed(part)) - 10) for part in parts)
    many = with_pages(own, {"p": 1_000_000}, lengths + b"\5" * 999_995) + behind
    started = time.process_time()
    with LinrFile(many, threads=1) as file:
        assert file.frames == 1_000_000
        assert np.array_equal(file.array(1), frames[1])
        with pytest.raises(LinrError):
            file.array(999_999)
    assert time.process_time() - started < 5
    several = with_pages(
        own, {"p": 100_000, "v": 1}, bytes([9, 11, 1, 8] * 100_000 + [5] * 100_000)
    )
    tracemalloc.start()
    try:
        with LinrFile(several + behind, threads=1) as file:
            with pytest.raises(LinrError):
                file.array(99_999)
            assert tracemalloc.get_traced_memory()[1] < 300 * 100_000
    finally:
        tracemalloc.stop()
    for fields in ({"p": 1 << 24}, {"p": (1 << 24) - 1, "v": 1}):
        started = time.process_time()
        with pytest.raises(LinrError):
            LinrFile(with_pages(own, fields, b"\1" * 999))
        assert time.process_time() - started < 0.5


def with_pages(own: list[tuple[bytes, bytes]], fields: dict, index: bytes) -> bytes:
    """The file's own sections, with other fields and another index."""
    changed = sections(with_fields(sealed(own), {f"m.{key}": v for key, v in fields.items()}))
    return sealed([*changed[:-1], (b"F", index)])
