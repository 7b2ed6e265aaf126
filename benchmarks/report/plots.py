"""The figures as pictures: SVG that can be read in light and in dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

from benchmarks.measure.results import Results
from benchmarks.peers import BARE
from benchmarks.report import figures

_INK: Final = "#010203"
"""Stands for the colour of text, which becomes that of the page's scheme."""
_STYLE: Final = (
    "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
)
_OURS: Final = "#2f81f7"
_BASELINES: Final = "#8b949e"
_OTHERS: Final = "#d29922"
_COLOURS: Final = ("#2f81f7", "#d29922", "#3fb950", "#db61a2", "#a371f7", "#f85149", "#8b949e")
_DRAWN: Final = (
    "callscope-none-c",
    "callscope-values-c",
    "callscope-values-python",
    "functools.wraps",
    "viztracer",
    "opentelemetry",
    "eliot",
)
"""In pictures of growth, where all would be too many."""


def draw(results: Results, folder: Path) -> list[Path]:
    """Write the pictures for which there are figures; return their paths."""
    pictures = {
        "benchmarks-calls.svg": _bars(results),
        "benchmarks-depth.svg": _growth(
            _by_size(results, "deep"), "classes in a chain of super()", "ns added to a call of all"
        ),
        "benchmarks-weaving.svg": _growth(
            _weaves(results), "classes of the hierarchy", "ms to start and stop"
        ),
    }
    written = []
    for name, picture in pictures.items():
        if picture is not None:
            written.append(folder / name)
            written[-1].write_text(picture, encoding="utf-8")
    return written


def _bars(results: Results) -> str | None:
    """Draw what a call costs in the four-call example."""
    costs = {
        peer: cost.added_ns
        for peer, cost in figures.call_costs(results, "seed", 1).items()
        if peer != BARE and not cost.is_noise and cost.added_ns.median > 0
    }
    if not costs:
        return None
    peers = sorted(costs, key=lambda peer: costs[peer].median, reverse=True)
    values = [costs[peer].median for peer in peers]
    with _figure(height=0.6 + 0.28 * len(peers)) as axes:
        errors = [costs[peer].mad for peer in peers]
        axes.barh(peers, values, color=[_colour(results, peer) for peer in peers], height=0.7)
        axes.errorbar(values, peers, xerr=errors, fmt="none", ecolor=_INK, elinewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlim(10 ** math.floor(math.log10(min(values))), max(values) * 4)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        for index, (value, error) in enumerate(zip(values, errors, strict=True)):
            end = value + error, index
            axes.annotate(f"{value:,.0f}", end, (4, 0), textcoords="offset points", va="center")
        axes.set_xlabel("nanoseconds added to a call of the four-call example (logarithmic)")
        axes.grid(axis="x", alpha=0.25, color=_INK)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        keys = {"callscope": _OURS, "other tracers": _OTHERS, "record nothing": _BASELINES}
        patches = [mpl.patches.Patch(color=colour, label=key) for key, colour in keys.items()]
        axes.legend(handles=patches, frameon=False, loc="upper right", labelcolor=_INK)
        return _svg(axes)


def _colour(results: Results, peer: str) -> str:
    if not results.peers[peer]["records"]:
        return _BASELINES
    return _OURS if peer.startswith("callscope-") else _OTHERS


def _by_size(results: Results, workload: str) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for size in figures.sizes(results, workload):
        for peer, cost in figures.call_costs(results, workload, size).items():
            if cost.added_ns.median > 0:
                found.setdefault(peer, {})[size] = cost.added_ns.median * size
    return found


def _weaves(results: Results) -> dict[str, dict[int, float]]:
    return {
        peer: {size: first.median for size, (first, _) in found.items() if first.median > 0}
        for peer, found in figures.weaves(results).items()
    }


def _growth(found: Mapping[str, Mapping[int, float]], x: str, y: str) -> str | None:
    """Draw lines with logarithms on both axes, where a slope of 1 is in proportion."""
    drawn = [peer for peer in _DRAWN if len(found.get(peer, ())) > 1]
    if not drawn:
        return None
    with _figure(height=4.2) as axes:
        for colour, peer in zip(_COLOURS, drawn, strict=False):
            points = found[peer]
            exponent = figures.fit(list(points), list(points.values())).exponent
            label = peer if exponent is None else f"{peer} (slope {exponent:.2f})"
            axes.plot(list(points), list(points.values()), "o-", color=colour, label=label, ms=4)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sorted({size for peer in drawn for size in found[peer]}))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(alpha=0.25, color=_INK)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), labelcolor=_INK)
        return _svg(axes)


@contextmanager
def _figure(height: float) -> Iterator[Any]:
    style = {
        "font.family": "sans-serif",
        "font.size": 10,
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "callscope",  # the same figures give the same file
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    with mpl.rc_context(style):
        picture, axes = plt.subplots(figsize=(8, height))
        try:
            yield axes
        finally:
            plt.close(picture)


def _svg(axes: Any) -> str:
    written = io.StringIO()
    axes.figure.savefig(
        written,
        format="svg",
        transparent=True,
        bbox_inches="tight",
        metadata={"Date": None, "Creator": None},
    )
    text = written.getvalue().replace(_INK, "currentColor")
    text = re.sub(r"(<svg\b[^>]*>)", lambda opening: opening[1] + _STYLE, text, count=1)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
