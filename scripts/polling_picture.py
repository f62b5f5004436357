"""Draw docs/polling.svg and print the table of docs/polling.md: ``python -m scripts.polling_picture`` (a minute).

Both come from the simulation that the tests use; everything is seeded, so that they change only when polling does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from math import exp, log, pi, sqrt
from pathlib import Path

from retouch.provider.polling.histogram import BINS, EDGES_MS, weight
from tests.unit.provider.polling.baselines import Rule, best_backoff, best_fixed
from tests.unit.provider.polling.simulation import (
    DISTRIBUTIONS,
    LAG_S,
    WARM_UP,
    Draw,
    Figures,
    Learner,
    Seen,
    lognormal,
    run,
)

PICTURE = Path(__file__).parents[1] / "docs/polling.svg"
SEEDS = range(301, 307)  # none that the constants of retouch.provider.polling were chosen with, nor the tests'
EDITS = 1500
SHIFTS = {"three times slower": 3.0, "three times faster": 1 / 3}

WIDTH, LEFT, RIGHT = 900, 150, 640  # pixels; the plot lies between LEFT and RIGHT, figures to the right of it
HILL, LANE = 130, 30  # heights of a histogram, and of one way's polls
LONGEST_S = 20.0
INK, FAINT, BARS = "#333", "#777", "#c9d7e3"
COLOURS = ("#0072b2", "#d55e00", "#b07c00")  # told apart by colour-blind eyes (Okabe and Ito)


@dataclass(frozen=True)
class Row:
    """One distribution: its edits' times, the last learner, and the figures of the three ways."""

    name: str
    times_s: list[float]
    learner: Learner
    figures: tuple[Figures, Figures, Figures]
    rules: tuple[Rule, Rule]


def simulate(name: str, draw: Callable[[random.Random, int], float]) -> Row:
    """Let learners see edits, and find the best rules for the very same ones at the lag that they reached."""
    times_s: list[float] = []
    seen: list[Seen] = []
    for seed in SEEDS:
        chance, learner = random.Random(seed), Learner()
        drawn = [draw(chance, edit) for edit in range(EDITS)]
        seen += run(learner, drawn)[WARM_UP:]
        times_s += drawn[WARM_UP:]
    learned = Figures.of(seen)
    fixed, of_fixed = best_fixed(times_s, learned.lag_s)
    backoff, of_backoff = best_backoff(times_s, learned.lag_s)
    return Row(name, times_s, learner, (learned, of_fixed, of_backoff), (fixed, backoff))


def shifting(factor: float) -> Callable[[random.Random, int], float]:
    """Narrow times that are multiplied half way."""
    draw = lognormal(6, 0.2)
    return lambda chance, edit: draw(chance) * (1 if edit < EDITS // 2 else factor)


def steady(draw: Draw) -> Callable[[random.Random, int], float]:
    """Times that stay as they are."""
    return lambda chance, _: draw(chance)


def table(rows: Iterable[Row]) -> str:
    """The figures in Markdown."""
    lines = [
        "| time from submit to result | 95 % seen within | learned | best fixed interval | best backoff |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        learned, *others = row.figures
        compared = [f"{other.polls:.2f} ({learned.polls / other.polls - 1:+.1%})" for other in others]
        lines.append(f"| {row.name} | {learned.lag_s:.2f} s | {learned.polls:.2f} | {' | '.join(compared)} |")
    return "\n".join(lines)


def x_of(age_s: float) -> float:
    """Where an age lies in the picture."""
    return LEFT + (RIGHT - LEFT) * age_s / LONGEST_S


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK, size: int = 13) -> str:
    """Words in the picture."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, opacity: float = 1) -> str:
    """A straight line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity:.2f}"/>'


