"""Sound, video and shapes: what is read, what is measured, and the scripts themselves.

pluck.wav is 160 samples of pluck-pcm16.wav of CPython's own tests (PSF licence).
"""

from __future__ import annotations

import csv
import importlib.util
import math
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from benchmarks.reproduce import audio, shapes, signals, video
from benchmarks.reproduce.experiment import experiment, mean
from inrcodec.coordinate.model import Coordinate
from inrcodec.errors import LinrError
from tests.pictures import scene

PLUCK = Path(__file__).with_name("pluck.wav")
CPU = ("--device", "cpu", "--threads", "1")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer points around a shape."""
    monkeypatch.setattr(shapes, "CLOUD", 1 << 14)
    monkeypatch.setattr(shapes, "POOL", 1 << 14)
    monkeypatch.setattr(shapes, "GRID", 32)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of a window that moves over a picture, 40 x 32, red on the whole."""
    wide = scene(32, 64, 3, np.uint8, 5)
    wide[:, :, 2] //= 4
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (40, 32))
    assert writer.isOpened()
    for number in range(12):
        writer.write(np.ascontiguousarray(wide[:, number : number + 40, ::-1]))
    writer.release()
    return path


def test_a_sound_is_the_middle_of_its_file() -> None:
    with wave.open(str(PLUCK)) as file:
        data = np.frombuffer(file.readframes(160), "<i2").reshape(160, 2).astype(int)
    assert len(np.unique(data)) > 200
    sound = audio.read_sound(PLUCK, 100)
    assert sound.samples.dtype == np.uint16
    assert (sound.samples.astype(int) - 32768 == data[30:130]).all()
    assert sound.points.shape == (100, 1)
    assert np.allclose(np.diff(sound.points[:, 0]), 2 / 127)
    assert audio.read_sound(PLUCK, 1000).samples.shape == (160, 2)


@pytest.mark.parametrize("width", [1, 3])
def test_a_sound_is_of_16_bits(width: int, tmp_path: Path) -> None:
    path = tmp_path / "other.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, width, 8000, 0, "NONE", ""))
        file.writeframes(bytes(30))
    with pytest.raises(LinrError, match="16 bits"):
        audio.read_sound(path, 4)


def test_what_is_no_sound_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "cut.wav").write_bytes(PLUCK.read_bytes()[:30])
    for name in ("empty.wav", "cut.wav", "absent.wav"):
        with pytest.raises(SystemExit) as ended:
            audio.main([str(tmp_path / name), *CPU])
        assert ended.value.code == 2
        assert name in capsys.readouterr().err


def test_sound_by_bits_gets_to_ber_0() -> None:
    arguments = ("--steps", "400", *CPU)
    run = experiment(None, audio.PUBLISHED_SCALE, audio.REDUCED, arguments, images=False)
    options = Coordinate(width=64, depth=2, learning_rate=2e-3)
    row, curve = audio.fit_bits(run, audio.read_sound(PLUCK, 16), options)
    assert row["ber"] == 0
    assert 1 < row["steps"] == len(curve.y) <= 400
    assert curve.y[0] < 20 < curve.y[-2]
    assert curve.y[-1] == math.inf


def test_sound_by_values_gets_past_the_mean() -> None:
    arguments = ("--steps", "100", *CPU)
    run = experiment(None, audio.PUBLISHED_SCALE, audio.REDUCED, arguments, images=False)
    sound = audio.read_sound(PLUCK, 32)
    options = Coordinate(
        layout="value", width=64, depth=2, learning_rate=1e-3, transform="sym-power"
    )
    row, curve = audio.fit_sound(run, sound, options)
    assert row["snr"] > 10  # of the mean it is 0
    assert row["psnr"] == curve.y[-1]
    power = sound.samples.astype(float).var(axis=0).mean()
    assert row["psnr"] - row["snr"] == pytest.approx(10 * math.log10(65535**2 / power))


def test_the_mean_with_an_exact_fit_is_infinite() -> None:
    assert mean([math.inf, 70.0], ".2f") == "inf"
    assert mean([60.0, 70.0], ".2f") == "65.00 ± 7.07"


def test_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, journal = tmp_path / "out.csv", tmp_path / "journal"
    scale = ("--size", "16", "--width", "8", "--depth", "1", "--steps", "3", *CPU)
    arguments = [str(PLUCK), *scale, "--csv", str(table), "--resume", str(journal)]
    assert audio.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "16 samples, 1 hidden layers of 8, at most 3 steps" in shown
    assert "Published: unknown" in shown
    assert "## Sound, steps to BER 0" in shown
    assert "## Sound, by values" in shown
    rows = rows_of(table)
    assert [row["backbone"] for row in rows[:2]] == ["siren", "finer"]
    assert len(rows[2:]) == 2 * len(signals.TRANSFORMS)

    before = journal.read_bytes()
    assert audio.main([*arguments, "--force"]) == 0
    assert journal.read_bytes() == before
    assert rows_of(table) == rows


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_networks_of_one_to_three_coordinates(axes: int) -> None:
    run = experiment(None, video.PUBLISHED_SCALE, video.REDUCED, CPU, images=False)
    options = Coordinate(layout="value", width=8, depth=1)
    networks = signals.signal_networks(run, options, axes, 2)
    assert networks.parameters["w1"].shape == (1, 8, axes)
    points = signals.grid(*[np.linspace(-1, 1, 3)] * axes)
    assert points.shape == (3**axes, axes)
    assert (points[1] == [-1] * (axes - 1) + [0]).all()  # the last coordinate moves first
    outputs = networks(networks.parameters, signals.put(run, points))
    assert outputs.shape == (1, 3**axes, 2)


