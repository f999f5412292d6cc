"""inrcodec: a lossless image codec built on implicit neural representations (INRs).

>>> import numpy as np
>>> import inrcodec
>>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
>>> data = inrcodec.encode(image)
>>> bool((inrcodec.decode(data) == image).all())
True
"""

from .context.own_prior import Prior
from .coordinate.model import Coordinate
from .coordinate.resample import resample
from .decode import decode, decode_file, decode_picture, frames, imread, read_metadata
from .encode import encode
from .encode_file import encode_file, imwrite
from .encode_set import encode_set
from .errors import (
    ChecksumError,
    CorruptError,
    DeviceError,
    ImageError,
    LimitError,
    LinrError,
    LinrWarning,
    NotLinrError,
    OutputExistsError,
    PriorNotFoundError,
    TruncatedError,
    UnsupportedVersionError,
    VerificationError,
)
from .files.metadata import Metadata
from .files.picture import Picture, PixelType
from .frames.encode import encode_frames
from .frames.reader import LinrFile
from .info import bit_map, info
from .limits import Limits
from .progress import Progress
from .train import train

__version__ = "1.1.0rc3"

__all__ = [
    "ChecksumError",
    "Coordinate",
    "CorruptError",
    "DeviceError",
    "ImageError",
    "LimitError",
    "Limits",
    "LinrError",
    "LinrFile",
    "LinrWarning",
    "Metadata",
    "NotLinrError",
    "OutputExistsError",
    "Picture",
    "PixelType",
    "Prior",
    "PriorNotFoundError",
    "Progress",
    "TruncatedError",
    "UnsupportedVersionError",
    "VerificationError",
    "bit_map",
    "decode",
    "decode_file",
    "decode_picture",
    "encode",
    "encode_file",
    "encode_frames",
    "encode_set",
    "frames",
    "imread",
    "imwrite",
    "info",
    "read_metadata",
    "resample",
    "train",
]
