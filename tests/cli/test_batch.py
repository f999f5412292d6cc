"""Folders, trees of outputs, sources that are removed, and what fails alone."""

from __future__ import annotations

import json
import os
import stat
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import inrcodec
from inrcodec.files import places
from inrcodec.files.images import read_image, read_picture, write_image
from inrcodec.source.restore import ELSEWISE
from tests.cli.running import photo, run
from tests.pictures import repacked

STORED = ("--model", "stored")  # no fit: these tests are of names and files


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of three images and a file that is none; it is in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "album"
    (folder / "sub" / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "sub/b.PGM", "sub/deep/c.tif")):
        extension = Path(name).suffix.lower()
        image = photo(1 if extension == ".pgm" else 3, number)
        (folder / name).write_bytes(write_image(image, extension))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_beside_the_images_and_back(album: Path) -> None:
    before = tree(album)
    result = run("encode", *STORED, "-r", "album")
    assert result.exit_code == 0, result.stderr
    assert tree(album) == sorted([*before, "a.linr", "sub/b.linr", "sub/deep/c.linr"])
    result = run("decode", "-r", "album", "-o", "back")
    assert result.exit_code == 0, result.stderr
    back = album.parent / "back" / "album"
    assert tree(back) == ["a.png", "sub/b.pgm", "sub/deep/c.tif"]
    for name in tree(back):
        source = name.replace(".pgm", ".PGM")
        assert (back / name).read_bytes() == (album / source).read_bytes()


@pytest.mark.parametrize(
    ("argument", "place"),
    [("album", "out/album"), (".", "out/album"), ("./album/", "out/album"), ("album/sub", "out")],
)
def test_the_tree_is_mirrored(album: Path, argument: str, place: str) -> None:
    assert run("encode", *STORED, "-r", argument, "-o", "out").exit_code == 0
    names = ["a.linr", "sub/b.linr", "sub/deep/c.linr"]
    if argument == "album/sub":
        names = ["album/sub/b.linr", "album/sub/deep/c.linr"]
    assert tree(album.parent / place) == names


