"""Draw the bundled sample pictures again: ``python scripts/samples/make.py [NAME…]`` (needs Pillow and numpy).

The pictures are drawn, not photographed, so that they carry no one's rights; the seeds make them come out alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from canvas import SIDE, Canvas, cut, ellipse, mix, polygon, rgb
from PIL import Image

HERE = Path(__file__).parent


def sunset_hills() -> Canvas:
    """Hills one behind the other under a low sun."""
    c = Canvas(4)
    c.gradient([(0, "#2b2a5c"), (0.35, "#8a4a7d"), (0.62, "#f08a5d"), (0.8, "#ffd38a"), (1, "#ffe9b8")], 0, 0.72)
    c.clouds("#ffb199", 0.42, 0.55, 0.6)
    c.glow((0.62, 0.52), 0.34, "#ff9a4d", 0.45)
    c.ellipse((0.62, 0.52), (0.065, 0.065), "#fff3c9", blur=0.002)
    c.glow((0.62, 0.52), 0.1, "#ffd27a", 0.5)
    far, near = rgb("#c9788b"), rgb("#1b1830")
    for step in range(6):
        outline = c.ridge(0.6 + step * 0.075, 0.1 + step * 0.012, 3 + step)
        c.polygon(outline, mix(far, near, (step / 5) ** 0.8))
    for x, size in ((0.13, 0.075), (0.21, 0.05), (0.86, 0.09), (0.94, 0.06)):
        _pine(c, x, 0.97, size * 2.6, "#0d0c1a")
    for x, y in ((0.25, 0.24), (0.31, 0.21), (0.36, 0.27), (0.42, 0.23)):
        c.line([(x - 0.018, y - 0.008), (x, y), (x + 0.018, y - 0.01)], "#2a1f3d", 0.004)
    return c


def fruit_bowl() -> Canvas:
    """Apples, an orange, a pear and grapes in a blue bowl."""
    c = Canvas(11)
    c.gradient([(0, "#6d8f8a"), (1, "#a9c2b4")], 0, 0.66)
    c.glow((0.2, 0.15), 0.55, "#fff2d0", 0.3)
    c.gradient([(0, "#a8703f"), (1, "#6e4526")], 0.66, 1)
    grain = c.noise(40, octaves=3, stretch=12)[..., None]
    c.paint(polygon([(0, 0.66), (1, 0.66), (1, 1), (0, 1)]), c.light * (0.75 + 0.5 * grain))
    c.ellipse((0.55, 0.855), (0.3, 0.035), "#2a160a", 0.65, blur=0.016)
    c.polygon([(0.38, 0.8), (0.62, 0.8), (0.64, 0.855), (0.36, 0.855)], "#255d8f")
    c.ellipse((0.5, 0.855), (0.14, 0.012), "#255d8f")
    c.ellipse((0.5, 0.53), (0.33, 0.07), "#173a5e")
    c.ball((0.48, 0.35), (0.105, 0.1), "#a9c53f", 0.5)
    c.line([(0.48, 0.265), (0.5, 0.215)], "#4a3018", 0.009)
    c.paint(ellipse((0.54, 0.225), (0.045, 0.018), -0.3), "#5f9a3c")
    c.ball((0.33, 0.44), (0.115, 0.11), "#d8342c", 0.6)
    c.line([(0.335, 0.345), (0.36, 0.295)], "#4a3018", 0.009)
    c.paint(ellipse((0.4, 0.3), (0.045, 0.018), -0.4), "#5f9a3c")
    c.ball((0.61, 0.42), (0.115, 0.112), "#f29423", 0.45)
    for x, y in ((0.73, 0.42), (0.78, 0.45), (0.7, 0.47), (0.75, 0.49), (0.79, 0.51), (0.71, 0.53), (0.76, 0.55)):
        c.ball((x, y), (0.034, 0.035), "#6d3c8f", 0.7)
    c.ball((0.49, 0.5), (0.095, 0.09), "#e0b53a", 0.5)
    front = cut(ellipse((0.5, 0.53), (0.335, 0.3)), polygon([(0, 0.545), (1, 0.545), (1, 1), (0, 1)]))
    x = np.linspace(0, 1, SIDE)[None, :]
    sheen = np.clip(1.05 - ((x - 0.36) / 0.38) ** 2, 0.25, 1)[..., None]
    c.paint(front, np.array(rgb("#3f86c0")) * np.repeat(sheen, SIDE, axis=0))
    for y, width in ((0.62, 0.318), (0.65, 0.308)):
        arc = [(0.5 + width * cos(a), y + 0.05 * sin(a)) for a in np.linspace(0.02 * pi, 0.98 * pi, 60)]
        c.line(arc, "#eaf3f7", 0.007, 0.75)
    c.line([(0.5 + 0.334 * cos(a), 0.535 + 0.05 * sin(a)) for a in np.linspace(0, pi, 60)], "#d5e8f2", 0.012)
    return c


def house() -> Canvas:
    """A cottage with a red roof on a summer's day."""
    c = Canvas(7)
    c.gradient([(0, "#4f9bd9"), (1, "#cfe9f7")], 0, 0.7)
    c.clouds("#ffffff", 0.5, 0.95, 0.62)
    c.polygon(c.ridge(0.62, 0.1, 3), "#8db77a")
    c.polygon(c.ridge(0.67, 0.06, 4), "#6fa35a")
    c.gradient([(0, "#7cc05a"), (1, "#3f8a3a")], 0.7, 1)
    grass = c.noise(60, octaves=3)[..., None]
    c.paint(polygon([(0, 0.7), (1, 0.7), (1, 1), (0, 1)]), c.light * (0.82 + 0.36 * grass))
    for x, y, size in ((0.12, 0.5, 0.15), (0.9, 0.47, 0.17)):
        _leafy_tree(c, x, y, size)
    c.ellipse((0.52, 0.79), (0.33, 0.025), "#1d4a1f", 0.5, blur=0.012)
    c.polygon([(0.66, 0.25), (0.72, 0.25), (0.72, 0.42), (0.66, 0.42)], "#9a4f3c")
    c.polygon([(0.65, 0.24), (0.73, 0.24), (0.73, 0.265), (0.65, 0.265)], "#7d3d2f")
    for step in range(5):
        c.ellipse((0.7 + 0.03 * step, 0.21 - 0.035 * step), (0.02 + 0.009 * step,) * 2, "#ffffff", 0.5, blur=0.012)
    c.polygon([(0.26, 0.5), (0.78, 0.5), (0.78, 0.79), (0.26, 0.79)], "#f4e8cf")
    c.polygon([(0.26, 0.5), (0.78, 0.5), (0.78, 0.55), (0.26, 0.55)], "#b8a888", 0.6, blur=0.008)
    c.polygon([(0.2, 0.52), (0.36, 0.29), (0.69, 0.29), (0.84, 0.52)], "#c4463a")
    for row in range(1, 7):
        y = 0.29 + row * 0.033
        c.line([(0.36 - row * 0.0228, y), (0.69 + row * 0.0214, y)], "#8f2c26", 0.004, 0.6)
    c.polygon([(0.47, 0.6), (0.57, 0.6), (0.57, 0.79), (0.47, 0.79)], "#2f6f73")
    c.ellipse((0.555, 0.7), (0.008, 0.008), "#f2c14e")
    for x in (0.32, 0.64):
        _window(c, x, 0.59, 0.1)
    c.polygon([(0.48, 0.79), (0.56, 0.79), (0.72, 1), (0.34, 1)], "#dcc8a0")
    for _ in range(170):
        x, y = c.random.random(), 0.84 + 0.15 * c.random.random()
        if abs(x - 0.52) > 0.1 + (y - 0.8):
            c.glow((x, y), 0.006, str(c.random.choice(["#ffd23f", "#ff6b8b", "#ffffff", "#b98cff"])), 0.8)
    return c


