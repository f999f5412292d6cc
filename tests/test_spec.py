"""format_spec.md's worked examples, regenerated, and its tables and limits, computed from its
text."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from math import isqrt
from pathlib import Path

import numpy as np

import inrcodec
from inrcodec.coding import tables
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.container.linr import HEADER, MAJOR, MAX_HEADER, MAX_STEPS, MINOR
from inrcodec.contents import ALL_STEPS, MODELS, TAGS, Contents, pack, planes_of
from inrcodec.context.encode import code
from inrcodec.context.file import MAX_DISTANCE, MAX_WIDTH, Models, network_shapes
from inrcodec.context.layout import MAX_FRAMES, choose_layout
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import PRIORS
from inrcodec.context.scans import MAX_SECTIONS, MAX_STREAMS
from inrcodec.context.shared import MAX_FIELDS
from inrcodec.context.step import UNDECIDED, plane_shape, trunk_shape
from inrcodec.coordinate.model import BACKBONES, LAYOUTS
from inrcodec.coordinate.transforms import TRANSFORMS
from inrcodec.files.picture import PLAIN, Picture, digest
from inrcodec.frames.file import MAX_PAGES, MAX_SHARED
from inrcodec.frames.index import MAX_PARTS, MAX_TOTAL
from inrcodec.frames.plan import MAX_OTHERS
from inrcodec.frames.tiles import MAX_TILE, TILE_STEP
from inrcodec.graphics.boxes import MOST_BOXES
from inrcodec.graphics.levels import LEVELS, SAME
from inrcodec.jpeg.coefficients import file as coefficients_file
from inrcodec.jpeg.coefficients import prior as coefficients_prior
from inrcodec.jpeg.coefficients.frequencies import MAX_LEVEL, NETWORKS, references_of
from inrcodec.jpeg.entropy.markers import MAX_PASSES, MAX_SCANS
from inrcodec.limits import DEFAULT, MAX_BITS_PER_BYTE

SPEC = (Path(__file__).parent.parent / "format_spec.md").read_text()
NUMERALS = ("none", "one", "two", "three", "four")
WEIGHTS_OF = ("13.6", "13.7", "13.5")  # in the order of Level.weights
IMAGE = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)


def dumps() -> list[bytes]:
    """The bytes of each hex dump: pairs of hex digits up to the comment behind two spaces."""
    blocks = re.findall(r"```\n(.*?)```", SPEC, re.DOTALL)
    return [
        bytes.fromhex("".join(re.split(r" {2,}", line)[0] for line in block.splitlines()))
        for block in blocks
    ]


def unfitted() -> bytes:
    """The example's context file: networks whose weights are zeros, but for the scales of the
    mixtures and the plane network's bypass."""
    planes = planes_of(Picture(IMAGE))
    layout, models = choose_layout(planes), Models("int", 1, 1)
    networks = []
    for number, shape in enumerate(network_shapes(layout, models)):
        tensors = {n: Tensor(np.zeros(s, np.int64), 0) for n, s in shape.tensors().items()}
        if number % 3 == 2:
            tensors["bypass"].values[0, 0] = 1
        else:
            tensors["b3"].values[3:6] = 2
            tensors["bypass"] = Tensor(tensors["bypass"].values, 2)
        networks.append(tensors)
    with Workers(numpy_backend(), 1) as workers:
        coded = code(planes, layout, models, pack_weights("int", networks), workers)
    return pack(Contents(planes.geometry, digest(IMAGE), PLAIN, None, (), coded))


def test_the_worked_examples_are_what_we_write() -> None:
    stored, context = dumps()
    assert stored == inrcodec.encode(IMAGE, effort=1)
    assert context == unfitted()


