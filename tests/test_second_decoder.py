"""The specification alone is enough to decode what the encoder writes, all golden files and its own
examples. (What a reader refuses is in test_second_refusals.py.)"""

from __future__ import annotations

import hashlib
import io
import json
import re
from functools import cache
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard
from second_container import read_header, read_metadata, read_sections, show
from second_context import read_streams
from second_coordinate import transform
from second_decoder import decode, decode_all, decode_pages
from second_files import (
    deflated,
    examples,
    file_of,
    parts_of,
    with_end,
    with_header,
    with_pixel,
    with_sections,
)
from second_packing import NotHereError
from second_source import left_out, source_file

import inrcodec
from inrcodec import Coordinate, Picture, PixelType
from inrcodec.history.chroma_search import LATTICES, Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import BICUBIC, RULES
from tests.context.forms import many_streams
from tests.files.tiffs import WAYS, written
from tests.graphics.pictures import drawn, graphics_file, of_many_colours
from tests.pictures import (
    changed_prior_file,
    chroma_planes,
    chroma_scene,
    enlarged,
    made_files,
    scene,
    subsampled_file,
    unfitted_file,
    video_file,
)

FOLDER = Path(__file__).parent / "golden"
WANT = json.loads((FOLDER / "golden.json").read_text())
EXAMPLE, CONTEXT_EXAMPLE = examples()
SIZES = {"1x1": (1, 1, 3), "1x30": (1, 30, 2), "2x3": (2, 3, 4)}
NETWORKS = {
    "siren": "none",
    "gauss": "zscore",
    "wire": "gamma",
    "pe-relu": "box-cox",
    "pe-gelu": "sym-power",
}


def same(got: np.ndarray, want: np.ndarray) -> bool:
    """Whether they are, grey with a channel axis or without."""
    return got.dtype == want.dtype and np.array_equal(got.reshape(want.shape), want)


@cache
def files() -> dict[str, bytes]:
    """Of all models, steps, forms of weights and numbers of channels."""
    made = dict(made_files()) | {"subsampled_values": video_file()}
    for name, shape in SIZES.items():
        made[name] = inrcodec.encode(scene(*shape, np.uint16), model="context", effort=1)
    for form in ("int", "fp16", "ternary"):
        made[f"form_{form}"] = unfitted_file(scene(9, 11, 3, np.uint8), form)
    for level, shape in ((1, (13, 21, 1)), (2, (12, 20, 4)), (3, (1, 40, 2)), (2, (30, 1, 3))):
        made[f"graphics_{shape[0]}x{shape[1]}"] = graphics_file(drawn(*shape), level)
    for effort in (1, 5, 9):
        large = enlarged(drawn(14, 22, 2 + effort // 4, np.uint8, effort), 2, 3, 1, 2)
        made[f"graphics_effort{effort}"] = inrcodec.encode(large, model="graphics", effort=effort)
    made["prior2"] = changed_prior_file(scene(8, 7, 3, np.uint16), 5, 2)
    for n, (backbone, target) in enumerate(NETWORKS.items()):
        options = {"backbone": backbone, "transform": target, "layout": "value"}
        made[backbone] = inrcodec.encode(
            scene(5, 6, 1 + n % 3, (np.uint8, np.uint16)[n % 2]),
            model="coordinate",
            coordinate=Coordinate(steps=2, width=6, depth=2, **options),
            weights=("int", "fp16", "ternary")[n % 3],
        )
    return made


def test_what_the_encoder_writes() -> None:
    for name, data in files().items():
        assert same(show(*decode(data)), inrcodec.decode(data, frame=0)), name


def test_reduced_images() -> None:
    for name, data in files().items():
        for scale in (2, 4, 8):
            want = inrcodec.decode(data, frame=0, scale=scale)
            assert same(show(*decode(data, scale=scale)), want), (name, scale)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != BICUBIC])
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_subsampled_chroma(rule: str, lattice: Lattice) -> None:
    n = 8 * RULES.index(rule) + LATTICES.index(lattice)
    for size in ((1, 3), (9 + n % 5, 14 - n % 3)):
        check_subsampled(Source(CONVERSIONS[n % 6], rule, lattice), size, n)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_bicubic_chroma(number: int) -> None:
    for size in ((8, 8), (8 + 2 * number, 26 - 2 * number)):
        check_subsampled(Source(CONVERSIONS[number], BICUBIC, Lattice(2, 2)), size, number)


