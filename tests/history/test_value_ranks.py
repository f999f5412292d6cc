"""Value remapping: ranks and back, where it pays, and files that lie about it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inrcodec
from inrcodec.container.linr import parse
from inrcodec.context.encode import representations
from inrcodec.history.value_ranks import (
    find_values,
    from_ranks,
    pack_values,
    to_ranks,
    unpack_values,
)
from tests.container.test_damage import exact_or_refused, refusal, sealed, sections
from tests.pictures import jpeg_scene, scene, unfitted_file


def scaled(height: int, width: int, channels: int, factor: int = 257) -> np.ndarray:
    """A picture of 8 bits scaled to 16."""
    return scene(height, width, channels, np.uint8).astype(np.uint16) * np.uint16(factor)


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 4))
def test_ranks_and_values_are_undone(seed: int, dtype: type, channels: int) -> None:
    rng = np.random.default_rng(seed)
    top = int(np.iinfo(dtype).max)
    pools = [rng.integers(0, top + 1, int(rng.integers(1, 40))) for _ in range(channels)]
    image = np.stack([rng.choice(pool, (30, 31)) for pool in pools], axis=-1).astype(dtype)
    values = find_values(image)
    for channel, used in enumerate(values):
        if used is not None:
            assert np.array_equal(used, np.unique(image[:, :, channel]))
    ranks = to_ranks(image, values)
    if any(used is not None for used in values):
        bits = 8 * image.itemsize
        read = unpack_values(pack_values(values, bits), bits, channels)
        for a, b in zip(values, read, strict=True):
            assert (a is None and b is None) or np.array_equal(a, b)
    restored = ranks.copy()
    from_ranks(restored, values)
    assert np.array_equal(restored, image)


def test_where_ranks_are_tried() -> None:
    assert [v is not None for v in find_values(scaled(40, 50, 3))] == [True] * 3
    assert find_values(scene(40, 50, 1, np.uint8)) == (None,)
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50), np.uint16)
    assert find_values(noise) == (None,)  # gaps by chance
    assert find_values(np.full((9, 9), 7, np.uint8)) == (None,)
    mask = find_values(scene(40, 50, 2, np.uint8))
    assert mask[0] is None
    assert mask[1] is not None
    assert mask[1].tolist() == [127, 255]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_round_trip(channels: int) -> None:
    image = scaled(30, 40, channels)
    data = unfitted_file(image)
    assert np.array_equal(inrcodec.decode(data), image)
    facts = inrcodec.info(data)
    assert facts["version"] == "1.3"
    assert len(facts["values"]) == channels
    assert max(row["plane"] for row in facts["planes"]) < 8


def test_it_pays() -> None:
    image = scaled(64, 64, 1)
    data = inrcodec.encode(image, effort=1, model="context", device="cpu")
    assert np.array_equal(inrcodec.decode(data), image)
    assert parse(data).values
    narrow = inrcodec.encode(scene(64, 64, 1, np.uint8), effort=1, model="context", device="cpu")
    assert len(data) < len(narrow) + 100


def test_the_smaller_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    # once a JPEG, with a mask: either the colour history or ranks for the mask
    image = np.dstack([jpeg_scene(70, 80), scene(70, 80, 2, np.uint8)[:, :, 1]])
    ways = representations(image, wide=True)
    assert [bool(way.layout.conversion) for way in ways] == [True, False]

    def size() -> int:
        data = inrcodec.encode(image, effort=1, model="context", device="cpu")
        assert np.array_equal(inrcodec.decode(data), image)
        return len(data)

    encoder, both = sys.modules["inrcodec.context.encode"], size()
    sizes = []
    for way in ways:
        monkeypatch.setattr(encoder, "representations", lambda *_, only=way: [only])
        sizes.append(size())
    assert both == min(sizes) < max(sizes)


def test_damaged_values() -> None:
    image = scaled(40, 50, 1, 255)
    data = unfitted_file(image)
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"W", b"D", b"V"]
    assert sealed(chain, b"\1\3") == data
    payload = chain[3][1]
    for at in range(len(payload)):
        for change in (0x01, 0x10, 0xFF):
            damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
            exact_or_refused(sealed([*chain[:3], (b"V", damaged)]), image)
    for cut in range(len(payload)):
        assert refusal(sealed([*chain[:3], (b"V", payload[:cut])])) is inrcodec.CorruptError
    assert refusal(sealed([*chain[:3], (b"V", payload + b"\0")])) is inrcodec.CorruptError
    assert refusal(sealed([*chain, chain[3]])) is inrcodec.CorruptError
    assert not exact_or_refused(sealed(chain[:3]), image)  # ranks for samples
    few = (np.array([0, 1], dtype=np.uint16),)
    lacking = sealed([*chain[:3], (b"V", pack_values(few, 16))])
    assert refusal(lacking) is inrcodec.CorruptError


def test_no_values_where_they_do_not_belong() -> None:
    values = (np.array([3, 9], dtype=np.uint8), None, None)
    section = (b"V", pack_values(values, 8))
    stored = sections(inrcodec.encode(scene(9, 7, 3, np.uint8), model="stored"))
    assert refusal(sealed([*stored, section])) is inrcodec.CorruptError
    converted = sections(unfitted_file(jpeg_scene(20, 30)))
    assert refusal(sealed([*converted, section])) is inrcodec.CorruptError
