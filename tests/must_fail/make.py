"""Makes files that every reader has to refuse, and must_fail.json, which says why of each.

    python -m tests.must_fail.make

makes those that are not there yet: formats 2.0 to 2.2 are frozen, and no file of them is made
anew.
Each is a good file with one fault. Nothing is fitted, so that the files are the same wherever they
are made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.must_fail.faults import Case
from tests.must_fail.of_files import container, header, pictures, stored
from tests.must_fail.of_graphics import graphics
from tests.must_fail.of_jpegs import jpegs
from tests.must_fail.of_models import context, coordinate
from tests.must_fail.of_parts import parts
from tests.must_fail.of_sources import sources, types
from tests.must_fail.of_steps import chroma, conversions, enlargements, ranks, tables

FOLDER = Path(__file__).parent


def cases() -> Iterator[Case]:
    """All files."""
    of_steps = (conversions, chroma, ranks, tables, enlargements)
    for part in (
        container,
        header,
        pictures,
        sources,
        types,
        stored,
        *of_steps,
        context,
        coordinate,
        jpegs,
        parts,
        graphics,
    ):
        yield from part()


def main() -> None:
    reasons: dict[str, list[str]] = json.loads((FOLDER / "must_fail.json").read_text())
    names = set[str]()
    for name, data, error, reason in cases():
        assert name not in names, name
        names.add(name)
        path = FOLDER / f"{name}.linr"
        if not path.exists():
            path.write_bytes(data)
            reasons[path.name] = [error, reason]
    lines = [f"  {json.dumps(name)}: {json.dumps(reasons[name])}" for name in sorted(reasons)]
    (FOLDER / "must_fail.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
