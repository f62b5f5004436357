"""Draw a report: ``python drawing.py PNG`` reads its JSON from stdin. Needs matplotlib, and nothing of this project."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: there is no screen
from matplotlib import pyplot as plt
from PIL import Image  # matplotlib brings it

# Okabe and Ito's colours, which people tell apart however they see them.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
COLOURS = {"retouch": BLUE, "floor": GREY}
INK = "#333333"


def main() -> None:
    """Draw every panel that was measured."""
    report = json.load(sys.stdin)
    panels = [panel for panel, row in PANELS if report[row]]
    columns = min(3, len(panels)) or 1
    lines = -(-len(panels) // columns) or 1
    figure, axes = plt.subplots(lines, columns, figsize=(4.6 * columns, 3.3 * lines), squeeze=False)
    spaces = list(axes.flat)
    for panel, axis in zip(panels, spaces, strict=False):
        panel(axis, report)
    for axis in spaces[len(panels) :]:
        axis.set_axis_off()
    machine = report["machine"]
    named = f"{machine.get('cpu', '?')}, {machine.get('memory', '?')}; Python {machine.get('python', '?')}"
    figure.text(0.01, 0.005, named, fontsize=7, color=INK)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    _save(figure, sys.argv[1])


def _save(figure: Any, path: str) -> None:
    """Write a PNG with a palette: a few colours are enough for bars, at a third of the size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150)
    Image.open(drawn).convert("RGB").quantize(64).save(path, format="PNG", optimize=True)


def _bars(axis: Any, title: str, values: Mapping[str, float], form: str = "{:,.2f}") -> None:
    """One bar a version, with its figure at the end."""
    names = list(values)
    bars = axis.barh(names, list(values.values()), color=[COLOURS.get(name, ORANGE) for name in names], height=0.7)
    axis.bar_label(bars, [form.format(value) for value in values.values()], padding=3, fontsize=8, color=INK)
    axis.set_xlim(0, 1.18 * max(values.values()))
    axis.invert_yaxis()
    _dress(axis, title)


def _dress(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize=10, loc="left", color=INK)
    axis.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _cpu(axis: Any, report: Mapping[str, Any]) -> None:
    _bars(axis, "CPU ms an edit (less is better)", {n: v["cpu_ms"] for n, v in report["versions"].items()})


def _finished(axis: Any, report: Mapping[str, Any]) -> None:
    rates = {name: version["edits_per_s"] for name, version in report["versions"].items()}
    _bars(axis, "edits finished/s (more is better)", rates, "{:,.0f}")


def _growth(axis: Any, report: Mapping[str, Any]) -> None:
    sizes = [growth["edits"] for growth in report["growth"]]
    for name, key, colour, mark in (("worker", "cpu_ms", BLUE, "o"), ("Valkey", "valkey_cpu_ms", VERMILION, "s")):
        axis.plot(sizes, [growth[key] for growth in report["growth"]], color=colour, marker=mark, label=name)
    axis.set_xscale("log")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel("edits in the batch", fontsize=8, color=INK)
    axis.legend(fontsize=8, frameon=False)
    _dress(axis, "Retouch: CPU ms an edit by size of the batch")


def _makespan(axis: Any, report: Mapping[str, Any]) -> None:
    _bars(axis, "makespan / ideal (1 is best)", {n: p["of_ideal"] for n, p in report["makespan"].items()})
    axis.axvline(1, color=INK, linewidth=1, linestyle=":")


def _lag(axis: Any, report: Mapping[str, Any]) -> None:
    names = list(report["makespan"])
    for offset, key, label, colour in ((-0.2, "lag_p50_s", "p50", GREEN), (0.2, "lag_p95_s", "p95", VERMILION)):
        values = [report["makespan"][name][key] for name in names]
        bars = axis.barh([n + offset for n in range(len(names))], values, height=0.36, color=colour, label=label)
        axis.bar_label(bars, [f"{value:,.2f}" for value in values], padding=3, fontsize=8, color=INK)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlim(0, 1.18 * max(p["lag_p95_s"] for p in report["makespan"].values()))
    axis.invert_yaxis()
    axis.legend(fontsize=8, frameon=False, loc="lower right")
    _dress(axis, "s from result ready to image in S3")


def _waiting(axis: Any, report: Mapping[str, Any]) -> None:
    waits: dict[str, Any] = report["waiting"]
    names = list(waits)
    besides = [60 * waits[name]["besides"] for name in names]
    polls = [60 * waits[name]["many"]["cores"] - least for name, least in zip(names, besides, strict=True)]
    _stack(axis, names, (("polls", polls, GREY), ("besides", besides, VERMILION)))
    totals = [one + other for one, other in zip(polls, besides, strict=True)]
    for place, (name, total) in enumerate(zip(names, totals, strict=True)):
        label = f" {total:,.1f} s, {waits[name]['more_mib']:+,.0f} MiB"
        axis.text(total, place, label, va="center", fontsize=8, color=INK)
    axis.set_xlim(0, 1.6 * max(*totals, 0.01))
    many = next(iter(waits.values()))["many"]["edits"]
    _dress(axis, f"{many:,} edits waiting: CPU s a minute, more memory")


def _stack(axis: Any, names: Sequence[str], parts: Sequence[tuple[str, Sequence[float], str]]) -> None:
    left = [0.0] * len(names)
    for label, values, colour in parts:
        axis.barh(names, values, left=left, color=colour, label=label, height=0.6)
        left = [start + value for start, value in zip(left, values, strict=True)]
    axis.invert_yaxis()
    axis.legend(fontsize=8, frameon=False, loc="lower right")


Panel = Callable[[Any, Mapping[str, Any]], None]
PANELS: tuple[tuple[Panel, str], ...] = (
    (_cpu, "versions"),
    (_finished, "versions"),
    (_growth, "growth"),
    (_makespan, "makespan"),
    (_lag, "makespan"),
    (_waiting, "waiting"),
)

if __name__ == "__main__":
    main()
