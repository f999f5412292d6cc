"""Images encoded on a cluster of two processes: workers that are killed, disks that are full."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from distributed import Client, LocalCluster, WorkerPlugin
from fsspec.implementations.memory import MemoryFileSystem

import inrcodec
from inrcodec.dask import Outcome, Report, _Threads, encode_files
from inrcodec.files.images import write_image
from tests.cli.running import photo, run
from tests.pictures import repacked

STORED: dict[str, Any] = {"model": "stored"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A tree of 24 images in the current folder's `in`: names there and bytes."""
    monkeypatch.chdir(tmp_path)
    files = {f"{n % 3}/{n}.pgm": write_image(photo(1, n), ".pgm") for n in range(24)}
    for name, data in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def check(out: str, files: dict[str, bytes]) -> None:
    """There is a whole .linr file of each, that is its file, and nothing else."""
    found = {str(path.relative_to(out)) for path in Path(out).rglob("*") if path.is_file()}
    assert found == {name.replace(".pgm", ".linr") for name in files}
    for name, data in files.items():
        packed = Path(out, name).with_suffix(".linr").read_bytes()
        picture = inrcodec.decode_picture(packed)
        assert write_image(picture.samples, ".pgm") == data


def test_a_worker_is_killed_in_the_middle(album: dict[str, bytes], client: Client) -> None:
    pids = list(client.run(os.getpid).values())
    seen: list[str] = []

    def each(outcome: Outcome) -> None:
        seen.append(outcome.source)
        if len(seen) == 4:
            os.kill(pids[0], signal.SIGKILL)

    report = encode_files("in", "out", client=client, each=each, effort=1)
    assert pids[0] not in client.run(os.getpid).values()
    assert report.failed == {}
    assert report.done + report.skipped == len(album)
    assert sorted(seen) == sorted(f"in/{name}" for name in album)
    check("out", album)
    # a second run has nothing to do
    times = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.linr")}
    assert encode_files("in", "out", client=client, effort=1) == Report(skipped=len(album))
    assert times == {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.linr")}


def test_what_fails_is_reported_and_the_others_are_done(
    album: dict[str, bytes], client: Client, cluster: LocalCluster
) -> None:
    Path("in/0/0.pgm").write_bytes(album["0/0.pgm"][:-9])
    Path("in/0/3.pgm").unlink()
    Path("in/0/3.pgm").mkdir()
    Path("out").mkdir()
    assert encode_files({"in/0/6.pgm": "out/in/1/1.linr"}, client=client, **STORED).done == 1
    arguments = ("--model", "stored", "-r", "in", "-o", "out", "--dask", cluster.scheduler_address)
    result = run("encode", *arguments, "--json")
    assert result.exit_code == 1
    bad, other = result.stderr.splitlines()
    assert bad.startswith("inrcodec: in/0/0.pgm: truncated")
    assert other == f"inrcodec: in/1/1.pgm: {Path.cwd()}/out/in/1/1.linr is there, and holds" + (
        " another file"
    )
    facts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {fact["input"] for fact in facts} == {f"in/{name}" for name in album} - {
        "in/0/0.pgm", "in/0/3.pgm", "in/1/1.pgm",
    }  # fmt: skip
    assert facts[0]["info"]["mode"] == "stored"
    Path("out/in/1/1.linr").unlink()
    # the same options do the same as here
    source = Path("in/a.png")
    source.write_bytes(repacked(write_image(photo(), ".png")))
    for option, code, said in (
        ("--strict", 1, f"inrcodec: {source}: left out would be: "),
        ("--strip", 0, ""),
    ):
        told = []
        for way in (arguments, arguments[:-2]):
            result = run("encode", *way[:2], option, "-q", str(source), "-o", "x.linr", *way[6:])
            told.append((result.exit_code, result.stderr))
            Path("x.linr").unlink(missing_ok=True)
        assert told[0] == told[1]
        assert told[0][0] == code
        assert told[0][1].startswith(said)


def test_a_full_disk(album: dict[str, bytes], client: Client) -> None:
    """A limit on the size of files fails as a full disk does: after some of the bytes."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    album["2/x.pgm"] = write_image(noise, ".pgm")
    Path("in/2/x.pgm").write_bytes(album["2/x.pgm"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    client.run(resource.setrlimit, resource.RLIMIT_FSIZE, (2000, limits[1]))
    report = encode_files("in", "out", client=client, **STORED)
    client.run(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
    target = Path.cwd() / "out/2/x.linr"
    assert report.failed == {"in/2/x.pgm": f"cannot write {target}: File too large"}
    assert report.done == 24
    check("out", {name: data for name, data in album.items() if name != "2/x.pgm"})
    report = encode_files("in", "out", client=client, **STORED)
    assert (report.done, report.skipped) == (1, 24)
    assert (report.bytes_in, report.pixels) == (len(album["2/x.pgm"]), 64 * 64)
    check("out", album)


class Broken(MemoryFileSystem):
    """A file system of a protocol of its own, of which a file ends who reads it."""

    protocol = "broken"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("broken://")

    def cat_file(self, path: str, **_: Any) -> bytes:
        if path == "ends.pgm":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("the server said no")


class Registered(WorkerPlugin):
    def setup(self, worker: object) -> None:
        fsspec.register_implementation("broken", Broken, clobber=True)


def test_what_ends_its_workers(
    album: dict[str, bytes], client: Client, cluster: LocalCluster
) -> None:
    client.register_plugin(Registered())
    before = cluster.scheduler.allowed_failures
    cluster.scheduler.allowed_failures = 0
    try:
        files = {"broken://ends.pgm": "out/e.linr", "broken://fails.pgm": "out/f.linr"}
        report = encode_files(files, client=client, retries=0, **STORED)
    finally:
        cluster.scheduler.allowed_failures = before
    assert report == Report(
        failed={
            "broken://ends.pgm": "workers that were at it were lost (1)",
            "broken://fails.pgm": "RuntimeError: the server said no",
        }
    )
    assert not list(Path("out").rglob("*.linr"))


def test_what_goes_where(tmp_path: Path, client: Client) -> None:
    for urls, out in ((["a/x.png", "b/x.pgm"], "o"), ({"x.png": "o", "y.png": "o"}, None)):
        with pytest.raises(ValueError, match="would both be o"):
            encode_files(urls, out, client=client)
    for urls, out in ((["x.png"], None), ({"x.png": "o"}, "o")):
        with pytest.raises(ValueError, match=r"out|mapping"):
            encode_files(urls, out, client=client)
    report = encode_files(["memory://a/x.png", str(tmp_path / "y.png")], "o", client=client)
    assert report.failed == dict.fromkeys(
        ("memory://a/x.png", str(tmp_path / "y.png")), "No such file or directory"
    )


def test_a_prior_of_ones_own(tmp_path: Path, client: Client) -> None:
    prior = Path(__file__).parents[1] / "golden" / "own1.prior"
    (tmp_path / "a.pgm").write_bytes(write_image(photo(1), ".pgm"))
    options: dict[str, Any] = {"effort": 1, "model": "context", "prior": prior}
    report = encode_files(str(tmp_path), str(tmp_path), client=client, **options)
    assert report.failed == {}
    inrcodec.encode_file(tmp_path / "a.pgm", tmp_path / "b.linr", **options)
    assert (tmp_path / "a.linr").read_bytes() == (tmp_path / "b.linr").read_bytes()


def test_left_out_is_reported(tmp_path: Path, client: Client) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(repacked(write_image(photo(), ".png")))
    report = encode_files([str(source)], str(tmp_path), client=client, **STORED)
    assert list(report.left_out) == [str(source)]
    assert report.bytes_out == (tmp_path / "a.linr").stat().st_size


def test_tasks_of_a_worker_share_its_threads() -> None:
    shared, used, most = _Threads(), 0, 0
    lock = threading.Lock()

    def task(wanted: int) -> None:
        nonlocal used, most
        with shared.take(wanted, 4) as count:
            assert count == min(wanted, 4)
            with lock:
                used += count
                most = max(most, used)
            time.sleep(0.002)
            with lock:
                used -= count

    tasks = [threading.Thread(target=task, args=(wanted,)) for wanted in (1, 2, 3, 9) * 5]
    for each in tasks:
        each.start()
    for each in tasks:
        each.join()
    assert (used, most) == (0, 4)


def test_wrong_uses(album: dict[str, bytes], tmp_path: Path) -> None:
    for arguments in (
        ("-", "--dask", "local"),
        ("in/0/0.pgm", "-o", "-", "--dask", "local"),
        ("in/0/0.pgm", "--dask", "local", "--model", "coordinate", "--log-dir", "x"),
    ):
        assert run("encode", *arguments).exit_code == 2


def test_no_source_is_written_over(album: dict[str, bytes], client: Client) -> None:
    one, two = "in/0/0.pgm", "in/1/1.pgm"
    for pairs in ({one: "in/./0/0.pgm"}, {one: two, two: "b.linr"}, {one: "a", two: "in/../a"}):
        with pytest.raises(ValueError, match="would"):
            encode_files(pairs, client=client, force=True, **STORED)
    for name, data in album.items():
        assert Path("in", name).read_bytes() == data


def test_addresses_that_are_none(album: dict[str, bytes]) -> None:
    Path("junk.json").write_text("junk")
    for address in ("nonsense", "missing.json", "", "tcp://127.0.0.1", "tcp://h:x", "junk.json"):
        done = run("encode", "-r", "in", "-o", "out/", "--dask", address, "--model", "stored")
        assert done.exit_code == 2, address
        assert "no address of a scheduler" in done.stderr
    assert not Path("out").exists()


def test_interrupted(album: dict[str, bytes]) -> None:
    """Ctrl-C goes to the command and its workers: all end, and what is there is whole."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8)
    for number in range(20):
        Path(f"in/0/{number}.pgm").write_bytes(write_image(noise, ".pgm"))
    command = [sys.executable, "-m", "inrcodec_cli.main", "encode", "-e", "1", "-r", "in"]
    with subprocess.Popen(
        [*command, "-o", "out", "--dask", "local"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        while not (found := list(Path("out").rglob("*.linr"))) and child.poll() is None:
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said.strip()) == (130, b"")
    left = [path for path in Path("out").rglob("*") if path.is_file()]
    assert set(found) <= set(left)
    assert len(left) < len(album)
    for path in left:
        assert path.suffix == ".linr"
        inrcodec.decode(path.read_bytes())