def sailing_boat() -> Canvas:
    """A small boat under two white sails."""
    c = Canvas(21)
    c.gradient([(0, "#3f8fd0"), (0.7, "#a8d8ee"), (1, "#f6ead2")], 0, 0.58)
    c.clouds("#ffffff", 0.46, 0.9, 0.5)
    c.glow((0.8, 0.16), 0.16, "#ffe9a0", 0.22)
    c.ellipse((0.8, 0.16), (0.045, 0.045), "#fffad0", blur=0.002)
    c.polygon([(0, 0.58), (0, 0.545), (0.12, 0.52), (0.2, 0.535), (0.3, 0.56), (0.38, 0.58)], "#7f9fb5")
    c.gradient([(0, "#6fb9d2"), (0.3, "#2f86b3"), (1, "#0d4270")], 0.58, 1)
    _waves(c, 0.58, "#d9f2fa", "#08335a")
    c.ellipse((0.47, 0.775), (0.25, 0.022), "#062a4a", 0.55, blur=0.012)
    c.polygon([(0.455, 0.13), (0.46, 0.13), (0.468, 0.7), (0.458, 0.7)], "#6a4424")
    main = [(0.475, 0.15), *[(0.475 + 0.24 * t + 0.05 * sin(pi * t), 0.15 + 0.5 * t) for t in np.linspace(0, 1, 30)]]
    c.polygon([*main, (0.478, 0.66)], "#fbf7ea")
    c.polygon([(0.475, 0.15), (0.53, 0.4), (0.5, 0.66), (0.478, 0.66)], "#d9d4c4", 0.7, blur=0.01)
    jib = [(0.445, 0.2), *[(0.445 - 0.2 * t - 0.035 * sin(pi * t), 0.2 + 0.45 * t) for t in np.linspace(0, 1, 30)]]
    c.polygon([*jib, (0.45, 0.64)], "#f0552f")
    c.polygon([(0.445, 0.2), (0.41, 0.45), (0.45, 0.64)], "#ffffff", 0.2, blur=0.01)
    c.polygon([(0.458, 0.13), (0.4, 0.11), (0.458, 0.09)], "#f2c14e")
    hull = [(0.22, 0.685), (0.76, 0.685), (0.7, 0.745), (0.64, 0.775), (0.34, 0.775), (0.26, 0.74)]
    c.polygon(hull, "#8a4b2a")
    c.polygon([(0.22, 0.685), (0.76, 0.685), (0.745, 0.705), (0.232, 0.705)], "#f7efe0")
    c.line([(0.27, 0.735), (0.71, 0.735)], "#5c2e17", 0.004)
    for x, y, width in ((0.3, 0.785, 0.2), (0.6, 0.79, 0.16), (0.74, 0.775, 0.1)):
        c.ellipse((x, y), (width / 2, 0.006), "#ffffff", 0.8, blur=0.004)
    return c


