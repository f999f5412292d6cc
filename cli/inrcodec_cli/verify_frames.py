"""What `inrcodec verify` does with a file of frames or tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inrcodec.errors import LinrError, VerificationError

from .batch import Batch
from .console import label, tell, tell_left_out
from .files import open_input

if TYPE_CHECKING:
    from inrcodec import Limits, LinrFile
    from inrcodec.frames.pages import Page


def verify_frames(
    file: LinrFile, name: str, batch: Batch, original: str | None, limits: Limits
) -> str:
    """Decodes all of a file, and compares it with an image file, if one is named; what is to be
    said of it. Raises VerificationError where they differ, LinrError where anything is damaged."""
    from inrcodec.encode_file import pages_like
    from inrcodec.files.tiff_directory import Opened
    from inrcodec.source.restore import is_source

    source, same = file.contents.source, True
    if original is None:
        _compare(file, name, batch, None)
    else:
        try:
            with open_input(original) as opened:
                pages = pages_like(opened, label(original), file.tile, limits)
                try:
                    _compare(file, name, batch, pages)
                except VerificationError as error:
                    raise VerificationError(f"{error} ({label(original)})") from None
                same = source is not None and is_source(source, Opened(opened))
        except OSError as error:
            raise LinrError(f"{label(original)}: {error.strerror or error}") from None
    tell_left_out(name, file.contents.left_out)
    if source is None or not _goes_together(file, name, limits):
        return "OK"
    if not same:
        return "OK, though the file was made of another one with these frames"
    return "OK, byte for byte"


def _goes_together(file: LinrFile, name: str, limits: Limits) -> bool:
    """Whether the source file comes back; tells why not."""
    from inrcodec.frames.output import Rows
    from inrcodec.source.restore import restore
    from inrcodec.source.skeleton import TIFF
    from inrcodec.source.tiff import restored_chunks

    source = file.contents.source
    assert source is not None
    try:
        if source.kind == TIFF:
            for _ in restored_chunks(source, Rows(file), replace(limits, pages=file.frames)):
                pass
        else:
            restore(file.picture(0), limits)
    except LinrError as error:
        tell(f"{label(name)}: {error}; picture and metadata do")
        return False
    return True


def _compare(file: LinrFile, name: str, batch: Batch, pages: Sequence[Page] | None) -> None:
    """Decodes all parts of a file, names each that is damaged, and compares its frames with the
    pages of an image file, if these are given; raises as verify_frames."""
    damaged = list[LinrError]()
    file.damaged = damaged.append
    if pages is not None and len(pages) != file.frames:
        raise VerificationError(f"has {file.frames} frames and not {len(pages)}")
    for frame in range(file.frames):
        grid = file.grid(frame)
        if pages is not None and _size(pages[frame]) != tuple(file.size(frame)):
            raise VerificationError(f"frame {frame} is of another size or depth")
        for number, box in enumerate(grid):
            before, region = len(damaged), (box.top, box.left, box.height, box.width)
            picture = file.picture(frame, region)
            if pages is None or len(damaged) > before:
                continue
            where = f"frame {frame}, tile {number}" if file.tile else f"frame {frame}"
            if picture.type != pages[frame].type:
                raise VerificationError(f"{where} is of another type")
            differing = int((picture.samples != pages[frame].read(*region)).sum())
            if differing:
                count = picture.samples.size
                raise VerificationError(f"{where}: {differing} of {count} samples differ")
    for error in damaged[:-1]:
        batch.fail(name, error)
    if damaged:
        raise damaged[-1]
    file.check_digest()


def _size(page: Page) -> tuple[int, int, int, int]:
    return page.height, page.width, page.channels, page.bits
