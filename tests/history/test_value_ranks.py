"""Value ranks: there and back, where they pay, and files that lie about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inrcodec
from inrcodec.container.fields import Fields
from inrcodec.container.linr import Sections
from inrcodec.contents import parse, planes_of
from inrcodec.files.picture import Picture
from inrcodec.history.value_ranks import ValueRanks
from tests.container.test_damage import exact_or_refused, flip_all, refusal, sealed, sections
from tests.pictures import scene, unfitted_file


def scaled(height: int, width: int, channels: int, factor: int = 257) -> np.ndarray:
    """A picture of 8 bits scaled to 16."""
    return scene(height, width, channels, np.uint8).astype(np.uint16) * np.uint16(factor)


def used(image: np.ndarray) -> list[bool]:
    """Which channels have values."""
    step = ValueRanks.find(planes_of(Picture(image)))
    channels = image.shape[2] if image.ndim == 3 else 1
    return [False] * channels if step is None else [v is not None for v in step.values]


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 4))
def test_ranks_and_values_are_undone(seed: int, dtype: type, channels: int) -> None:
    rng = np.random.default_rng(seed)
    top = int(np.iinfo(dtype).max)
    pools = [rng.integers(0, top + 1, int(rng.integers(1, 40))) for _ in range(channels)]
    image = np.stack([rng.choice(pool, (30, 31)) for pool in pools], axis=-1).astype(dtype)
    planes = planes_of(Picture(image[:, :, 0] if channels == 1 else image))
    step = ValueRanks.find(planes)
    if step is None:
        return
    for channel, values in enumerate(step.values):
        if values is not None:
            assert np.array_equal(values, np.unique(image[:, :, channel]))
    fields, chain = step.pack()
    read = ValueRanks.unpack(Fields(fields, ""), Sections(chain), planes.geometry)
    for a, b in zip(step.values, read.values, strict=True):
        assert (a is None and b is None) or np.array_equal(a, b)
    assert read.geometry(planes.geometry) == planes.geometry
    restored = read.undo(step.forward(planes))
    assert np.array_equal(restored.array(), planes.array())


def test_where_ranks_are_tried() -> None:
    assert used(scaled(40, 50, 3)) == [True] * 3
    assert used(scene(40, 50, 1, np.uint8)) == [False]
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50), np.uint16)
    assert used(noise) == [False]  # gaps by chance
    assert used(np.full((9, 9), 7, np.uint8)) == [False]
    step = ValueRanks.find(planes_of(Picture(scene(40, 50, 2, np.uint8))))
    assert step is not None
    assert step.values[0] is None
    assert step.values[1] is not None
    assert step.values[1].tolist() == [127, 255]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_round_trip(channels: int) -> None:
    image = scaled(30, 40, channels)
    data = unfitted_file(image)
    assert np.array_equal(inrcodec.decode(data), image)
    facts = inrcodec.info(data)
    (step,) = facts["steps"]
    assert step["step"] == "value ranks"
    assert len(step["values"]) == channels
    assert max(row["plane"] for row in facts["planes"]) < 8
    assert np.array_equal(inrcodec.decode(data, scale=2), image[::2, ::2])


def test_it_pays() -> None:
    image = scaled(64, 64, 1)
    data = inrcodec.encode(image, effort=1, model="context", device="cpu")
    assert np.array_equal(inrcodec.decode(data), image)
    assert parse(data).steps
    narrow = inrcodec.encode(scene(64, 64, 1, np.uint8), effort=1, model="context", device="cpu")
    assert len(data) < len(narrow) + 100


def test_damaged_values() -> None:
    image = scaled(40, 50, 1, 255)
    data = unfitted_file(image)
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"V", b"W", b"D"]
    flip_all(data, image, b"V")
    payload = chain[1][1]
    for other in (*(payload[:cut] for cut in range(len(payload))), payload + b"\0"):
        assert refusal(sealed([chain[0], (b"V", other), *chain[2:]])) is inrcodec.CorruptError
    assert refusal(sealed([*chain[:2], *chain[1:]])) is inrcodec.CorruptError
    assert refusal(sealed([chain[0], *chain[2:]])) is inrcodec.CorruptError
    few = ValueRanks((np.array([0, 1], dtype=np.uint16),)).pack()[1]
    assert refusal(sealed([chain[0], *few, *chain[2:]])) is inrcodec.CorruptError


def test_no_values_where_they_do_not_belong() -> None:
    section = ValueRanks((np.array([3, 9], dtype=np.uint8), None, None)).pack()[1][0]
    header, data = sections(inrcodec.encode(scene(9, 7, 3, np.uint8), model="stored"))
    assert refusal(sealed([header, section, data])) is inrcodec.CorruptError


def test_a_rank_without_a_value_is_refused() -> None:
    planes = planes_of(Picture(np.array([[0, 2]], np.uint8)))
    step = ValueRanks((np.array([3, 9], dtype=np.uint8),))
    with pytest.raises(inrcodec.CorruptError, match="rank"):
        step.undo(planes)
    fine = replace(planes, channels=(np.array([[0, 1]], np.uint8),))
    assert step.undo(fine).array().tolist() == [[3, 9]]
    assert exact_or_refused(b"") is False
