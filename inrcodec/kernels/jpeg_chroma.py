"""The structure of jpeg_chroma.c."""

from __future__ import annotations

import ctypes

from .chroma import INT, PTR


class JpegChromaStruct(ctypes.Structure):
    _fields_ = [
        ("height", INT), ("width", INT), ("rows", INT), ("cols", INT), ("stride", INT),
        ("blocks", INT), ("across", INT), ("row_step", INT), ("col_step", INT), ("triangle", INT),
        ("steps", INT), ("tenure", INT), ("nearly", INT),
        ("least", PTR), ("most", PTR), ("samples", PTR), ("coefficients", PTR), ("table", PTR),
        ("moves", PTR), ("reach", PTR), ("wanted", PTR), ("left", PTR),
    ]  # fmt: skip
