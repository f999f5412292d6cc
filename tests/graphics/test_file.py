"""Files of the graphics model: what they state, what of them can be read, and damage."""

from __future__ import annotations

from functools import partial

import msgpack
import numpy as np
import pytest

import inrcodec
from inrcodec import Limits, Picture, PixelType
from inrcodec.container.fields import Fields
from inrcodec.container.linr import SIGNATURE, Sections
from inrcodec.contents import parse, planes_of
from inrcodec.graphics.file import MOST_PLACES, GraphicsImage, allows
from inrcodec.graphics.levels import LEVELS
from inrcodec.history.planes import GREY, WHOLE, YCC, Geometry, Lattice
from inrcodec.limits import DEFAULT
from tests.container.test_damage import exact_or_refused, sealed, sections
from tests.frames.files import How, parts_file, stored
from tests.graphics.pictures import drawn, graphics_file, of_many_colours
from tests.pictures import scene

SMALL = drawn(13, 19, 3, np.uint8, 1)
MINOR = len(SIGNATURE) + 1


def version(data: bytes) -> tuple[int, ...]:
    return tuple(data[MINOR - 1 : MINOR + 1])


def returns(image: np.ndarray | Picture, **options: object) -> dict:
    """Encodes with the model and decodes again; what info says."""
    data = inrcodec.encode(image, **{"effort": 1, "model": "graphics", **options})
    wanted = image if isinstance(image, Picture) else Picture(image)
    found = inrcodec.decode_picture(data)
    assert found.samples.dtype == wanted.samples.dtype
    assert np.array_equal(found.samples, wanted.samples)
    assert found.type == wanted.type
    facts = inrcodec.info(data)
    assert facts["mode"] == "graphics"
    assert (facts["version"], version(data)) == ("2.3", (2, 3))
    return facts


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_packed_is_unpacked(level: int) -> None:
    image = drawn(20, 30, 4, np.uint8, 2)
    image[:, :, 3], image[:, :, 1] = 255, 0
    coded = GraphicsImage.encode(planes_of(Picture(image)), level)
    assert (coded.level, coded.constant) == (level, {1: 0, 3: 255})
    fields, packed = coded.pack()
    assert fields == {"l": level, "b": coded.bits, "k": [1, 0, 3, 255]}
    taken = Fields(dict(fields), "it")
    chain = Sections(packed)
    assert GraphicsImage.unpack(taken, chain, coded.geometry, DEFAULT) == coded
    taken.end()
    chain.end()
    assert packed[0].payload == coded.data


def test_as_few_bits_as_the_coded_samples_need() -> None:
    image = drawn(9, 12, 2, np.uint16, 3) & 0x1FF
    image[0, 0, 0] |= 0x100
    image[:, :, 1] = 65535
    coded = GraphicsImage.encode(planes_of(Picture(image)), 1)
    assert (coded.bits, coded.constant) == (9, {1: 65535})
    black = GraphicsImage.encode(planes_of(Picture(np.zeros((4, 5, 3), np.uint8))), 1)
    assert (black.bits, black.constant) == (1, {1: 0, 2: 0})


