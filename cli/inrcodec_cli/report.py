"""The page of `inrcodec bench --html`: one file that asks for no other, with or without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .charts import rates_svg
from .console import label, printable
from .machine import machine
from .measurement import total
from .rates import rates_of
from .shown import SIDE, small_heat, small_picture

_FIGURES = (
    ("image", "image"),
    ("pixels", "pixels"),
    ("kind", "samples"),
    ("png_bytes", "PNG as given"),
    ("png9_bytes", "PNG -9"),
    ("peers", ""),
    ("effort", "effort"),
    ("linr_bytes", ".linr"),
    ("change", "against PNG -9"),
    ("no_history_bytes", "without history"),
    ("bpsp", "bits per sample"),
    ("encode_seconds", "encode s"),
    ("encode_mp_per_s", "MP/s"),
    ("decode_seconds", "decode s"),
    ("decode_mp_per_s", "MP/s"),
    ("history", "history"),
)


@dataclass(frozen=True)
class _Entry:
    """An image of the page: its rows of results, one for each effort, and its pictures."""

    rows: list[dict[str, Any]]
    pictures: str

    @property
    def history(self) -> str:
        return next((row["history"] for row in self.rows if row["history"]), "")


@dataclass(frozen=True)
class _Size:
    """What a codec makes of an image, or of several; None where there is no such number."""

    name: str
    size: int | None
    encode: float | None = None
    decode: float | None = None
    note: str = ""
    kind: str = "peer"


class Report:
    """Images and their results, put together as a page once they are all there."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(
        self, image: np.ndarray, rows: list[dict[str, Any]], packed: bytes, threads: int | None
    ) -> None:
        """Add an image with its rows of results. packed: the file of the last of them, of which
        the page shows where the bits go."""
        self._entries.append(_Entry(rows, "".join(_pictures(image, rows[-1], packed, threads))))

    def page(self, command: str, failures: Sequence[tuple[str, str]]) -> bytes:
        """The page in UTF-8. command: what was run; failures: names of files and what is wrong."""
        style, script = (
            Path(__file__).with_name(name).read_text("utf-8")
            for name in ("report.css", "report.js")
        )
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
            f" script-src 'sha256-{digest}'"
        )
        parts = [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>inrcodec bench: {self._number}</title>",
            f"<style>{style}</style></head><body>\n",
            *self._head(failures),
            *self._groups(),
            *self._cards(),
            *self._figures(),
            *_notes(command),
            f"<script>{script}</script></body></html>\n",
        ]
        return "".join(parts).encode("utf-8")

    @property
    def _number(self) -> str:
        return _count(len(self._entries), "image")

    def _head(self, failures: Sequence[tuple[str, str]]) -> Iterator[str]:
        millions = sum(entry.rows[0]["pixels"] for entry in self._entries) / 1e6
        past = sum(bool(entry.history) for entry in self._entries)
        yield (
            f'<header><h1>inrcodec bench</h1><p class="quiet">{self._number},'
            f" {millions:,.2f} megapixels; a history was found in {past}. Each came back exactly."
            "</p></header>\n<main>"
        )
        if failures:
            items = "".join(f"<li>{_text(name)}: {_text(why)}</li>" for name, why in failures)
            yield f'<section class="failed"><h2>Failed</h2><ul>{items}</ul></section>\n'

    def _groups(self) -> Iterator[str]:
        """The totals: images with a history are reported apart from those without."""
        plain = [entry for entry in self._entries if not entry.history]
        past = [entry for entry in self._entries if entry.history]
        yield from _group("without-history", "Images without a history", "", plain)
        yield from _group(
            "with-history",
            "Images with a history",
            "inrcodec found what they were made from and codes that; the other codecs are not told"
            " of it. The rows &ldquo;without history&rdquo; are the same images encoded with"
            " <code>--no-history</code>.",
            past,
        )

    def _cards(self) -> Iterator[str]:
        if self._entries:
            yield '<section id="images"><h2>Image by image</h2>\n'
            for entry in self._entries:
                yield from _card(entry)
            yield "</section>\n"

    def _figures(self) -> Iterator[str]:
        """All figures as a table, each with its number as it is in --json."""
        if not self._entries:
            return
        peers = list(self._entries[0].rows[0]["peers"])
        columns: list[tuple[str, str]] = []
        for field, title in _FIGURES:
            columns += [(name, name) for name in peers] if field == "peers" else [(field, title)]
        heads = "".join(f'<th scope="col">{_text(title)}</th>' for _, title in columns)
        yield (
            '<section id="figures"><h2>All figures</h2><p class="quiet">Sizes are bytes; MP/s are'
            ' millions of pixels a second.</p><div class="scroll figures" tabindex="0">'
            f"<table><thead><tr>{heads}</tr></thead><tbody>\n"
        )
        for entry in self._entries:
            for row in entry.rows:
                cells = [_cell(row, field) for field, _ in columns]
                yield f"<tr>{''.join(cells)}</tr>\n"
        yield "</tbody></table></div></section>\n"


