"""JPEG files through the whole codec: byte for byte, in both forms alike."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec import ImageError, LinrWarning, Picture
from inrcodec.contents import parse
from inrcodec.encode import source_picture
from inrcodec.files.images import read_picture
from inrcodec.files.jpeg import not_carried
from inrcodec.info import survey
from inrcodec.jpeg.coefficients import encode as encoding
from inrcodec.jpeg.coefficients.file import CoefficientImage
from inrcodec.jpeg.entropy.markers import read_markers
from inrcodec.jpeg.entropy.plan import LIBJPEG, Notes, plan_of
from inrcodec.jpeg.entropy.scans import encode_scan
from inrcodec.jpeg.step import Jpeg
from inrcodec.source.restore import CHANGED, OF_COEFFICIENTS, restore
from tests.cli.test_cli import run
from tests.context.forms import ISAS
from tests.jpeg.coefficients.twins import files, in_form
from tests.jpeg.files import Script, frame_of, headers, joined, pillow, written
from tests.pictures import scene

ALL = {**files(), **{name: data for name, data in written().items() if "noise" not in name}}
SMALL = ["grey", "444", "411", "flat", "pixel"]


@cache
def packed(name: str) -> bytes:
    """The .linr of a file, without a fit."""
    return unfitted(source_picture(ALL[name], name))


def unfitted(picture: Picture, threads: int = 1) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "can_fit", lambda: False)
        return inrcodec.encode(picture, effort=1, threads=threads)


def same(one: Picture, other: Picture) -> bool:
    return (
        np.array_equal(one.samples, other.samples)
        and (one.type, one.metadata) == (other.type, other.metadata)
        and (one.source, one.left_out) == (other.source, other.left_out)
    )


@pytest.mark.parametrize("name", ALL)
def test_a_file_comes_back(name: str) -> None:
    picture, data = source_picture(ALL[name], name), packed(name)
    assert picture.left_out == ()
    contents = parse(data)
    assert isinstance(contents.model, CoefficientImage)
    assert [type(step) for step in contents.steps] == [Jpeg]
    decoded = inrcodec.decode_picture(data, threads=1)
    assert same(decoded, picture)
    assert restore(decoded) == ALL[name]
    scale = (2, 4, 8)[list(ALL).index(name) % 3]
    small = inrcodec.decode_picture(data, scale=scale, threads=1).samples
    assert np.array_equal(small, picture.samples[::scale, ::scale])


@pytest.mark.parametrize("isa", [None, *ISAS])
@pytest.mark.parametrize("name", ["pixel", "block"])
def test_forms_write_and_read_the_same(name: str, isa: str | None) -> None:
    with in_form(isa):
        assert unfitted(source_picture(ALL[name], name)) == packed(name)
        decoded = inrcodec.decode_picture(packed(name), threads=2)
        assert restore(decoded) == ALL[name]


@pytest.mark.parametrize("name", SMALL)
def test_fits_have_the_same_bytes_on_any_number_of_threads(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BLOCKS_PER_STREAM", 3)
    picture = source_picture(ALL[name], name)
    first, *others = (inrcodec.encode(picture, effort=1, threads=n) for n in (1, 2, 7))
    assert all(other == first for other in others)
    assert restore(inrcodec.decode_picture(first)) == ALL[name]
    assert inrcodec.encode(picture, effort=1, model="context") == first


def test_changes_to_the_prior_come_back() -> None:
    """Of stripes, which a prior of photographs does not know."""
    y, x = np.mgrid[:240, :256]
    stripes = np.where(x * 5 % 17 < y * 3 % 11, 30, 220).astype(np.uint8)
    file = pillow(stripes, quality=90)
    data = inrcodec.encode(source_picture(file, "it"), effort=2)
    assert inrcodec.info(data)["weights_bytes"] > 0
    assert parse(data).model.changes  # type: ignore[attr-defined]
    assert len(data) < len(unfitted(source_picture(file, "it")))
    for isa in ISAS:
        with in_form(isa):
            assert restore(inrcodec.decode_picture(data)) == file


def test_no_fit_where_there_is_no_time() -> None:
    picture = source_picture(ALL["444"], "it")
    assert inrcodec.encode(picture, effort=9, time_limit=1e-3) == packed("444")


def test_files_in_folders(tmp_path: Path) -> None:
    source, target, back = (tmp_path / name for name in ("a.jpg", "a.linr", "b.jpeg"))
    for name in ("420", "cmyk", "grey"):
        source.write_bytes(ALL[name])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            size = inrcodec.encode_file(source, target, force=True, effort=1)
            inrcodec.decode_file(target, back, force=True)
        assert size == target.stat().st_size
        assert back.read_bytes() == ALL[name]
        if name == "cmyk":
            with pytest.raises(ImageError, match=r"\.png cannot hold the colours"):
                inrcodec.decode_file(target, tmp_path / "b.png", force=True)
            continue
        inrcodec.decode_file(target, tmp_path / "b.png", force=True)
        image = read_picture((tmp_path / "b.png").read_bytes())
        assert np.array_equal(image.samples, read_picture(ALL[name]).samples)


def test_commands(tmp_path: Path) -> None:
    source, packed_file = tmp_path / "a.jpg", tmp_path / "a.linr"
    source.write_bytes(ALL["420"])
    assert run("encode", source, "-e", "1").exit_code == 0
    source.rename(tmp_path / "given.jpg")
    result = run("info", packed_file, "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["mode"] == "jpeg"
    assert facts["source"]["kind"] == "jpeg"
    assert facts["source"]["bytes"] == len(ALL["420"])
    assert facts["steps"][0]["step"] == "jpeg"
    assert facts["steps"][0]["chroma"] == "4:2:0"
    assert facts["history"] == ["jpeg 4:2:0"]
    assert "jpeg" in run("info", packed_file).stdout.lower()
    result = run("verify", packed_file)
    assert result.exit_code == 0, result.stderr
    assert run("verify", packed_file, tmp_path / "given.jpg").exit_code == 0
    result = run("decode", packed_file)
    assert result.exit_code == 0, result.stderr
    assert source.read_bytes() == ALL["420"]


def test_stripped_files(tmp_path: Path) -> None:
    """Coefficients without the file: the picture comes back, the file does not."""
    source, target = tmp_path / "a.jpg", tmp_path / "a.linr"
    source.write_bytes(ALL["420"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inrcodec.encode_file(source, target, strip=True, effort=1)
    data = target.read_bytes()
    facts = inrcodec.info(data)
    assert (facts["mode"], facts["source"], facts["left_out"]) == ("jpeg", None, [])
    assert len(data) < len(packed("420"))
    decoded = inrcodec.decode_picture(data)
    assert decoded.source is None
    assert np.array_equal(decoded.samples, read_picture(ALL["420"]).samples)


@pytest.mark.parametrize("model", ["stored", "coordinate"])
@pytest.mark.parametrize("name", ["blocks", "grey"])
def test_other_models_leave_the_file_out(name: str, model: str) -> None:
    with pytest.raises(ImageError, match="nothing but its coefficients"):
        inrcodec.encode(source_picture(ALL["cmyk"], "it"), model=model)
    picture = source_picture(ALL[name], name)
    options = {"coordinate": inrcodec.Coordinate(steps=2, width=4, depth=1)}
    with pytest.warns(LinrWarning, match=OF_COEFFICIENTS):
        data = inrcodec.encode(picture, model=model, **(options if model[0] == "c" else {}))
    facts = inrcodec.info(data)
    assert (facts["mode"], facts["source"], facts["steps"]) == (model, None, [])
    assert facts["left_out"] == [OF_COEFFICIENTS]
    decoded = inrcodec.decode_picture(data)
    assert np.array_equal(decoded.samples, picture.samples)
    assert decoded.type == picture.type


@pytest.mark.parametrize("name", ["blocks", "cmyk", "grey"])
def test_a_changed_picture_is_encoded_as_pixels(name: str) -> None:
    picture = source_picture(ALL[name], name)
    samples = picture.samples.copy()
    samples[0, 0] ^= 1
    for other in (samples, picture.samples[:, ::-1].copy()):
        with pytest.warns(LinrWarning, match=CHANGED):
            data = inrcodec.encode(replace(picture, samples=other), effort=1, history=False)
        facts = inrcodec.info(data)
        assert (facts["source"], facts["left_out"]) == (None, [CHANGED])
        assert facts["mode"] != "jpeg"
        assert np.array_equal(inrcodec.decode_picture(data).samples, other)


def test_a_changed_picture_without_its_file_is_encoded_as_pixels() -> None:
    picture = replace(read_picture(ALL["444"]), metadata=None)
    assert inrcodec.info(unfitted(picture))["mode"] == "jpeg"
    other = replace(picture, samples=picture.samples ^ 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = inrcodec.encode(other, effort=1, history=False)
    assert inrcodec.info(data)["mode"] != "jpeg"
    assert np.array_equal(inrcodec.decode(data), other.samples)


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (20, 1), (9, 9)])
def test_what_is_said_of_small_ones(size: tuple[int, int]) -> None:
    """Their DC coefficients are an image that may be larger than they are."""
    told: list[dict] = []
    for image, mode in ((scene(*size, 3, np.uint8), None), (scene(*size, 4, np.uint8), "CMYK")):
        file = pillow(image, mode)
        data = inrcodec.encode(source_picture(file, "it"), effort=1, report=told.append)
        facts, array, bits = survey(data)
        assert facts["mode"] == "jpeg"
        assert bits is None
        assert np.array_equal(array, read_picture(file).samples)
        assert inrcodec.info(data) == told[-1]
        parts = (facts[f"{name}_bytes"] for name in ("header", "metadata", "weights", "data"))
        assert sum(parts) == facts["total_bytes"]


def file_of(coefficients: np.ndarray) -> bytes:
    """A grey JPEG file of coefficients, int16 (rows, cols, 64)."""
    rows, cols = coefficients.shape[:2]
    frame = frame_of(8 * cols, 8 * rows, [(1, 1)])
    heads = headers(frame, [Script((0,))], np.random.default_rng(0))
    scan = read_markers(joined(heads, [b""]), "it").scans[0]
    plan = plan_of(frame, scan)
    pads = np.full(plan.ends(plan.mcus), 255, np.uint8)
    notes = Notes(LIBJPEG, plan.mcus, pads, np.empty(0, np.uint32), np.empty((0, 2), np.uint32))
    return joined(heads, [encode_scan(frame, scan, [coefficients], notes, 1 << 20)])


def test_the_largest_coefficients() -> None:
    own = np.zeros((2, 3, 64), np.int16)
    own[:, :, 0] = [[16383, 0, -16383], [-1, 1, 1]]
    own[0, 1, 1:] = 16383 * (-1) ** np.arange(63)
    file = file_of(own)
    picture = source_picture(file, "it")
    assert picture.jpeg is not None
    assert np.array_equal(picture.jpeg.coefficients[0], own)
    data = unfitted(picture)
    for isa in (None, *ISAS[-1:]):
        with in_form(isa):
            assert restore(inrcodec.decode_picture(data)) == file
    for value in (16384, -16384, 32767, -32767):
        own[1, 1, 9] = value
        with pytest.raises(ImageError, match="it: JPEG with coefficients"):
            read_picture(file_of(own), "it")


def test_segments_that_a_png_does_not_have_are_named() -> None:
    data = ALL["grey"]

    def with_segments(*segments: tuple[int, bytes]) -> bytes:
        parts = [bytes([255, kind]) + (len(b) + 2).to_bytes(2, "big") + b for kind, b in segments]
        return data[:2] + b"".join(parts) + data[2:]

    exif, note = (0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0"), (0xFE, b"a note")
    assert not_carried(with_segments(exif, note)) == ()
    assert not_carried(with_segments(exif, exif)) == ("APP1",)
    assert not_carried(with_segments(note, note)) == ("COM",)
    assert not_carried(with_segments((0xFE, b"a\0b"), (0xED, b"Photoshop"))) == ("COM", "APP13")