def test_a_video_is_the_middle_of_its_file(clip: Path) -> None:
    found = video.read_video(clip, 16)
    assert found.samples.shape == (8, 16, 16, 3)
    capture, frames = cv2.VideoCapture(str(clip)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == 12
    assert (found.samples == np.stack(frames)[2:10, 8:24, 12:28, ::-1]).all()
    means = found.samples.mean((0, 1, 2))
    assert means[0] > 2 * means[2]  # RGB
    assert found.points.shape == (8 * 16 * 16, 3)


def test_what_is_no_video_is_refused(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("nothing to see")
    for path, size in ((text, 16), (clip, 33), (tmp_path / "absent.mp4", 16)):
        with pytest.raises(LinrError, match="no video"):
            video.read_video(path, size)


def test_video_gets_past_the_mean(clip: Path) -> None:
    arguments = ("--steps", "80", *CPU)
    run = experiment(None, video.PUBLISHED_SCALE, video.REDUCED, arguments, images=False)
    found = video.read_video(clip, 30)
    options = Coordinate(
        layout="value", width=32, depth=2, learning_rate=2e-3, transform="sym-power"
    )
    row, curve = video.fit(run, found, options)
    channels = found.samples.astype(float).reshape(-1, 3)
    assert row["psnr"] > 10 * math.log10(255**2 / channels.var(axis=0).mean()) + 3
    assert row["psnr"] == curve.y[-1]


def test_video(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, chart = tmp_path / "out.csv", tmp_path / "out.png"
    scale = ("--size", "6", "--width", "8", "--depth", "1", "--steps", "3", *CPU)
    assert video.main([str(clip), *scale, "--csv", str(table), "--plot", str(chart)]) == 0
    shown = capsys.readouterr().out
    assert "8 frames of 6 x 6" in shown
    for name in signals.TRANSFORMS:
        assert f"| {name} | - |" in shown
    assert len(rows_of(table)) == 2 * len(signals.TRANSFORMS)
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_distances_to_a_torus(small: None) -> None:
    torus = shapes.torus()
    unit = shapes.REACH / 4
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=0.05, size=(2000, 3)).astype(np.float32)
    places = torus.points[:2000] + noise
    ring = np.hypot(places[:, 0], places[:, 1]) / unit - 3
    exact = (np.hypot(ring, places[:, 2] / unit) - 1) * unit
    assert np.abs(torus.distances(places) - exact).max() < 0.015
    assert np.abs(torus.distances(torus.points)).max() < 0.003
    grid = shapes.cube() / unit
    inside = np.hypot(np.hypot(grid[:, 0], grid[:, 1]) - 3, grid[:, 2]) < 1
    assert inside.any()
    assert (torus.inside != inside).sum() < 0.02 * inside.sum()


def test_marching_tetrahedra_find_a_sphere(small: None) -> None:
    values = np.linalg.norm(shapes.cube(), axis=1).reshape(32, 32, 32) - 0.3
    triangles = shapes.zero_surface(values)
    assert np.abs(np.linalg.norm(triangles, axis=2) - 0.3).max() < 0.005
    a, b, c = np.moveaxis(triangles, 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx(4 * math.pi * 0.09, rel=0.01)
    # closed: each edge is of two triangles
    corners = np.unique(triangles.reshape(-1, 3).round(9), axis=0, return_inverse=True)[1]
    faces = corners.reshape(-1, 3)
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(1)]  # without those of no area
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] % 2 == 0).all()

    half = triangles * 0.5
    near = shapes.chamfer(shapes.Surface("a", triangles), shapes.Surface("b", half), 1000)
    assert near == pytest.approx(0.15, rel=0.02)
    assert shapes.zero_surface(values + 2).shape == (0, 3, 3)


def test_shapes(small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh, table = tmp_path / "ring.off", tmp_path / "out.csv"
    trimesh.creation.torus(3, 1).export(mesh)
    scale = ("--size", "600", "--width", "64", "--depth", "2", "--steps", "300", *CPU)
    assert shapes.main([str(mesh), *scale, "--csv", str(table)]) == 0
    shown = capsys.readouterr().out
    assert "## Signed distance functions" in shown
    assert "| ring | - |" in shown
    for row in rows_of(table):
        assert 0.7 < float(row["iou"]) < 1
        assert 0 < float(row["chamfer"]) < 0.02


def test_what_is_no_mesh_is_refused(tmp_path: Path) -> None:
    text, flat = tmp_path / "text.ply", tmp_path / "point.off"
    text.write_text("nothing to see")
    flat.write_text("OFF\n3 1 0\n0 0 0\n0 0 0\n0 0 0\n3 0 1 2\n")
    for path in (text, flat, tmp_path / "absent.ply"):
        with pytest.raises(LinrError, match=path.stem):
            shapes.read_mesh(path)


@pytest.mark.parametrize(
    ("script", "advice"),
    [(video, "inrcodec[reproduce]"), (shapes, "inrcodec[reproduce]"), (audio, "WAV")],
)
def test_what_is_not_installed_is_named(
    script: object,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        script.main(CPU)  # type: ignore[attr-defined]
    assert ended.value.code == 2
    assert advice in capsys.readouterr().err
