"""The structures of context_dct.h."""

from __future__ import annotations

import ctypes

PTR, INT = ctypes.c_void_p, ctypes.c_int64
REFERENCES, OWN, SIGNED, NEARBY, OTHERS = 2, 9, 5, 3, 5


class DctStruct(ctypes.Structure):
    _fields_ = [
        ("rows", INT), ("cols", INT), ("plane", INT), ("row_stride", INT), ("references", INT),
        ("values", PTR), ("edges", PTR), ("reference", PTR * REFERENCES),
        ("products", PTR * REFERENCES),
        ("recent", PTR), ("count", PTR), ("run", PTR), ("total", PTR), ("nearby", PTR),
        ("ring", PTR),
    ]  # fmt: skip


class FrequencyStruct(ctypes.Structure):
    _fields_ = [
        ("place", INT), ("u", INT), ("v", INT), ("step", INT), ("exponent", INT), ("level", INT),
        ("own", INT * OWN), ("nearby", INT * NEARBY), ("others", INT * OTHERS),
        ("own_factor", INT * SIGNED), ("edge_factor", INT * 2),
        ("recent", INT), ("long_ago", INT), ("following", INT), ("before", INT), ("log_step", INT),
    ]  # fmt: skip


class StepStruct(ctypes.Structure):
    _fields_ = [
        ("component", PTR), ("frequency", PTR),
        ("step", INT), ("first", INT), ("last", INT),
        ("network", PTR), ("tables", PTR), ("truth", PTR), ("encoder", PTR), ("decoder", PTR),
    ]  # fmt: skip
