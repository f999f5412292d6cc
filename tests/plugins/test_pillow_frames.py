"""Pillow and files of frames and tiles."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import inrcodec
import inrcodec.pillow
from inrcodec import Picture, PixelType
from inrcodec.frames.parts import Parts
from inrcodec.frames.reader import LinrFile
from inrcodec.options import Reading
from tests.files.animations import drawn, shown_by_pillow
from tests.files.animations import saved as animated
from tests.pictures import scene
from tests.plugins.images import PALETTE, QUICK, opened, saved


def frames(count: int = 5) -> list[np.ndarray]:
    return [scene(33, 47, 3, np.uint8, number) for number in range(count)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that are decoded from now on."""
    found: list[int] = []
    real = LinrFile.picture

    def watched(self: LinrFile, frame: int = 0, *args: object) -> Picture:
        found.append(frame)
        return real(self, frame, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(LinrFile, "picture", watched)
    return found


def test_frames_are_loaded_one_by_one(decoded: list[int]) -> None:
    given = frames()
    with opened(inrcodec.encode_frames(given, effort=1)) as image:
        assert (image.n_frames, image.is_animated, image.tell()) == (5, True, 0)
        for frame in (3, 0, 4):
            image.seek(frame)
            assert image.tell() == frame
        assert decoded == []
        np.testing.assert_array_equal(np.asarray(image), given[4])
        image.seek(1)
        np.testing.assert_array_equal(np.asarray(image), given[1])
        image.seek(1)
        image.load()
        assert decoded == [4, 1]
        for frame in (5, -1):
            with pytest.raises(EOFError):
                image.seek(frame)
        assert image.tell() == 1
        shown = [np.asarray(frame) for frame in ImageSequence.Iterator(image)]
        np.testing.assert_array_equal(shown, given)


def test_frames_of_several_modes_and_sizes() -> None:
    pictures = [
        Picture(scene(20, 30, 3, np.uint8)),
        Picture(scene(9, 12, 1, np.uint8) % 5, PixelType(4, bytes(PALETTE), b"\xff\0")),
        Picture(scene(20, 30, 1, np.uint16)),
        Picture(scene(20, 30, 4, np.uint8)),
        Picture(scene(20, 30, 1, np.uint8) >> 7, PixelType(depth=1)),
        Picture(scene(20, 30, 3, np.uint8, 4)),
    ]
    image = opened(inrcodec.encode_frames(pictures, effort=1))
    modes = ["RGB", "P", "I;16", "RGBA", "1", "RGB"]
    for order in (range(6), (5, 1, 0, 2, 1, 3, 4, 0)):
        for frame in order:
            image.seek(frame)
            height, width = pictures[frame].samples.shape[:2]
            assert (image.mode, image.size) == (modes[frame], (width, height))
            np.testing.assert_array_equal(np.asarray(image), pictures[frame].samples)
            assert ("transparency" in image.info) == (frame == 1)
    image.seek(1)
    np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), pictures[1].array())
    copies = [np.asarray(frame.copy()) for frame in ImageSequence.Iterator(image)]
    for copy, picture in zip(copies, pictures, strict=True):
        np.testing.assert_array_equal(copy, picture.samples)


def test_a_frame_that_no_mode_holds() -> None:
    deep = scene(20, 30, 3, np.uint16)
    image = opened(inrcodec.encode_frames([deep[..., 0], deep], effort=1))
    with pytest.raises(OSError, match="no mode for samples, 3 x 16 bits"):
        image.seek(1)
    image.seek(0)
    np.testing.assert_array_equal(np.asarray(image), deep[..., 0])


def test_drafts_of_frames() -> None:
    given = frames()
    image = opened(inrcodec.encode_frames(given, effort=1))
    image.seek(3)
    image.draft(None, (11, 8))
    assert image.size == (12, 9)
    np.testing.assert_array_equal(np.asarray(image), given[3][::4, ::4])
    image.seek(2)
    assert image.size == (47, 33)
    np.testing.assert_array_equal(np.asarray(image), given[2])


def test_saving_all_frames(tmp_path: Path) -> None:
    given = [Image.fromarray(frame) for frame in frames(4)]
    data = saved(given[0], save_all=True, append_images=given[1:], effort=1)
    np.testing.assert_array_equal(inrcodec.decode(data), frames(4))
    with opened(data) as image:
        image.seek(2)
        path = tmp_path / "again.linr"
        image.save(path, save_all=True, effort=1, **QUICK)
        assert image.tell() == 2
        image.save(tmp_path / "one.linr", effort=1)
        image.save(tmp_path / "x.tif", save_all=True)
    assert path.read_bytes() == data
    assert inrcodec.info((tmp_path / "one.linr").read_bytes(), planes=False)["frames"] == 1
    with Image.open(tmp_path / "x.tif") as tiff:
        again = saved(tiff, save_all=True, append_images=[given[0]], effort=1, tile=32)
    np.testing.assert_array_equal(inrcodec.decode(again), [*frames(4), frames(1)[0]])
    assert inrcodec.LinrFile(again).tile == (32, 32)