def test_the_worked_examples_decode() -> None:
    for data in dumps():
        assert np.array_equal(inrcodec.decode(data), IMAGE)
        assert np.array_equal(inrcodec.decode(data, scale=2), IMAGE[::2, ::2])


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
    assert tables.power_table().tolist() == [v >> 41 for v in ten]
    log = []
    for m in range(1024):
        x, y = (1024 + m) << 21, 0
        for _ in range(10):
            x, y = (x * x) >> 31, 2 * y
            if x >= 1 << 32:
                x, y = x >> 1, y + 1
        log.append(y)
    assert tables.log2_table().tolist() == log
    cdf = []
    for i in range(-1024, 1025):
        q = six[abs(i) % 64] >> (abs(i) // 64)
        numerator = 1 << 64 if i >= 0 else q
        cdf.append(numerator * (1 << 19) // ((1 << 64) + q))
    assert tables.logistic_table().tolist() == cdf


def test_the_functions_are_the_specs() -> None:
    backend = numpy_backend()
    numbers = [*range(1, 5000), *(2**k + d for k in range(12, 31) for d in (-1, 0, 1, 2**11))]
    log = tables.log2_table().tolist()
    wanted = [1024 * w + log[(n << 10 >> w) - 1024] for n in numbers for w in [n.bit_length() - 1]]
    assert backend.log2(np.array(numbers)).tolist() == wanted
    cdf = tables.logistic_table().tolist()
    places = [-(2**20), *range(-(2**20) + 1, 2**20, 997), 2**20 - 1]
    wanted = []
    for z in places:
        cell = (z >> 10) + 1024
        wanted.append(cdf[cell] + (((cdf[cell + 1] - cdf[cell]) * (z % 1024)) >> 10))
    assert backend.logistic(np.array(places)).tolist() == wanted


def test_the_networks_and_priors_are_the_specs() -> None:
    assert [trunk_shape(r, 1).inputs for r in range(3)] == [40, 42 + 25, 42 + 2 * 25]
    assert [trunk_shape(r, 1, True).inputs for r in (1, 2)] == [58 + 25, 58 + 2 * 25]
    assert [plane_shape(r, 1).inputs for r in range(3)] == [4, 6, 8]
    alone = trunk_shape(1, 1).inputs
    assert [trunk_shape(1, 1, frames=n).inputs - alone for n in (1, 2)] == [14, 2 * 14]
    for number, prior in PRIORS.items():
        name = f"prior{number}.bin"
        data = resources.files("inrcodec.context").joinpath(name).read_bytes()
        assert hashlib.blake2b(data, digest_size=16).hexdigest() == prior.digest
        row = (
            f"| {number} | {prior.trunk_width} | {prior.plane_width} | `inrcodec/context/{name}` "
            f"| {len(data):,} | `{prior.digest}` |"
        )
        assert row in SPEC


def test_the_prior_of_coefficients_is_the_specs() -> None:
    assert [references_of(2 * g) for g in (0, 6, 7, 10, 11, 14)] == [0, 0, 1, 1, 2, 2]
    assert NETWORKS == 30
    assert f"| `r` | 1 .. {coefficients_file.MAX_RANK} | with a section `U`" in SPEC
    assert f"more than {coefficients_file.MAX_STREAMS} in a section `Q`" in " ".join(SPEC.split())
    assert f"the others are 0 .. {MAX_LEVEL}." in " ".join(SPEC.split())
    assert f"There are at most {MAX_SCANS} scans" in SPEC
    assert f"at most {MAX_PASSES} times as many blocks" in SPEC
    for number, digest_wanted in coefficients_prior.PRIORS.items():
        name = f"prior{number}.bin"
        data = resources.files("inrcodec.jpeg.coefficients").joinpath(name).read_bytes()
        assert hashlib.blake2b(data, digest_size=16).hexdigest() == digest_wanted
        place = f"`inrcodec/jpeg/coefficients/{name}`"
        assert f"| {number} | {place} | {len(data):,} | `{digest_wanted}` |" in SPEC


def test_the_weights_of_graphics_are_the_specs() -> None:
    same = {of: value for value, of in zip(SAME, WEIGHTS_OF, strict=True)}
    text = " ".join(SPEC.split())
    assert f"all weights of 13.5 are {same['13.5']}, all of 13.6 are {same['13.6']}" in text
    assert f"and all of 13.7 are {same['13.7']}." in text
    for number, level in LEVELS.items():
        for count, weights, of in zip(level.inputs, level.weights(), WEIGHTS_OF, strict=True):
            assert weights.shape == (count,)
            row = f"| {of} | {number} | {', '.join(map(str, weights))} |"
            assert (row in SPEC) == (number > 3)


def test_the_limits_are_the_specs() -> None:
    for number in (MAX_HEADER, MAX_WIDTH, MAX_BITS_PER_BYTE, MAX_STREAMS, UNDECIDED):
        assert str(number) in SPEC
    assert f"more than {MAX_STEPS} steps" in " ".join(SPEC.split())
    assert f"more than {MAX_SECTIONS} sections `D`" in SPEC
    parts = "of each part of one, and of the part of each box (13.8)"
    assert f"| sections of a file, {parts} | {DEFAULT.sections} |" in SPEC
    assert f"list of 1 to {MOST_BOXES} lists [top, left, height, width]" in SPEC
    assert f"| `B` | part of a box | model 6, 13.8 | once for each box, 0 to {MOST_BOXES} |" in SPEC
    assert f"2^{DEFAULT.pixels.bit_length() - 1} pixels" in SPEC
    assert f"2^{DEFAULT.multiply_adds.bit_length() - 1} multiply-adds" in SPEC
    assert f"2^{DEFAULT.weights.bit_length() - 1} numbers" in SPEC
    assert f"2^{DEFAULT.metadata.bit_length() - 1} bytes" in SPEC


def test_files_of_parts_are_the_specs() -> None:
    text = " ".join(SPEC.split())
    assert f"| `p` | 1 .. 2^{MAX_PAGES.bit_length() - 1} | the number of pages |" in text
    assert f"multiples of {TILE_STEP}, {TILE_STEP} .. {MAX_TILE} each" in text
    assert f"There are 2^{MAX_PARTS.bit_length() - 1} parts at most, of less than" in text
    assert f"less than 2^{MAX_TOTAL.bit_length() - 1} bytes together" in text
    assert f"| `N` | shared networks | model 5, 12.3 | 0 to {MAX_SHARED} |" in SPEC
    assert f"more than {MAX_SHARED} sections `N`" in text
    assert f"a map of so many bytes, {MAX_FIELDS} at most" in text
    assert f"or more than {NUMERALS[MAX_OTHERS]} other parts in all" in text
    assert f"-2^{MAX_DISTANCE.bit_length() - 1} .. 2^{MAX_DISTANCE.bit_length() - 1}" in text
    assert f"| `b` | list of 1 or {MAX_FRAMES} distances |" in text
    assert (
        f"pages of a file of parts; images of a source file | 2^{DEFAULT.pages.bit_length() - 1}"
        in SPEC
    )


def test_what_is_reserved_is_what_is_not_in_use() -> None:
    """Chapters 1 and 8 know the tags, models and steps that there are."""
    known = "".join(sorted(tag.decode() for tag in {HEADER, *TAGS}))
    assert known == "".join(
        sorted(re.findall(r"^\| `([A-Za-z])` \| [a-z]", SPEC.split("### 1.1")[0], re.M))
    )
    models, steps = [room.number for room in MODELS], [step.number for step in ALL_STEPS]
    assert sorted(models) == list(range(7))
    assert sorted(steps) == list(range(1, 7))
    assert "| models (`m` of the header, and of parts) | 0 .. 6 | 7 .. 255 |" in SPEC
    assert "| steps (`t`) | 1 .. 6 | 0, 7 .. 255 |" in SPEC
    assert "| forms of weights (`f`) | 0 .. 2 | 3 .. 255 |" in SPEC
    backbones, transforms = len(BACKBONES) - 1, len(TRANSFORMS) - 1
    assert f"backbones `a` | 0 .. {len(LAYOUTS) - 1}, 0 .. {backbones} | to 255 |" in SPEC
    assert f"| transforms of values (`v`, 5.4) | 0 .. {transforms} | all others |" in SPEC
    assert SPEC.startswith(f"# The .linr format, version {MAJOR}.{MINOR}\n")
    assert sorted(LEVELS) == [1, 2, 3, 4, 5, 6]
    assert "| levels of graphics images (`l`, 13.1) | 1 .. 6 | 7 .. 255 |" in SPEC
    assert sorted(PRIORS) == [1, 2]
    assert "| priors of context images (`q`, 6.3) | 1, 2 | 3 .. 255 |" in SPEC
    assert sorted(coefficients_prior.PRIORS) == [1]
    assert "| priors of coefficients (`q`, 10.1) | 1 | 2 .. 255 |" in SPEC
    assert b"x" not in TAGS
