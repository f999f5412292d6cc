"""The page of `inrcodec bench --html`: its figures are those of --json, and it needs no more."""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import inrcodec
from inrcodec.errors import OutputExistsError
from inrcodec.files.images import write_image
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import COSITED
from inrcodec_cli.charts import rates_svg
from inrcodec_cli.rates import Rate, rates_of
from tests.cli.running import process, run
from tests.pictures import chroma_scene, scene

NAMES = {"PNG as given": "png_bytes", "PNG -9": "png9_bytes", ".linr": "linr_bytes"}
# the tags that end by themselves
VOID = {"meta", "img"}


class Page(HTMLParser):
    """The rows of tables, the sources of images, and whatever would be fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[tuple[str, str | None]]] = []
        self.images: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name in ("src", "href", "srcset", "action", "data"):
            if given.get(name):
                self.addresses.append(given[name] or "")
        assert not any(name.startswith("on") for name in given)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(("", given.get("data-value")))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "td" in self.open or "th" in self.open:
            text, value = self.rows[-1][-1]
            self.rows[-1][-1] = text + data, value

    def table(self, first: str, last: str) -> list[dict[str, str]]:
        """The rows of the table whose heading has these columns; of cells their values."""
        heads = next(row for row in self.rows if (row[0][0], row[-1][0]) == (first, last))
        names = [text for text, _ in heads]
        start = self.rows.index(heads) + 1
        cells = [row for row in self.rows[start:] if len(row) == len(heads)]
        return [dict(zip(names, (value or "" for _, value in row), strict=True)) for row in cells]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of several kinds under names that are markup, one with a history, and one damaged."""
    folder = tmp_path_factory.mktemp("images")
    pictures = {
        "<img src=x onerror=alert(1)>.png": scene(40, 52, 3, np.uint8),
        "a&amp;\"'.png": scene(24, 32, 1, np.uint16),
        "alpha.png": scene(24, 20, 4, np.uint8),
        "cd.png": chroma_scene(64, 70, Source(CONVERSIONS[1], COSITED, Lattice(2, 2))),
    }
    for name, image in pictures.items():
        (folder / name).write_bytes(write_image(image, ".png"))
    (folder / "flat.ppm").write_bytes(write_image(np.zeros((9, 700, 3), np.uint8), ".ppm"))
    (folder / "</script><b>.png").parent.mkdir()
    (folder / "</script><b>.png").write_bytes(b"none")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The page of these, and the rows of --json of the same run."""
    target = tmp_path_factory.mktemp("report") / "report.html"
    result = process("bench", "-e", "1", "-T", "1", folder, "--json", "--html", target)
    assert result.returncode == 1  # of the damaged one
    return target, [json.loads(line) for line in result.stdout.splitlines()]


def test_figures_are_those_of_json(made: tuple[Path, list[Any]]) -> None:
    page, rows = Page(made[0].read_text("utf-8")), [row for row in made[1] if "total" not in row]
    table = page.table("image", "history")
    assert len(rows) == len(table) == 5
    assert [row["history"] for row in rows if row["history"]]
    for row, cells in zip(rows, table, strict=True):
        assert cells["image"] == row["image"]
        for name, field in NAMES.items():
            assert cells[name] == ("" if row[field] is None else str(row[field]))
        for name, peer in row["peers"].items():
            assert cells[name] == str(peer.get("bytes", ""))
        assert float(cells["bits per sample"]) == row["bpsp"]
        assert float(cells["encode s"]) == row["encode_seconds"]
        assert float(cells["decode s"]) == row["decode_seconds"]
        assert cells["history"] == row["history"]


def test_totals_are_apart(made: tuple[Path, list[Any]]) -> None:
    """Of images with a history and of those without; and the sums of --json are theirs."""
    text, rows = made[0].read_text("utf-8"), [row for row in made[1] if "total" not in row]
    for ident, past in (("without-history", False), ("with-history", True)):
        section = text.split(f'<section id="{ident}">')[1].split("</section>")[0]
        total = sum(row["linr_bytes"] for row in rows if bool(row["history"]) is past)
        assert f"<td>{total:,}</td>" in section
        plain = sum(row["no_history_bytes"] for row in rows if row["history"])
        assert (f"<td>{plain:,}</td>" in section) is past


def test_page_needs_nothing_else(made: tuple[Path, list[Any]]) -> None:
    text = made[0].read_text("utf-8")
    page = Page(text)
    assert "alert(1)>.png" in "".join(page.texts)
    assert not page.tags & {"link", "iframe", "object", "embed", "base", "form"}
    assert "b" in page.tags  # of figures in large letters; what names hold is no tag
    assert len(re.findall("<script", text)) == len(re.findall("</script", text)) == 1
    assert page.addresses
    for address in page.addresses:
        head, data = address.split(",")
        assert head == "data:image/webp;base64"
        image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
        assert max(image.shape[:2]) <= 520
    assert not re.search(r"url\(|@import|https?://", text)
    assert "none.png: not an image" not in text
    assert "&lt;/script&gt;&lt;b&gt;.png: not an image" in text
    assert "flat.ppm" in text
    assert "graphics, not coded in bit planes" in text
    assert "--html" in "".join(page.texts)  # the command


def test_page_without_imagecodecs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "imagecodecs" else find(name)
    )
    version = inrcodec.__version__
    missing = importlib.metadata.PackageNotFoundError()

    def no_version(name: str) -> str:
        raise missing

    monkeypatch.setattr(importlib.metadata, "version", no_version)
    result = run("bench", "-e", "1", folder / "alpha.png", "--html", tmp_path / "a.html")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "WebP and JPEG XL are absent without imagecodecs" in text
    assert "JPEG XL e9" not in text
    assert version in text


def test_page_without_matplotlib(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("bench", "-e", "1", folder / "alpha.png", "--html", tmp_path / "a.html")
    assert result.exit_code == 0, result.stderr


def test_page_is_kept_without_force(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.html"
    target.write_text("mine")
    with pytest.raises(OutputExistsError):
        run("bench", "-e", "1", folder / "alpha.png", "--html", target)
    assert target.read_text() == "mine"
    assert run("bench", "-e", "1", folder / "alpha.png", "--html", target, "-f").exit_code == 0
    assert target.read_text().startswith("<!doctype html>")
    assert len(list(tmp_path.iterdir())) == 1


def test_chart_of_codecs() -> None:
    """Each codec is a point with its name; equal sizes and times are no division by zero."""
    alike = [Rate(f"<{i}>", 2.5, 0.1, 0.2, i == 0) for i in range(3)]
    chart = rates_svg(alike, "decode")
    assert chart.count("<circle") == 3
    assert chart.count('class="ours"') == 1
    assert "&lt;2&gt;" in chart
    Page(chart)


def test_rates_leave_out_who_did_not_take_all() -> None:
    figures = {"encode_seconds": 2.0, "decode_seconds": 1.0}
    total = {"effort": 1, "pixels": 10**6, "samples": 10**6, "png9_bytes": 500, "linr_bytes": 250}
    total |= {f"png9_{name}": value for name, value in figures.items()} | figures
    took = {"bytes": 125, **figures}
    peers = {"peers": {"WebP": dict.fromkeys(took), "JPEG XL e7": took}}
    rates = rates_of([total | peers])
    assert [(rate.name, rate.bpsp) for rate in rates] == [
        ("PNG -9", 0.004), ("JPEG XL e7", 0.001), ("inrcodec -e 1", 0.002)
    ]  # fmt: skip
    assert (rates[0].encode, rates[0].decode) == (2.0, 1.0)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Said by the page itself once it has loaded; what goes wrong is said before.
WATCH = """<script>
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message ?? "no such thing"), true);
addEventListener("securitypolicyviolation", (event) => wrong.push(event.violatedDirective));
addEventListener("load", () => {
  document.querySelector(".figures th button").click();
  document.querySelector(".figures th button").click();
  for (const image of document.images) if (!image.naturalWidth) wrong.push(image.alt);
  document.title = JSON.stringify({wrong, images: document.images.length,
    sorted: [...document.querySelectorAll(".figures tbody th")].map((cell) => cell.dataset.value)});
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
def test_page_in_a_browser(made: tuple[Path, list[Any]], tmp_path: Path) -> None:
    """It loads without an error, its pictures are shown, and a click sorts its table."""
    watched = tmp_path / "watched.html"
    text = made[0].read_text("utf-8").replace('loading="lazy"', "")
    # what watches is no part of the page: it comes before the policy that would forbid it
    watched.write_text(text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">{WATCH}'))
    options = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync --enable-logging=stderr --dump-dom"
    )
    shown = subprocess.run(
        [CHROMIUM, *options.split(), f"--user-data-dir={tmp_path / 'user'}", watched.as_uri()],
        capture_output=True,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    assert b"CONSOLE" not in shown.stderr
    said = re.search(r"<title>(.*?)</title>", shown.stdout.decode("utf-8"))
    assert said is not None
    told = json.loads(said[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert told["wrong"] == []
    assert told["images"] == text.count("<img")
    assert told["sorted"] == sorted(told["sorted"], reverse=True)
