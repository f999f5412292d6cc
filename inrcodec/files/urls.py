"""Files of other file systems by their URL, through fsspec, which is imported for these alone."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..errors import LinrError, OutputExistsError, VerificationError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")  # a drive of Windows is one letter
_LOCAL = re.compile(r"(file|local)://", re.IGNORECASE)
_BLOCK = 1 << 15  # bytes to ask for at least, of a file that is read in parts

# File systems that have an object whole or not at all, and whether pipe_file can be told to leave
# one that is there (mode="create") and does so in one step.
_STORES = {
    "memory": True, "s3": True, "s3a": True, "gs": True, "gcs": True, "abfs": False, "abfss": False,
    "az": False, "oss": False,
}  # fmt: skip
_ERRORS = {
    FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES, FileExistsError: errno.EEXIST,
    IsADirectoryError: errno.EISDIR, NotADirectoryError: errno.ENOTDIR,
}  # fmt: skip


def is_url(name: str) -> bool:
    """Whether a name is of a file system that fsspec opens: of any but file:// and local://."""
    return _URL.match(name) is not None and _LOCAL.match(name) is None


def local_path(name: str) -> str:
    """The path of a local file, of which the name can be a URL, too."""
    return _LOCAL.sub("", name, count=1)


def without_query(name: str) -> str:
    """A name without what is asked of a server of HTTP."""
    return name.partition("?")[0] if name.startswith(("http://", "https://")) else name


def open_url(url: str, *, whole: bool) -> BinaryIO:
    """A file, read at once; or else in parts as they are asked for, where its file system can."""
    system, path = _file_system(url)
    with _telling(url):
        size = None if whole else system.size(path)
        if size is None:
            return io.BytesIO(system.cat_file(path))
    return io.BufferedReader(_Parts(system, path, size), _BLOCK)


def write_url(url: str, data: bytes, *, force: bool) -> None:
    """Write a file so that it appears whole or not at all: an object store puts it in one step; on
    other file systems it gets its name once it was read back under a temporary one beside it.

    Raises OutputExistsError for one that is there without `force`, VerificationError if other
    bytes are read back, and OSError as the file system does. Of another writer of the same file at
    the same time only S3, Google's and fsspec's memory tell without `force`.
    """
    system, path = _file_system(url)
    exists = OutputExistsError(f"{url}: the file exists")
    with _telling(url):
        if not force and system.exists(path):
            raise exists
        if not _is_store(system):
            _write_beside(system, path, data)
            return
        mode = {"mode": "create"} if not force and _STORES[_protocols(system)[0]] else {}
        try:
            system.pipe_file(path, data, **mode)
        except FileExistsError:
            raise exists from None


def prepare_url(url: str, *, force: bool, make_folder: bool) -> None:
    """Raise now what write_url would raise; make_folder: make its folder if there is none."""
    system, path = _file_system(url)
    if "http" in _protocols(system):
        raise LinrError(f"cannot write {url}: HTTP is only read from")
    kind = kind_of_url(url)
    if kind == "directory":
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if kind is not None and not force:
        raise OutputExistsError(f"{url}: the file exists")
    if _is_store(system):
        return  # which has no folders
    folder = system._parent(path)
    with _telling(url):
        if make_folder:
            system.makedirs(folder, exist_ok=True)
        if not system.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "no such folder")


def kind_of_url(url: str) -> str | None:
    """ "file" or "directory", None where there is neither."""
    system, path = _file_system(url)
    with _telling(url):
        # what a listing told before another machine wrote there is no more true
        system.invalidate_cache(system._parent(path))
        try:
            return str(system.info(path)["type"])
        except FileNotFoundError:
            return None


def files_in(url: str) -> Iterator[str]:
    """The URLs of the files in a folder and in its folders, sorted."""
    if "::" in url:
        raise LinrError(f"{url}: files of a chained URL are taken one by one")
    system, path = _file_system(url)
    with _telling(url):
        found = sorted(system.find(path))
    for name in found:
        yield system.unstrip_protocol(name)


def full_url(url: str) -> str:
    """One name for a file, however its URL is written."""
    system, path = _file_system(url)
    return str(system.unstrip_protocol(path))


class _Parts(io.RawIOBase):
    """A file of which no more is read than is asked for."""

    def __init__(self, system: Any, path: str, size: int) -> None:
        self._system, self._path, self._size = system, path, size
        self._at = 0
        self._whole: bytes | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        if self._whole is None:
            with _telling(self._path):
                data = self._system.cat_file(self._path, start=self._at, end=end)
            if len(data) > end - self._at:  # of a server of HTTP that knows no ranges
                self._whole = data
        if self._whole is not None:
            data = self._whole[self._at : end]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the file's path there."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        text = f"{url}: a URL needs fsspec: pip install 'inrcodec[fsspec]'"
        raise LinrError(text) from None
    with _telling(url):
        system, path = url_to_fs(url)
    return system, path


def _protocols(system: Any) -> tuple[str, ...]:
    names = system.protocol
    return (names,) if isinstance(names, str) else tuple(names)


def _is_store(system: Any) -> bool:
    return _protocols(system)[0] in _STORES


def _write_beside(system: Any, path: str, data: bytes) -> None:
    """Write a file under a temporary name and move it. An existing one is replaced."""
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name[:50]}.{secrets.token_hex(4)}.tmp"
    try:
        system.pipe_file(temporary, data)
        if system.cat_file(temporary) != data:
            raise VerificationError(f"what was written to {path} does not read back")
        system.mv(temporary, path)
    except BaseException:
        with contextlib.suppress(Exception):  # there may be none, and the first failure is told
            system.rm_file(temporary)
        raise


@contextlib.contextmanager
def _telling(url: str) -> Iterator[None]:
    """Makes what a file system raises an OSError that says what is wrong; packages that it lacks
    are a LinrError."""
    try:
        yield
    except (LinrError, MemoryError):
        raise
    except ImportError as error:
        raise LinrError(f"{url}: {error}") from error
    except OSError as error:
        if error.strerror:
            raise
        number = error.errno or next((n for e, n in _ERRORS.items() if isinstance(error, e)), None)
        if number is None:
            raise OSError(f"{_said(error)}") from error
        raise OSError(number, os.strerror(number), url) from error
    except Exception as error:  # of botocore, aiohttp, paramiko and others, of any kind
        raise OSError(_said(error)) from error


def _said(error: Exception) -> str:
    """What an exception says, in a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
