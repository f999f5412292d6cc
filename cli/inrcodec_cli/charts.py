"""Charts of sizes against times as SVG, for a page: its style says what colours they have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .rates import Rate, pareto_front, spaced

_WIDTH, _HEIGHT = 560, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 12, 14, 50
_LINE = 16  # between the names of points


def rates_svg(rates: Sequence[Rate], work: str) -> str:
    """Bits per sample against the seconds to `work`, "encode" or "decode", a million pixels."""
    times, sizes = [getattr(rate, work) for rate in rates], [rate.bpsp for rate in rates]
    axes = _Axes.around(times, sizes)
    title = f"seconds to {work} a million pixels"
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="bits per sample, {title}">',
        *axes.lines(),
        f'<text class="axis" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}"'
        f' text-anchor="middle">{title}</text>',
        f'<text class="axis" transform="translate(14 {(_TOP + _HEIGHT - _BOTTOM) / 2})'
        ' rotate(-90)" text-anchor="middle">bits per sample</text>',
    ]
    corners = pareto_front(list(zip(times, sizes, strict=True)))
    steps = [f"M{axes.x(corners[0][0]):.1f} {axes.y(corners[0][1]):.1f}"]
    steps += [f"H{axes.x(time):.1f}V{axes.y(size):.1f}" for time, size in corners[1:]]
    parts.append(f'<path class="front" d="{"".join(steps)}"/>')
    heights = spaced([-axes.y(size) for size in sizes], _LINE)
    for rate, time, size, height in zip(rates, times, sizes, heights, strict=True):
        x, y = axes.x(time), axes.y(size)
        # names go where there is room
        beside, anchor = (-10, "end") if x > 0.62 * _WIDTH else (10, "start")
        parts.append(
            f'<circle class="{"ours" if rate.ours else "peer"}" cx="{x:.1f}" cy="{y:.1f}" r="5.5">'
            f"<title>{escape(rate.name)}: {size:.3f} bits, {time:.3g} s</title></circle>"
            f'<text x="{x + beside:.1f}" y="{5 - height:.1f}" text-anchor="{anchor}">'
            f"{escape(rate.name)}</text>"
        )
    return "".join((*parts, "</svg>"))


@dataclass(frozen=True)
class _Axes:
    """Times on a logarithmic axis (here are their logarithms to the base 10), and sizes."""

    first: float
    last: float
    low: float
    high: float

    @classmethod
    def around(cls, times: Sequence[float], sizes: Sequence[float]) -> _Axes:
        space = 0.12 * (max(sizes) - min(sizes) or 1.0)
        return cls(
            math.log10(min(times)) - 0.15,
            math.log10(max(times)) + 0.15,
            max(min(sizes) - space, 0.0),
            max(sizes) + space,
        )

    def x(self, time: float) -> float:
        part = (math.log10(time) - self.first) / (self.last - self.first)
        return _LEFT + part * (_WIDTH - _LEFT - _RIGHT)

    def y(self, size: float) -> float:
        part = (self.high - size) / (self.high - self.low)
        return _TOP + part * (_HEIGHT - _TOP - _BOTTOM)

    def lines(self) -> Iterator[str]:
        """The grid and its numbers."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for time in self._times():
            x = f"{self.x(time):.1f}"
            yield f'<path class="grid" d="M{x} {_TOP}V{bottom}"/>'
            yield (
                f'<text class="axis" x="{x}" y="{bottom + 18}" text-anchor="middle">{time:g}</text>'
            )
        step = _round_step((self.high - self.low) / 5)
        for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            y = self.y(i * step)
            yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
            yield (
                f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                f"{i * step:.4g}</text>"
            )

    def _times(self) -> list[float]:
        """The round times within the axis: powers of ten, and with few of them 2 and 5 of each."""
        steps = (1,) if self.last - self.first > 2.5 else (1, 2, 5)
        powers = range(math.floor(self.first), math.ceil(self.last))
        return [
            step * 10.0**power
            for power in powers
            for step in steps
            if self.first <= power + math.log10(step) <= self.last
        ]


def _round_step(least: float) -> float:
    """The first of 1, 2, 5, 10, 20 ... or 0.5, 0.2 ... that is no less than a number.

    >>> _round_step(0.3), _round_step(1.5)
    (0.5, 2.0)
    """
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)
