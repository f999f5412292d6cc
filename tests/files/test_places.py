"""Paths, URLs and file objects: what is read, how it appears, and what fails how."""

from __future__ import annotations

import errno
import functools
import http.server
import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

import inrcodec
from inrcodec.errors import LinrError, OutputExistsError, VerificationError
from inrcodec.files import urls
from inrcodec.files.images import read_image, write_image
from inrcodec.files.places import is_file, is_folder, name_of, opened, prepare, write
from inrcodec.files.urls import files_in, is_url
from tests.cli.running import photo

FILE = write_image(photo(), ".ppm")
PACKED = inrcodec.encode(photo(), model="stored")


class Plain(MemoryFileSystem):
    """A file system with folders, and files that can be there in part: no object store."""

    protocol = "plain"
    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    fault = ""
    asked = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("plain://")))

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        data = bytes(super().cat_file(path, start=start, end=end))
        Plain.asked += len(data)
        return data[:-1] if self.fault == "bad disk" else data

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        if self.fault == "full":
            super().pipe_file(path, value[: len(value) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().pipe_file(path, value)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        if self.fault == "of its own kind":
            raise RuntimeError("the server said\nno")  # which is no OSError
        super().mv(path1, path2)


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Empty file systems in memory."""
    fsspec.register_implementation("plain", Plain, clobber=True)
    yield
    for system in (MemoryFileSystem, Plain):
        system.store.clear()
        system.pseudo_dirs[:] = [""]
    Plain.fault, Plain.asked = "", 0


@pytest.fixture(scope="module")
def scanned() -> tuple[np.ndarray, bytes]:
    """An image that is large enough for a .linr file whose front is the image at an eighth."""
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).integers(0, 16, (256, 256))
    image = ((y + x) // 2 + noise).astype(np.uint8)
    return image, inrcodec.encode(image, effort=1, model="context")


def put(url: str, data: bytes) -> None:
    with fsspec.open(url, "wb") as file:
        file.write(data)


def got(url: str) -> bytes:
    with fsspec.open(url, "rb") as file:
        return bytes(file.read())


def test_names() -> None:
    for name in ("s3://a/b.png", "memory://a", "https://h/x", "simplecache::s3://a/b"):
        assert is_url(name)
    for name in ("a.ppm", "/a/b", "a:b", "C://a.ppm", "file:///a/b", "local://b", "", "://a"):
        assert not is_url(name)


@pytest.mark.parametrize("protocol", ["memory", "plain"])
def test_there_and_back(protocol: str, tmp_path: Path) -> None:
    source, target, back = (f"{protocol}://a/{name}" for name in ("x.ppm", "x.linr", "y.ppm"))
    put(source, FILE)
    assert inrcodec.encode_file(source, target, model="stored") == len(got(target))
    inrcodec.decode_file(target, back)
    assert got(back) == FILE
    encode = functools.partial(inrcodec.encode_file, model="stored")
    for call, first, second in (
        (encode, source, target),
        (inrcodec.decode_file, target, back),
    ):
        with pytest.raises(OutputExistsError, match="the file exists"):
            call(first, second)
        with pytest.raises(OutputExistsError, match="source itself"):
            call(first, first, force=True)
        call(first, second, force=True)
    assert got(back) == FILE
    # and between a URL and a path
    inrcodec.decode_file(target, tmp_path / "z.ppm")
    assert (tmp_path / "z.ppm").read_bytes() == FILE
    inrcodec.encode_file(f"file://{tmp_path}/z.ppm", f"{protocol}://a/z.linr", model="stored")
    assert sorted(files_in(f"{protocol}://a")) == [
        f"{protocol}:///a/{name}" for name in ("x.linr", "x.ppm", "y.ppm", "z.linr")
    ]


def test_a_reduced_picture_is_read_of_the_front(
    scanned: tuple[np.ndarray, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "_BLOCK", 64)
    image, data = scanned
    put("plain://a.linr", data)
    asked = []
    for scale in (8, 4, 1):
        Plain.asked = 0
        inrcodec.decode_file("plain://a.linr", target := io.BytesIO(), scale=scale)
        np.testing.assert_array_equal(read_image(target.getvalue()), image[::scale, ::scale])
        asked.append(Plain.asked)
    assert asked[0] < len(data) / 4
    assert asked[0] < asked[1] < asked[2] == len(data)


@pytest.mark.parametrize("fault", ["full", "bad disk", "of its own kind"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_nothing_partial_is_left(fault: str, old: bytes | None) -> None:
    put("plain://in/x.ppm", FILE)
    fsspec.filesystem("plain").makedirs("/out")
    if old is not None:
        put("plain://out/x.linr", old)
    Plain.fault = fault
    kind = VerificationError if fault == "bad disk" else OSError
    said = {"full": r"cannot write plain://out/x.linr: No space left", "bad disk": "read back"}
    with pytest.raises(kind, match=said.get(fault, "RuntimeError: the server said no")) as caught:
        write("plain://out/x.linr", PACKED, force=True)
    if fault == "full":
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == errno.ENOSPC
    Plain.fault = ""
    names = [] if old is None else ["plain:///out/x.linr"]
    assert list(files_in("plain://out")) == names
    assert old is None or got("plain://out/x.linr") == old


def test_what_appears_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    put("memory://a", b"another's")
    answers = iter([False, True])
    monkeypatch.setattr(MemoryFileSystem, "exists", lambda *_: next(answers))
    with pytest.raises(OutputExistsError):
        write("memory://a", b"ours", force=False)
    assert got("memory://a") == b"another's"


def test_folders() -> None:
    put("plain://in/x", b"")
    assert is_folder("plain://in")
    assert is_file("plain://in/x")
    assert not is_file("plain://in/y")
    with pytest.raises(FileNotFoundError) as caught:
        prepare("plain://new/deep/x", force=False)
    assert caught.value.strerror == "cannot write plain://new/deep/x: no such folder"
    prepare("plain://new/deep/x", force=False, make_folder=True)
    assert is_folder("plain://new/deep")
    with pytest.raises(IsADirectoryError):
        prepare("plain://in", force=True)
    with pytest.raises(OutputExistsError):
        prepare("plain://in/x", force=False)
    with pytest.raises(LinrError, match="one by one"):
        list(files_in("simplecache::plain://in"))


def test_what_is_not_there() -> None:
    for name in ("memory://no.ppm", "plain://no/x.ppm"):
        with pytest.raises(FileNotFoundError) as caught:
            inrcodec.encode_file(name, io.BytesIO())
        assert caught.value.strerror == os.strerror(errno.ENOENT)
    with pytest.raises(OSError, match="Protocol not known: nonsense"):
        inrcodec.encode_file("nonsense://a/b.png", io.BytesIO())


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = {"class": "nobody_has_this.Files", "err": "Install nobody-has-this"}
    monkeypatch.setitem(known_implementations, "nothere", registered)
    with pytest.raises(LinrError, match="nothere://a: Install nobody-has-this"):
        inrcodec.encode_file("nothere://a", io.BytesIO())
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(LinrError, match=re.escape("pip install 'inrcodec[fsspec]'")):
        inrcodec.encode_file("memory://a.ppm", io.BytesIO())


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and parts of them where it is asked to."""

    ranges = True
    sent = 0

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if part is None or not self.ranges:
            self.send_response(200)
        else:
            self.send_response(206)
            data = data[int(part[1]) : int(part[2]) + 1]
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        Handler.sent += len(data)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("ranges", [False, True])
def test_http(
    server: str,
    tmp_path: Path,
    ranges: bool,
    scanned: tuple[np.ndarray, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Handler, "ranges", ranges)
    monkeypatch.setattr(urls, "_BLOCK", 64)
    image, data = scanned
    (tmp_path / "a.linr").write_bytes(data)
    (tmp_path / "a.ppm").write_bytes(FILE)
    assert inrcodec.encode_file(f"{server}/a.ppm?x=1", io.BytesIO(), model="stored")
    Handler.sent = 0
    inrcodec.decode_file(f"{server}/a.linr", target := io.BytesIO(), scale=8)
    np.testing.assert_array_equal(read_image(target.getvalue()), image[::8, ::8])
    assert Handler.sent < len(data) / 4 if ranges else Handler.sent == len(data)
    with pytest.raises(FileNotFoundError):
        inrcodec.decode_file(f"{server}/no.linr", io.BytesIO())
    with pytest.raises(LinrError, match="HTTP is only read from"):
        inrcodec.encode_file(f"{server}/a.ppm", f"{server}/b.linr")


def test_nobody_answers() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        inrcodec.encode_file("http://127.0.0.1:1/a.ppm", io.BytesIO())


def test_file_objects(tmp_path: Path) -> None:
    source = io.BytesIO(b"before" + FILE)
    source.seek(6)
    packed = io.BytesIO()
    assert inrcodec.encode_file(source, packed, model="stored") == len(packed.getvalue())
    for extension in (None, ".ppm"):
        packed.seek(0)
        inrcodec.decode_file(packed, back := io.BytesIO(), extension=extension)
        assert back.getvalue() == FILE
    packed.seek(0)
    inrcodec.decode_file(packed, back := io.BytesIO(), extension=".PNG")
    assert back.getvalue() == write_image(photo(), ".png")
    assert not source.closed
    assert not back.closed
    with pytest.raises(TypeError, match="bytes"):
        inrcodec.encode_file(io.StringIO("text"), io.BytesIO())
    with pytest.raises(OutputExistsError):
        inrcodec.encode_file(source, source)
    # one that is open keeps what a path keeps
    (tmp_path / "a.ppm").write_bytes(FILE)
    os.utime(tmp_path / "a.ppm", (1e9, 1e9))
    with (tmp_path / "a.ppm").open("rb") as file:
        inrcodec.encode_file(file, tmp_path / "a.linr", model="stored")
    assert (tmp_path / "a.linr").stat().st_mtime == 1e9


def test_writers_of_other_kinds() -> None:
    class Odd:
        def __init__(self, answer: int | None) -> None:
            self.answer, self.taken = answer, b""

        def write(self, data: bytes) -> int | None:
            self.taken += data
            return self.answer

    odd: Any = Odd(None)
    write(odd, b"all of it", force=False)
    assert odd.taken == b"all of it"
    odd = Odd(0)
    with pytest.raises(OSError, match="takes no more"):
        write(odd, b"all of it", force=False)


def test_passwords_are_not_told() -> None:
    assert name_of("https://me:secret@host/a.png") == "https://***@host/a.png"
    assert name_of("s3://bucket/a@b:c.png") == "s3://bucket/a@b:c.png"


def test_pipes_and_raw_files() -> None:
    class Slow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:1000]))

    write(target := Slow(), PACKED, force=False)
    assert target.getvalue() == PACKED
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(PACKED)
    with open(reading, "rb") as file, opened(file) as whole:
        whole.seek(4)
        assert whole.read() == PACKED[4:]