def test_trees_outside_are_mirrored_too(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a folder has '..' in front or is absolute, its whole path is in the output's."""
    monkeypatch.chdir(album / "sub")
    place = str(album / "sub" / "out") + str(album / "sub" / "deep")
    for argument in ("../sub/deep", album / "sub" / "deep"):
        assert run("encode", *STORED, "-f", "-r", argument, "-o", "out").exit_code == 0
        assert tree(Path(place)) == ["c.linr"]
        Path(place, "c.linr").unlink()


def test_other_kinds_are_taken_or_counted(album: Path) -> None:
    Image.fromarray(photo(3, 7)).save(album / "d.bmp")
    Image.fromarray(photo(3, 8)).save(album / "e.jpeg")
    (album / "f.heic").write_bytes(b"one")
    result = run("encode", *STORED, "-r", "-o", "out", "album")
    assert (result.exit_code, (album.parent / "out/album/d.linr").exists()) == (0, True)
    assert result.stderr.splitlines() == [
        "inrcodec: 1 images of kinds that are not read here passed over",
        "inrcodec: album/d.bmp: left out: the BMP file itself (its picture is kept), "
        "its metadata: dpi",
        "inrcodec: album/e.jpeg: left out: the JPEG file, which comes of coefficients alone",
    ]
    result = run("encode", *STORED, "-q", "-r", "-o", "anew", "album")
    assert len(result.stderr.splitlines()) == 2


def test_a_folder_needs_r_and_fails_alone(album: Path) -> None:
    result = run("encode", *STORED, "album", "album/a.png", "", "-o", "new/")
    assert result.exit_code == 1
    expected = ["inrcodec: album: is a directory, use -r", "inrcodec: '': is no file"]
    assert result.stderr.splitlines() == expected
    assert tree(album.parent / "new") == ["a.linr"]
    for command in ("decode", "info", "verify"):
        result = run(command, "album")
        assert result.stderr == "inrcodec: album: is a directory, use -r\n"
        assert result.exit_code == 1


def test_a_slash_makes_the_folder(album: Path) -> None:
    assert run("encode", *STORED, "album/a.png", "-o", "x/y/").exit_code == 0
    assert tree(album.parent / "x") == ["y/a.linr"]
    assert run("decode", "x/y/a.linr", "-o", "z/").exit_code == 0
    assert tree(album.parent / "z") == ["a.png"]
    (album.parent / "file").touch()
    result = run("encode", *STORED, "album/a.png", "-o", "file/")
    assert result.exit_code == 1
    assert result.stderr.startswith("inrcodec: album/a.png: cannot write file/a.linr: ")


def test_runs_can_be_taken_up_again(album: Path) -> None:
    assert run("encode", *STORED, "album/a.png").exit_code == 0
    old = (album / "a.linr").read_bytes()
    result = run("encode", "-e", "2", "-r", "album")
    assert result.exit_code == 0
    assert result.stderr == "inrcodec: 1 skipped, as the output exists\n"
    assert (album / "a.linr").read_bytes() == old
    result = run("encode", *STORED, "-q", "-r", "album")
    assert (result.exit_code, result.output) == (0, "")
    result = run("encode", *STORED, "--skip-existing", "album/a.png", "album/sub/b.PGM")
    assert result.exit_code == 0
    assert result.stderr == "inrcodec: 2 skipped, as the output exists\n"
    assert run("encode", *STORED, "-r", "-f", "album").exit_code == 0
    assert run("verify", "-q", "-r", "album").exit_code == 0


def test_what_is_skipped_is_the_same_file(album: Path) -> None:
    """A run that removed a.png leaves an a.linr that is not that of a.tif."""
    assert run("encode", *STORED, "--rm", album / "a.png").exit_code == 0
    (album / "a.tif").write_bytes(write_image(photo(3, 7), ".tif"))
    (album / "sub" / "b.linr").write_bytes(b"junk")
    before = tree(album)
    result = run("encode", *STORED, "-r", "-q", "album")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first == "inrcodec: album/a.tif: album/a.linr is there, and holds another file"
    assert second.startswith("inrcodec: album/sub/b.PGM: album/sub/b.linr is there, and ")
    assert set(tree(album)) == {*before, "sub/deep/c.linr"}


def test_what_is_skipped_is_whole(album: Path) -> None:
    (album / "a.png").unlink()
    tifffile.imwrite(album / "a.tif", np.stack([photo(1, 7)] * 2), photometric="minisblack")
    assert run("encode", *STORED, "-r", "-q", "album").exit_code == 0
    packed = (album / "a.linr").read_bytes()
    (album / "a.linr").write_bytes(packed[:-5])
    result = run("encode", *STORED, "-r", "-q", "album")
    assert result.exit_code == 1
    assert result.stderr.startswith("inrcodec: album/a.tif: album/a.linr is there, and frame 1: ")


def test_a_clash_of_names_fails_that_file_alone(album: Path) -> None:
    (album / "a.tif").write_bytes(write_image(photo(3, 7), ".tif"))
    for arguments in (("-r", "album"), ("-f", "album/a.png", "album/a.tif", "album/sub/b.PGM")):
        result = run("encode", *STORED, *arguments)
        assert result.exit_code == 1
        assert result.stderr == "inrcodec: album/a.tif: album/a.linr is the output of album/a.png\n"
        assert run("verify", "album/a.linr", "album/a.png").exit_code == 0
    # an output that is another one's input
    (album / "sub" / "b.linr").unlink(missing_ok=True)
    os.link(album / "a.png", album / "sub" / "b.linr")
    result = run("encode", *STORED, "-f", "album/a.png", "album/sub/b.PGM")
    assert result.exit_code == 1
    assert result.stderr == "inrcodec: album/sub/b.PGM: album/a.png is input and output\n"


def test_sources_are_removed(album: Path) -> None:
    """After their success; and those that are skipped, fail, or are links are not."""
    sources = {path: path.read_bytes() for path in album.rglob("*.*") if path.suffix != ".txt"}
    (album / "bad.png").write_bytes(b"no image")
    (album / "link.png").symlink_to(album / "a.png")
    (album / "sub" / "b.linr").write_bytes(b"old")
    result = run("encode", *STORED, "-r", "--keep", "--rm", "album")
    assert result.exit_code == 1
    assert "album/link.png: a symbolic link, not followed\n" in result.stderr
    assert len(result.stderr.splitlines()) == 3
    left = ["a.linr", "bad.png", "link.png", "notes.txt", "sub/b.PGM", "sub/b.linr"]
    assert sorted(os.listdir(album)) == ["a.linr", "bad.png", "link.png", "notes.txt", "sub"]
    assert set(tree(album)) == {*left, "sub/deep/c.linr"} - {"link.png"}
    for path, data in sources.items():
        packed = path.with_suffix(".linr")
        if not path.exists():
            image = read_image(data)
            np.testing.assert_array_equal(inrcodec.decode(packed.read_bytes()), image)
    run("decode", "-q", "--rm", "-r", "album")
    assert not list(album.rglob("[ac].linr"))
    assert (album / "a.png").read_bytes() == sources[album / "a.png"]
    assert run("encode", *STORED, "--rm", "--keep", "album/a.png").exit_code == 0
    assert (album / "a.png").exists()


def test_a_source_is_kept_where_its_output_is_not_all_of_it(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, given = album / "a.png", (album / "a.png").read_bytes()
    path.write_bytes(repacked(given))
    result = run("encode", *STORED, "-q", "--rm", path)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"inrcodec: {path}: left out: ")
    assert result.stderr.endswith("; kept\n")
    assert path.read_bytes() == repacked(given)

    module = import_module("inrcodec.encode_file")
    monkeypatch.setattr(module, "encode", lambda *_, **__: path.write_bytes(given) and b"x")
    result = run("encode", *STORED, "--rm", "-f", path)
    assert result.exit_code == 1
    assert "kept, as it has changed" in result.stderr
    assert path.read_bytes() == given


def test_no_source_is_removed_for_an_output_that_is_no_file(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(album / "a.linr")
    (album / "sub" / "b.linr").mkdir()
    before = tree(album)
    result = run("encode", *STORED, "--rm", "album/a.png", "album/sub/b.PGM")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
    assert tree(album) == before

    # and none where the disk fails
    def fails(*_: object, **__: object) -> None:
        raise OSError(5, "x")

    monkeypatch.setattr(places, "write_atomic", fails)
    assert run("encode", *STORED, "--rm", "-r", "album/sub/deep").exit_code == 1
    assert tree(album) == before


def test_permissions_and_times_are_the_sources(album: Path) -> None:
    source, packed, back = album / "a.png", album / "a.linr", album / "back.png"
    source.chmod(0o604)
    os.utime(source, (time.time(), 1_000_000_000))
    packed.touch()
    for arguments in (("encode", *STORED, source), ("decode", packed, "-o", back)):
        assert run(*arguments, "-f").exit_code == 0
    for path in (packed, back):
        status = path.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o604, 1_000_000_000)
    # what comes from a stream is new
    assert run("encode", *STORED, "-", "-o", "s.linr", stdin=source.read_bytes()).exit_code == 0
    assert (album.parent / "s.linr").stat().st_mtime > 1_000_000_000


def test_linr_bytes_get_no_images_name(album: Path) -> None:
    result = run("encode", *STORED, "album/a.png", "-o", "x.png")
    assert result.exit_code == 2
    assert not Path("x.png").exists()
    assert run("encode", *STORED, "-f", "album/a.png", "-o", "x.png").exit_code == 0
    assert run("verify", "x.png", "album/a.png").exit_code == 0


def test_many_files_are_verified_and_described(album: Path) -> None:
    assert run("encode", *STORED, "-q", "-r", "album").exit_code == 0
    result = run("verify", "album/a.linr", "-r", "album/sub")
    names = ("album/a.linr", "album/sub/b.linr", "album/sub/deep/c.linr")
    lines = [f"{name}: OK, byte for byte" for name in names]
    assert result.stdout.splitlines() == lines
    (album / "sub" / "b.linr").write_bytes(b"no .linr file")
    result = run("verify", "album/a.linr", "album/sub/b.linr")
    assert (result.exit_code, result.stdout) == (1, "album/a.linr: OK, byte for byte\n")
    assert result.stderr.startswith("inrcodec: album/sub/b.linr: ")
    result = run("info", "--json", "-r", "album")
    assert result.exit_code == 1
    files = [json.loads(line)["file"] for line in result.stdout.splitlines()]
    assert files == ["album/a.linr", "album/sub/deep/c.linr"]
    # two files of which the second has no .linr name, but is one
    (album / "c.bin").write_bytes((album / "a.linr").read_bytes())
    result = run("verify", "album/a.linr", "album/c.bin")
    assert result.stdout.splitlines() == [lines[0], "album/c.bin: OK, byte for byte"]
    result = run("verify", "album/a.linr", "album/missing.png")
    assert result.stderr == "inrcodec: album/missing.png: No such file or directory\n"


def test_loss_is_told_by_all(album: Path) -> None:
    path = album / "a.png"
    path.write_bytes(repacked(path.read_bytes()))
    result = run("encode", *STORED, "--strict", path)
    assert result.exit_code == 1
    assert result.stderr == f"inrcodec: {path}: left out would be: {ELSEWISE}\n"
    assert not (album / "a.linr").exists()
    result = run("encode", *STORED, "-q", "--json", path)
    assert result.stderr == f"inrcodec: {path}: left out: {ELSEWISE}\n"
    facts = json.loads(result.stdout)
    assert (facts["left_out"], facts["byte_for_byte"]) == ([ELSEWISE], False)
    assert json.loads(run("info", "--json", album / "a.linr").stdout)["left_out"] == [ELSEWISE]
    result = run("verify", "-q", album / "a.linr", path)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"inrcodec: {album / 'a.linr'}: left out: ")


def test_a_tiff_that_is_packed_anew_is_one(tmp_path: Path) -> None:
    for name, samples in (("tags", photo(1)), ("signed", photo(1).view(np.int8))):
        path, back = tmp_path / f"{name}.tif", tmp_path / "back" / f"{name}.tif"
        tifffile.imwrite(path, samples, compression="zstd", description="scan")
        assert run("encode", *STORED, path).exit_code == 0
        assert run("decode", path.with_suffix(".linr"), "-o", f"{tmp_path}/back/").exit_code == 0
        found = read_picture(back.read_bytes())
        assert np.array_equal(found.array(), samples.squeeze())
        assert found.metadata is not None