def hill(row: Row, density: Callable[[float], float], base: float) -> list[str]:
    """What was learned as bars, and the truth as a line."""
    steps = [LONGEST_S * step / 400 for step in range(1, 401)]
    scale = HILL / max(map(density, steps))
    total = weight(row.learner.histogram)
    parts = []
    for number in range(BINS):
        begin_s, end_s = EDGES_MS[number] / 1000, min(EDGES_MS[number + 1] / 1000, LONGEST_S)
        if begin_s < LONGEST_S:
            share = row.learner.histogram.get(number, 0.0) / total
            height = scale * share / (EDGES_MS[number + 1] - EDGES_MS[number]) * 1000
            box = f'x="{x_of(begin_s):.1f}" y="{base - height:.1f}" width="{x_of(end_s) - x_of(begin_s):.1f}"'
            parts.append(f'<rect {box} height="{height:.1f}" fill="{BARS}" stroke="#fff" stroke-width="0.5"/>')
    points = " ".join(f"{x_of(age_s):.1f},{base - scale * density(age_s):.1f}" for age_s in steps)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{FAINT}" stroke-width="1.2"/>')
    return parts


def lane(ages_s: Iterable[float], times_s: list[float], top: float, colour: str) -> list[str]:
    """A way's polls, each as dark as the share of edits that still run then and so are polled."""
    parts = [line(x_of(0), top + LANE - 6, x_of(LONGEST_S), top + LANE - 6, colour, 0.5, 0.5)]
    for age_s in takewhile(lambda age_s: age_s <= LONGEST_S, ages_s):
        running = sum(time_s > age_s - LAG_S / 2 for time_s in times_s) / len(times_s)
        parts.append(line(x_of(age_s), top + 4, x_of(age_s), top + LANE - 6, colour, 3, 0.12 + 0.88 * running))
    return parts


def panel(row: Row, title: str, density: Callable[[float], float], top: float) -> list[str]:
    """One distribution: a hill, and under it the polls of the three ways."""
    base = top + HILL + 30
    parts = [text(LEFT, top + 14, title, size=15), *hill(row, density, base)]
    parts += [line(x_of(0), base, x_of(LONGEST_S), base, INK)]
    for age_s in range(0, int(LONGEST_S) + 1, 2):
        parts += [
            line(x_of(age_s), base, x_of(age_s), base + 4, INK),
            text(x_of(age_s), base + 17, f"{age_s}", "middle"),
        ]
    parts.append(text(RIGHT + 30, base + 17, "seconds since the submit", colour=FAINT))
    plan = row.learner.plan
    ways = [plan.ages_s if plan else (), *(rule.ages_s() for rule in row.rules)]
    names = ("learned", "best fixed interval", "best backoff")
    for number, (name, ages_s, colour) in enumerate(zip(names, ways, COLOURS, strict=True)):
        y = base + 28 + number * LANE
        parts += [text(LEFT - 12, y + 19, name, "end", colour), *lane(ages_s, row.times_s[:1000], y, colour)]
        figures = row.figures[number]
        words = f"{figures.polls:.1f} polls an edit, 95 % within {figures.lag_s:.2f} s"
        parts.append(text(RIGHT + 12, y + 19, words, colour=colour))
    return parts


def gauss_of_log(age_s: float, median_s: float, sigma: float) -> float:
    """The density of a lognormal distribution."""
    return exp(-((log(age_s / median_s) / sigma) ** 2) / 2) / (age_s * sigma * sqrt(2 * pi))


def picture(narrow: Row, twofold: Row) -> str:
    """The whole picture, as SVG."""
    height = 2 * (HILL + 3 * LANE + 90) + 16
    parts = panel(narrow, "Narrow: about 6 s", lambda age_s: gauss_of_log(age_s, 6, 0.2), 16)
    parts += panel(
        twofold,
        "Bimodal: seven of ten edits take 3 s, three take 15 s",
        lambda age_s: 0.7 * gauss_of_log(age_s, 3, 0.05) + 0.3 * gauss_of_log(age_s, 15, 0.05),
        16 + height / 2,
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>", ""])


def main() -> None:
    """Simulate, draw and print."""
    rows = [simulate(name, steady(draw)) for name, draw in DISTRIBUTIONS.items()]
    rows += [simulate(f"narrow, then {words}", shifting(factor)) for words, factor in SHIFTS.items()]
    PICTURE.write_text(picture(rows[0], rows[1]))
    print(table(rows))


if __name__ == "__main__":
    main()
