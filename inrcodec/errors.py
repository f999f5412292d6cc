"""Why a file or an image was refused: one exception class per cause."""

from __future__ import annotations


class LinrError(Exception):
    """Base of every error that inrcodec raises about an image or a file."""


class NotLinrError(LinrError):
    """The data does not begin with the .linr signature."""


class UnsupportedVersionError(LinrError):
    """The file needs a newer reader: major version, mandatory section or feature."""


class TruncatedError(LinrError):
    """The data ends before a length it states."""


class CorruptError(LinrError):
    """A field holds a value that no encoder writes, or bytes are left over."""


class ChecksumError(LinrError):
    """A section's CRC-32 or the digest of the decoded samples does not match."""


class PriorNotFoundError(LinrError):
    """The file was made from a prior of one's own that is not here. digest: its BLAKE2b-128, in
    hexadecimal digits."""

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"prior {digest}, which the file was made from, is not here: name its file with --prior"
            " (priors=), or it or its folder in INRCODEC_PRIORS"
        )
        self.digest = digest

    def __reduce__(self) -> tuple[type[PriorNotFoundError], tuple[str]]:
        return type(self), (self.digest,)


class LimitError(LinrError):
    """The file or image asks for more pixels, weights or work than is allowed."""


class ImageError(LinrError):
    """The image file or array cannot be represented (damaged, unknown type or shape)."""


class OutputExistsError(LinrError):
    """The output file exists and overwriting it was not asked for, or it is the input."""


class VerificationError(LinrError):
    """What was encoded does not decode to the image, or what was written does not read back."""


class DeviceError(LinrError):
    """The requested device is not available."""


class LinrWarning(UserWarning):
    """What was asked for is done, but not as well as it could be."""
