"""The compiled loops: one shared library, `_inrcodec`, reached through ctypes.

How it is put together:

    *.c            loops in C99 that know nothing of Python; rangecoder.h is for any of them
    context*.c     (and what else build.PER_ISA names) compiled once for each instruction set of the
                   platform; INR_NAME(inr_f) in them is inr_f_avx2 and so on
    build.py       compiles them; `make` and the build hook run it
    SIGNATURES     what Python may call: a new function is exported in C and listed here

`library()` loads it once. It is None where there is no library, or where INRCODEC_KERNELS is
"none": the callers then run the plain Python or NumPy form of the same arithmetic, which is its
definition and gives the same bits, slowly. Other environment variables: INRCODEC_LIBRARY, a path,
takes the place of the file here; INRCODEC_ISA, a name out of Library.isas, that of the fastest
instruction set the machine has.

ctypes releases the interpreter's lock during a call. Arrays are checked as they are passed: their
dtype, that they are contiguous, and that what C writes to may be written. That sizes agree is for
the caller to see to, before the call.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DeviceError


class EncoderState(ctypes.Structure):
    """inr_encoder of rangecoder.h."""

    _fields_ = [
        ("low", ctypes.c_uint64),
        ("range", ctypes.c_uint64),
        ("pending", ctypes.c_uint64),
        ("held", ctypes.c_uint64),
        ("out", ctypes.c_void_p),
        ("capacity", ctypes.c_uint64),
        ("written", ctypes.c_uint64),
        ("overflow", ctypes.c_uint64),
    ]


class DecoderState(ctypes.Structure):
    """inr_decoder of rangecoder.h."""

    _fields_ = [
        ("code", ctypes.c_uint64),
        ("range", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("position", ctypes.c_uint64),
    ]


class _Array:
    """The type of an argument: a contiguous array of one dtype, whose address C gets."""

    def __init__(self, dtype: type, *, written: bool = False) -> None:
        self.dtype, self.written = np.dtype(dtype), written

    def from_param(self, array: np.ndarray) -> ctypes.c_void_p:
        """Asked by ctypes for what to pass; TypeError for what C would misread."""
        flags = array.flags
        if array.dtype != self.dtype or not flags.c_contiguous:
            raise TypeError(f"a contiguous array of {self.dtype} is needed, not {array.dtype}")
        if self.written and not flags.writeable:
            raise TypeError("an array that can be written to is needed")
        return ctypes.c_void_p(array.ctypes.data)


_U8, _U16, _I32, _I64 = (_Array(t) for t in (np.uint8, np.uint16, np.int32, np.int64))
_U32, _I16 = _Array(np.uint32), _Array(np.int16)
_TO_U8, _TO_U16, _TO_I32 = (_Array(t, written=True) for t in (np.uint8, np.uint16, np.int32))
_TO_U32, _TO_I16, _TO_I64 = (_Array(t, written=True) for t in (np.uint32, np.int16, np.int64))
_F64, _TO_F64 = _Array(np.float64), _Array(np.float64, written=True)
_COUNT, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
_ENCODER, _DECODER = ctypes.POINTER(EncoderState), ctypes.POINTER(DecoderState)
_DONE = ctypes.c_int  # 0, or 1 where an index lies outside its array

# Function without its inr_: what it returns, and its arguments.
SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "start_encoding": (None, [_ENCODER, ctypes.c_void_p, _COUNT]),
    "finish_encoding": (None, [_ENCODER]),
    "encode_bits": (None, [_ENCODER, _U16, _U8, _COUNT]),
    "encode_flags": (_DONE, [_ENCODER, _I64, _U8, _COUNT, _TO_U16, _COUNT]),
    "encode_plane": (_DONE, [_ENCODER, _I64, _U8, _COUNT, _COUNT, _TO_U16, _COUNT]),
    "encode_integers": (None, [_ENCODER, _I32, _COUNT, _TO_U16]),
    "start_decoding": (None, [_DECODER, _U8, _COUNT]),
    "decode_bits": (None, [_DECODER, _U16, _TO_U8, _COUNT]),
    "decode_flags": (_DONE, [_DECODER, _I64, _TO_U8, _COUNT, _TO_U16, _COUNT]),
    "decode_plane": (_DONE, [_DECODER, _I64, _TO_U8, _COUNT, _COUNT, _TO_U16, _COUNT]),
    "decode_integers": (None, [_DECODER, _TO_I32, _COUNT, _TO_U16]),
    "unfilter_rows": (None, [_TO_U8, _U8, _COUNT, _COUNT, _COUNT]),
    "expand_lzw": (_COUNT, [_U8, _COUNT, _TO_U8, _COUNT]),
    "deflate": (_COUNT, [_U8, _COUNT, _TO_U8, _COUNT, _TO_U32, _U32] + [_COUNT] * 6),
    "pack_lzw": (_COUNT, [_U8, _COUNT, _TO_U8] + [_COUNT] * 4),
    "pack_bits": (_COUNT, [_U8, _COUNT, _TO_U8, _COUNT, _COUNT]),
    "decode_jpeg_scan": (
        _COUNT,
        [_U8, _COUNT, _I64, _U8] + [_ADDRESS] * 4 + [_TO_U8] + [_TO_U32, _COUNT] * 2 + [_TO_I32],
    ),
    "encode_jpeg_scan": (
        _COUNT,
        [_I64, _U8] + [_ADDRESS] * 4 + [_COUNT, _U8] + [_U32, _COUNT] * 2 + [_TO_U8, _COUNT],
    ),
    "count_colours": (None, [_ADDRESS, _ADDRESS, _COUNT, _COUNT, _COUNT, _COUNT, _TO_I32]),
    "add_up": (None, [_TO_I32, _COUNT]),
    "order_colours": (
        None,
        [_ADDRESS] * 3 + [_COUNT] * 4 + [_TO_I32, _TO_U32, _TO_U16],
    ),
    "move_chroma": (_COUNT, [_ADDRESS, _COUNT]),
    "round_likely": (None, [_TO_F64, _F64, _F64, ctypes.c_double, _COUNT, _TO_I16]),
    "jpeg_samples": (None, [_I16, _U16, _COUNT, _COUNT, _TO_U8]),
    "group_colours": (None, [_U32, _U16, _COUNT, _TO_I32, _TO_U16]),
}
# The same of functions in files of build.PER_ISA, of which there are once for each instruction set.
ISA_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "isa_name": (ctypes.c_char_p, []),
    "code_band": (_DONE, [_ADDRESS]),
    "band_inputs": (_DONE, [_ADDRESS, _TO_I32, _TO_I16]),
    "open_graphics": (_ADDRESS, [_ADDRESS]),
    "code_rows": (_DONE, [_ADDRESS, _COUNT]),
    "learned_weights": (None, [_ADDRESS, _COUNT] + [_TO_I64] * 3),
    "close_graphics": (None, [_ADDRESS]),
    "dct_prepare": (None, [_ADDRESS, _ADDRESS, _COUNT, _COUNT]),
    "dct_learn": (None, [_ADDRESS, _ADDRESS, _COUNT, _COUNT, _COUNT]),
    "dct_code": (_DONE, [_ADDRESS]),
    "dct_inputs": (None, [_ADDRESS, _TO_I16]),
    "fit_scratch_bytes": (_COUNT, []),
    "fit_step": (ctypes.c_double, [_ADDRESS, _COUNT, _COUNT, ctypes.c_float, ctypes.c_int]),
    "fit_store": (None, [_ADDRESS]),
    "search_blocks": (
        None,
        [_TO_I16, _U8, _U8, _U16, _I32, _U8, _COUNT, _COUNT, _COUNT, _COUNT, _TO_U8],
    ),
    "search_chroma": (None, [_ADDRESS]),
}
_ISAS = ("plain", "neon", "avx2", "avx512")  # the slowest first


class Library:
    """The library at a path; its functions are attributes, named as in SIGNATURES.

    isas: the instruction sets that this machine and the library have, the slowest first; isa: the
    one in use. Raises OSError if the file is no library that loads, and DeviceError for an isa that
    is not there.
    """

    def __init__(self, path: str | Path, isa: str | None = None) -> None:
        functions = ctypes.CDLL(str(path))
        has_isa = functions.inr_has_isa
        self.isas = tuple(name for name in _ISAS if has_isa(name.encode()))
        self.isa = self.isas[-1] if isa is None else isa
        if self.isa not in self.isas:
            raise DeviceError(f"no instruction set {isa} on this machine: {', '.join(self.isas)}")
        everywhere = {name: (name, *told) for name, told in SIGNATURES.items()}
        here = {name: (f"{name}_{self.isa}", *told) for name, told in ISA_SIGNATURES.items()}
        for name, (symbol, result, arguments) in (everywhere | here).items():
            function = functions[f"inr_{symbol}"]
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the library has no function {name}")


def library_path() -> Path:
    """Where the library is looked for."""
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    return Path(
        os.environ.get("INRCODEC_LIBRARY") or Path(__file__).with_name("_inrcodec" + suffix)
    )


@cache
def library() -> Library | None:
    """The library, or None where the plain forms have to do.

    Raises DeviceError for an INRCODEC_ISA that the machine lacks, and OSError for an
    INRCODEC_LIBRARY that does not load; a library of the package's own that does not load is told
    of in a warning.
    """
    if os.environ.get("INRCODEC_KERNELS") == "none":
        return None
    path, named = library_path(), "INRCODEC_LIBRARY" in os.environ
    if not named and not path.exists():
        return None
    try:
        return Library(path, os.environ.get("INRCODEC_ISA") or None)
    except OSError as error:
        if named:
            raise
        warnings.warn(f"the compiled loops do not load: {error}", RuntimeWarning, stacklevel=2)
        return None
