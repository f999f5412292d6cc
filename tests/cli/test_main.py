"""Names that a terminal would act on, streams that take nothing, and interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from inrcodec.files.images import write_image
from inrcodec_cli.console import printable
from tests.cli.running import photo, process, run

STORED = ("encode", "--model", "stored")
EVIL = os.fsdecode(b"e\x1b[31m\xc2\x9b\n\xe9.png")
SHOWN = "e\\x1b[31m\\x9b\\n\\xe9"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """a.png in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.png"
    path.write_bytes(write_image(photo(), ".png"))
    return path


def test_printable() -> None:
    assert printable("grün 漢 a.png") == "grün 漢 a.png"
    assert printable("\x00\x7f\u202e\u2028\udcff\ud800\r") == (
        "\\x00\\x7f\\u202e\\u2028\\xff\\ud800\\r"
    )


def test_names_of_all_bytes(image: Path) -> None:
    try:
        image.rename(EVIL)
    except OSError:
        pytest.skip("this file system takes no such name")
    strict = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONIOENCODING": "ascii:strict",
    }
    told = [process(*STORED, EVIL, env=strict), process(*STORED, EVIL, env=strict)]
    packed = EVIL.replace("png", "linr")
    told += [process("info", packed, env=strict), process("verify", packed, EVIL, env=strict)]
    told += [process("decode", packed, "-o", EVIL + ".heic", env=strict)]
    told += [process("decode", EVIL, "-o", "x.png", env=strict)]
    told += [process("bench", "-e", "1", EVIL, "--csv", "table.csv", env=strict)]
    told += [process(EVIL, env=strict)]
    assert [done.returncode for done in told] == [0, 1, 0, 0, 2, 1, 0, 2]
    for done in told:
        text = (done.stdout + done.stderr).decode("ascii")
        assert SHOWN in text.replace("\\udce9", "\\xe9")  # as click quotes what is no command
        assert "Traceback" not in text
        assert "\x1b" not in text
    assert os.fsencode(EVIL)[:6] in Path("table.csv").read_bytes()
    result = process(*STORED, "-f", "--json", EVIL, env=strict)
    assert json.loads(result.stdout)["input"] == EVIL


def test_metadata_are_not_raw_either(image: Path) -> None:
    """A keyword of a PNG's text is any Latin-1; C1 controls of it would be raw in a terminal."""
    text = b"tEXtA\x9bB\0c"
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    data = image.read_bytes()
    image.write_bytes(data[:33] + chunk + data[33:])
    assert run(*STORED, image).exit_code == 0
    assert "\x9b" not in run("info", "a.linr").stdout


def test_closed_streams(image: Path) -> None:
    def closing(descriptor: int, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        streams = ("stdin", "stdout", "stderr")
        options = {name: subprocess.PIPE for name in streams[1:] if name != streams[descriptor]}
        return process(
            *arguments, capture_output=False, preexec_fn=lambda: os.close(descriptor), **options
        )

    done = closing(0, *STORED, "-", "-o", "x.linr")
    assert (done.returncode, done.stderr) == (1, b"inrcodec: stdin: stdin is closed\n")
    done = closing(1, *STORED, "a.png", "-o", "-")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == b"Error: stdout is closed: name an output with -o."
    assert closing(1, *STORED, "a.png").returncode == 0
    assert closing(2, *STORED, "missing.png").returncode == 1
    assert closing(2, "encode").returncode == 2
    assert run("verify", "a.linr", "a.png").exit_code == 0


@pytest.mark.skipif(
    not os.path.exists("/dev/full"),
    reason="needs /dev/full, as without root nothing else is a full disk",
)
def test_full_streams(image: Path) -> None:
    Path("b.png").write_bytes(image.read_bytes())
    line = b"inrcodec: stdout: No space left on device\n"
    with open("/dev/full", "wb") as full:
        options = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        done = process(*STORED, "a.png", "b.png", **options)
        assert (done.returncode, done.stderr) == (1, line)
        done = process("verify", "a.linr", "b.linr", **options)
        assert (done.returncode, done.stderr) == (1, line)
        done = process(*STORED, "-f", "a.png", "-o", "-", **options)
        cause = b"inrcodec: a.png: cannot write stdout: No space left on device\n"
        assert (done.returncode, done.stderr) == (1, cause)
        assert len(process("-h", **options).stderr.splitlines()) == 1
        done = process(*STORED, "-f", "a.png", capture_output=False, stderr=full)
        assert done.returncode == 0
    assert run("verify", "a.linr", "b.linr").exit_code == 0
    result = run(*STORED, "a.png", "-o", "/dev/full")
    assert result.stderr == "inrcodec: a.png: cannot write /dev/full: No space left on device\n"


def test_nobody_reads_stdout(image: Path) -> None:
    for arguments in ((*STORED, "a.png"), (*STORED, "a.png", "-o", "-"), ("info", "a.linr")):
        reading, writing = os.pipe()
        os.close(reading)
        options = {"capture_output": False, "stdout": writing, "stderr": subprocess.PIPE}
        done = process(*arguments, **options)
        os.close(writing)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, arguments[-1] == "-" and 0)
    assert run("verify", "a.linr").exit_code == 0


