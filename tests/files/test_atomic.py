"""Files appear whole or not at all: killed processes, full disks, folders that take no file."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import inrcodec
from inrcodec.errors import OutputExistsError, VerificationError
from inrcodec.files.atomic import write_atomic, written_in_place

# Children start in 20 ms, as they import only what writes.
ALONE = f"""
import os, signal, sys, types
package = types.ModuleType("inrcodec")
package.__path__ = {inrcodec.__path__!r}
sys.modules["inrcodec"] = package
from inrcodec.files.atomic import write_atomic
"""


@pytest.fixture(params=["unnamed", "named"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With files that have no name at first, and on a system that has no such files."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


@pytest.mark.usefixtures("either_way")
def test_writing_and_replacing(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"one", force=False)
    with pytest.raises(OutputExistsError, match=r"a\.bin"):
        write_atomic(path, b"two", force=False)
    assert path.read_bytes() == b"one"
    for data in (b"two", b"", bytes(1 << 20), os.urandom((3 << 20) + 1)):
        write_atomic(path, data, force=True)
        assert path.read_bytes() == data
    write_atomic(tmp_path / "b.bin", b"new", force=True)
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "b.bin"]


@pytest.mark.usefixtures("either_way")
def test_folders_and_devices(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "a.bin", b"", force=True)
    with pytest.raises(OSError, match=r"(?i)directory|denied"):
        write_atomic(tmp_path, b"", force=True)
    write_atomic(os.devnull, b"x", force=False)
    assert not Path(os.devnull).is_file()


@pytest.mark.usefixtures("either_way")
def test_folders_that_take_no_file(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    folder = closed if os.getuid() else Path("/proc/self")  # permissions do not stop root
    if not folder.is_dir():
        pytest.skip("there is no folder in which root cannot make a file")
    for force in (False, True):
        with pytest.raises((PermissionError, FileNotFoundError)):
            write_atomic(folder / "a", b"data", force=force)
    assert os.listdir(closed) == []


@pytest.mark.usefixtures("either_way")
def test_links_are_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new", force=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.usefixtures("either_way")
def test_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"new", force=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    for mode in (0o604, 0o444):
        (tmp_path / "a").chmod(mode)
        write_atomic(tmp_path / "a", b"newer", force=True)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("old", [None, 0o644])
def test_permissions_and_times_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: int | None
) -> None:
    other, target = tmp_path / "other", tmp_path / "a"
    other.touch()
    other.chmod(0o4640)
    os.utime(other, ns=(10**18 + 1, 10**18 + 7))
    like = other.stat()
    if old is not None:
        target.touch(old)
    before = []

    def fsync(descriptor: int) -> None:
        before.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(target, b"new", force=True, like=like)
    status = target.stat()
    assert stat.S_IMODE(status.st_mode) == 0o640  # what runs as its owner is no image
    assert status.st_mtime_ns == 10**18 + 7
    assert before[0] == 0o640  # before it has its name


def test_what_one_group_may_do_is_not_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "other").chmod(0o664)
    like = list((tmp_path / "other").stat())
    like[5] += 1  # its group

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    times = {"st_atime_ns": 0, "st_mtime_ns": 0}
    write_atomic(tmp_path / "a", b"new", force=False, like=os.stat_result(like, times))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604


def test_a_part_under_a_temporary_name_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "other").chmod(0o600)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    modes, given = [], os.open

    def watch(path: str, flags: int, mode: int = 0o777, **options: int) -> int:
        descriptor = given(path, flags, mode, **options)
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watch)
    write_atomic(tmp_path / "a", b"new", force=False, like=(tmp_path / "other").stat())
    assert modes == [0o600]


@pytest.mark.usefixtures("either_way")
def test_long_names(tmp_path: Path) -> None:
    for name in ("a" * 255, "\u6f22" * 85):
        for data in (b"old", b"new"):
            write_atomic(tmp_path / name, data, force=True)
        assert (tmp_path / name).read_bytes() == b"new"


def test_what_is_open_is_written_in_place(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.write(b"before ")
        file.flush()
        name = f"/dev/fd/{file.fileno()}"
        (tmp_path / "link").symlink_to(name)
        for path in (name, tmp_path / "link", f"/proc/self/fd/{file.fileno()}"):
            assert written_in_place(path)
            write_atomic(path, b"x", force=False)
        assert os.fstat(file.fileno()).st_nlink == 1
    assert (tmp_path / "a").read_bytes() == b"before xxx"
    assert not written_in_place(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    assert written_in_place(tmp_path / "pipe")


@pytest.mark.usefixtures("either_way")
def test_what_does_not_read_back_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def bad_disk(descriptor: int) -> None:
        os.pwrite(descriptor, b"?", 3)

    monkeypatch.setattr(os, "fsync", bad_disk)
    for data in (b"data", b"dat", bytes(3 << 20)):
        with pytest.raises(VerificationError, match="does not read back"):
            write_atomic(tmp_path / "a", data, force=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.usefixtures("either_way")
def test_the_disk_has_the_bytes_before_the_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised = []

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synchronised.append((is_folder, (tmp_path / "a").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(tmp_path / "a", b"data", force=False)
    assert synchronised == [(False, False), (True, True)]


@pytest.mark.usefixtures("either_way")
def test_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files fails as a full disk does: after some of the bytes."""
    old = b"old" * 10_000
    (tmp_path / "a").write_bytes(old)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        for name in ("a", "b"):
            for size in ((1 << 16) + 1, 3 << 20):
                with pytest.raises(OSError, match="File too large") as caught:
                    write_atomic(tmp_path / name, bytes(size), force=True)
                assert caught.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == old


