"""Frames and tiles that are encoded come back, whole and in part."""

from __future__ import annotations

import dataclasses
import io
import threading
import weakref
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import LinrFile, Picture, PixelType, Prior, kernels
from inrcodec.coding.backend import numpy_backend, torch_backend
from inrcodec.contents import Contents
from inrcodec.context.file import ContextImage
from inrcodec.encode import source_picture
from inrcodec.files.images import write_image
from inrcodec.frames.file import Frames
from inrcodec.frames.output import Selection, file_of_frames
from inrcodec.frames.source import AUTO, open_source
from tests.frames.files import How, a_set, moving, parts_file, stored
from tests.pictures import jpeg_scene, scene

GOLDEN = Path(__file__).parents[1] / "golden"


@cache
def encoded(kind: int) -> tuple[np.ndarray, bytes]:
    """Frames of all channels and depths, some in tiles, coded in a way that is quick to make."""
    channels, dtype = 1 + kind % 4, (np.uint8, np.uint16)[kind // 4 % 2]
    tile = (None, (16, 16), (16, 32), (32, 16))[kind % 3 + kind // 6]
    frames = moving(3, 25, 35, channels, dtype, kind)
    sees = [How(), How(None, 1, (-1, 1)), How()] if kind % 2 else [How(), How(stored), How()]
    sets = a_set(channels), a_set(channels, 2)
    return frames, parts_file(frames, sees, (0, 2, 1), tile=tile, sets=sets)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 8), st.integers(0, 2), st.sampled_from([1, 2, 4, 8]), st.data())
def test_regions_scales_and_frames_are_parts_of_the_whole(
    kind: int, frame: int, scale: int, data: st.DataObject
) -> None:
    frames, file = encoded(kind)
    height, width = frames.shape[1:3]
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, cols = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    first = top + -top % scale, left + -left % scale
    want = frames[frame, first[0] : top + rows : scale, first[1] : left + cols : scale]
    region = (top, left, rows, cols)
    if not want.size:
        with pytest.raises(ValueError, match="no pixel"):
            inrcodec.decode(file, frame=frame, region=region, scale=scale)
        return
    found = inrcodec.decode(file, frame=frame, region=region, scale=scale, threads=1)
    assert found.dtype == frames.dtype
    assert np.array_equal(found, want)
    if scale == 4:
        stacked = inrcodec.decode(file, region=region, scale=scale, threads=1)
        assert np.array_equal(stacked[frame], want)
        assert len(stacked) == len(frames)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"model": "stored"},
        {"effort": 2, "weights": "fp16", "model": "context"},
        {"effort": 2, "weights": "ternary", "model": "context"},
        {"tile": 16, "effort": 1},
        {"tile": (32, 16), "effort": 2, "history": False},
        {"prior": GOLDEN / "own1.prior", "effort": 1, "model": "context"},
    ],
    ids=str,
)
def test_options(options: dict) -> None:
    if "prior" in options:
        options = options | {"prior": Prior.read(options["prior"])}
    frames = moving(10, 12, 17, 1, np.uint8)
    data = inrcodec.encode_frames(frames, threads=2, **options)
    assert np.array_equal(inrcodec.decode(data), frames)
    with LinrFile(data) as file:
        assert file.frames == len(frames) == len(list(file))
        assert file.tile == {16: (16, 16)}.get(options.get("tile"), options.get("tile"))
        models = [file.contents_of(n).model for n in range(len(file.contents.model.lengths))]
        if options.get("model"):
            assert {model.name for model in models} == {options["model"]}


def test_frames_that_are_alike_see_each_other() -> None:
    """A texture that stands still under noise, which no frame by itself foretells."""
    rng = np.random.default_rng(0)
    texture = rng.integers(60, 190, (40, 40))
    frames = (texture + rng.integers(-1, 2, (9, 40, 40))).astype(np.uint8)
    data = inrcodec.encode_frames(frames, effort=2, threads=2)
    assert np.array_equal(inrcodec.decode(data), frames)
    alone = sum(len(inrcodec.encode(frame, effort=2, threads=2)) for frame in frames)
    assert len(data) < 0.8 * alone
    with LinrFile(data) as file:
        models = [file.contents_of(number).model for number in range(9)]
        seen = [m.beside if isinstance(m, ContextImage) else () for m in models]
    assert seen[0] == seen[8] == ()
    assert seen[4] == (-4, 4)
    assert seen[1] == (-1, 1)