def city_night() -> Canvas:
    """A skyline with lit windows, doubled in a river."""
    c = Canvas(33)
    c.gradient([(0, "#070b24"), (0.6, "#1d2557"), (1, "#6a3f7d")], 0, 0.7)
    for _ in range(140):
        c.glow((c.random.random(), 0.5 * c.random.random()), 0.0022, "#ffffff", 0.3 + 0.7 * c.random.random())
    c.glow((0.2, 0.18), 0.2, "#8fa8ff", 0.22)
    c.ellipse((0.2, 0.18), (0.05, 0.05), "#f4f1dd", blur=0.001)
    for x, y, r in ((0.185, 0.17, 0.012), (0.215, 0.195, 0.009), (0.205, 0.155, 0.006)):
        c.ellipse((x, y), (r, r), "#d3cfb8")
    c.glow((0.5, 0.72), 0.45, "#ff9b6a", 0.28)
    for layer, (color, tallest) in enumerate((("#262a57", 0.36), ("#141737", 0.48))):
        x = -0.02
        while x < 1:
            width = 0.05 + 0.055 * c.random.random()
            top = 0.7 - tallest * (0.3 + 0.7 * c.random.random())
            _tower(c, x, top, width, color, lit=0.35 + 0.2 * layer)
            x += width + 0.004 + 0.012 * c.random.random()
    _tower(c, 0.52, 0.16, 0.085, "#10132e", lit=0.6)
    c.line([(0.5625, 0.16), (0.5625, 0.07)], "#10132e", 0.006)
    c.glow((0.5625, 0.07), 0.012, "#ff4d4d", 1.2)
    c.mirror(0.7, 0.62, 0.03)
    c.line([(0, 0.7), (1, 0.7)], "#05060f", 0.008)
    return c


