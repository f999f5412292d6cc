"""Pictures of sizes, times and files: the one room with matplotlib, an extra (inrcodec[plot])."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inrcodec.errors import LinrError

from .files import write_output
from .rates import Rate, pareto_front, spaced
from .shown import displayable, heat_top

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENSIONS = (".png", ".svg", ".pdf")
_DPI = 100
_OURS, _PEERS = "tab:red", "tab:blue"
# One colour for each channel, whatever the position it is coded in.
_COLOURS = {
    "R": "tab:red",
    "G": "tab:green",
    "B": "tab:blue",
    "A": "silver",
    "Y": "dimgray",
    "Cb": "tab:cyan",
    "Cr": "tab:pink",
}


def need_matplotlib() -> None:
    """Raise LinrError now, rather than after minutes of work, if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise LinrError("pictures need matplotlib: pip install 'inrcodec[plot]'")


def plot_rates(path: str, title: str, rates: Sequence[Rate], force: bool) -> None:
    """Write a chart of size against the time to encode and to decode, with the Pareto fronts.

    path: its extension, one of EXTENSIONS, says what is written; a file that exists is kept
    without `force`. Raises LinrError where the file cannot be written.
    """
    figure = _figure(12, 5)
    axes = figure.subplots(1, 2, sharey=True)
    for plot, work in zip(axes, ("encode", "decode"), strict=True):
        _draw_rates(plot, rates, [getattr(rate, work) for rate in rates])
        plot.set_xlabel(f"seconds to {work} a million pixels")
    axes[0].set_ylabel("bits per sample")
    figure.suptitle(title, parse_math=False)
    _save(figure, path, force)


def plot_file(
    path: str,
    title: str,
    image: np.ndarray,
    bits: np.ndarray,
    planes: Sequence[dict[str, Any]],
    force: bool,
) -> None:
    """Write a picture of a file: its image, where in it the bits go, and in which planes.

    image: uint8 or uint16, (H, W) or (H, W, C). bits: float64 (H, W), bits per pixel. planes: as
    in inrcodec.info. path, force and errors: as plot_rates'.
    """
    height, width = bits.shape
    # a dot for each pixel, as long as that gives a figure of a handy size
    across, down = (min(max(side / _DPI, 3.5), 14) for side in (width, height))
    figure = _figure(2 * across + 2, down + 4)
    grid = figure.add_gridspec(2, 2, height_ratios=(down, 3))
    shown = figure.add_subplot(grid[0, 0])
    picture, note = displayable(image)
    shown.imshow(picture, cmap="gray", vmin=0, vmax=1)
    shown.set_title(f"decoded image{note}")
    heat = figure.add_subplot(grid[0, 1], sharex=shown, sharey=shown)
    drawn = heat.imshow(bits, cmap="inferno", vmin=0, vmax=heat_top(bits))
    heat.set_title(f"bits per pixel, {bits.mean():.3f} on average")
    figure.colorbar(drawn, cax=heat.inset_axes((1.02, 0, 0.03, 1)), extend="max")
    _draw_planes(figure.add_subplot(grid[1, :]), planes)
    figure.suptitle(title, parse_math=False)
    _save(figure, path, force)


def _draw_rates(plot: Axes, rates: Sequence[Rate], seconds: list[float]) -> None:
    points = [(time, rate.bpsp) for time, rate in zip(seconds, rates, strict=True)]
    plot.step(*zip(*pareto_front(points), strict=True), where="post", color="lightgray", zorder=0)
    for rate, point, rise in zip(rates, points, _label_rises(rates), strict=True):
        plot.scatter(*point, s=36, color=_OURS if rate.ours else _PEERS)
        plot.annotate(rate.name, point, (7, rise), textcoords="offset points", fontsize=9)
    plot.set_xscale("log")
    plot.xaxis.set_major_formatter("{x:g}")
    plot.margins(0.25, 0.1)  # names are to the right of their points
    plot.grid(True, which="major", alpha=0.3)


def _label_rises(rates: Sequence[Rate]) -> list[float]:
    """How much above their points the names go, so that no two are on one height (1/72 inch)."""
    sizes = [rate.bpsp for rate in rates]
    scale = 250 / ((max(sizes) - min(sizes)) or 1.0)  # the points of a chart take about 250/72 inch
    heights = [size * scale for size in sizes]
    return [low - height for low, height in zip(spaced(heights, 10), heights, strict=True)]


def _draw_planes(plot: Axes, planes: Sequence[dict[str, Any]]) -> None:
    """Bars of bits per pixel, one for each plane, in which the channels are stacked."""
    names = list(dict.fromkeys(plane["channel"] for plane in planes))
    places = sorted({plane["plane"] for plane in planes}, reverse=True)
    below = np.zeros(len(places))
    for name in names:
        rates = {plane["plane"]: plane["bpsp"] for plane in planes if plane["channel"] == name}
        heights = np.array([rates.get(place, 0.0) for place in places])
        label = f"{name}, {heights.sum():.3f} in all"
        plot.bar(range(len(places)), heights, bottom=below, color=_COLOURS[name], label=label)
        below += heights
    plot.set_xticks(range(len(places)), [str(place) for place in places])
    plot.set_xlabel("bit plane")
    plot.set_ylabel("bits per pixel")
    if names:
        plot.legend()


def _figure(width: float, height: float) -> Figure:
    # A Figure by itself draws through Agg; pyplot would look for a display.
    from matplotlib.figure import Figure

    return Figure((width, height), dpi=_DPI, layout="constrained")


def _save(figure: Figure, path: str, force: bool) -> None:
    file = io.BytesIO()
    figure.savefig(file, format=Path(path).suffix[1:].lower())
    write_output(path, file.getvalue(), force)
