"""The float twins of encodings.py, in which gradients reach the tables."""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as xp
import torch
from torch.nn.functional import embedding_bag

from .encodings import CELL_BITS, ONE, cell_of, corner_rows, rows_of
from .model import CoordinateModel


def float_encoding(model: CoordinateModel, weights: dict[str, Any], points: Any) -> Any:
    """What the tables of networks have in the place of coordinates.

    weights: name -> (networks, *shape), among them the tables; points: float32 (1, n, c), whole
    multiples of 2^-16. Returns (networks, n, inputs).
    """
    positions = points[0].T.double() * ONE
    if model.backbone == "diner":
        rows = rows_of(xp, model, positions)
        return torch.cat([weights[name] for name in model.tables()], 1)[:, rows]
    levels = []
    for name, cells in zip(model.tables(), model.cells, strict=True):
        table = weights[name]
        networks, rows, features = table.shape
        cell, rest = cell_of(xp, positions, cells)
        corners = torch.stack(corner_rows(xp, cell, cells, rows), 1)
        first = torch.arange(networks, device=corners.device).view(-1, 1, 1) * rows
        among = (corners + first).reshape(-1, corners.shape[1])
        shares = _shares(rest.float() * 0.5**CELL_BITS).repeat(networks, 1)
        flat = embedding_bag(
            among, table.reshape(-1, features), per_sample_weights=shares, mode="sum"
        )
        levels.append(flat.view(networks, -1, features))
    return torch.cat(levels, 2)


def _shares(rest: Any) -> Any:
    """How much each corner, in the order of corner_rows, counts at a place (c, n) in its cell:
    (n, corners)."""
    shares = torch.ones_like(rest[0])[None]
    for part in rest:
        shares = torch.stack([shares * (1 - part), shares * part], 1).flatten(0, 1)
    return shares.T.contiguous()
