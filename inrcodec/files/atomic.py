"""Files that appear whole or not at all, whatever stops the program while it writes one."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputExistsError, VerificationError

_PIECE = 1 << 20  # bytes to read back at a time


def write_atomic(path: str | os.PathLike[str], data: bytes, *, force: bool) -> None:
    """Write a file so that it appears whole or not at all.

    It gets its name when it is on the disk, was read back and compared. Until then it has none
    where the system can do that (Linux), so that a process killed at any moment leaves nothing
    behind; only replacing a file takes a second name, which a kill between two system calls can
    leave on a whole copy. Elsewhere a killed process can leave a part, under a hidden name.

    An existing file is replaced with `force`, permissions kept, and left alone without it:
    OutputExistsError, also if it appears while this runs. Devices and pipes are written to as they
    are. Raises OSError as the system reports it (no such folder, no permission, disk full) and
    VerificationError if other bytes are read back; nothing is left behind then.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # A folder raises IsADirectoryError here; a device must never be replaced by a file.
        target.write_bytes(data)
        return
    if target.exists() and not force:
        raise OutputExistsError(f"{path}: the file exists")
    try:
        if not _write_unnamed(target, data, force):
            _write_named(target, data, force)
    except FileExistsError:
        raise OutputExistsError(f"{path}: the file exists") from None
    _sync_folder(target.parent)


def _write_unnamed(target: Path, data: bytes, force: bool) -> bool:
    """Write a file without a name, then name it; False, with nothing done, where that cannot be."""
    try:
        descriptor = os.open(target.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
    except (AttributeError, OSError):
        return False  # a folder that takes no file at all will not take a named one either
    with open(descriptor, "w+b") as file:
        if not os.path.exists(f"/proc/self/fd/{descriptor}"):
            return False
        _fill(file, data, target)
        try:
            _link(descriptor, target)
        except FileExistsError:
            if not force:
                raise
            # There is no system call that names a file and takes the name from another.
            temporary = _temporary(target)
            try:
                _link(descriptor, temporary)
                os.replace(temporary, target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
    return True


def _link(descriptor: int, name: Path) -> None:
    # Without a folder's descriptor, which an absolute path then ignores, Python would ask for a
    # link to the symbolic link itself.
    os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)


def _write_named(target: Path, data: bytes, force: bool) -> None:
    """Write a file under a temporary name, then move it."""
    temporary = _temporary(target)
    try:
        with temporary.open("x+b") as file:
            _fill(file, data, target)
        if force:
            os.replace(temporary, target)
        else:
            _move_new(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _move_new(temporary: Path, target: Path) -> None:
    """Move without replacing; FileExistsError if the target exists."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links on this file system (FAT): reserve the name, then fill it.
        target.open("xb").close()
        os.replace(temporary, target)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")


def _fill(file: BinaryIO, data: bytes, target: Path) -> None:
    """Write to the disk, read it back, and set the permissions of the file to be replaced."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):
        # Or the system would read from its memory what it should read from the disk.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    file.seek(0)
    for start in range(0, len(data) + 1, _PIECE):
        if file.read(_PIECE) != data[start : start + _PIECE]:
            raise VerificationError(f"what was written to {target} does not read back")
    if os.chmod in os.supports_fd:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Make a new name outlast a power cut, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