def check_subsampled(source: Source, size: tuple[int, int], n: int) -> None:
    """The second decoder has the same of a picture from a source, whole and reduced."""
    planes, image = chroma_planes(*size, source, n, 90), chroma_scene(*size, source, n, 90)
    image[::3, 1::3], image[0, -1] = (255, 0, 255) if n % 2 else image[::3, 1::3] // 2, 9
    data = subsampled_file(planes, source, image)
    assert same(decode(data)[0], image)
    scale = (2, 4, 8)[(n + size[1]) % 3]
    assert same(decode(data, scale=scale)[0], inrcodec.decode(data, frame=0, scale=scale))


def graphics() -> dict[str, Picture]:
    """What model 6 has to do with: noise, photographs, repetitions, flat rows of blocks."""
    rng = np.random.default_rng(6)
    noise = rng.integers(0, 2**16, (4, 5, 3), dtype=np.uint16)
    period = np.tile(rng.integers(0, 5, (5, 19), dtype=np.uint8) * 50, (4, 5))
    period[17:, 40] ^= 1
    flat = np.full((9, 130, 3), (9, 200, 31), np.uint8)
    flat[4, 60], flat[7:, 90:110] = (9, 200, 30), 0
    colours = rng.integers(0, 256, (30, 4), dtype=np.uint8)
    images = {
        "noise": noise, "photo": of_many_colours(12, 20, 2, np.uint16), "period": period,
        "flat": flat, "many": colours[rng.integers(0, 30, (8, 12))], "row": period[:1],
        "column": np.ascontiguousarray(period[:, :1]), "pixel": noise[:1, :1],
        "text": drawn(22, 42, 3),
    }  # fmt: skip
    pictures = {name: Picture(image) for name, image in images.items()}
    for depth in (1, 2, 4):
        few = drawn(14, 24, 1, np.uint8, depth) >> 8 - depth
        pictures[f"depth{depth}"] = Picture(few, PixelType(depth))
    return pictures


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", graphics())
def test_graphics(name: str, level: int) -> None:
    picture = graphics()[name]
    data = graphics_file(picture, level)
    assert read_header(read_sections(data))["m"][1]["l"] == level
    assert same(decode(data)[0], picture.samples)


def test_sections_and_streams_and_their_front_parts() -> None:
    image = scene(33, 130, 1, np.uint8)
    with many_streams(900):
        data = inrcodec.encode(image, model="context", effort=1)
    sections = read_sections(data)
    fields = read_header(sections)["m"][1]
    assert fields["n"] == len(sections["D"]) == 4
    assert max(len(read_streams(payload)) for payload in sections["D"]) > 1
    assert same(decode(data)[0], image)
    ends = [data.index(payload) + len(payload) + 4 for payload in sections["D"]]
    for k, end in ((1, ends[2]), (2, ends[1]), (3, ends[0])):
        want = image[:: 2**k, :: 2**k]
        for cut in (data[:end], data[: end + 1], data[: end + 9]):
            assert same(decode(cut, scale=2**k)[0], want)
            assert same(inrcodec.decode(cut, scale=2**k), want)
        with pytest.raises(AssertionError, match=r"less data|section D"):
            decode(data[: end - 1], scale=2**k)
        with pytest.raises(inrcodec.LinrError):
            inrcodec.decode(data[: end - 1], scale=2**k)


@pytest.mark.parametrize("name", [name for name in sorted(WANT) if "pages" in WANT[name]])
def test_golden_file_of_parts(name: str) -> None:
    data, pages = (FOLDER / name).read_bytes(), WANT[name]["pages"]
    scale = (8, 4, 2)[len(name) % 3]
    for there in (1, scale):
        decoded = decode_pages(data, there)
        assert len(decoded) == len(pages)
        for page, want in zip(decoded, pages, strict=True):
            image = show(page.samples, page.pixel)
            assert there > 1 or list(image.shape) == (want["shape"] + [1])[:3]
            wanted = want["sha256"] if there == 1 else want["scales"][str(there)]
            assert hashlib.sha256(image.tobytes()).hexdigest() == wanted
            if "source" not in WANT[name]:
                check_about(want, page.pixel, page.metadata, page.left_out)
        if "source" in WANT[name] and there == 1:
            check_source(name, data, [page.samples for page in decoded], [])