def test_what_is_saved_with_frames() -> None:
    given = drawn(3)
    options = {"duration": [20, 30, 30], "loop": 2, "transparency": 1, "icc_profile": b"profile"}
    data = saved(given[0], save_all=True, append_images=given[1:], effort=1, **options)
    image = opened(data)
    for frame, wanted in enumerate(given):
        image.seek(frame)
        assert image.info["duration"] == options["duration"][frame]
        assert (image.info["loop"], image.info["icc_profile"]) == (2, b"profile")
        assert image.mode == "P"
        assert image.getpalette()[:600] == wanted.getpalette()[:600]
        np.testing.assert_array_equal(np.asarray(image), np.asarray(wanted))
    still = opened(saved(given[0], effort=1))
    assert not {"duration", "loop"} & still.info.keys()


def test_what_frames_have_in_common_is_in_the_file_once() -> None:
    given = [Image.fromarray(frame) for frame in frames(4)]
    profile = np.random.default_rng(0).bytes(3000)
    once = saved(given[0], icc_profile=profile)
    data = saved(given[0], save_all=True, append_images=given[1:], icc_profile=profile)
    assert len(data) < 4 * len(once) - 8000
    image = opened(data)
    image.seek(3)
    assert image.info == {"icc_profile": profile}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_that_pillow_reads(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    given = [frame.convert("RGB") for frame in drawn(4)]
    data = animated(given, kind, duration=[50, 50, 80, 50], loop=3, **options)
    with opened(data) as image:
        packed = saved(image, save_all=True, effort=1)
    with opened(packed) as image:
        for frame, wanted in enumerate(shown_by_pillow(data)):
            image.seek(frame)
            np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), wanted)
            assert image.info["duration"] == [50, 50, 80, 50][frame]
            assert image.info["loop"] == 3 + (kind == "GIF")  # times that it is shown


def test_a_first_image_that_is_not_shown() -> None:
    given = [Image.fromarray(frame) for frame in frames(3)]
    data = animated(given, "PNG", default_image=True, duration=40)
    with opened(data) as image:
        packed = saved(image, save_all=True, effort=1)
    found = opened(packed)
    assert "duration" not in found.info
    found.seek(1)
    assert found.info["duration"] == 40
    np.testing.assert_array_equal(inrcodec.decode(packed), frames(3))


def test_crops_of_tiles_decode_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = scene(130, 150, 1, np.uint8) % 5
    palette = PixelType(4, bytes(PALETTE), b"\xff\0")
    image = opened(inrcodec.encode(Picture(samples, palette), tile=32, effort=1))
    parts: list[int] = []
    real = Parts.part

    def watched(self: Parts, number: int, reading: Reading) -> object:
        parts.append(number)
        return real(self, number, reading)

    monkeypatch.setattr(Parts, "part", watched)
    part = image.crop((40, 33, 60, 65))
    assert (part.mode, part.size) == ("P", (20, 32))
    assert sorted(parts) == [6, 11]
    np.testing.assert_array_equal(np.asarray(part), samples[33:65, 40:60])
    assert part.info["transparency"] == image.info["transparency"]
    whole = opened(inrcodec.encode(Picture(samples, palette), effort=1))
    np.testing.assert_array_equal(
        np.asarray(part.convert("RGBA")), np.asarray(whole.convert("RGBA"))[33:65, 40:60]
    )
    # beyond the image, and of one that is loaded, as of any image
    np.testing.assert_array_equal(np.asarray(image.crop((-2, 0, 4, 4)))[:, 2:], samples[:4, :4])
    np.testing.assert_array_equal(np.asarray(image.crop((1, 2, 4, 4))), samples[2:4, 1:4])
    assert image.crop().size == image.size
    with pytest.raises(ValueError, match="right"):
        image.crop((4, 0, 2, 2))


def test_checksums_of_frames() -> None:
    data = bytearray(inrcodec.encode_frames(frames(), effort=1))
    opened(bytes(data)).verify()
    data[-3] ^= 1
    image = opened(bytes(data))
    with pytest.raises(OSError, match="checksum"):
        image.verify()
    image = opened(bytes(data))
    image.load()
    with pytest.raises(OSError, match="checksum"):  # noqa: PT012
        image.seek(4)
        image.load()


def test_a_damaged_head_of_a_frame() -> None:
    data = inrcodec.encode_frames(frames(), effort=1)
    with inrcodec.LinrFile(data) as file:
        contents = file.contents
    begin, _ = contents.model.place(2)
    at = contents.end + begin + 8
    image = opened(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(OSError, match="checksum"):
        image.seek(2)
    assert image.tell() == 0
    np.testing.assert_array_equal(np.asarray(image), frames(1)[0])


def test_files_that_end_early() -> None:
    data = inrcodec.encode_frames(frames(), effort=1)
    for end in range(0, len(data) - 1, 311):
        with pytest.raises(OSError):  # noqa: PT011, PT012
            image = opened(data[:end])
            for frame in range(5):
                image.seek(frame)
                image.load()
        with pytest.raises(OSError):  # noqa: PT011
            opened(io.BytesIO(data[:end]).getvalue()).verify()