def _pictures(
    image: np.ndarray, row: dict[str, Any], packed: bytes, threads: int | None
) -> Iterator[str]:
    """An image and where its bits go, as figures of the page."""
    from inrcodec.info import survey

    facts, _, bits = survey(packed, threads=threads)
    height, width = image.shape[:2]
    alpha = "alpha" if row["channels"] in (2, 4) else "opaque"
    size = "tiny" if max(height, width) < SIDE // 2 else "large"
    shape = f'width="{width}" height="{height}" loading="lazy"'
    uri, note = small_picture(image)
    name = _text(label(row["image"]))
    yield (
        f'<figure><img class="{size} {alpha}" {shape} alt="{name}" src="{uri}">'
        f"<figcaption>{width} &times; {height}, {row['channels']} &times; {row['bits']} bit{note}"
        "</figcaption></figure>"
    )
    if bits is None:
        what = f"{facts['mode']}, not coded in bit planes"
        yield f'<figure class="none quiet">No map of bits: the file is {what}.</figure>'
        return
    uri, top = small_heat(bits)
    yield (
        f'<figure><img class="{size}" {shape} alt="where the bits of {name} go" src="{uri}">'
        f"<figcaption>bits per pixel at effort {row['effort']}, {bits.mean():.2f} on average"
        f'<span class="ramp">0<i></i>{top:.3g}</span></figcaption></figure>'
    )


def _group(ident: str, title: str, told: str, entries: list[_Entry]) -> Iterator[str]:
    """The totals of some images: in large letters, in a table, and as charts."""
    if not entries:
        return
    efforts = zip(*(entry.rows for entry in entries), strict=True)
    totals = [total(rows) for rows in efforts]
    last, rates = totals[-1], rates_of(totals)
    yield (
        f'<section id="{ident}"><h2>{title}</h2><p class="quiet">'
        f"{_count(len(entries), 'image')}, {last['pixels'] / 1e6:,.2f} megapixels. {told}</p>"
        f'<div class="tiles">{"".join(_tiles(last))}</div>'
    )
    yield from _sizes(totals, bool(entries[0].history))
    yield '<div class="charts">'
    for work in ("encode", "decode"):
        yield f'<figure class="chart">{rates_svg(rates, work)}</figure>'
    yield "</div></section>\n"


def _tiles(sums: dict[str, Any]) -> Iterator[str]:
    effort = f"at effort {sums['effort']}"
    yield _tile(_change(sums["linr_bytes"], sums["png9_bytes"]), f"bytes against PNG -9, {effort}")
    best = [
        (peer["bytes"], name) for name, peer in sums["peers"].items() if peer["bytes"] is not None
    ]
    if best:
        size, name = min(best)
        yield _tile(_change(sums["linr_bytes"], size), f"bytes against {name}, {effort}")
    yield _tile(f"{sums['bpsp']:.3f}", f"bits per sample, {effort}")
    for work in ("encode", "decode"):
        yield _tile(f"{sums[f'{work}_mp_per_s']:.3g} MP/s", f"to {work}, {effort}")


def _tile(figure: str, what: str) -> str:
    return f'<div class="tile"><b>{figure}</b><span class="quiet">{_text(what)}</span></div>'


def _card(entry: _Entry) -> Iterator[str]:
    row = entry.rows[0]
    history = f'<span class="history">{_text(entry.history)}</span>' if entry.history else ""
    yield (
        f'<article class="card"><header><h3>{_text(label(row["image"]))}</h3>{history}</header>'
        f"{entry.pictures}"
    )
    yield from _sizes(entry.rows, bool(entry.history))
    yield "</article>\n"