@pytest.mark.parametrize("name", [name for name in sorted(WANT) if "pages" not in WANT[name]])
def test_golden_file(name: str) -> None:
    want, data = WANT[name], (FOLDER / name).read_bytes()
    samples, pixel, planes = decode_all(data)
    image = show(samples, pixel)
    assert list(image.shape) == (want["shape"] + [1])[:3]
    assert 8 * image.dtype.itemsize == want["bits"]
    assert hashlib.sha256(image.tobytes()).hexdigest() == want["sha256"]
    check_about(want, pixel, read_metadata(data), left_out(read_sections(data)))
    if "source" in want:
        check_source(name, data, [samples], planes)


def check_about(want: dict, pixel: dict, metadata: tuple | None, names: list[str]) -> None:
    """Metadata that are in a source file are not in golden.json."""
    assert "about" in want or (not pixel and not metadata and not names)
    if "about" in want:
        entries = metadata and [metadata[0], [list(entry) for entry in metadata[1]]]
        defaults = zip("dcak", (0, b"", b"", []), strict=True)
        about = [pixel.get(key, default) for key, default in defaults] + [entries]
        more = [pixel.get(key, 0) for key in "twse"]
        about += [more, names] if any(more) or names else []
        assert hashlib.sha256(repr(about).encode()).hexdigest() == want["about"]


@pytest.mark.parametrize(("channels", "way"), WAYS, ids=str)
def test_tiffs_of_several_images(channels: int, way: dict) -> None:
    tiff, _ = written(channels, way)
    linr = io.BytesIO()
    inrcodec.encode_file(io.BytesIO(tiff), linr, model="stored", tile=16)
    pages = [page.samples for page in decode_pages(linr.getvalue())]
    assert len(pages) == 6 - channels // 2 - channels % 2
    try:
        assert source_file(linr.getvalue(), pages, []) == tiff
    except NotHereError:
        assert "compression" in way  # of zlib tifffile's is another's


def check_source(name: str, data: bytes, pages: list[np.ndarray], planes: list[np.ndarray]) -> None:
    try:
        file = source_file(data, pages, planes)
    except NotHereError:
        assert re.search("lzw|packbits", name)
        return
    assert file is not None
    assert hashlib.blake2b(file, digest_size=16).hexdigest() == WANT[name]["source"]


def test_all_images_of_a_set() -> None:
    data = files()["coordinate_set"]
    images = [decode(data, index)[0] for index in range(3)]
    assert len({image.tobytes() for image in images}) == 3
    for index, image in enumerate(images):
        assert same(image, inrcodec.decode(data, frame=index))


def test_examples_of_the_specification() -> None:
    for data in (EXAMPLE, CONTEXT_EXAMPLE):
        image, _ = decode(data)
        assert np.array_equal(image[..., 0], [[10, 20, 30], [40, 50, 60]])


def test_what_is_read_all_the_same() -> None:
    for name in (
        "stored_key_metadata", "context_table", "context_jfif", "coordinate_joint",
        "graphics_13x21",
    ):  # fmt: skip
        data, parts = files()[name], parts_of(files()[name])
        want, metadata = show(*decode(data)), read_metadata(data)
        others = {
            "minor version": data[:9] + b"\11" + data[10:],
            "unknown sections": file_of([parts[0], ("z", b"\1"), *parts[1:], ("z", b"")]),
            "order": file_of([parts[0], *parts[-2:0:-1], parts[-1]]),
            "sections": file_of(parts + [("y", b"")] * (64 - len(parts))),
        }
        for what, other in others.items():
            assert np.array_equal(show(*decode(other)), want), what
            assert same(want, inrcodec.decode(other)), what
            assert read_metadata(other) == metadata, what
        for unknown in (b"\2", b"\0" + msgpack.packb(["gif", [5]])):
            other = with_sections(m=unknown)(data)
            assert np.array_equal(show(*decode(other)), want)
            assert same(want, inrcodec.decode(other))
            assert read_metadata(other) is None


def test_bytes_behind_what_a_stream_codes() -> None:
    for name, tags in (
        ("context_jfif", "DX"), ("context_changes", "WD"), ("subsampled_values", "DY"),
        ("graphics_13x21", "D"),
    ):  # fmt: skip
        for tag in tags:
            data = with_end(tag, b"\1\2\3")(files()[name])
            want = inrcodec.decode(files()[name])
            assert same(show(*decode(data)), want)
            assert same(inrcodec.decode(data), want)


def test_metadata_needs_no_pixels() -> None:
    data = files()["stored_key_metadata"]
    metadata = read_metadata(data)
    assert metadata == ("png", [["tEXt", b"Comment\0hello"], ["tRNS", None], ["IDAT", None],
                                ["tIME", bytes(7)]])  # fmt: skip
    assert read_metadata(with_sections(D=b"")(data)) == metadata