def test_planes_that_the_model_is_for() -> None:
    half = Lattice(2, 2)
    assert allows(Geometry(20, 30, 8, YCC, False, (WHOLE,) * 3))
    assert not allows(Geometry(20, 30, 8, YCC, False, (WHOLE, half, half)))
    for height, width, allowed in (
        (MOST_PLACES // 17 - 3, 1, True),
        (MOST_PLACES // 17 - 2, 1, False),
        (1, MOST_PLACES // 4 - 16, True),
        (1, MOST_PLACES // 4 - 15, False),
    ):
        assert allows(Geometry(height, width, 1, GREY, False, (WHOLE,))) == allowed


def test_files_of_the_model_alone_are_of_2_1_or_of_2_3() -> None:
    drawn_, photo = drawn(20, 40, 1, np.uint8, 4), scene(20, 40, 1, np.uint8)
    for model in ("stored", "context"):
        assert version(inrcodec.encode(drawn_, effort=1, model=model)) == (2, 0)
        tiled = inrcodec.encode(drawn_, effort=1, model=model, tile=16)
        assert version(tiled) == (2, 0)
        assert inrcodec.info(tiled, planes=False)["version"] == "2.0"
    for tile in (None, 16):
        data = inrcodec.encode(drawn_, effort=1, model="graphics", tile=tile)
        assert version(data) == (2, 3)
        assert inrcodec.info(data)["version"] == "2.3"
    pages = [photo, drawn_, photo]
    for frames in (pages, pages[:1] * 3):
        wanted = (2, int(frames is pages))
        how = [How(stored), How(graphics_file if frames is pages else stored)]
        assert version(parts_file(frames, how)) == wanted
    for level in LEVELS:
        wanted = (2, 3 if level > 3 else 1)
        assert version(graphics_file(drawn_, level)) == wanted
        how = [How(stored), How(partial(graphics_file, level=level)), How(graphics_file)]
        assert version(parts_file(pages, how)) == wanted
    data = inrcodec.encode_frames([drawn_, drawn_], effort=1, model="graphics")
    assert version(data) == (2, 3)
    assert np.array_equal(inrcodec.decode(data), np.stack([drawn_, drawn_]))


def test_a_file_that_states_2_0_is_read() -> None:
    """The number decides nothing."""
    data = graphics_file(SMALL)
    assert exact_or_refused(data[:MINOR] + b"\0" + data[MINOR + 1 :], SMALL)


def test_levels_of_efforts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = of_many_colours(40, 50, 3, np.uint8)
    lines = Picture((image[:, :, 0] > 99).astype(np.uint8), PixelType(1))
    assert returns(image)["level"] == 4
    assert returns(image, effort=2)["level"] == 6  # which takes no time of small ones
    monkeypatch.setattr("inrcodec.graphics.encode.SMALL_PIXELS", 1000)
    assert returns(image, effort=2)["level"] == 5
    assert returns(image, effort=6)["level"] == 6
    assert returns(lines)["level"] == 4
    assert returns(lines, effort=2)["level"] == 6


def test_a_time_limit_takes_the_fast_level() -> None:
    assert returns(SMALL, effort=9, time_limit=1e-6)["level"] == 4
    assert returns(SMALL, effort=9, time_limit=60)["level"] == 6


def test_what_info_says() -> None:
    data = graphics_file(SMALL, 2)
    facts = inrcodec.info(data)
    assert (facts["mode"], facts["level"]) == ("graphics", 2)
    assert facts["weights"] is None
    assert facts["weights_bytes"] == 0
    assert facts["header_bytes"] + facts["data_bytes"] == facts["total_bytes"] == len(data)
    assert "planes" not in facts
    with pytest.raises(inrcodec.LinrError, match="graphics"):
        inrcodec.bit_map(data)


@pytest.mark.parametrize(
    "image",
    [
        scene(24, 31, 3, np.uint8),
        scene(24, 31, 1, np.uint16),
        scene(24, 31, 4, np.uint16),
        drawn(20, 33, 3, np.uint16, 6),
        np.full((30, 40, 4), 77, np.uint8),
    ],
    ids=["photo", "deep", "rgba16", "drawn16", "flat"],
)
def test_it_may_be_asked_for(image: np.ndarray) -> None:
    for effort in (1, 6):
        returns(image, effort=effort)


@pytest.mark.parametrize("level", LEVELS)
def test_any_samples_may_be_coded(level: int) -> None:
    rng = np.random.default_rng(level)
    for dtype, shape in (
        (np.uint8, (17, 23, 2)), (np.uint16, (17, 23)), (np.uint16, (9, 11, 4)), (np.uint8, (1, 1)),
        (np.uint8, (3, 1, 3)),
    ):  # fmt: skip
        for top in (1, 255, np.iinfo(dtype).max):
            image = rng.integers(0, top, shape, dtype=dtype, endpoint=True)
            assert np.array_equal(inrcodec.decode(graphics_file(image, level)), image)


def test_types_of_pictures() -> None:
    few = drawn(24, 33, 1, np.uint8, 7)
    palette = bytes(range(48))
    for samples, pixels in (
        (few >> 7, PixelType(1)),
        (few >> 4, PixelType(4, palette, b"\0\x80")),
        (few, PixelType(0, bytes(768))),
        (few, PixelType(key=(int(few[0, 0]),))),
        (few, PixelType(signed=True)),
        (drawn(20, 30, 3, np.uint16, 7) >> 6, PixelType(10)),
    ):
        returns(Picture(samples, pixels))


def test_colours_where_alpha_is_0_are_kept() -> None:
    image = drawn(20, 30, 4, np.uint8, 8)
    hidden = image[:, :, 3] == 0
    image[hidden, :3] = np.random.default_rng(3).integers(0, 256, (hidden.sum(), 3))
    assert hidden.any()
    for level in LEVELS:
        assert np.array_equal(inrcodec.decode(graphics_file(image, level)), image)


@pytest.mark.parametrize("level", LEVELS)
def test_reduced_images(level: int) -> None:
    image = of_many_colours(45, 61, 3, np.uint8)
    data = graphics_file(image, level)
    for scale in (2, 4, 8):
        assert np.array_equal(inrcodec.decode(data, scale=scale), image[::scale, ::scale])
        with pytest.raises(inrcodec.TruncatedError):
            inrcodec.decode(data[:-1], scale=scale)  # a stream is of all of them
    assert np.array_equal(inrcodec.decode(data, region=(7, 9, 20, 31)), image[7:27, 9:40])


def test_a_region_of_tiles_needs_no_others() -> None:
    image = drawn(48, 64, 3, np.uint8, 9)
    data = inrcodec.encode(image, effort=1, model="graphics", tile=16)
    assert inrcodec.info(data)["mode"] == "frames"
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(inrcodec.decode(data, scale=4), image[::4, ::4])
    damaged = data[:-4] + bytes([data[-4] ^ 1]) + data[-3:]  # the last tile's checksum
    with inrcodec.LinrFile(damaged) as file:
        assert np.array_equal(file.array(0, (3, 5, 29, 40)), image[3:32, 5:45])
        with pytest.raises(inrcodec.ChecksumError):
            file.array(0, (30, 47, 18, 17))


def test_every_flipped_bit_and_every_truncation() -> None:
    image = SMALL[:8, :9]
    data = graphics_file(image, 1)
    assert exact_or_refused(data, image)
    assert not any(exact_or_refused(data[:length], image) for length in range(len(data)))
    survived = set()
    for at in range(len(data)):
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            if exact_or_refused(damaged, image):
                survived.add(at)
    assert survived == {MINOR}


@pytest.mark.parametrize("level", LEVELS)
def test_other_bytes_behind_valid_checksums(level: int) -> None:
    """No payload gives other samples, or anything but a LinrError."""
    image = of_many_colours(12, 50, 3, np.uint8)
    image[:, :, 2] = 9
    data = graphics_file(image, level)
    chain, rng, of = sections(data), np.random.default_rng(level), data[MINOR - 1 : MINOR + 1]
    assert sealed(chain, of) == data
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 1 if tag == b"H" else 1 + len(payload) // 30):
            for value in {payload[at] ^ 1, payload[at] ^ 0x80, int(rng.integers(256))}:
                damaged = payload[:at] + bytes([value]) + payload[at + 1 :]
                exact_or_refused(
                    sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]], of), image
                )
    header = msgpack.unpackb(chain[0][1])
    for bits in range(1, 9):
        header["m"][1]["b"] = bits
        for noise in (rng.bytes(400), b"\xff" * 6 + rng.bytes(99), b"", bytes(70)):
            other = [(b"H", msgpack.packb(header)), (b"D", noise)]
            assert not exact_or_refused(sealed(other, of), image)


def test_a_stream_that_no_encoder_writes() -> None:
    header, _ = sections(graphics_file(SMALL))
    with pytest.raises(inrcodec.CorruptError, match="no encoder"):
        inrcodec.decode(sealed([header, (b"D", b"\xff" * 7)], b"\2\1"))


def test_limits_are_held_to() -> None:
    data = graphics_file(SMALL)
    pixels = SMALL.shape[0] * SMALL.shape[1]
    model = parse(data).model
    assert isinstance(model, GraphicsImage)
    work = pixels * LEVELS[model.level].work(SMALL.shape[2], model.bits)
    inrcodec.decode(data, limits=Limits(pixels=pixels, multiply_adds=work, weights=0))
    for limits in (Limits(pixels=pixels - 1), Limits(multiply_adds=work - 1)):
        with pytest.raises(inrcodec.LimitError):
            inrcodec.decode(data, limits=limits)


def test_pixels_that_the_data_cannot_hold() -> None:
    """Refused before there is room for them."""
    header, data = sections(graphics_file(SMALL, 3))
    fields = msgpack.unpackb(header[1])
    fields["s"] = [1 << 13, 1 << 13, 3]
    large = sealed([(b"H", msgpack.packb(fields)), data], b"\2\1")
    with pytest.raises(inrcodec.CorruptError, match="too few"):
        parse(large)