def mountain_lake() -> Canvas:
    """Snowy peaks over a still lake, with pines on the shore."""
    c = Canvas(58)
    c.gradient([(0, "#3d7fc4"), (1, "#dcecf5")], 0, 0.6)
    c.clouds("#ffffff", 0.42, 0.8, 0.45)
    for peaks, rock, snow in (
        (((0.12, 0.3), (0.42, 0.23), (0.86, 0.28)), "#8fa3ba", "#eef5fb"),
        (((0.28, 0.2), (0.66, 0.13)), "#5f738c", "#ffffff"),
    ):
        for x, y in peaks:
            _peak(c, x, y, rock, snow)
    c.polygon(c.ridge(0.53, 0.06, 6), "#4f7a5c")
    for x in np.arange(-0.01, 1.02, 0.021):
        _pine(c, float(x), 0.585 + 0.01 * c.random.random(), 0.06 + 0.05 * c.random.random(), "#2d5440")
    c.mirror(0.59, 0.82, 0.022)
    c.paint(polygon([(0, 0.59), (1, 0.59), (1, 1), (0, 1)]), "#1f5f86", 0.28)
    c.line([(0, 0.592), (1, 0.592)], "#d7eef2", 0.004, 0.7)
    c.polygon([*c.ridge(0.955, 0.05, 4)], "#22402c")
    for x, size in ((0.05, 0.5), (0.14, 0.38), (0.88, 0.42), (0.96, 0.56)):
        _pine(c, x, 0.99, size, "#16301f")
    return c


def flower() -> Canvas:
    """A sunflower before a blurred meadow."""
    c = Canvas(70)
    c.gradient([(0, "#a9d98a"), (0.5, "#5fa653"), (1, "#2c6a39")])
    for _ in range(60):
        x, y, r = c.random.random(), c.random.random(), 0.025 + 0.06 * c.random.random()
        c.ellipse((x, y), (r, r), str(c.random.choice(["#e4f5b0", "#8fcf6d", "#f7f3a5", "#3c8a48"])), 0.3, blur=0.012)
    stalk = [(0.5, 0.5), (0.505, 0.7), (0.49, 0.85), (0.5, 1)]
    c.line(stalk, "#2f6b2c", 0.034)
    c.line([(x - 0.006, y) for x, y in stalk], "#6aa845", 0.01)
    for x, turn in ((0.63, -0.5), (0.36, 0.6)):
        c.paint(ellipse((x, 0.83), (0.15, 0.055), turn), "#3f8a36")
        c.line([(0.5, 0.9), (x, 0.83), (2 * x - 0.5, 0.76)], "#8cc46a", 0.005, 0.8)
    for ring, (count, reach, color) in enumerate(
        ((22, 0.235, "#e8960c"), (20, 0.215, "#fbbf1c"), (16, 0.185, "#ffd84a"))
    ):
        for petal in range(count):
            turn = 2 * pi * (petal + ring / 3) / count + 0.08 * c.random.standard_normal()
            center = (0.5 + reach * cos(turn), 0.43 + reach * sin(turn))
            shade = mix(rgb(color), rgb("#b8620a"), 0.25 * c.random.random())
            c.paint(ellipse(center, (0.125, 0.036), turn), mix(shade, (0.35, 0.15, 0.0), 0.5))
            c.paint(ellipse(center, (0.121, 0.032), turn), shade)
    c.ellipse((0.5, 0.43), (0.165, 0.165), "#5a2f0c", 0.5, blur=0.012)
    c.ball((0.5, 0.43), (0.15, 0.15), "#5b3312", 0.05)
    for seed in range(520):
        angle, reach = seed * 2.39996, 0.145 * (seed / 520) ** 0.5
        point = (0.5 + reach * cos(angle), 0.43 + reach * sin(angle))
        c.glow(point, 0.0035, "#c9832b" if reach > 0.07 else "#8f9a35", 0.55)
    return c