def _sizes_of(rows: Sequence[dict[str, Any]], history: bool) -> list[_Size]:
    """The codecs' figures of an image, or of totals, of which there is a row for each effort.

    history: whether there is one, so that the size without it is another."""
    first = rows[0]
    sizes = [_Size("PNG as given", first["png_bytes"])] if first["png_bytes"] is not None else []
    sizes.append(
        _Size(
            "PNG -9",
            first["png9_bytes"],
            first["png9_encode_seconds"],
            first["png9_decode_seconds"],
        )
    )
    for name, peer in first["peers"].items():
        times = peer.get("encode_seconds"), peer.get("decode_seconds")
        sizes.append(_Size(name, peer.get("bytes"), *times, note=peer.get("note", "not all taken")))
    for row in rows:
        name = f"inrcodec -e {row['effort']}"
        times = row["encode_seconds"], row["decode_seconds"]
        sizes.append(_Size(name, row["linr_bytes"], *times, kind="ours"))
        if history:
            name = "without history"
            sizes.append(_Size(name, row["no_history_bytes"], kind="ours plain"))
    return sizes


def _sizes(rows: Sequence[dict[str, Any]], history: bool) -> Iterator[str]:
    """A table of codecs with bars as long as their files are. rows, history: as in _sizes_of."""
    sizes, yardstick = _sizes_of(rows, history), rows[0]["png9_bytes"]
    longest = max(each.size or 0 for each in sizes)
    yield (
        '<div class="scroll"><table><thead><tr><th scope="col">codec</th><th></th>'
        '<th scope="col">bytes</th><th scope="col">vs PNG -9</th>'
        '<th scope="col">encode s</th><th scope="col">decode s</th></tr></thead><tbody>'
    )
    for each in sizes:
        yield f'<tr class="{each.kind}"><th scope="row">{_text(each.name)}</th>'
        if each.size is None:
            yield f'<td class="quiet" colspan="5">{_text(each.note)}</td></tr>'
            continue
        less = ' class="less"' if each.size < yardstick else ""
        yield (
            f'<td class="bar"><span style="width:{100 * each.size / longest:.1f}%"></span></td>'
            f"<td>{each.size:,}</td><td{less}>{_change(each.size, yardstick)}</td>"
            f"<td>{_seconds(each.encode)}</td><td>{_seconds(each.decode)}</td></tr>"
        )
    yield "</tbody></table></div>\n"


def _cell(row: dict[str, Any], field: str) -> str:
    """A cell of the table of all figures, with its number as the value to sort by."""
    if field == "image":
        name = _text(label(row["image"]))
        return f'<th scope="row" data-value="{name}" title="{name}">{name}</th>'
    if field == "history":
        return f'<td data-value="{_text(row["history"])}">{_text(row["history"])}</td>'
    if field == "kind":
        return f'<td data-value="{row["bits"]}">{row["channels"]} &times; {row["bits"]} bit</td>'
    if field == "change":
        change = row["linr_bytes"] / row["png9_bytes"] - 1
        return f'<td data-value="{change}">{_change(row["linr_bytes"], row["png9_bytes"])}</td>'
    value = row[field] if field in row else row["peers"][field].get("bytes")
    if value is None:
        return '<td data-value="">&ndash;</td>'
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f'<td data-value="{value}">{shown}</td>'


def _notes(command: str) -> Iterator[str]:
    """How it was measured, and on what."""
    facts = "".join(f"<dt>{name}</dt><dd>{_text(what)}</dd>" for name, what in machine())
    yield (
        '</main><footer><h2>How this was measured</h2><p class="quiet">Times are of one call each,'
        " in one process, after a smaller picture has loaded what a codec needs. Every file was"
        " decoded and compared, sample by sample. PNG -9 is the file that OpenCV writes at level 9."
        " A size is that of the whole file, of the picture without metadata. In the maps, the"
        " brighter a pixel, the more bits it took. In the charts, left and low is good; the dashed"
        " line joins the codecs of which no other is both smaller and faster.</p>"
        f"<dl><dt>command</dt><dd><code>{_text(command)}</code></dd>{facts}</dl></footer>"
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _change(size: int, to: int) -> str:
    """The change in percent, in HTML, where a minus sign is as wide as a plus."""
    return f"{size / to - 1:+.1%}".replace("-", "&minus;")


def _seconds(number: float | None) -> str:
    return "" if number is None else f"{number:.3g}"
