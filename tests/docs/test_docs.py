"""README.md and docs/: their Python runs, their commands have the options that they name, and their
links lead to files."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import tifffile

import inrcodec
from inrcodec.files.images import write_image
from inrcodec_cli.commands import cli
from tests.pictures import scene

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A block's first line can say why it is not run, or that it goes on after the one before it.
NOT_RUN, AFTER = "# not run: ", "# after: "
COMMAND = '#!/bin/sh\nexec "{python}" -m inrcodec_cli.main "$@"\n'


def scripts(page: Path) -> list[str]:
    """The Python of a page that stands by itself, those that go on behind what they go on after."""
    found: list[str] = []
    for block in PYTHON.findall(page.read_text("utf-8")):
        if block.startswith(AFTER):
            found[-1] += block
        elif not block.startswith(NOT_RUN):
            found.append(block)
    return found


def commands(page: Path) -> list[str]:
    """The lines of a page's blocks that run inrcodec."""
    lines = re.findall(
        r"^(?:    |\t)(?:\$ )?(inrcodec [a-z].*)$", page.read_text("utf-8"), re.MULTILINE
    )
    return [line for line in lines if "..." not in line]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that pages name."""
    photo = write_image(scene(48, 64, 3, np.uint8), ".png")
    (tmp_path / "photo.png").write_bytes(photo)
    cells = [scene(128, 40, 1, np.uint16, seed) for seed in range(3)]
    tifffile.imwrite(tmp_path / "cells.tif", np.stack(cells), photometric="minisblack")
    slices = [scene(64, 72, 1, np.uint8, seed) for seed in range(5)]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(slices), photometric="minisblack")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "one.png").write_bytes(photo)
    (tmp_path / "inrcodec").write_text(COMMAND.format(python=sys.executable))
    (tmp_path / "inrcodec").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name, page in zip(NAMES, PAGES, strict=True)
        for number in range(len(scripts(page)))
    ],
)
def test_python_runs(name: str, number: int, place: Path) -> None:
    script = scripts(ROOT / name)[number]
    for module in re.findall(r"^(?:import|from) (\w+)", script, re.MULTILINE):
        pytest.importorskip(module)
    (place / "script.py").write_text(script)
    runpy.run_path(str(place / "script.py"), run_name="__main__")


def test_python_that_is_not_run_says_why_and_is_python() -> None:
    for page in PAGES:
        for block in PYTHON.findall(page.read_text("utf-8")):
            compile(block, page.name, "exec")
            if block.startswith(NOT_RUN):
                assert len(block.splitlines()[0]) > len(NOT_RUN) + 5


@pytest.mark.parametrize(
    ("name", "line"),
    [(name, line) for name, page in zip(NAMES, PAGES, strict=True) for line in commands(page)],
)
def test_commands_have_these_options(name: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    known = options(cli.commands[words[0]])
    for word in words[1:]:
        if word.startswith("-") and word != "-":
            assert word.split("=")[0] in known


def options(command: click.Command) -> set[str]:
    """All spellings of a command's options, -h of all aside."""
    given = [each for each in command.params if isinstance(each, click.Option)]
    return {opt for each in given for opt in (*each.opts, *each.secondary_opts)}


def test_commands_are_on_the_page_with_all_options() -> None:
    """Of all commands, but for the options of the coordinate networks, which have their own."""
    text = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    usages = re.split(r"^    inrcodec ", text, flags=re.MULTILINE)[1:]
    of_networks = (ROOT / "docs/howto/coordinate.md").read_text("utf-8")
    assert {usage.split()[0] for usage in usages} >= set(cli.commands)
    for name, command in cli.commands.items():
        usage = "".join(each.split("\n\n")[0] for each in usages if each.split()[0] == name)
        told = set(re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", usage))
        assert told <= options(command)
        for option in command.params:
            if isinstance(option, click.Option) and not told & {*option.opts}:
                assert option.opts[0] in of_networks, (name, option.opts)


def test_the_api_has_all_public_names() -> None:
    text = (ROOT / "docs/reference/api.md").read_text("utf-8")
    assert sorted(re.findall(r"^::: inrcodec\.(?:\w+\.)?(\w+)$", text, re.MULTILINE)) == sorted(
        inrcodec.__all__
    )


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files(name: str) -> None:
    """mkdocs looks after the anchors, and all links of the site, as it builds (make docs)."""
    page = ROOT / name
    for target in re.findall(r"\]\(((?![a-z]+:)[^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).is_file(), target
