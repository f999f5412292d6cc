"""format_spec.md's worked examples, regenerated, and its tables, computed from its text."""

from __future__ import annotations

import re
from math import isqrt
from pathlib import Path

import numpy as np

import inrcodec
from inrcodec.coding import tables
from inrcodec.container.linr import MAX_HEADER
from inrcodec.context.file import MAX_WIDTH
from inrcodec.context.neighbours import input_count
from inrcodec.limits import DEFAULT, MAX_BITS_PER_BYTE
from tests.pictures import unfitted_file

SPEC = (Path(__file__).parent.parent / "format_spec.md").read_text()
IMAGE = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)


def dumps() -> list[bytes]:
    """The bytes of each hex dump: pairs of hex digits up to the comment behind two spaces."""
    blocks = re.findall(r"```\n(.*?)```", SPEC, re.DOTALL)
    return [
        bytes.fromhex("".join(re.split(r" {2,}", line)[0] for line in block.splitlines()))
        for block in blocks
    ]


def test_the_worked_examples_are_what_we_write() -> None:
    stored, context = dumps()
    assert stored == inrcodec.encode(IMAGE)
    assert context == unfitted_file(IMAGE)


def test_the_worked_examples_decode() -> None:
    for data in dumps():
        assert np.array_equal(inrcodec.decode(data), IMAGE)


def test_the_tables_are_the_specs() -> None:
    def power(n: int) -> list[int]:
        roots = [1 << 63]
        for _ in range(n):
            roots.append(isqrt(roots[-1] << 64))
        values = [1 << 64]
        for i in range(n, 0, -1):
            values += [(v * roots[i]) >> 64 for v in values]
        return values

    ten, six = power(10), power(6)
    exp = [ten[j % 1024] >> (42 + j // 1024) for j in range(22529)]
    assert tables.exp_table().tolist() == exp
    log = [0]
    for n in range(1, 65537):
        w = n.bit_length() - 1
        x, y = n << (31 - w), w
        for _ in range(10):
            x, y = (x * x) >> 31, 2 * y
            if x >= 1 << 32:
                x, y = x >> 1, y + 1
        log.append(y)
    assert tables.log_table().tolist() == log
    cdf = []
    for i in range(-1024, 1025):
        q = six[abs(i) % 64] >> (abs(i) // 64)
        numerator = 1 << 64 if i >= 0 else q
        cdf.append(numerator * (1 << 20) // ((1 << 64) + q))
    assert tables.cdf_table().tolist() == cdf
    assert tables.logit_table()[1:].tolist() == [log[p] - log[65536 - p] for p in range(1, 65536)]


def test_the_limits_are_the_specs() -> None:
    assert [input_count(r) for r in range(3)] == [21, 36, 49]
    assert [input_count(r, wide=True) for r in range(3)] == [32, 51, 68]
    for number in (MAX_HEADER, DEFAULT.sections, MAX_WIDTH, MAX_BITS_PER_BYTE):
        assert str(number) in SPEC
    assert f"2^{DEFAULT.pixels.bit_length() - 1} pixels" in SPEC
    assert f"2^{DEFAULT.multiply_adds.bit_length() - 1} multiply-adds" in SPEC
    assert f"2^{DEFAULT.weights.bit_length() - 1} numbers" in SPEC