def lighthouse() -> Canvas:
    """A striped lighthouse on a cliff at dusk."""
    c = Canvas(90)
    c.gradient([(0, "#1a2250"), (0.5, "#5a4a8a"), (0.82, "#e58a7b"), (1, "#ffc896")], 0, 0.7)
    for _ in range(60):
        c.glow((c.random.random(), 0.32 * c.random.random()), 0.0022, "#ffffff", 0.7 * c.random.random())
    c.clouds("#f2a08f", 0.4, 0.5, 0.62)
    c.gradient([(0, "#c9867f"), (0.2, "#5a5b8c"), (1, "#141c40")], 0.7, 1)
    _waves(c, 0.7, "#ffc9ad", "#0b1233")
    lamp = (0.66, 0.235)
    for reach in (0.09, 0.06, 0.03):
        c.polygon([lamp, (-0.1, 0.2 - reach), (-0.1, 0.2 + reach * 1.6)], "#fff2b8", 0.16, blur=0.012)
        c.polygon([lamp, (1.1, 0.24 - reach), (1.1, 0.24 + reach)], "#fff2b8", 0.16, blur=0.012)
    cliff = [
        (0.36, 1),
        (0.41, 0.9),
        (0.43, 0.8),
        (0.5, 0.76),
        (0.56, 0.71),
        (0.78, 0.69),
        (0.9, 0.72),
        (1, 0.7),
        (1, 1),
    ]
    rough = c.noise(14, octaves=5)[..., None]
    c.polygon(cliff, np.array(rgb("#4a4152")) * (0.45 + 0.9 * rough))
    c.polygon([(0.5, 0.765), (0.56, 0.71), (0.78, 0.69), (0.9, 0.72), (1, 0.7), (1, 0.74), (0.8, 0.735)], "#53683f")
    tower = polygon([(0.61, 0.285), (0.71, 0.285), (0.745, 0.71), (0.575, 0.71)])
    x = np.linspace(0, 1, SIDE)[None, :]
    shade = np.repeat(np.clip(1.02 - ((x - 0.635) / 0.11) ** 2, 0.35, 1), SIDE, axis=0)[..., None]
    c.paint(tower, np.array(rgb("#f6efe6")) * shade)
    for top in (0.36, 0.5, 0.64):
        band = polygon([(0, top), (1, top), (1, top + 0.07), (0, top + 0.07)])
        c.paint(cut(tower, band), np.array(rgb("#cf3a34")) * shade)
    c.polygon([(0.595, 0.27), (0.725, 0.27), (0.725, 0.29), (0.595, 0.29)], "#2a2436")
    c.polygon([(0.625, 0.2), (0.695, 0.2), (0.695, 0.27), (0.625, 0.27)], "#ffe9a3")
    for x_bar in (0.625, 0.648, 0.672, 0.695):
        c.line([(x_bar, 0.2), (x_bar, 0.27)], "#2a2436", 0.004)
    c.polygon([(0.61, 0.205), (0.66, 0.145), (0.71, 0.205)], "#b52f2c")
    c.glow(lamp, 0.07, "#ffe9a3", 0.9)
    c.polygon([(0.645, 0.62), (0.675, 0.62), (0.675, 0.71), (0.645, 0.71)], "#3a2a3a")
    for y in (0.46, 0.59):
        c.ellipse((0.66, y), (0.011, 0.015), "#ffd27a")
    c.polygon([(0.8, 0.63), (0.93, 0.63), (0.93, 0.72), (0.8, 0.72)], "#e8ddcf")
    c.polygon([(0.785, 0.635), (0.83, 0.575), (0.9, 0.575), (0.945, 0.635)], "#5a3a48")
    for x_pane in (0.825, 0.88):
        c.polygon([(x_pane, 0.65), (x_pane + 0.028, 0.65), (x_pane + 0.028, 0.685), (x_pane, 0.685)], "#ffd27a")
    return c


def _pine(c: Canvas, x: float, base: float, height: float, color: str) -> None:
    c.line([(x, base), (x, base - height * 0.3)], color, height * 0.05)
    for tier in range(5):
        top, width = base - height * (1 - tier * 0.16), height * (0.09 + tier * 0.045)
        bottom = top + height * 0.3
        c.polygon([(x, top), (x + width, bottom), (x, bottom - height * 0.03), (x - width, bottom)], color)


def _leafy_tree(c: Canvas, x: float, y: float, size: float) -> None:
    c.polygon([(x - 0.018, y), (x + 0.018, y), (x + 0.028, 0.76), (x - 0.028, 0.76)], "#6a4424")
    for _ in range(70):
        angle, reach = 2 * pi * c.random.random(), size * c.random.random() ** 0.5
        px, py = x + reach * cos(angle) * 0.9, y + reach * sin(angle)
        tone = mix(
            rgb("#1f5a2a"), rgb("#8cc65a"), float(np.clip(0.5 - (py - y) / size * 0.5 - (px - x) / size * 0.3, 0, 1))
        )
        c.ellipse((px, py), (size * 0.26, size * 0.23), tone, 0.9, blur=0.002)


