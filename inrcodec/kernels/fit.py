"""The structures of context_fit.h."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from . import Library

PTR, INT, FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
FIT_INPUTS, FIT_WIDTH, FIT_OUTPUTS = 144, 64, 16
FIT_SHIFTS = {"b1": 0, "b2": FIT_WIDTH, "b3": 2 * FIT_WIDTH}  # where those of a version begin
SHIFTS_OF_VERSION = 2 * FIT_WIDTH + FIT_OUTPUTS
FIT_TENSORS = ("w1", "u1", "v1", "b1", "w2", "u2", "v2", "b2", "w3", "b3", "bypass")
ALIGNMENT = 64  # of what C works on, in bytes


class TensorStruct(ctypes.Structure):
    _fields_ = [("at", INT), ("rows", INT), ("cols", INT), ("step", FLOAT), ("limit", FLOAT)]


class WholeStruct(ctypes.Structure):
    _fields_ = [
        ("w1", FLOAT * (FIT_INPUTS * FIT_WIDTH)),
        ("w2", FLOAT * (FIT_WIDTH * FIT_WIDTH)),
        ("w3", FLOAT * (FIT_WIDTH * FIT_OUTPUTS)),
        ("b1", FLOAT * FIT_WIDTH),
        ("b2", FLOAT * FIT_WIDTH),
        ("b3", FLOAT * FIT_OUTPUTS),
        ("bypass", FLOAT * FIT_INPUTS),
    ]

    @classmethod
    def of(cls, tensors: dict[str, np.ndarray], width: int) -> WholeStruct:
        """Of a network's tensors, float32, of that width: matrices get a row for each input, and
        rows are padded."""
        whole = cls()
        for name, tensor in tensors.items():
            part = np.ctypeslib.as_array(getattr(whole, name))
            if name in ("w1", "w2", "w3"):
                outputs, inputs = tensor.shape
                apart = FIT_OUTPUTS if name == "w3" else -(-width // 16) * 16
                part[: inputs * apart].reshape(inputs, apart)[:, :outputs] = tensor.T
            else:
                part[: tensor.size] = tensor.reshape(-1)
        return whole


class VersionsStruct(ctypes.Structure):
    _fields_ = [
        ("of", PTR), ("shifts", PTR), ("first", PTR), ("second", PTR), ("slopes", PTR),
        ("seen", PTR), ("count", INT), ("rate", FLOAT), ("penalty", FLOAT),
    ]  # fmt: skip


class FitStruct(ctypes.Structure):
    _fields_ = [
        ("inputs", INT), ("width", INT), ("outputs", INT), ("bypassed", INT), ("rank", INT),
        ("form", INT), ("rounding", INT), ("weights", INT),
        ("tensors", TensorStruct * len(FIT_TENSORS)),
        ("rows", PTR), ("order", PTR), ("low", PTR), ("high", PTR), ("floors", PTR),
        ("unit", FLOAT), ("floor", FLOAT), ("bypass_scale", FLOAT), ("hidden_limit", FLOAT),
        ("centre", PTR), ("basis", PTR), ("prior", PTR), ("versions", PTR),
        ("parameters", PTR), ("first", PTR), ("second", PTR), ("slopes", PTR), ("stored", PTR),
        ("real", PTR), ("squares", PTR),
        ("count", ctypes.c_double), ("steps", INT), ("scratch", PTR),
    ]  # fmt: skip


def scratch(library: Library) -> np.ndarray:
    """What a fit works in."""
    size = library.fit_scratch_bytes()
    array = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    return array[-array.ctypes.data % ALIGNMENT :][:size]
