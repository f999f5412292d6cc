"""The reproduction scripts run, and print what was published beside what they measured; fits are
not done twice; the page has all of their tables."""

from __future__ import annotations

import csv
import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reproduce import __main__ as reproduce
from benchmarks.reproduce import loss, page
from benchmarks.reproduce.experiment import Crop, image_files, middle
from benchmarks.reproduce.journal import Journal, signal_key
from benchmarks.reproduce.mixture import contact_sheet, quarters, square
from benchmarks.reproduce.page import SCRIPTS, SYSTEMS, UNMEASURED, Outcome, Script
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image, write_image
from tests.pictures import scene

CURVE = {"label": "a", "x": [1, 2], "y": [0.5, float("inf")]}
FIT = {"row": {"x": 1}, "curve": CURVE, "seconds": 1.5}
SMALL = ("--size", "6", "--width", "8", "--depth", "1", "--steps", "3", "--device", "cpu",
         "--threads", "1")  # fmt: skip


def pictures(folder: Path, *kinds: type, size: tuple[int, int] = (8, 9)) -> list[str]:
    """Files of RGB images."""
    paths = []
    for number, dtype in enumerate(kinds):
        paths.append(str(folder / f"{number}.png"))
        Path(paths[-1]).write_bytes(write_image(scene(*size, 3, dtype, number), ".png"))
    return paths


