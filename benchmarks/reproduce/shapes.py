"""Shapes: signed distance functions f(x, y, z), and the surfaces that are in them (FINER).

    python -m benchmarks.reproduce.shapes [MESH...] [--size N] [--width N] ... [--csv FILE]

Published (Liu et al., CVPR 2024): 2 hidden layers of 256 behind a first one, omega 60, 10,000
points of the surface a step, 200,000 steps at 1e-4, on Armadillo, Dragon, Lucy and Thai; its
figures are not at hand. Each point is moved twice, by Laplacian noise of scale 0.1 (coarse, whose
squared errors have a weight of 1e-2) and of 0.001 (fine). As there, the truth comes from points on
the surface and their normals.

Here: meshes that trimesh reads, or a torus and the Stanford bunny, which pymeshfix comes with, each
within -0.45 .. 0.45, as published. Rates are in proportion to 1 / width and fall by 0.1^(t/T).
Measured on a grid of GRID points a side of -0.5 .. 0.5: the IoU of the points inside, and the
Chamfer distance of the surface that marching tetrahedra find, the mean of both directions. Its
distances are to the surfaces, not to samples of them, whose spacing is larger than the errors.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import Coordinate
from inrcodec.errors import LinrError

from .experiment import NONE, Curve, Experiment, Scale, experiment, optimise
from .journal import signal_key
from .signals import BACKBONES, EXTRA, Fit, grid, load, packaged, put, signal_networks

EXTENT = "{0} points of the surface a step"
PUBLISHED_SCALE, REDUCED = Scale(10_000, 256, 3, 200_000, EXTENT), Scale(2000, 128, 3, 2000, EXTENT)
RATE = 1e-4  # for 256 units
COARSE, FINE = 0.1, 0.001  # scales of the noise
COARSE_WEIGHT = 1e-2
SIDE, REACH = 0.5, 0.45  # half the grid's side, and the longest one's of a shape
CLOUD, POOL = 1 << 18, 1 << 17  # points on a surface; around it, from which steps take theirs
NEAREST, NEAR = 3, 0.01  # points of the cloud, and how far away a surface seems flat between them
GRID = 96
STRIP = 1 << 16  # points at a time

# A cube's corners, and the six tetrahedra around its diagonal, a path of corners each.
CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
TETRAHEDRA = [(0, 1 << a, 1 << a | 1 << b, 7) for a, b in itertools.permutations(range(3), 2)]
# How a surface cuts a tetrahedron whose first corners, so many, are inside: triangles of the edges.
CUTS = {
    1: [((0, 1), (0, 2), (0, 3))],
    2: [((0, 2), (0, 3), (1, 3)), ((0, 2), (1, 3), (1, 2))],
    3: [((0, 3), (1, 3), (2, 3))],
}


@dataclass(frozen=True)
class Surface:
    """Triangles, float64 (n, 3, 3), which turn left seen from outside, and points on them."""

    name: str
    triangles: np.ndarray
    seed: int = 0

    @cached_property
    def _cloud(self) -> tuple[np.ndarray, np.ndarray, Any]:
        """Points, evenly by area, and normals, float32 (CLOUD, 3), and the points as a tree."""
        rng = np.random.default_rng(self.seed)
        a, b, c = np.moveaxis(self.triangles, 1, 0)
        normals = np.cross(b - a, c - a)
        areas = np.linalg.norm(normals, axis=1)
        chosen = rng.choice(len(areas), CLOUD, p=areas / areas.sum())
        first, second = rng.random((2, CLOUD, 1))
        over = first + second > 1  # the other half of a parallelogram
        first, second = np.where(over, 1 - first, first), np.where(over, 1 - second, second)
        points = a[chosen] + first * (b - a)[chosen] + second * (c - a)[chosen]
        points = points.astype(np.float32)
        normals = (normals / np.maximum(areas, 1e-30)[:, None])[chosen].astype(np.float32)
        return points, normals, cv2.flann.Index(points, {"algorithm": 4})  # an exact k-d tree

    @property
    def points(self) -> np.ndarray:
        return self._cloud[0]

    def distances(self, places: np.ndarray) -> np.ndarray:
        """Signed distances of places, float32 (n, 3) -> (n,), less than 0 inside.

        Near the surface to the planes of the nearest points, in the mean, else to the nearest one.
        """
        points, normals, tree = self._cloud
        result = np.empty(len(places), np.float32)
        for at in range(0, len(places), STRIP):
            strip = places[at : at + STRIP]
            found, squares = tree.knnSearch(strip, NEAREST, params={"checks": -1})
            offsets = ((strip[:, None] - points[found]) * normals[found]).sum(2).mean(1)
            far = np.sqrt(squares[:, 0])
            flat = np.where(far < NEAR, offsets, np.copysign(far, offsets))
            result[at : at + STRIP] = flat
        return result

    @cached_property
    def inside(self) -> np.ndarray:
        """Which points of the grid are, bool (GRID^3,)."""
        return self.distances(cube()) < 0


def cube() -> np.ndarray:
    """The grid on which shapes are measured, float32 (GRID^3, 3)."""
    return grid(*[np.linspace(-SIDE, SIDE, GRID)] * 3)


def zero_surface(values: np.ndarray) -> np.ndarray:
    """Where values (n, n, n) on a grid of -SIDE .. SIDE change their sign: triangles (m, 3, 3), by
    marching tetrahedra (Doi & Koide, IEICE Transactions E74, 1991), in no order or orientation."""
    side = len(values)
    cells = [values[tuple(slice(c, side - 1 + c) for c in corner)] for corner in CORNERS]
    below = np.stack([cell < 0 for cell in cells])
    at = np.nonzero(below.any(0) & ~below.all(0))
    corner_values = np.stack([cell[at] for cell in cells])
    corner_places = (np.stack(at, -1)[None] + CORNERS[:, None]) * (2 * SIDE / (side - 1)) - SIDE
    triangles = [np.empty((0, 3, 3))]
    for tetrahedron in TETRAHEDRA:
        v, p = corner_values[list(tetrahedron)], corner_places[list(tetrahedron)]
        order = np.argsort(v >= 0, axis=0, kind="stable")  # those inside first
        v, p = np.take_along_axis(v, order, 0), np.take_along_axis(p, order[..., None], 0)
        count = (v < 0).sum(0)
        for inside, cut in CUTS.items():
            w, q = v[:, count == inside], p[:, count == inside]
            for triangle in cut:
                part = [(w[i] / (w[i] - w[j]))[:, None] * (q[j] - q[i]) + q[i] for i, j in triangle]
                triangles.append(np.stack(part, 1))
    return np.concatenate(triangles)


def chamfer(one: Surface, other: Surface, count: int) -> float:
    """The mean distance of count points of each surface to the other one."""
    ways = ((one, other), (other, one))
    return float(np.mean([np.abs(b.distances(a.points[:count])).mean() for a, b in ways]))


def read_mesh(path: Path) -> Surface:
    """A mesh file, its longest side -REACH .. REACH, its box's middle at 0. Raises LinrError for
    one that trimesh does not read."""
    need_trimesh()
    import trimesh

    try:
        mesh = trimesh.load_mesh(path)
    except Exception as error:  # trimesh's readers raise what they come across
        raise LinrError(f"{path} is no mesh that trimesh reads: {error}") from error
    return _scaled(path.stem, np.asarray(mesh.triangles, np.float64))


def torus() -> Surface:
    """One whose tube is a third of its ring, in fine triangles."""
    need_trimesh()
    import trimesh

    mesh = trimesh.creation.torus(3, 1, major_sections=256, minor_sections=128)
    return _scaled("torus", np.asarray(mesh.triangles, np.float64))


def need_trimesh() -> None:
    """Raise LinrError if trimesh is not installed."""
    if importlib.util.find_spec("trimesh") is None:
        raise LinrError("meshes need trimesh: pip install 'inrcodec[reproduce]'")


def _scaled(name: str, triangles: np.ndarray) -> Surface:
    if not triangles.size or not np.isfinite(triangles).all():
        raise LinrError(f"{name}: no triangles")
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    if not (high - low).max() > 0:
        raise LinrError(f"{name}: no surface")
    middle, size = (low + high) / 2, (high - low).max() / 2
    return Surface(name, (triangles - middle) / size * REACH)


def batches(run: Experiment, surface: Surface) -> Iterator[tuple[Any, Any]]:
    """Endless steps' points (1, 2 n, 3) and distances (1, 2 n, 1), the n coarse ones first."""
    rng = np.random.default_rng(run.seed)
    pools = []
    for scale in (COARSE, FINE):
        noise = rng.laplace(scale=scale, size=(POOL, 3)).astype(np.float32)
        places = surface.points[rng.choice(CLOUD, POOL)] + noise
        pools.append((put(run, places)[0], put(run, surface.distances(places)[:, None])[0]))
    chosen_by = torch.Generator().manual_seed(run.seed)
    while True:
        inputs, targets = [], []
        for places, distances in pools:
            chosen = torch.randint(POOL, (run.scale.size,), generator=chosen_by).to(places.device)
            inputs.append(places[chosen])
            targets.append(distances[chosen])
        yield torch.cat(inputs)[None], torch.cat(targets)[None]