def test_box_cox_without_an_exponent() -> None:
    y, low, high = np.arange(-(2**16), 2**16, 99), 6, 102
    t = transform(y, {"b": 8, "v": [3, low, high, 128]})
    s = 26  # (2^8 + 5) / 10
    assert abs(t - ((low + s) * ((high + s) / (low + s)) ** ((y + 2**16) / 2**17) - s)).max() < 0.51


def test_what_a_packed_row_does_not_use() -> None:
    samples = np.array([[[1], [0], [1]], [[0], [1], [1]]], np.uint8)
    digest = hashlib.blake2b(samples.tobytes(), digest_size=16).digest()
    stored = b"\1" + deflated(bytes([0, 0b10110101, 0, 0b01101110]))
    data = with_header(d=digest)(with_pixel(d=1)(with_sections(D=stored)(EXAMPLE)))
    assert np.array_equal(show(*decode(data)), 255 * samples)
    assert np.array_equal(inrcodec.decode(data), 255 * samples[..., 0])


def filtered(rows: np.ndarray, f: int, step: int) -> bytes:
    """Rows of bytes, the first with filter f, the next with f + 1, and so on."""
    padded = np.pad(rows.astype(np.int64), ((1, 0), (step, 0)))
    x, a, b, c = padded[1:, step:], padded[1:, :-step], padded[:-1, step:], padded[:-1, :-step]
    distances = np.abs([b - c, a - c, a + b - 2 * c])
    nearest = np.choose(distances.argmin(axis=0), [a, b, c])
    stored = np.array([x, x - a, x - b, x - (a + b) // 2, x - nearest]) % 256
    which = np.arange(f, f + len(rows)) % 5
    picked = stored[which, np.arange(len(rows))]
    return np.hstack([which[:, None], picked]).astype(np.uint8).tobytes()


@pytest.mark.parametrize("method", [0, 1])
@pytest.mark.parametrize(("depth", "channels"), [(1, 1), (2, 1), (4, 1), (8, 1), (8, 4), (16, 3)])
def test_filters_of_stored_images(method: int, depth: int, channels: int) -> None:
    random = np.random.default_rng(depth)
    samples = random.integers(0, 2**depth, (9, 21, channels)).astype("<u2" if depth > 8 else "u1")
    bits = samples[..., None] >> np.arange(depth)[::-1] & 1
    rows = np.packbits(bits.reshape(9, -1).astype(np.uint8), axis=1)
    digest = hashlib.blake2b(samples.tobytes(), digest_size=16).digest()
    for f in range(5):
        raw = filtered(rows, f, max(1, channels * depth // 8))
        stored = b"\1" + deflated(raw) if method else b"\0" + zstandard.compress(raw)
        data = with_header(d=digest, s=list(samples.shape), b=max(8, depth))(EXAMPLE)
        data = with_pixel(d=depth)(data) if depth < 8 else data
        data = with_sections(D=stored)(data)
        assert np.array_equal(decode(data)[0], samples)
        assert same(show(*decode(data)), inrcodec.decode(data))


def test_bits_of_the_transparent_colour_that_do_not_count() -> None:
    for depth in (4, 8):
        pixel = {"d": depth} if depth < 8 else {}
        small = np.array([[[3], [9], [15]], [[0], [9], [1]]], np.uint8)
        digest = hashlib.blake2b(small.tobytes(), digest_size=16).digest()
        rows = [b"\0\3\x09\x0f", b"\0\0\x09\1"] if depth == 8 else [b"\0\x39\xf0", b"\0\x09\x10"]
        data = with_sections(D=b"\1" + deflated(b"".join(rows)))(with_header(d=digest)(EXAMPLE))
        images = [with_pixel(**pixel, k=[9 + (more << depth)])(data) for more in (0, 5)]
        assert np.array_equal(show(*decode(images[0]))[..., 1], 255 * (small[..., 0] != 9))
        assert np.array_equal(show(*decode(images[1])), show(*decode(images[0])))
        assert same(show(*decode(images[1])), inrcodec.decode(images[1]))


def test_a_palette_that_just_holds_all_samples() -> None:
    palette = np.arange(183, dtype=np.uint8)
    image = show(*decode(with_pixel(c=palette.tobytes())(EXAMPLE)))
    assert np.array_equal(image[1, 2], palette[-3:])
