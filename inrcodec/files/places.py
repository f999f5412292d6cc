"""Where files are read from and written to: a local path, a URL or a file object."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import LinrError, OutputExistsError
from .atomic import Data, pieces_of, write_atomic, written_in_place
from .urls import full_url, is_url, kind_of_url, local_path, open_url, prepare_url, write_url

# A path, a URL that fsspec opens (s3://, https://, ...; file:// is a path), or a binary file that
# is open: it is read from where it stands, and never closed.
Place = str | os.PathLike[str] | BinaryIO

_SECRET = re.compile("://[^/@]*:[^/@]*@")  # a user's password in a URL


def name_of(place: Place) -> str:
    """What a place is called in messages, without a password."""
    if isinstance(place, str | os.PathLike):
        return _SECRET.sub("://***@", os.fspath(place))
    name = getattr(place, "name", None)  # which can be a descriptor's number
    return name if isinstance(name, str) else "the file"


def extension_of(place: Place) -> str:
    """The ending of a file's name, in lower case; nothing of a file object."""
    named = isinstance(place, str | os.PathLike)
    return os.path.splitext(name_of(place))[1].lower() if named else ""


@contextlib.contextmanager
def opened(place: Place, *, whole: bool = True) -> Iterator[BinaryIO]:
    """A file to read in any order. whole: all of it will be read, or else parts. Raises OSError as
    its file system does, LinrError where there is no fsspec for a URL."""
    if not isinstance(place, str | os.PathLike):
        if isinstance(place, io.TextIOBase):
            raise TypeError("a file object has to be open for bytes, not text")
        yield place if place.seekable() else io.BytesIO(place.read())
        return
    name = os.fspath(place)
    with open_url(name, whole=whole) if is_url(name) else open(local_path(name), "rb") as file:
        yield file if file.seekable() else io.BytesIO(file.read())


def write(place: Place, data: Data, *, force: bool, like: os.stat_result | None = None) -> None:
    """Write a file so that it appears whole or not at all, as atomic.write_atomic and
    urls.write_url; a file object gets the bytes. data: also piece by piece, of which a file object
    has some already where making another raises. An OSError says where it happened."""
    if not isinstance(place, str | os.PathLike):
        for piece in pieces_of(data):
            _give(place, piece)
        return
    name = os.fspath(place)
    with _writing(name):
        if is_url(name):
            write_url(name, data if isinstance(data, bytes) else b"".join(data), force=force)
        else:
            write_atomic(local_path(name), data, force=force, like=like)


def _give(file: BinaryIO, data: bytes) -> None:
    """Write all bytes to a file object."""
    taken = 0
    while taken < len(data):  # of which a raw file may take a part
        count = file.write(data[taken:])
        if count is None and not isinstance(file, io.RawIOBase):
            return  # as some do that take all
        if not count:
            raise OSError(f"cannot write {name_of(file)}: it takes no more")
        taken += count


def prepare(place: Place, *, force: bool, make_folder: bool = False) -> None:
    """Raise now what write would raise after minutes of work: OutputExistsError, OSError for a
    folder that is not there or stands there. make_folder: make its folder if there is none."""
    if not isinstance(place, str | os.PathLike):
        return
    name = os.fspath(place)
    with _writing(name):
        if is_url(name):
            prepare_url(name, force=force, make_folder=make_folder)
            return
        path = local_path(name)
        folder = os.path.dirname(os.path.abspath(path))
        if make_folder:
            os.makedirs(folder, exist_ok=True)
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "no such folder")
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        if not force and os.path.isfile(path) and not written_in_place(path):
            raise OutputExistsError(f"{name}: the file exists")


@contextlib.contextmanager
def _writing(name: str) -> Iterator[None]:
    """Makes an OSError say which output it is about."""
    try:
        yield
    except OSError as error:
        text = f"cannot write {name}: {error.strerror or error}"
        raise (OSError(error.errno, text) if error.errno else OSError(text)) from error


def exists(name: str) -> bool:
    """Whether anything of that name is there, as a path or a URL."""
    return kind_of_url(name) is not None if is_url(name) else os.path.exists(local_path(name))


def is_file(name: str) -> bool:
    """Whether a file of that name is there, as a path or a URL."""
    return kind_of_url(name) == "file" if is_url(name) else os.path.isfile(local_path(name))


def is_folder(name: str) -> bool:
    """Whether a folder of that name is there, as a path or a URL."""
    return kind_of_url(name) == "directory" if is_url(name) else os.path.isdir(local_path(name))


def joined(folder: str, name: str) -> str:
    """The name of a file in a folder, which may be a URL."""
    if is_url(folder):
        return f"{folder.rstrip('/')}/{os.path.normpath(name).replace(os.sep, '/')}"
    return os.path.normpath(os.path.join(folder, name))


def identity(name: str) -> str:
    """One name for a file, however it is named: its real path or whole URL."""
    try:
        return full_url(name) if is_url(name) else os.path.realpath(local_path(name))
    except (LinrError, OSError):  # there is no current folder, or nothing here that opens the URL
        return name if is_url(name) else os.path.normpath(local_path(name))


def same(one: Place, other: Place) -> bool:
    """Whether two places are one file."""
    if not isinstance(one, str | os.PathLike) or not isinstance(other, str | os.PathLike):
        return one is other
    first, second = os.fspath(one), os.fspath(other)
    if is_url(first) or is_url(second):
        return is_url(first) and is_url(second) and full_url(first) == full_url(second)
    first, second = local_path(first), local_path(second)
    return os.path.exists(second) and os.path.exists(first) and os.path.samefile(first, second)


def refuse_same(source: Place, target: Place) -> None:
    """Raise OutputExistsError for a target that is the source."""
    if same(source, target):
        raise OutputExistsError(f"{name_of(target)}: the file is the source itself")


def remove_source(source: str, status: os.stat_result | None) -> None:
    """Remove a local file whose output is on the disk. Raises LinrError if it is no more as it
    was."""
    if status is None:
        raise LinrError("kept, as it is no regular file")
    path = local_path(source)
    if _state(os.stat(path)) != _state(status):
        raise LinrError("kept, as it has changed since it was read")
    os.unlink(path)


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
