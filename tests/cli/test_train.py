"""`inrcodec train`, and --prior of the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inrcodec import Prior
from inrcodec.context import learn
from inrcodec.files.images import write_image
from tests.cli.running import process, run
from tests.pictures import scene

GOLDEN = Path(__file__).parents[1] / "golden"
KNOWN = "INRCODEC_PRIORS"
QUICK = ("-e", "1", "--device", "cpu", "-T", "1", "--model", "context")


@pytest.fixture
def prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the current folder: a prior of the images in `some`, of which one is broken; and x.png."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(learn, "SAMPLES", 1 << 12)
    monkeypatch.setattr(learn, "LEAST_STEPS", 20)
    Path("some/more").mkdir(parents=True)
    for number, name in enumerate(("some/a.png", "some/b.tif", "some/more/c.pgm")):
        Path(name).write_bytes(write_image(scene(60, 70, 1, np.uint8, number), Path(name).suffix))
    Path("some/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("x.png").write_bytes(write_image(scene(60, 70, 1, np.uint8, 9), ".png"))
    done = run("train", "some", "-o", "my.prior", "--device", "cpu")
    assert done.exit_code == 1  # of the broken one
    assert "broken.png" in done.stderr
    assert "3 of 4 images" in done.stdout
    return tmp_path / "my.prior"


def test_files_name_their_prior(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = Prior.read(prior).digest
    assert run("encode", "x.png", *QUICK, "--prior", "my.prior").exit_code == 0
    assert f"prior {digest} as it is" in run("info", "x.linr", "--no-planes").stdout
    for command in (("decode", "x.linr", "-f"), ("verify", "x.linr"), ("info", "x.linr")):
        monkeypatch.delenv(KNOWN)
        missing = run(*command)
        assert missing.exit_code == 1
        assert missing.stderr.count("\n") == 1
        assert digest in missing.stderr
        assert ("70 x 60" in missing.stdout) == (command[0] == "info")
        other = GOLDEN / "own1.prior"
        assert run(*command, "--prior", other).exit_code == 1
        assert run(*command, "--prior", other, "--prior", "my.prior").exit_code == 0
        monkeypatch.setenv(KNOWN, str(prior.parent))
        assert run(*command).exit_code == 0
    assert run("verify", "x.linr", "x.png").stdout == "x.linr: OK, byte for byte\n"
    assert run("bench", "x.png", "-e", "1").exit_code == 0


def test_what_is_there_is_kept(prior: Path) -> None:
    before = prior.read_bytes()
    again = process("train", "some/a.png", "-o", "my.prior", "-q")
    assert again.returncode == 1
    assert b"-f overwrites it" in again.stderr
    assert prior.read_bytes() == before
    done = run("train", "some/a.png", "-o", "my.prior", "-f", "--json", "--device", "cpu")
    said = json.loads(done.stdout)
    made = Prior.read(prior)
    assert made.data != before
    assert (said["digest"], said["bytes"]) == (made.digest, len(made.data))
    assert (said["images"], said["of"], said["output"]) == (1, 1, "my.prior")


def test_what_cannot_be_done(prior: Path) -> None:
    Path("some/empty").mkdir()
    for arguments, code, text in (
        (("train", "nothing", "-o", "a.prior"), 1, "nothing: No such file"),
        (("train", "some/empty", "-o", "a.prior"), 2, "no images"),
        (("train", "some/a.png", "-o", "some/a.png", "-f"), 2, "input and output"),
        (("train", "some/broken.png", "-o", "a.prior"), 1, "no image to learn from"),
        (("encode", "x.png", "--prior", "my.prior", "--weights", "fp16"), 2, "--prior is for"),
        (("encode", "x.png", "--prior", "my.prior", "--model", "stored"), 2, "--prior is for"),
    ):
        done = run(*arguments)
        assert text in done.stderr, arguments
        assert done.exit_code == code, arguments
    for name, text in (("missing.prior", "No such file"), ("x.png", "not a prior")):
        for command in (("encode", "x.png"), ("decode", GOLDEN / "tiny_1x1_rgb8.linr")):
            failed = process(*command, "--prior", name)
            assert failed.returncode == 1
            assert failed.stderr.decode().startswith(f"inrcodec: {name}: {text}")
            assert failed.stderr.count(b"\n") == 1
    assert not Path("a.prior").exists()
    assert not Path("x.linr").exists()


def test_flat_images_are_no_use(tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    flat.write_bytes(write_image(np.zeros((40, 40), np.uint8), ".png"))
    done = run("train", flat, "-o", tmp_path / "a.prior")
    assert done.exit_code == 1
    assert "as all 1 were" in done.stderr


def test_no_image_is_written_over(prior: Path) -> None:
    before = Path("some/a.png").read_bytes()
    done = run("train", "some", "-o", "some/a.png", "-f")
    assert done.exit_code == 2
    assert "input and output" in done.stderr
    assert Path("some/a.png").read_bytes() == before
    for stream in ("-", "/dev/stdout"):
        done = run("train", "some/a.png", "-o", stream)
        assert done.exit_code == 2
        assert done.stdout == ""
