"""The structure of chroma.c."""

from __future__ import annotations

import ctypes

PTR, INT = ctypes.c_void_p, ctypes.c_int64


class ChromaStruct(ctypes.Structure):
    _fields_ = [
        ("height", INT), ("width", INT), ("rows", INT), ("cols", INT),
        ("row_step", INT), ("col_step", INT), ("row_phase", INT), ("col_phase", INT),
        ("rule", INT), ("divisor", INT),
        ("r", PTR), ("g", PTR), ("b", PTR), ("cb", PTR), ("cr", PTR), ("moves", PTR),
        ("luma", PTR), ("g_cb", PTR), ("g_cr", PTR),
        ("red_least", PTR), ("red_most", PTR), ("blue_least", PTR), ("blue_most", PTR),
    ]  # fmt: skip