@pytest.mark.parametrize(("name", "published"), [
    ("steps", ["790 ± 109", "3450 ± 877", "428", "1130", "29546"]),
    ("loss", ["778", "1233"]),
    ("ternary", ["80000", "656179"]),
    ("psnr", ["40.06", "42.13", "32.2", "30.79", ".128"]),
    ("target_transforms", ["33.60", "36.75", "RPP"]),
    ("mixture kodak", ["26.5 dB at 0.2 bpp", "a network for each"]),
    ("mixture imagenet", ["exact bpp"]),
    ("mixture exact", ["a file for each"]),
])  # fmt: skip
def test_a_script(
    name: str, published: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, *first = name.split()
    script = import_module(f"benchmarks.reproduce.{module}")
    images = pictures(tmp_path, np.uint8, np.uint8 if module == "mixture" else np.uint16)
    table, chart = tmp_path / "out.csv", tmp_path / "out.png"
    more = ["--csv", str(table), "--plot", str(chart)]
    assert script.main([*first, *images, *SMALL, *more]) == 0
    shown = capsys.readouterr().out
    assert "6 x 6, 1 hidden layers of 8, at most 3 steps" in shown
    for figure in published:
        assert figure in shown
    assert tuple(page.TITLE.findall(shown)) == SCRIPTS[name].tables
    with table.open() as file:
        assert len(list(csv.DictReader(file))) >= 2
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_a_simulation_saves_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = pictures(tmp_path, *[np.uint8] * 4, size=(20, 16))
    script = import_module("benchmarks.reproduce.mixture")
    folder = tmp_path / "sheets"
    given = ["cifar", *images, *SMALL, "--steps", "30", "--pictures", str(folder)]
    assert script.main(given) == 0
    assert "16 images in 2 groups" in capsys.readouterr().out
    sheets = sorted(path.name for path in folder.iterdir())
    assert len(sheets) == 2 * 6
    assert "cifar-1-2-sets-fixed.png" in sheets
    sheet = read_image((folder / "cifar-2-a-network-for-each.png").read_bytes())
    assert sheet.shape == (4 * 6, 6 * 6, 3)  # 8 images, two rows and what became of them
    first = quarters(Path(images[2]), 6)[0]
    assert np.array_equal(sheet[:6, :6], first.samples)
    assert not np.array_equal(sheet[6:12], sheet[:6])
    assert not sheet[12:, 12:].any()


def test_what_simulations_take_of_images(tmp_path: Path) -> None:
    image = np.zeros((8, 12, 3), np.uint8)
    image[:4, 2:6], image[4:, 6:10], image[:, :2] = 40, 80, 255
    path = tmp_path / "a.png"
    path.write_bytes(write_image(image, ".png"))
    (whole,) = square(path, 2)
    assert whole.samples[:, :, 0].tolist() == [[40, 0], [0, 80]]
    parts = quarters(path, 4)
    assert [int(part.samples.mean()) for part in parts] == [40, 0, 0, 80]
    assert [part.name for part in parts] == [f"a.png {n}/4" for n in (1, 2, 3, 4)]
    with pytest.raises(LinrError, match="cannot be reduced"):
        square(path, 9)
    path.write_bytes(write_image(image[:, :, 0], ".png"))
    with pytest.raises(LinrError, match="not RGB"):
        square(path, 2)
    shown = contact_sheet([image[:2, :3]] * 7, [image[4:6, 6:9]] * 7)
    assert shown.shape == (8, 18, 3)


def test_a_fit_is_not_done_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, journal = pictures(tmp_path, np.uint8, np.uint8), tmp_path / "journal.jsonl"
    done: list[str] = []
    fit = loss.fit

    def counted(run: object, crop: Crop, name: str) -> object:
        done.append(f"{name} {crop.name}")
        return fit(run, crop, name)  # type: ignore[arg-type]

    monkeypatch.setattr(loss, "fit", counted)
    given = [*SMALL, "--resume", str(journal)]
    assert loss.main([images[0], *given]) == 0
    assert done == ["BCE 0.png", "MSE 0.png"]
    capsys.readouterr()
    assert loss.main([*images, *given]) == 0
    assert done[2:] == ["BCE 1.png", "MSE 1.png"]
    shown = capsys.readouterr().out
    done.clear()
    assert loss.main([*images, *given]) == 0
    assert not done
    assert capsys.readouterr().out == shown
    assert loss.main([images[0], *given, "--seed", "1"]) == 0
    assert len(done) == 2
    assert loss.main([images[0], *given, "--steps", "4"]) == 0
    assert len(done) == 4


def test_images_of_one_name_are_not_taken_for_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths: list[str] = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(*pictures(tmp_path / folder, np.uint8))
    Path(paths[1]).write_bytes(write_image(scene(8, 9, 3, np.uint8, 5), ".png"))
    journal = tmp_path / "journal.jsonl"
    for script, first in (("loss", []), ("mixture", ["imagenet"]), ("neurons", [])):
        given = [*first, *paths, *SMALL, "--resume", str(journal)]
        assert import_module(f"benchmarks.reproduce.{script}").main(given) == 0
    keys = [json.loads(line)["key"] for line in journal.read_bytes().splitlines()]
    assert len({tuple(key) for key in keys}) == len(keys)
    signals = [signal_key("0.png", middle(Path(path), 6).samples) for path in paths]
    assert [key[1] for key in keys if key[0] == "loss"] == signals * 2
    reduced = [signal_key("0.png", square(Path(path), 6)[0].samples) for path in paths]
    assert {key[2] for key in keys if key[0] == "mixture"} == {", ".join(reduced)}
    assert {key[1] for key in keys if key[0] == "neurons"} == {"initialised", *signals}


def test_a_signal_is_called_by_its_samples() -> None:
    samples = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    key = signal_key("a.png", samples)
    assert re.fullmatch(r"a\.png [0-9a-f]{8}", key)
    assert signal_key("a.png", np.asfortranarray(samples)) == key
    changed = (samples ^ 1, samples.reshape(2, 1, 3), samples.view(np.int8))
    assert len({key, *(signal_key("a.png", other) for other in changed)}) == 4


def test_a_journal_survives_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.note(["a", "ü"], FIT)
    whole = path.read_bytes()
    journal.note(["b"], FIT)
    cut = path.read_bytes()
    for length in range(len(whole) + 1, len(cut)):
        path.write_bytes(cut[:length])
        journal = Journal(path)
        assert journal.find(["a", "ü"]) == FIT
        kept = length == len(cut) - 1  # only its newline is missing
        assert journal.find(["b"]) == (FIT if kept else None)
        journal.note(["c"], FIT)
        keys = [json.loads(line)["key"] for line in path.read_bytes().splitlines()]
        assert keys == [["a", "ü"], *[["b"]] * kept, ["c"]]
    for length in range(len(Journal.START), len(whole) - 1):
        path.write_bytes(whole[:length])
        assert Journal(path).find(["a", "ü"]) is None
        assert path.read_bytes() == b""
    assert Journal(None).find(["a"]) is None


def test_a_journal_keeps_pages(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).note(["page", "a"], {"printed": "x", "problem": None})
    assert Journal(path).find(["page", "a"]) == {"printed": "x", "problem": None}


GOOD = json.dumps({"key": ["a"], "result": FIT}).encode()


@pytest.mark.parametrize("damaged", [
    b'{"key": "a", "result": {}}\n', b'{"key": ["a"]}\n', b'["a"]\n', b"\xff\xd8\n", b"a text",
    b'{"key": ["a"], "result": 1}\n', b"\n", b'{"key": ["mine"], "secret": 1}', b"[" * 99_999,
    *(
        json.dumps({"key": key, "result": result}).encode() + end
        for key, result in (
            (["a"], {}),
            ([], FIT),
            ([1], FIT),
            (["a"], {**FIT, "seconds": "1"}),
            (["a"], {**FIT, "more": 1}),
            (["a"], {**FIT, "curve": {"label": "a", "x": [1]}}),
            (["a"], {**FIT, "curve": {**CURVE, "x": [1]}}),
            (["a"], {**FIT, "curve": {**CURVE, "x": [1, "2"]}}),
            (["page", "a"], FIT),
            (["page", "a"], {"printed": "x", "problem": 1}),
        )
        for end in (b"\n", b"")
    ),
])  # fmt: skip
def test_a_file_that_is_no_journal_is_refused(damaged: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for data in (damaged, GOOD + b"\n" + damaged):
        path.write_bytes(data)
        with pytest.raises(LinrError, match="no journal of fits"):
            Journal(path)
        assert path.read_bytes() == data


def test_the_beginning_of_any_json_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for length in range(1, len(Journal.START)):
        path.write_bytes(Journal.START[:length])
        with pytest.raises(LinrError, match="its line 1"):
            Journal(path)
        assert path.read_bytes() == Journal.START[:length]


@pytest.mark.parametrize(("option", "value", "why"), [
    ("--resume", "{}/other", "no journal of fits"), ("--resume", "{}/none/j", "No such file"),
    ("--plot", "{}/x.xyz", ".svg"), ("--plot", "-", ".svg"), ("--csv", "{}/none/x", "no such"),
    ("--steps", "-1", "1 to"), ("--steps", "0", "1 to"), ("--size", "-3", "1 to"),
    ("--size", "0", "1 to"), ("-T", "0", "1 to"), ("-T", "-1", "1 to"), ("-T", "x", "invalid"),
    ("--width", "0", "2 to 1024"), ("--width", "100000", "2 to 1024"), ("--depth", "0", "1 to 16"),
    ("--depth", "99", "1 to 16"), ("--seed", "-1", "0 to"), ("--seed", "9" * 20, "0 to"),
])  # fmt: skip
def test_options_are_checked_before_fits(
    option: str, value: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "other").write_text("a text")
    monkeypatch.setattr(loss, "fit", None)
    monkeypatch.setattr(Script, "run", None)
    image = pictures(tmp_path, np.uint8)
    mains = [(loss.main, [*image, *SMALL])]
    if option in ("--resume", "-T", "--seed"):
        mains.append((reproduce.main, [*image, "-o", str(tmp_path / "page")]))
    for main, given in mains:
        with pytest.raises(SystemExit) as refused:
            main([*given, option, value.format(tmp_path)])
        assert refused.value.code == 2
        assert why in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(SystemExit, match="2"):
        reproduce.main([*image, "-o", str(tmp_path / "none" / "page")])


def test_folders_stand_for_the_images_in_them(tmp_path: Path) -> None:
    pictures(tmp_path, np.uint8, np.uint8)
    (tmp_path / "notes.txt").write_text("no image")
    files = image_files([tmp_path, tmp_path / "1.png"])
    assert [file.name for file in files] == ["0.png", "1.png", "1.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LinrError, match="no images in it"):
        image_files([tmp_path / "empty"])


def test_a_device_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pictures(tmp_path, np.uint8)
    for device in ("gpu", "cuda:999"):
        for main in (loss.main, reproduce.main):
            with pytest.raises(SystemExit) as refused:
                main([*image, "--device", device])
            assert refused.value.code == 2
            assert "device" in capsys.readouterr().err.splitlines()[-1]


def test_findings_are_of_tables_that_there_are() -> None:
    titles = [title for script in SCRIPTS.values() for title in script.tables]
    assert len(titles) == len(set(titles))
    assert set(page.FINDINGS) <= set(titles)
    for script in SCRIPTS.values():
        module = Path(reproduce.__file__).parent / f"{script.name.split()[0]}.py"
        assert module.is_file(), script.name


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, Script]:
    """Scripts for a page: two that work, and two that do not."""
    small = " ".join(SMALL[:8])
    scripts = {
        script.name: script
        for script in (
            Script(f"loss {small}", SCRIPTS["loss"].tables, (1, 0)),
            Script(f"psnr {small}", SCRIPTS["psnr"].tables, (1, 1)),
            Script("mixture nothing", ("Nothing",), (1, 0)),
            Script("absent", ("Absent",)),
        )
    }
    monkeypatch.setattr(page, "SYSTEMS", {"A system": tuple(scripts.values())})
    monkeypatch.setattr(reproduce, "SCRIPTS", scripts)
    monkeypatch.setattr(page, "FINDINGS", {"Steps to BER 0 by loss": "As published. Or so."})
    return scripts


def test_the_page(tmp_path: Path, few: dict[str, Script]) -> None:
    images, made = pictures(tmp_path, np.uint8, np.uint8), tmp_path / "page.md"
    given = ["--device", "cpu", "--threads", "1", "--resume", str(tmp_path / "fits.jsonl"),
             "-o", str(made)]  # fmt: skip
    assert reproduce.main([str(tmp_path), *given]) == 1
    text = made.read_text()
    rows = dict(re.findall(r"^\| \[(.*?)\]\(#[\w-]+\) \| (.*) \|$", text, re.MULTILINE))
    assert rows["Steps to BER 0 by loss"] == "As published"
    assert rows["PSNR in dB"] == "measured"
    assert rows["Values of 16 bits"] == "Not run: no RGB image of 16 bits was given"
    assert "nothing" in rows["Nothing"]
    assert "No module named" in rows["Absent"]
    assert "**Finding.** As published. Or so." in text
    assert "the middle of 0.png;" in text  # of two only as many as the script takes
    assert "| BCE | 778 |" in text
    assert text.count("At the published size: not run") == 2
    assert all(what in text for what in UNMEASURED)
    for title in rows:
        assert f"### {title}\n" in text

    pictures(tmp_path, np.uint8, np.uint16)
    loss_name, psnr_name, *_ = few
    assert reproduce.main([*images, *given, "--only", psnr_name]) == 1  # of the others, as before
    again = made.read_text()
    assert "| finer | 47.04 | .128 |" in again
    assert "| BCE | 778 |" in again
    other = ["--resume", str(tmp_path / "other.jsonl")]
    assert reproduce.main([*images, *given, *other, "--only", loss_name]) == 0
    assert "its script was not run" in made.read_text()


def test_what_a_page_says_of_sizes() -> None:
    size = "256 x 256, 6 hidden layers"
    same = f"Measured: {size}; cuda.\nPublished: {size}.\n"
    less = f"Measured: 16 x 16, 1 hidden layers; cuda.\nPublished: {size}.\n"
    found = {"loss": Outcome(f"## Steps to BER 0 by loss\n\n{same}\n## Another\n\n{less}", None)}
    text = page.page(found, {}, [("GPU", "a large one")], True)
    assert "- GPU: a large one\n" in text
    assert "At the published size" not in text
    assert f"### Another\n\n{less}" in text
    assert page.page(found, {}, [], False).count("At the published size") == 1  # of the lesser one
    for system in SYSTEMS:
        assert f"## {system}\n" in text


def test_a_problem_is_one_cell_of_the_summary() -> None:
    found = {"loss": Outcome("", "RuntimeError: a\n\nb | c.")}
    text = page.page(found, {}, [], False)
    assert "(#steps-to-ber-0-by-loss) | Not run: RuntimeError: a b \\| c |\n" in text