def test_threads_change_no_byte() -> None:
    frames = moving(9, 10, 23, 1, np.uint8)
    for tile in (None, 16):
        made = {
            inrcodec.encode_frames(frames, tile=tile, effort=1, model="context", threads=threads)
            for threads in (1, 3)
        }
        assert len(made) == 1


def test_few_of_an_iterable_are_in_memory() -> None:
    made, alive = list[weakref.ref[np.ndarray]](), list[int]()

    def frames() -> Iterator[np.ndarray]:
        for number in range(60):
            frame = np.full((16, 16), number, np.uint8)
            made.append(weakref.ref(frame))
            yield frame
            del frame
            alive.append(sum(each() is not None for each in made))

    data = inrcodec.encode_frames(frames(), model="stored")
    assert np.array_equal(inrcodec.decode(data)[:, 3, 4], np.arange(60))
    assert max(alive) <= 9 + 8 + 8  # that networks are fitted to, then two groups


def test_one_array_filled_again_and_again() -> None:
    def frames() -> Iterator[np.ndarray]:
        frame = np.zeros((16, 16), np.uint8)
        for number in range(20):
            frame[:] = number
            yield frame

    data = inrcodec.encode_frames(frames(), model="stored")
    assert np.array_equal(inrcodec.decode(data)[:, 3, 4], np.arange(20))


def test_frames_of_other_sizes_and_types() -> None:
    palette = bytes(range(48))
    pages = [
        Picture(scene(9, 12, 1, np.uint8)), Picture(scene(9, 12, 1, np.uint8, 1)),
        Picture(scene(20, 7, 3, np.uint16)), Picture(scene(18, 18, 1, np.uint8) // 16,
        PixelType(4, palette)), Picture(jpeg_scene(24, 20)), Picture(scene(5, 6, 4, np.uint8)),
        Picture(scene(9, 12, 2, np.uint16) >> 4, PixelType(12)),
    ]  # fmt: skip
    for tile in (None, 16):
        for frames in (pages, iter(pages[:4])):
            data = inrcodec.encode_frames(frames, tile=tile, effort=1, time_limit=0.1)
            with LinrFile(data) as file:
                for number, page in enumerate(pages[: file.frames]):
                    found = file.picture(number)
                    assert np.array_equal(found.samples, page.samples)
                    assert found.type == page.type
                    size = file.size(number)
                    assert (size.height, size.width) == page.samples.shape[:2]
                    assert np.array_equal(file.array(number), page.array())
            with pytest.raises(inrcodec.ImageError, match="one by one"):
                inrcodec.decode(data)