def loss(outputs: Any, targets: Any) -> Any:
    """The squared errors of the fine points, and with less weight of the coarse ones."""
    coarse, fine = (outputs - targets).square().chunk(2, 1)
    return COARSE_WEIGHT * coarse.mean() + fine.mean()


def evaluate(run: Experiment, networks: FloatNetworks) -> np.ndarray:
    """What a network gives at the points of the grid, float32 (GRID^3,)."""
    places = cube()
    with torch.no_grad():
        strips = [
            networks(networks.parameters, put(run, places[at : at + STRIP]))[0, :, 0].cpu()
            for at in range(0, len(places), STRIP)
        ]
    return torch.cat(strips).numpy()


def fit(run: Experiment, surface: Surface, backbone: str) -> Fit:
    """Fits a shape, and measures what surface came of it; the curve is the loss."""
    options = Coordinate(
        layout="value", backbone=backbone, width=run.scale.width, depth=run.scale.depth, omega=60,
        bias_range=1 / math.sqrt(3),  # as PyTorch draws them for three inputs
        learning_rate=RATE * 256 / run.scale.width,
    )  # fmt: skip
    networks = signal_networks(run, options, 3, 1)
    losses: list[float] = []

    def noted(outputs: Any, targets: Any) -> Any:
        value = loss(outputs, targets)
        losses.append(float(value.detach()))
        return value

    for _ in optimise(
        networks, batches(run, surface), run.scale.steps, noted, lambda t: options.rate * 0.1**t
    ):
        pass
    values = evaluate(run, networks)
    inside = values < 0
    found = zero_surface(values.reshape(GRID, GRID, GRID))
    row = {
        "shape": surface.name,
        "backbone": backbone,
        "rate": options.rate,
        "loss": losses[-1],
        "chamfer": chamfer(surface, Surface("fitted", found), POOL) if len(found) else math.inf,
        "iou": float((inside & surface.inside).sum() / max(1, (inside | surface.inside).sum())),
    }
    label = f"{backbone}, {surface.name}"
    return row, Curve(label, range(1, len(losses) + 1), losses)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(
        __doc__, PUBLISHED_SCALE, REDUCED, arguments, images=False, signals="mesh files"
    )

    def read() -> list[Surface]:
        if run.paths:
            return [read_mesh(path) for path in run.paths]
        return [torus(), read_mesh(packaged("pymeshfix", "examples/StanfordBunny.ply", EXTRA))]

    surfaces = load(read)
    fits: list[Fit] = []
    lines = []
    for surface in surfaces:
        cells = [surface.name, NONE]
        for backbone in BACKBONES:
            row, curve = run.once(
                ["shapes", signal_key(surface.name, surface.triangles), backbone],
                partial(fit, run, surface, backbone),
            )
            cells += [f"{1000 * row['chamfer']:.3f}", f"{row['iou']:.4f}"]
            fits.append((row, curve))
        lines.append(cells)
    head = ["shape", "published"]
    head += [f"{b}, {what}" for b in BACKBONES for what in ("1000 x Chamfer distance", "IoU")]
    names = ", ".join(surface.name for surface in surfaces)
    run.print("Signed distance functions", names, head, lines)
    run.write([row for row, _ in fits], [curve for _, curve in fits], "step", "loss")
    return 0


if __name__ == "__main__":
    sys.exit(main())