def test_file_systems_without_files_that_have_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, **options: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return given(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", refuse)
    write_atomic(tmp_path / "a", b"data", force=False)
    monkeypatch.undo()
    # and where they cannot be named, as there is no /proc
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    write_atomic(tmp_path / "b", b"data", force=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"data", b"data"]


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "link", refuse)
    write_atomic(tmp_path / "a", b"one", force=False)
    with pytest.raises(OutputExistsError):
        write_atomic(tmp_path / "a", b"two", force=False)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("force", [False, True])
def test_races(tmp_path: Path, force: bool) -> None:
    """Of many writers without force exactly one wins, with it the last; its data are whole."""
    won: list[int] = []

    def write(number: int) -> None:
        try:
            write_atomic(tmp_path / "a", bytes([number]) * 100_000, force=force)
        except OutputExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == (8 if force else 1)
    assert (tmp_path / "a").read_bytes() in [bytes([number]) * 100_000 for number in won]
    assert os.listdir(tmp_path) == ["a"]


STOPS = """
def stopping(function):
    def stop(*arguments, **options):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return stop

left = int(sys.argv[2])
for name in ("open", "fsync", "posix_fadvise", "link", "chmod", "replace", "close"):
    setattr(os, name, stopping(getattr(os, name)))
write_atomic(sys.argv[1], b"new" * 100_000, force=True)
"""


# In a child, before it writes: as on a system whose files have a name from the beginning.
NAMED = "vars(os).pop('O_TMPFILE', None)\n"
LEAVES_NOTHING = [hasattr(os, "O_TMPFILE"), False]


def is_hidden(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


@pytest.mark.parametrize("unnamed", LEAVES_NOTHING)
@pytest.mark.parametrize("old", [None, b"old" * 1000])
def test_killed_before_each_system_call(tmp_path: Path, old: bytes | None, unnamed: bool) -> None:
    new, target, copies = b"new" * 100_000, tmp_path / "a", 0
    way = ALONE + ("" if unnamed else NAMED)
    for step in range(1, 100):
        if old is not None:
            target.write_bytes(old)
        command = [sys.executable, "-c", way + STOPS, str(target), str(step)]
        if subprocess.run(command).returncode == 0:
            break
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        if not unnamed:
            assert found.pop("a", old) in (old, new)
            assert all(map(is_hidden, found))
        elif found.pop("a", old) == old and found:
            # a copy that was about to take the old file's name
            assert old is not None
            assert list(found.values()) == [new]
            copies += 1
        else:
            assert not found
        for name in found:
            (tmp_path / name).unlink()
        if old is None:
            target.unlink(missing_ok=True)
    assert step > 6
    assert copies == (unnamed and old is not None)
    assert target.read_bytes() == new


ENDLESSLY = """
folder, new = sys.argv[1], sys.argv[2] == "new"
print(flush=True)
for number in range(10_000):
    name = f"{folder}/{number}" if new else f"{folder}/0"
    write_atomic(name, bytes([number % 256]) * 4_000_000, force=not new)
    if new and number:
        os.unlink(f"{folder}/{number - 1}")
"""


@pytest.mark.parametrize("unnamed", LEAVES_NOTHING)
@pytest.mark.parametrize("kind", ["new", "replacing"])
def test_killed_at_random_moments(tmp_path: Path, kind: str, unnamed: bool) -> None:
    """Children that write 4 MB again and again, so that nearly every kill is amid a write."""
    moments, copies = random.Random(0), 0
    way = ALONE + ("" if unnamed else NAMED)
    for _ in range(20):
        command = [sys.executable, "-c", way + ENDLESSLY, str(tmp_path), kind]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.uniform(0, 0.06))
            child.kill()
        assert child.returncode == -signal.SIGKILL
        for path in tmp_path.iterdir():
            data = path.read_bytes()
            if unnamed or path.name.isdigit():
                assert data == data[:1] * 4_000_000
                copies += not path.name.isdigit()
            else:
                assert is_hidden(path.name)
            path.unlink()
    # replacing takes two system calls, see above; to be killed there twice is next to impossible
    assert copies <= (kind == "replacing")
