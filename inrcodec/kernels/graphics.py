"""The structure of graphics.h."""

import ctypes

_PTR, _INT = ctypes.c_void_p, ctypes.c_int64


class GraphicsStruct(ctypes.Structure):
    _fields_ = [
        ("height", _INT), ("width", _INT), ("channels", _INT), ("bits", _INT),
        ("contexts", _INT), ("hashed", _INT), ("predicted", _INT), ("votes", _INT),
        ("sure", _INT), ("blocks", _INT),
        ("boxes", _INT), ("box", _PTR),
        ("secret", ctypes.c_uint64 * 3),
        ("samples", _PTR), ("stretch", _PTR), ("squash", _PTR),
        ("states", _PTR), ("histories", _PTR),
        ("pixel_weights", _PTR), ("sample_weights", _PTR), ("expected_weights", _PTR),
        ("encoder", _PTR), ("decoder", _PTR),
    ]  # fmt: skip