def test_frames_of_palettes_and_colours_stack() -> None:
    """As an animation that Pillow saves: arrays are alike, though samples are not."""
    palette = Picture(scene(9, 12, 1, np.uint8) // 16, PixelType(4, bytes(range(48))))
    colours = Picture(scene(9, 12, 3, np.uint8))
    for frames in ([palette, colours], [colours, palette]):
        found = inrcodec.decode(inrcodec.encode_frames(frames, model="stored"))
        assert np.array_equal(found, [frame.array() for frame in frames])


def test_one_type_of_all_frames_is_said_once() -> None:
    pages = [Picture(page >> 4, PixelType(12)) for page in moving(3, 9, 8, 1, np.uint16)]
    data = inrcodec.encode_frames(pages, effort=1)
    with LinrFile(data) as file:
        assert file.contents.type == PixelType(12)
        assert all(picture.type == PixelType(12) for picture in map(file.picture, range(3)))


def test_without_the_library_and_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = moving(3, 17, 13, 1, np.uint8)
    how, sets = [How(), How(None, 1, (-1, 1)), How()], (a_set(), a_set(1, 2))
    data = parts_file(frames, how, (0, 2, 1), tile=(16, 16), sets=sets)
    monkeypatch.setattr(kernels, "library", lambda: None)
    for backend in (torch_backend("cpu"), numpy_backend()):
        with LinrFile(data, threads=1) as file:
            file.reading = dataclasses.replace(file.reading, backend=backend)
            assert np.array_equal(file.array(1), frames[1])
            assert np.array_equal(file.array(2, scale=8), frames[2, ::8, ::8])


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    frames = moving(30, 32, 48, 1, np.uint8)
    data = parts_file(frames, [How(stored)], tile=(16, 16))
    with LinrFile(data) as file:
        model = file.contents.model
        assert isinstance(model, Frames)
        own, longest = file.contents.end, max(model.lengths)
    counted = Counted(b"before" + data)
    counted.seek(6)
    with LinrFile(counted) as file:
        assert counted.taken <= own
        counted.taken = 0
        region = file.array(17, (3, 18, 10, 12))
        assert np.array_equal(region, frames[17, 3:13, 18:30])
        assert counted.taken <= longest
        counted.taken = 0
        assert np.array_equal(file.array(29), frames[29])
        assert counted.taken <= 6 * longest
    assert not counted.closed
    path = tmp_path / "a.linr"
    path.write_bytes(data)
    for place in (path, str(path)):
        assert np.array_equal(inrcodec.decode(place, frame=3), frames[3])


def test_frames_that_are_seen_are_decoded_once() -> None:
    """Going through a file decodes each frame once, but for those of a group before."""
    frames = moving(9, 12, 13, 1, np.uint8)
    sees = {0: (), 4: (-4, 4), 2: (-2, 2), 6: (-2, 2)}
    how = [How(None, 1 if n % 8 else 0, sees.get(n % 8, (-1, 1))) for n in range(9)]
    data = parts_file(frames, how, (0, 8, 4, 2, 6, 1, 3, 5, 7), sets=(a_set(), a_set(1, 2)))
    with LinrFile(data, threads=1) as file:
        before, calls = file.contents_of, list[int]()

        def contents_of(part: int, scale: int = 1) -> Contents:
            calls.append(part)
            return before(part, scale)

        file.contents_of = contents_of  # type: ignore[method-assign]
        for number, frame in enumerate(file):
            assert np.array_equal(frame, frames[number])
        assert len(calls) < 2.5 * len(frames) + sum(len(each.sees) for each in how)


def test_several_threads_read_one_file() -> None:
    frames, data = encoded(1)
    wrong = list[int]()
    with LinrFile(data, threads=2) as file:

        def read(number: int) -> None:
            for frame in (number % 3, (number + 1) % 3):
                if not np.array_equal(file.array(frame), frames[frame]):
                    wrong.append(frame)

        threads = [threading.Thread(target=read, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_what_is_not_there() -> None:
    frames, data = encoded(0)
    with LinrFile(data) as file:
        for call in (
            lambda: file.array(3),
            lambda: file.array(-1),
            lambda: file.array(1.0),  # type: ignore[arg-type]
            lambda: file.array(0, scale=3),
            lambda: file.array(0, scale=2.0),  # type: ignore[arg-type]
            lambda: file.stack(scale=0),
            lambda: file.stack((1, 1, 1, 1), 8),
            lambda: file_of_frames(file, ".tif", Selection(None, (1, 1, 1, 1), 8), print),
            lambda: file.stack(scale="2"),  # type: ignore[arg-type]
            lambda: file.array(0, (0, 0, 0, 5)),
            lambda: file.array(0, (0, 0, 26, 5)),
            lambda: file.array(0, (-1, 0, 3, 5)),
            lambda: file.array(0, (0, 0, 3)),  # type: ignore[arg-type]
            lambda: file.array(0, (0, 0.0, 3, 3)),  # type: ignore[arg-type]
            lambda: file.array(0, (1, 1, 2, 2), 4),
        ):
            with pytest.raises(ValueError):  # noqa: PT011
                call()
    few = inrcodec.Limits(pixels=frames[0].size + 1)
    with pytest.raises(inrcodec.LimitError):
        inrcodec.decode(data, limits=few)
    assert np.array_equal(inrcodec.decode(data, frame=1, limits=few), frames[1])


def test_a_file_of_one_image_stands_as_before() -> None:
    image = scene(8, 9, 1, np.uint8)
    file = io.BytesIO(write_image(image, ".tif"))
    assert open_source(file, "it", AUTO, inrcodec.Limits()) is None
    assert file.tell() == 0
    target = io.BytesIO()
    inrcodec.encode_file(file, target, model="stored")
    assert np.array_equal(inrcodec.decode(target.getvalue()), image)


def test_what_is_no_frame() -> None:
    frame = scene(8, 9, 1, np.uint8)
    for frames, error in (
        ([], inrcodec.ImageError),
        (iter([]), inrcodec.ImageError),
        (frame, inrcodec.ImageError),
        ([frame, frame.astype(float)], inrcodec.ImageError),
        ([frame, frame[:0]], inrcodec.ImageError),
        ([frame, np.zeros((3, 3, 5), np.uint8)], inrcodec.ImageError),
        (np.zeros((2, 3, 4, 5), np.uint8), inrcodec.ImageError),
        ([frame, Picture(frame, PixelType(4))], inrcodec.ImageError),
    ):
        with pytest.raises(error):
            inrcodec.encode_frames(frames, model="stored")
    many = np.zeros((2, 3, 4, 5, 6), np.uint16)
    for call, text in (
        (lambda: inrcodec.encode(many), "encode_frames takes stacks"),
        (lambda: inrcodec.encode(many[0, 0]), "encode_frames takes stacks"),
        (lambda: inrcodec.encode_frames(many), "frames.reshape"),
        (lambda: inrcodec.encode_frames(many[0]), "frames.reshape"),
        (lambda: inrcodec.encode_frames(many[0, 0].astype(np.int16)), "not int16"),
        (lambda: inrcodec.encode(frame.astype(np.float32)), "not float32"),
    ):
        with pytest.raises(inrcodec.ImageError, match=text):
            call()
    for tile in (8, 24, 0, -16, (16,), (16, 24), 1 << 17, 16.0, (16.0, 16), "16"):
        with pytest.raises(ValueError, match="tile"):
            inrcodec.encode_frames([frame], tile=tile)  # type: ignore[arg-type]
    data = inrcodec.encode_frames([frame], tile=np.int64(16), model="stored")  # type: ignore[arg-type]
    with LinrFile(data) as file:
        assert file.tile == (16, 16)
    for options in ({"model": "coordinate"}, {"model": "none"}, {"effort": 99}):
        with pytest.raises(ValueError):  # noqa: PT011
            inrcodec.encode_frames([frame], **options)


def test_info_takes_places(tmp_path: Path) -> None:
    frames = np.stack([scene(20, 24, 1, np.uint8, seed) for seed in range(3)])
    for name, data in (
        ("frames", inrcodec.encode_frames(frames, effort=1)),
        ("one", inrcodec.encode(frames[0], effort=1)),
    ):
        path = tmp_path / f"{name}.linr"
        path.write_bytes(data)
        with path.open("rb") as file:
            assert inrcodec.info(file) == inrcodec.info(path) == inrcodec.info(data)
        assert inrcodec.read_metadata(path) is None


def test_sources_of_pictures_are_named_or_verified() -> None:
    """A source file that frames or tiles do not bring back is not there, and that is said."""
    data = write_image(scene(40, 48, 1, np.uint8), ".png")
    picture = source_picture(data, "it")
    with pytest.warns(inrcodec.LinrWarning, match="source file"):
        packed = inrcodec.encode_frames([picture] * 2, effort=1)
    with LinrFile(packed) as file:
        assert "source file" in file.facts(1).left_out[-1]
    assert decoded_file(inrcodec.encode(picture, tile=16, effort=1)) == data
    other = dataclasses.replace(picture, samples=255 - picture.samples)
    with pytest.warns(inrcodec.LinrWarning, match="no more the one"):
        packed = inrcodec.encode(other, tile=16, effort=1)
    assert inrcodec.info(packed)["source"] is None
    assert np.array_equal(inrcodec.decode(packed), other.array())


def decoded_file(packed: bytes) -> bytes:
    """What decode_file writes."""
    target = io.BytesIO()
    inrcodec.decode_file(io.BytesIO(packed), target)
    return target.getvalue()


def test_sets_are_limited_together() -> None:
    frames = moving(9, 12, 13, 1, np.uint8)
    sets = (a_set(), a_set(1, 2))
    data = parts_file(frames, sets=sets)
    numbers = sum(each.numbers for each in sets)
    assert max(each.numbers for each in sets) < numbers - 1
    with LinrFile(data, limits=inrcodec.Limits(weights=numbers)) as file:
        assert file.frames == 9
    with pytest.raises(inrcodec.LimitError, match="weights"):
        LinrFile(data, limits=inrcodec.Limits(weights=numbers - 1))
