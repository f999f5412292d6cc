"""The analyses of networks, kernels and units, against what can be worked out otherwise."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.reproduce import analysis, neurons, ntk
from benchmarks.reproduce.experiment import Crop, Experiment, Scale, experiment
from inrcodec.coordinate.transforms import fit_transform, forward
from inrcodec.files.images import read_image, write_image
from tests.pictures import scene

SMALL = Scale(5, 6, 2, 0)
ON_CPU = ("--device", "cpu", "--threads", "1")


@pytest.fixture
def run() -> Experiment:
    return experiment(None, SMALL, SMALL, ON_CPU, images=False)


@pytest.mark.parametrize("case", analysis.CASES)
def test_a_kernel_is_that_of_the_gradients(case: str, run: Experiment) -> None:
    networks = analysis.initialised(run, case)
    inputs = analysis.points(run, networks, run.scale.size)
    found = ntk.kernel(networks, inputs)
    parameters = {n: w.detach().double().requires_grad_() for n, w in networks.parameters.items()}
    gradients = []
    for output in networks(parameters, inputs.double())[0, :, 0]:
        each = torch.autograd.grad(output, list(parameters.values()), retain_graph=True)
        gradients.append(torch.cat([gradient.flatten() for gradient in each]))
    jacobian = torch.stack(gradients)
    np.testing.assert_allclose(found, (jacobian @ jacobian.T).numpy(), rtol=1e-9)


def test_the_kernel_of_finer_leaves_out_its_factor(run: Experiment) -> None:
    networks = analysis.initialised(run, "finer, k 5")
    inputs = analysis.points(run, networks, run.scale.size)
    bias = networks.parameters["b1"].detach()
    z = inputs[0] @ networks.parameters["w1"][0].detach().T + bias
    unit = torch.sin(30 * (z.abs() + 1) * z)
    np.testing.assert_allclose(analysis.hidden(networks, 1, inputs), unit, atol=1e-5)
    # with one layer and all output weights 1, b1's gradient is omega (|z| + 1) cos(...)
    shallow = experiment(None, Scale(5, 6, 1, 0), Scale(5, 6, 1, 0), ON_CPU, images=False)
    networks = analysis.initialised(shallow, "finer, k 5")
    networks.parameters = {
        "w1": networks.parameters["w1"], "b1": networks.parameters["b1"],
        "w2": torch.ones(1, 1, 6), "b2": torch.zeros(1, 1),
    }  # fmt: skip
    where = inputs[0].double()
    z = where @ networks.parameters["w1"][0].detach().double().T
    z = z + networks.parameters["b1"].detach().double()
    slope = 30 * (z.abs() + 1) * torch.cos(30 * (z.abs() + 1) * z)
    unit = torch.sin(30 * (z.abs() + 1) * z)
    expected = slope @ slope.T * (where @ where.T + 1) + unit @ unit.T + 1
    np.testing.assert_allclose(ntk.kernel(networks, inputs), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("case", analysis.CASES)
def test_hidden_layers_are_those_of_the_network(case: str, run: Experiment) -> None:
    networks = analysis.initialised(run, case, channels=3)
    inputs = analysis.points(run, networks, 4)
    with torch.no_grad():
        outputs = networks(networks.parameters, inputs)[0]
    last = analysis.hidden(networks, 2, inputs)
    assert networks.model.depth == 2
    weights, bias = (networks.parameters[name].detach()[0] for name in ("w3", "b3"))
    if case == "wire":
        weights = torch.complex(*weights.chunk(2))
    np.testing.assert_allclose((last @ weights.T).real + bias, outputs, rtol=1e-4, atol=1e-5)
    assert last.shape == (16, networks.model.hidden)
    assert analysis.hidden(networks, 1, inputs).shape == last.shape


def test_points_are_the_grid(run: Experiment) -> None:
    networks = analysis.initialised(run, "siren")
    inputs = analysis.points(run, networks, 3)
    side = [-1, 0, 1]
    np.testing.assert_array_equal(inputs[0], [(y, x) for y in side for x in side])


def test_wide_biases_are_wide(run: Experiment) -> None:
    for case, range_ in (("finer, k 0.707", 0.708), ("finer, k 20", 20)):
        bias = analysis.initialised(run, case).parameters["b1"].abs().max()
        assert 0.3 * range_ < bias <= range_
    assert analysis.NARROWER == {
        "finer, k 5": "finer, k 0.707", "finer, k 10": "finer, k 5", "finer, k 20": "finer, k 10",
    }  # fmt: skip


def test_dominant_frequencies() -> None:
    y, x = np.mgrid[:32, :32] / 32
    images = [np.sin(2 * np.pi * (a * y + b * x)) for a, b in ((0, 5), (3, 4), (12, 0), (8, -6))]
    images += [images[0] + 0.5 * images[2] + 9, np.full((32, 32), 0.1), np.zeros((32, 32))]
    found = neurons.dominant(np.stack(images).astype(np.float32))
    np.testing.assert_allclose(found, [5, 5, 12, 10, 5, 0, 0])


def test_first_layers_follow_their_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neurons, "GRID", 256)
    scale = Scale(256, 32, 1, 0)
    run = experiment(None, scale, scale, ON_CPU, images=False)
    found = {}
    for case in ("siren", "finer, k 0.707", "finer, k 5"):
        networks = analysis.initialised(run, case)
        found[case] = neurons.dominant(neurons.activations(run, networks, 1))
        w, b = (networks.parameters[name][0].detach().numpy() for name in ("w1", "b1"))
        # the phase omega (|z| + 1) z rises by omega (2 |z| + 1) with z, which rises by |w| at most
        z = np.abs(b) + np.abs(w).sum(1) if case != "siren" else 0 * b
        limit = 30 * (2 * z + 1) * np.hypot(*w.T) * 2 / (2 * np.pi)  # 2 units an image
        assert (found[case] <= limit + 1.5).all()
    assert 1 <= np.median(found["siren"]) <= 30 * np.sqrt(0.5) / np.pi
    assert np.median(found["siren"]) < np.median(found["finer, k 0.707"])
    assert np.median(found["finer, k 0.707"]) < np.median(found["finer, k 5"])


def test_a_fit_comes_closer_to_its_crop() -> None:
    scale = Scale(8, 32, 2, 150)
    run = experiment(None, scale, scale, ON_CPU, images=False)
    crop = Crop("a scene", scene(8, 8, 3, np.uint8, 1))
    values = forward(fit_transform("none", crop.samples, 8), crop.samples.reshape(-1, 3), 8)
    errors = []
    for networks in (analysis.initialised(run, "siren", 3), neurons.fit(run, "siren", crop)):
        with torch.no_grad():
            outputs = networks(networks.parameters, analysis.points(run, networks, 8))[0]
        errors.append(float(((outputs.numpy() - values) ** 2).mean()))
    assert errors[1] < 0.5 * errors[0]


def test_sheets() -> None:
    images = np.stack([np.full((2, 3), 7.0), np.arange(6.0).reshape(2, 3) - 9, np.eye(2, 3)])
    sheet = analysis.sheet(analysis.stretched(images), 2)
    assert sheet.shape == (5, 7)
    assert sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[:2, :3], 0)
    np.testing.assert_array_equal(sheet[:2, 4:], [[0, 51, 102], [153, 204, 255]])
    np.testing.assert_array_equal(sheet[3:, :3], [[255, 0, 0], [0, 255, 0]])
    assert (sheet[2] == 255).all()
    assert (sheet[:, 3] == 255).all()
    assert (sheet[3:, 4:] == 255).all()


def test_a_verdict() -> None:
    up, down = (True, "more", "less"), (False, "slower", "faster")
    assert analysis.verdict(up, up) == "yes: more, more"
    assert analysis.verdict(up, down) == "partly: more, faster"
    assert analysis.verdict(down) == "no: faster"


@pytest.mark.parametrize(("name", "options", "tables", "pictures"), [
    ("ntk", ["--size", "6"], ["1 hidden layer\n", "2 hidden layers\n"], 8 * 2 * 3),
    ("neurons", [], ["of units\n"], 8),
    ("neurons", ["IMAGE", "--size", "8", "--steps", "2"], ["of units\n", "units, fitted\n"], 16),
])  # fmt: skip
def test_a_script(
    name: str, options: list[str], tables: list[str], pictures: int, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(neurons, "GRID", 32)
    image, table, chart = (tmp_path / n for n in ("0.png", "out.csv", "out.svg"))
    image.write_bytes(write_image(scene(9, 8, 3, np.uint8, 1), ".png"))
    script, folder = import_module(f"benchmarks.reproduce.{name}"), tmp_path / "pictures"
    asked = [str(image) if option == "IMAGE" else option for option in options]
    asked += ["--width", "16", "--depth", "2", *ON_CPU, "--pictures", str(folder)]
    kept = ["--resume", str(tmp_path / "done.jsonl")]
    assert script.main([*asked, *kept, "--csv", str(table), "--plot", str(chart)]) == 0
    shown = capsys.readouterr()
    claim = "more diagonal, slower fall" if name == "ntk" else "higher than the row above"
    assert shown.out.count(f"| finer, k 20 | {claim}") == len(tables)
    for title in tables:
        assert title in shown.out
    assert chart.read_bytes().startswith(b"<?xml")
    with table.open() as file:
        assert len(list(csv.DictReader(file))) == 8 * len(tables)
    files = sorted(folder.iterdir())
    assert len(files) == pictures
    assert all(read_image(file.read_bytes()).ndim == 2 for file in files)
    # nothing is measured twice, nor are pictures made again
    assert script.main([*asked, *kept]) == 0
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == shown.out
    with pytest.raises(SystemExit):
        script.main(asked)
    assert "--force overwrites pictures" in capsys.readouterr().err


def test_an_image_that_is_too_small(tmp_path: Path) -> None:
    image = tmp_path / "0.png"
    image.write_bytes(write_image(scene(5, 5, 3, np.uint8, 1), ".png"))
    with pytest.raises(SystemExit, match="no crop"):
        neurons.main([str(image), "--size", "6", *ON_CPU])
