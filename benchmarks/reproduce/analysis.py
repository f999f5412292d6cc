"""What the analyses of networks share, of kernels (ntk.py) and of units (neurons.py): the networks
of FINER's comparison (Liu et al., CVPR 2024), and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from inrcodec.coding.backend import backend_for
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import NETWORK, Coordinate, CoordinateModel
from inrcodec.coordinate.networks import ONE, coordinates, grid, network_inputs
from inrcodec.files.images import write_image
from inrcodec_cli.files import write_output

from .experiment import Experiment
from .psnr import BIASES, SETTINGS, Setting

CASES: dict[str, Setting] = {  # the rate, and constants
    **{backbone: SETTINGS[backbone] for backbone in ("siren", "gauss", "wire", "pe-relu")},
    **{f"finer, k {k:.3g}": (SETTINGS["finer"][0], {"bias_range": k}) for k in BIASES},
}
_RANGES = [case for case in CASES if case.startswith("finer")]
NARROWER = {wide: narrow for narrow, wide in pairwise(_RANGES)}  # of FINER's ranges of biases


def initialised(run: Experiment, case: str, channels: int = 1) -> FloatNetworks:
    """A network f(y, x), the only one of its batch, of one of CASES as it is initialised, of a
    run's width and depth, by its seed."""
    options = Coordinate(
        layout="value", backbone=case.split(",")[0], width=run.scale.width,
        depth=run.scale.depth, **CASES[case][1],
    )  # fmt: skip
    model = CoordinateModel(
        "int", options.layout, options.backbone, options.width, options.depth,
        options.constants(), (NETWORK,), 0,
    )  # fmt: skip
    device = torch.device(backend_for(run.device).device)
    rng = torch.Generator().manual_seed(run.seed)
    return FloatNetworks(model, options, channels, device, rng)


def points(run: Experiment, networks: FloatNetworks, size: int) -> Any:
    """A grid of size x size points in row-major order, as networks take them: float32 (1, size *
    size, f) on the run's device."""
    backend = backend_for(run.device)
    side = coordinates(0, size, size - 1)
    inputs = backend.get(network_inputs(backend, networks.model, grid(backend, side, side))).T / ONE
    return torch.from_numpy(inputs.astype(np.float32)).to(torch.device(backend.device))[None]


def hidden(networks: FloatNetworks, layer: int, inputs: Any) -> Any:
    """The activations of a hidden layer, 1 for the first: inputs (1, n, f), float32 or float64 ->
    (n, units) of this type or, of WIRE, complex; without gradients."""
    model = networks.model
    # the network up to this layer, whose units are its outputs
    weights = {name: w for name, w in networks.parameters.items() if int(name[1:]) <= layer}
    last = torch.eye(model.hidden)
    if model.backbone == "wire":  # the real parts of h and of -1j h, as complex weights are stored
        none = torch.zeros_like(last)
        last = torch.cat([last, none, none, -last])
    weights[f"w{layer + 1}"] = last[None]
    networks.model = replace(model, depth=layer)
    try:
        with torch.no_grad():
            found = networks({name: w.to(inputs) for name, w in weights.items()}, inputs)[0]
    finally:
        networks.model = model
    return torch.complex(*found.chunk(2, 1)) if model.backbone == "wire" else found


def key(run: Experiment, script: str, signal: str, case: str) -> Sequence[str]:
    """What Experiment.once calls the measurement of a case. Pictures are made along with it, hence
    once for each folder."""
    folder = [] if run.pictures is None else [str(run.pictures)]
    return [script, signal, case, *folder]


def verdict(*claims: tuple[bool, str, str]) -> str:
    """A table's word on published claims: of each whether it holds, and what was found if it does
    and if it does not."""
    held = sum(holds for holds, _, _ in claims)
    word = "yes" if held == len(claims) else "partly" if held else "no"
    return f"{word}: " + ", ".join(so if holds else otherwise for holds, so, otherwise in claims)


def stretched(images: np.ndarray) -> np.ndarray:
    """Images (n, H, W), each from its own least to its greatest value: 0 .. 1; constant ones 0."""
    low = images.min((1, 2), keepdims=True)
    return (images - low) / np.maximum(images.max((1, 2), keepdims=True) - low, 1e-30)


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """A contact sheet of images of 0 .. 1, (n, H, W), in rows of some columns, with a white pixel
    between them: uint8 (H', W')."""
    count, height, width = images.shape
    rows = -(-count // columns)
    tiles = np.full((rows * columns, height + 1, width + 1), 255, np.uint8)
    tiles[:count, :height, :width] = np.rint(images * 255)
    whole = tiles.reshape(rows, columns, height + 1, width + 1).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(whole.reshape(rows * (height + 1), -1)[:-1, :-1])


def save(run: Experiment, case: str, what: str, picture: np.ndarray) -> None:
    """Writes a picture of a case, uint8 (H, W), to the folder of pictures. Raises LinrError where
    there is a file of this name already, and the run does not overwrite files."""
    assert run.pictures is not None
    run.pictures.mkdir(parents=True, exist_ok=True)
    name = case.replace(", ", "-").replace(" ", "")
    path = run.pictures / f"{name}.{what}.png"
    write_output(str(path), write_image(picture, ".png"), run.force)
