"""Neural tangent kernels of networks as they are initialised: FINER (Liu et al., CVPR 2024).

    python -m benchmarks.reproduce.ntk [--size N] [--width N] ... [--plot FILE] [--pictures DIR]

The kernel (Jacot et al., NeurIPS 2018) is K = J J', J being the gradients of a network's output at
each point with respect to all of its weights and biases; in a linear model of the fit the error
along an eigenvector falls as its eigenvalue says. Published, as pictures without figures, for one
hidden layer: wider ranges k of FINER's first biases make the kernel more diagonal, and its
eigenvalues fall slower. Measured: for one hidden layer, and for as many as are fitted.

FINER's gradients leave out the factor |z| + 1, as its fits do. "off the diagonal" is the mean of
|K_ij| / sqrt(K_ii K_jj) over i != j, "first 10" the part of the trace in the ten largest
eigenvalues, "effective rank" the exponential of the eigenvalues' entropy (Roy & Vetterli, EUSIPCO
2007), "above 1 %" how many eigenvalues are at least a hundredth of the largest one. "slower" goes
by the effective rank.

--pictures: of each network the matrix, |K_ij| / sqrt(K_ii K_jj) (kernel), a sheet of the rows of
nine points, each an image of the grid (rows), and a sheet of the first 16 eigenvectors (vectors).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.func import grad, vmap

from inrcodec.coordinate.float_networks import FloatNetworks

from .analysis import (
    CASES,
    NARROWER,
    hidden,
    initialised,
    key,
    points,
    save,
    sheet,
    stretched,
    verdict,
)
from .experiment import NONE, Curve, Experiment, Row, Scale, experiment

PUBLISHED_SCALE = Scale(1024, 256, 1, 0, "{0} points of one coordinate")
FITTED = Scale(32, 256, 4, 0)
CHUNK = 128  # points whose gradients are taken at once
PRECISION = 1e-12  # of the largest eigenvalue: what is smaller is rounding
VECTORS, ROWS, ENLARGED = 16, 3, 4


def kernel(networks: FloatNetworks, inputs: Any) -> np.ndarray:
    """The empirical neural tangent kernel of a network with one output and biases in all layers:
    inputs (1, n, f) -> float64 (n, n).

    A layer's sums are z = W h + b. With d the gradients with respect to b at a point, those with
    respect to W are the products of each of d and each of h, whose inner product for two points is
    that of their d times that of their h. Of WIRE both are complex, and h is conjugated.
    """
    model, where = networks.model, inputs.double()
    parameters = {name: w.detach().double() for name, w in networks.parameters.items()}
    h = where[0]
    total = h.new_zeros(len(h), len(h))
    for layer in range(1, model.depth + 2):
        name = f"b{layer}"

        def output(bias: Any, point: Any, name: str = name) -> Any:
            return networks({**parameters, name: bias}, point[None, None])[0, 0, 0]

        d = vmap(grad(output), (None, 0), chunk_size=CHUNK)(parameters[name], where[0])[:, 0]
        if model.backbone == "wire" and layer <= model.depth:
            d = torch.complex(*d.chunk(2, 1))
        total += ((d @ d.mH) * ((h @ h.mH).conj() + 1)).real
        if layer <= model.depth:
            h = hidden(networks, layer, where)
    return total.cpu().numpy()


def measure(run: Experiment, case: str) -> tuple[Row, Curve]:
    """The kernel of a case: what the docstring above names, and the eigenvalues by their rank."""
    networks = initialised(run, case)
    matrix = kernel(networks, points(run, networks, run.scale.size))
    values, vectors = np.linalg.eigh(matrix)
    parts = np.maximum(values[::-1], 0) / values.sum()
    positive = parts[parts > PRECISION * parts[0]]
    size = np.sqrt(np.diag(matrix))
    scaled = np.abs(matrix) / size[:, None] / size
    count = len(matrix)
    row = {
        "model": case,
        "depth": run.scale.depth,
        "off_diagonal": float((scaled.sum() - count) / (count * (count - 1))),
        "first_10": float(parts[:10].sum()),
        "effective_rank": float(np.exp(-(positive * np.log(positive)).sum())),
        "above_1_percent": int((parts >= 0.01 * parts[0]).sum()),
        "largest": float(values[-1]),
    }
    if run.pictures is not None:
        pictures(run, case, matrix, scaled, vectors[:, ::-1])
    levels = np.log10(positive / positive[0])
    label = f"{case}, depth {run.scale.depth}"
    return row, Curve(label, list(range(1, len(levels) + 1)), levels.tolist())


def pictures(
    run: Experiment, case: str, matrix: np.ndarray, scaled: np.ndarray, vectors: np.ndarray
) -> None:
    """Saves the matrix of a case as its correlations, some of its rows, and the first
    eigenvectors."""
    size, depth = run.scale.size, run.scale.depth
    at = np.linspace(0, size - 1, ROWS).round().astype(int)
    rows = matrix[[y * size + x for y in at for x in at]]
    save(run, case, f"{depth}.kernel", np.rint(scaled * 255).astype(np.uint8))
    for what, images, columns in (("rows", rows, ROWS), ("vectors", vectors[:, :VECTORS].T, 4)):
        enlarged = np.kron(images.reshape(-1, size, size), np.ones((1, ENLARGED, ENLARGED)))
        save(run, case, f"{depth}.{what}", sheet(stretched(enlarged), columns))


def line(row: Row, narrower: Row | None) -> list[str]:
    """A row of the table. narrower: of FINER with the next narrower range of biases."""
    published, word = NONE, ""
    if narrower is not None:
        published = "more diagonal, slower fall than the row above"
        word = verdict(
            (row["off_diagonal"] < narrower["off_diagonal"], "more diagonal", "less diagonal"),
            (row["effective_rank"] > narrower["effective_rank"], "slower", "faster"),
        )
    return [
        row["model"], published, f"{row['off_diagonal']:.3f}", f"{row['first_10']:.1%}",
        f"{row['effective_rank']:.0f}", str(row["above_1_percent"]), word,
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    asked = experiment(__doc__, FITTED, FITTED, arguments, images=False, pictures=True)
    rows: list[Row] = []
    curves: list[Curve] = []
    head = ["network", "published", "off the diagonal", "first 10", "effective rank", "above 1 %",
            "agrees"]  # fmt: skip
    for depth in sorted({PUBLISHED_SCALE.depth, asked.scale.depth}):
        scale = replace(asked.scale, depth=depth)
        run = replace(asked, published=PUBLISHED_SCALE, scale=scale)
        found: dict[str, Row] = {}
        for case in CASES:
            found[case], curve = run.once(
                key(run, "ntk", "grid", case), partial(measure, run, case)
            )
            curves.append(curve)
        lines = [line(row, found.get(NARROWER.get(case, ""))) for case, row in found.items()]
        rows += found.values()
        title = f"Neural tangent kernel, {depth} hidden layer" + ("s" if depth > 1 else "")
        run.print(title, "a grid of two coordinates", head, lines)
    asked.write(rows, curves, "eigenvalue, the largest first", "log10 of its part of the largest")
    return 0


if __name__ == "__main__":
    sys.exit(main())