def _window(c: Canvas, x: float, y: float, side: float) -> None:
    c.polygon(
        [
            (x - 0.008, y - 0.008),
            (x + side + 0.008, y - 0.008),
            (x + side + 0.008, y + side + 0.008),
            (x - 0.008, y + side + 0.008),
        ],
        "#ffffff",
    )
    c.polygon([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], "#7fb7d6")
    c.polygon([(x, y + side), (x + side * 0.6, y), (x + side, y), (x + side * 0.4, y + side)], "#cfeaf5", 0.7)
    c.line([(x + side / 2, y), (x + side / 2, y + side)], "#ffffff", 0.008)
    c.line([(x, y + side / 2), (x + side, y + side / 2)], "#ffffff", 0.008)
    c.polygon(
        [
            (x - 0.012, y + side + 0.012),
            (x + side + 0.012, y + side + 0.012),
            (x + side, y + side + 0.035),
            (x, y + side + 0.035),
        ],
        "#b5533c",
    )
    for step in range(7):
        c.ellipse((x + side * step / 6, y + side + 0.008), (0.012, 0.012), ("#ff6b8b", "#ffd23f")[step % 2])


def _tower(c: Canvas, x: float, top: float, width: float, color: str, lit: float) -> None:
    c.polygon([(x, top), (x + width, top), (x + width, 0.7), (x, 0.7)], color)
    columns = max(3, int(width / 0.014))
    for row in np.arange(top + 0.015, 0.69, 0.019):
        for column in range(columns):
            if c.random.random() < lit:
                left = x + width * (column + 0.3) / columns
                tone = str(c.random.choice(["#ffd98a", "#ffc35c", "#fff3cf", "#9fd0ff"]))
                right, bottom = left + width * 0.45 / columns, row + 0.009
                c.polygon(
                    [(left, row), (right, row), (right, bottom), (left, bottom)], tone, 0.55 + 0.45 * c.random.random()
                )


def _peak(c: Canvas, x: float, y: float, rock: str, snow: str) -> None:
    steps = np.linspace(0, 1, 40)
    jitter = 0.013 * c.random.standard_normal((2, 40)) * np.minimum(1, steps * 8)
    left = [(x - 0.42 * t, y + 0.42 * t**0.92 + j) for t, j in zip(steps, jitter[0], strict=True)]
    right = [(x + 0.42 * t, y + 0.42 * t**0.92 + j) for t, j in zip(steps, jitter[1], strict=True)]
    body = polygon([*reversed(left), *right, (x + 0.42, 0.6), (x - 0.42, 0.6)])
    rough = c.noise(10, octaves=6)
    stone = np.array(rgb(rock)) * (0.75 + 0.45 * rough[..., None])
    c.paint(body, stone)
    rows = np.mgrid[0:SIDE, 0:SIDE][0] / SIDE
    cover = np.clip((y + 0.17 - rows + (rough - 0.5) * 0.3) * 22, 0, 1)
    c.paint(cut(body, Image.fromarray((cover * 255).astype("uint8"))), snow)
    crest = [(x, y), *[(x + 0.05 * sin(7 * t) + 0.1 * t, y + 0.42 * t) for t in steps]]
    shadow = cut(body, polygon([*crest, (x + 0.42, 0.6), *reversed(right)]))
    c.paint(shadow, "#3a4f73", 0.38)


def _waves(c: Canvas, horizon: float, light: str, dark: str) -> None:
    ripples = c.noise(50, octaves=3, stretch=9)
    rows = np.mgrid[0:SIDE, 0:SIDE][0] / SIDE
    sea = (rows > horizon) * 1.0
    for mask, color, alpha in ((ripples > 0.62, light, 0.4), (ripples < 0.4, dark, 0.35)):
        c.paint(Image.fromarray((mask * sea * 255).astype("uint8")), color, alpha, blur=0.0015)


SCENES: tuple[Callable[[], Canvas], ...] = (
    sunset_hills,
    fruit_bowl,
    house,
    sailing_boat,
    city_night,
    mountain_lake,
    flower,
    lighthouse,
)


def main() -> None:
    """Draw every scene, or those named as arguments, beside this file."""
    for scene in SCENES:
        path = HERE / f"{scene.__name__.replace('_', '-')}.jpg"
        if sys.argv[1:] and path.stem not in sys.argv[1:]:
            continue
        scene().image().save(path, quality=88, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
