"""Files that appear whole or not at all, whatever stops the program while it writes one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import OutputExistsError, VerificationError

_PIECE = 1 << 20  # bytes to read back at a time
_LINKS = 40  # that a path may go through, as on Linux
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/[^/]+(/task/[^/]+)?/fd")


# What is written: bytes, or pieces of them that are made as they are written.
Data = bytes | Iterable[bytes]


def pieces_of(data: Data) -> Iterable[bytes]:
    """What is to be written, piece by piece."""
    return (data,) if isinstance(data, bytes) else data


class _Output(NamedTuple):
    """What is written where, and the files whose permissions it gets (and of `like` more)."""

    target: Path
    data: Data
    force: bool
    old: os.stat_result | None
    like: os.stat_result | None


def status_of(file: BinaryIO) -> os.stat_result | None:
    """What the system knows of an open file; None of what is none, whose permissions and times say
    nothing."""
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError):  # of a stream that was read, or of another file system
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def write_atomic(
    path: str | os.PathLike[str], data: Data, *, force: bool, like: os.stat_result | None = None
) -> None:
    """Write a file so that it appears whole or not at all; also where making a piece of it raises.

    It gets its name when it is on the disk, was read back and compared. Until then it has none
    where the system can do that (Linux), so that a process killed at any moment leaves nothing
    behind; only replacing a file takes a second name, which a kill between two system calls can
    leave on a whole copy. Elsewhere a killed process can leave a part, under a hidden name.

    An existing file is replaced with `force`, permissions kept, and left alone without it:
    OutputExistsError, also if it appears while this runs. `like` is of a file whose permissions
    and times the new one gets instead, and its owner where the system allows that. Devices, pipes
    and open files (written_in_place) are written to as they are. Raises OSError as the system
    reports it (no such folder, no permission, disk full) and VerificationError if other bytes are
    read back; nothing is left behind then.
    """
    if written_in_place(path):
        # A folder raises IsADirectoryError here.
        with open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            for piece in pieces_of(data):
                file.write(piece)
        return
    target = Path(os.path.realpath(path))
    old = None
    with contextlib.suppress(FileNotFoundError):
        old = target.stat()
    if old is not None and not force:
        raise OutputExistsError(f"{path}: the file exists")
    output = _Output(target, data, force, old, like)
    try:
        if not _write_unnamed(output):
            _write_named(output)
    except FileExistsError:
        raise OutputExistsError(f"{path}: the file exists") from None
    _sync_folder(target.parent)


def written_in_place(path: str | os.PathLike[str]) -> bool:
    """Whether a file of that name is never replaced: a device, a pipe, or a file that is open
    already, as /dev/stdout is, and has its name from a shell."""
    if os.path.exists(path) and not os.path.isfile(path):
        return True
    try:
        name = os.path.abspath(path)
    except FileNotFoundError:  # the current folder is gone
        return False
    for _ in range(_LINKS):
        folder = os.path.realpath(os.path.dirname(name))
        if _DESCRIPTORS.fullmatch(folder):
            return True
        if not os.path.islink(name):
            break
        name = os.path.join(folder, os.readlink(name))
    return False


def _write_unnamed(output: _Output) -> bool:
    """Write a file without a name, then name it; False, with nothing done, where that cannot be."""
    target = output.target
    try:
        descriptor = os.open(target.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
    except (AttributeError, OSError):
        return False  # a folder that takes no file at all will not take a named one either
    with open(descriptor, "w+b") as file:
        if not os.path.exists(f"/proc/self/fd/{descriptor}"):
            return False
        _fill(file, output)
        try:
            _link(descriptor, target)
        except FileExistsError:
            if not output.force:
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


def _write_named(output: _Output) -> None:
    """Write a file under a temporary name, then move it."""
    temporary = _temporary(output.target)
    # Who may not read it in the end may not read it before.
    mode = 0o666 if output.like is output.old is None else 0o600
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, mode), "w+b") as file:
            _fill(file, output)
        if output.force:
            os.replace(temporary, output.target)
        else:
            _move_new(temporary, output.target)
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
    # 50 characters are 200 bytes at most, which leaves room in the 255 of a name.
    return target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}.tmp")


def _fill(file: BinaryIO, output: _Output) -> None:
    """Write to the disk, with permissions and times, and read it back."""
    written, found = hashlib.blake2b(), hashlib.blake2b()
    for piece in pieces_of(output.data):
        written.update(piece)
        file.write(piece)
    file.flush()
    _take_over(file.fileno(), output)
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):
        # Or the system would read from its memory what it should read from the disk.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    file.seek(0)
    while piece := file.read(_PIECE):
        found.update(piece)
    if found.digest() != written.digest():
        raise VerificationError(f"what was written to {output.target} does not read back")


def _take_over(descriptor: int, output: _Output) -> None:
    """Give a file the permissions of the one that it replaces, or permissions, times and, where
    that is allowed, owner of the one that it is like."""
    if os.chmod not in os.supports_fd:
        return
    like = output.like
    if like is None:
        if output.old is not None:
            os.chmod(descriptor, stat.S_IMODE(output.old.st_mode))
        return
    mode = like.st_mode & 0o777
    for owner in ((like.st_uid, like.st_gid), (-1, like.st_gid)):
        with contextlib.suppress(OSError):
            os.chown(descriptor, *owner)
            break
    if os.fstat(descriptor).st_gid != like.st_gid:
        mode &= ~0o070  # what one group may do is not for another
    os.chmod(descriptor, mode)
    os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))


def _sync_folder(folder: Path) -> None:
    """Make a new name outlast a power cut, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
