"""The specification alone is enough to decode all golden files and its own examples."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from second_decoder import decode, read_sections

TESTS = Path(__file__).parent
FOLDER = TESTS / "golden"
WANT = json.loads((FOLDER / "golden.json").read_text())


@pytest.mark.parametrize("name", sorted(WANT))
def test_golden_file(name: str) -> None:
    want = WANT[name]
    image = decode((FOLDER / name).read_bytes())
    assert list(image.shape) == (want["shape"] + [1])[:3]
    assert 8 * image.dtype.itemsize == want["bits"]
    assert hashlib.sha256(image.tobytes()).hexdigest() == want["sha256"]


def test_all_images_of_a_set() -> None:
    data = (FOLDER / "coordinate_set_rgb8.linr").read_bytes()
    table = read_sections(data)["A"]
    images = [decode(data, index) for index in range((len(table) - 1) // (20 + 4 * table[0]))]
    assert len(images) > 1
    assert len({image.tobytes() for image in images}) == len(images)


def test_examples_of_the_specification() -> None:
    text = (TESTS.parent / "format_spec.md").read_text()
    blocks = re.findall(r"```\n(.*?)```", text.split("## 17.")[1], re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        lines = re.findall(r"^((?:[0-9a-f]{2} ?)+)(?:   |$)", block, re.MULTILINE)
        image = decode(bytes.fromhex("".join(lines)))
        assert np.array_equal(image[..., 0], [[10, 20, 30], [40, 50, 60]])


def test_any_damage_is_noticed() -> None:
    data = (FOLDER / "context_int_grey8.linr").read_bytes()
    for at in range(10, len(data), 101):
        with pytest.raises(AssertionError):
            decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
