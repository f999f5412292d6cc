"""The structures of context.h, and the context model's networks in them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..context.networks import Layer

PTR = ctypes.c_void_p
INT = ctypes.c_int64


class LayerStruct(ctypes.Structure):
    _fields_ = [
        ("weights", PTR),
        ("biases", PTR),
        ("shifts", PTR),
        ("outputs", INT),
        ("pairs", INT),
    ]


class NetworkStruct(ctypes.Structure):
    _fields_ = [
        *((name, LayerStruct) for name in ("first", "second", "last", "bypass")),
        ("inputs", INT),
        ("bypassed", INT),
    ]


class ColoursStruct(ctypes.Structure):
    _fields_ = [("kind", INT), ("number", INT), ("counts", PTR), ("values", PTR), ("keys", PTR)]


class BandStruct(ctypes.Structure):
    _fields_ = [
        ("row", INT), ("col", INT), ("cols", INT), ("first", INT), ("last", INT), ("level", INT),
        ("height", INT), ("width", INT),
        ("planes", INT), ("exponent", INT), ("own_base", INT), ("references", INT),
        ("frames", INT),
        ("fine", INT), ("reference_bits", INT * 2),
        ("own", PTR), ("seen", PTR * 4), ("between", PTR * 3),
        ("phase_stride", INT), ("row_stride", INT),
        ("trunk", PTR), ("plane", PTR), ("colours", PTR), ("tables", PTR), ("truth", PTR),
        ("encoder", PTR), ("decoder", PTR),
        ("probabilities", PTR), ("bits", PTR), ("inputs", PTR),
    ]  # fmt: skip


class CompiledNetwork:
    """A network as C has it; layers: of networks.Network."""

    def __init__(self, layers: tuple[Layer, ...], inputs: int, bypassed: int) -> None:
        self._kept: list[np.ndarray] = []
        self.struct = NetworkStruct(*map(self._layer, layers), inputs, bypassed)

    def _layer(self, layer: Layer) -> LayerStruct:
        outputs, inputs = layer.weights.shape
        weights = np.pad(layer.weights, ((0, 0), (0, inputs % 2))).astype("<i2").view(np.int32)
        arrays = [weights, *(a.astype(np.int32) for a in (layer.biases, layer.shifts))]
        self._kept += arrays
        return LayerStruct(*(a.ctypes.data for a in arrays), outputs, weights.shape[1])