def test_outputs_that_are_open_already(image: Path) -> None:
    packed = process(*STORED, "a.png", "-o", "-").stdout
    done = process(*STORED, "a.png", "-o", "/dev/stdout")
    assert (done.returncode, done.stdout) == (0, packed)
    with open("out", "wb") as file:
        process(*STORED, "a.png", "-o", "/dev/stdout", capture_output=False, stdout=file)
    assert Path("out").read_bytes() == packed
    with open("three", "wb") as file:
        name, options = f"/dev/fd/{file.fileno()}", {"pass_fds": [file.fileno()]}
        assert process(*STORED, "a.png", "-o", name, **options).returncode == 0
    assert Path("three").read_bytes() == packed
    done = process("decode", "/dev/stdin", "-o", "/dev/fd/1", input=packed)
    assert done.stdout == process("decode", "-", input=packed).stdout

    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as reader:
        assert process(*STORED, "a.png", "-o", "pipe").returncode == 0
        assert reader.communicate()[0] == packed
    assert Path("pipe").is_fifo()


def test_a_folder_that_is_gone(image: Path) -> None:
    gone = image.parent / "gone"
    for arguments, line in (
        ((*STORED, str(image), "-o", "y.linr"), b"y.linr: No such file or directory\n"),
        ((*STORED, "a.png"), b"inrcodec: a.png: No such file or directory\n"),
    ):
        gone.mkdir()
        code = "import os, sys; os.rmdir(os.getcwd()); from inrcodec_cli.main import main; main()"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=gone, env=environment, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1
        assert done.stderr.endswith(line)


# Stops in the middle of an import, and then is sent what Ctrl-C sends.
IMPORTING = """
import os, signal, sys
module = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from inrcodec_cli.main import main
main()
"""


def heeding() -> None:
    """In a child: whatever runs the tests may ignore Ctrl-C itself."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("module", ["click", "numpy", "inrcodec", "inrcodec_cli.commands", "cv2"])
def test_interrupts_while_importing(image: Path, module: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", IMPORTING, module, *STORED, "a.png"]
    done = subprocess.run(command, env=environment, capture_output=True, preexec_fn=heeding)
    assert done.returncode == 130
    assert b"Traceback" not in done.stderr
    assert not Path("a.linr").exists()


def test_interrupts_while_working(tmp_path: Path) -> None:
    """The command waits for the pipe's other end when it is interrupted."""
    os.mkfifo(tmp_path / "pipe")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "inrcodec_cli.main", *STORED, str(tmp_path / "pipe")]
    options = {"env": environment, "stderr": subprocess.PIPE, "preexec_fn": heeding}
    with subprocess.Popen(command, **options) as child:
        descriptor = os.open(tmp_path / "pipe", os.O_WRONLY)  # when the command has opened it
        time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        told = child.communicate(timeout=30)[1]
        os.close(descriptor)
    assert child.returncode == 130
    assert told.strip() == b""


def test_a_job_in_the_background_ignores_interrupts(image: Path) -> None:
    ignoring = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", IMPORTING, "inrcodec_cli.commands", *STORED, "a.png"]
    assert subprocess.run(command, env=environment, preexec_fn=ignoring).returncode == 0
    assert Path("a.linr").exists()


def test_help() -> None:
    usage = run("encode", "-h").stdout
    common, research = usage.split("Options of the coordinate networks:")
    assert "--backbone" in research
    assert "--effort" in common
    assert "--backbone" not in common
    assert "IMAGE..." in common.splitlines()[0]
    assert run("-V").stdout == run("--version").stdout


def test_completion() -> None:
    for words, number in (("inrcodec encode a", 2), ("inrcodec decode -o b", 3)):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        environment |= {"_INRCODEC_COMPLETE": "bash_complete", "COMP_WORDS": words}
        done = process(env=environment | {"COMP_CWORD": str(number)})
        assert done.stdout.startswith(b"file,")
