"""The fuzzer's own faults, a few of them, without the fuzzer: exact samples or a LinrError."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import images
from tests.fuzz.decode import SEED_BYTES, TESTS, check, make_corpus
from tests.fuzz.mutate import cross, mutate, put_together, take_apart, varint

GOOD, BAD = (
    [
        data
        for path in sorted((TESTS / folder).glob("*.linr"))
        if len(data := path.read_bytes()) <= SEED_BYTES
    ]
    for folder in ("golden", "must_fail")
)


@pytest.mark.parametrize(("mode", "runs"), [("decode", 1500), ("reduced", 1500), ("header", 3000)])
def test_damaged_files(mode: str, runs: int) -> None:
    rng, read = Random(1), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for run in range(runs):
            data = rng.choice((GOOD, BAD)[run % 2])
            if run % 3 == 0:
                data = cross(data, rng.choice(GOOD + BAD), rng)
            read += check(mode, mutate(data, rng))
    assert read > runs / 100  # some faults are none


def test_damaged_images(tmp_path: Path) -> None:
    images.make_corpus(tmp_path, [], every=3)
    seeds = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert len(seeds) > 50
    rng, read = Random(1), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(images.check(data) for data in seeds[::4])
        for _ in range(200):
            read += images.check(images.mutate(rng.choice(seeds), rng))
    assert 3 < read < 180


def test_files_are_taken_apart_and_put_together() -> None:
    for data in GOOD + BAD:
        assert put_together(take_apart(data, Random(0), lambda some, _: some)) == data
    for path in (TESTS / "golden").glob("*.linr"):
        file = take_apart(path.read_bytes(), Random(0), lambda some, _: some)
        for section in file.sections:
            section.crc = section.length = None
        assert put_together(file) == path.read_bytes()


def test_lengths_with_more_bytes_than_they_need() -> None:
    assert varint(5) == b"\5"
    assert varint(300) == b"\xac\2"
    assert varint(5, padding=2) == b"\x85\x80\0"


def test_the_corpus(tmp_path: Path) -> None:
    make_corpus(tmp_path / "seeds", every=20)
    assert len(list((tmp_path / "seeds").iterdir())) > 20
