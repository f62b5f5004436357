"""A canvas of light: shapes, gradients, glows and noise, drawn large and scaled down for smooth edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 1024  # pixels while drawing; pictures are half of it
Color = tuple[float, float, float]
Point = tuple[float, float]
Array = np.ndarray[Any, np.dtype[np.float64]]


def rgb(code: str) -> Color:
    """Return ``"#rrggbb"`` as three numbers from 0 to 1."""
    return (int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255)


def mix(first: Color, second: Color, share: float) -> Color:
    """Return the colour ``share`` of the way from ``first`` to ``second``."""
    a, b = np.array(first), np.array(second)
    r, g, bl = a + (b - a) * share
    return (float(r), float(g), float(bl))


class Canvas:
    """A square picture in coordinates from 0 to 1, x to the right and y down."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.light: Array = np.zeros((SIDE, SIDE, 3))
        self._y, self._x = np.mgrid[0:SIDE, 0:SIDE] / SIDE

    def gradient(self, stops: Sequence[tuple[float, str]], top: float = 0, bottom: float = 1) -> None:
        """Fill the rows from ``top`` to ``bottom`` with colours that flow down through ``stops``."""
        rows = slice(int(top * SIDE), int(bottom * SIDE))
        colors = np.array([rgb(code) for _, code in stops])
        at = np.linspace(0, 1, rows.stop - rows.start)
        flow = np.stack([np.interp(at, [p for p, _ in stops], colors[:, c]) for c in range(3)], axis=-1)
        self.light[rows] = flow[:, None, :]

    def paint(self, mask: Image.Image, color: str | Color | Array, alpha: float = 1, blur: float = 0) -> None:
        """Lay ``color`` (one, or one a pixel) over the picture where ``mask`` is white."""
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * SIDE))
        share = np.asarray(mask, dtype=float)[..., None] / 255 * alpha
        layer = np.array(rgb(color)) if isinstance(color, str) else np.asarray(color)
        self.light = self.light * (1 - share) + layer * share

    def polygon(self, points: Sequence[Point], color: str | Color | Array, alpha: float = 1, blur: float = 0) -> None:
        """Paint a polygon."""
        self.paint(polygon(points), color, alpha, blur)

    def ellipse(
        self, center: Point, radii: Point, color: str | Color | Array, alpha: float = 1, blur: float = 0
    ) -> None:
        """Paint an ellipse."""
        self.paint(ellipse(center, radii), color, alpha, blur)

    def line(self, points: Sequence[Point], color: str | Color, width: float, alpha: float = 1) -> None:
        """Paint a line through ``points``."""
        mask = _blank()
        ImageDraw.Draw(mask).line([_pixel(p) for p in points], fill=255, width=max(1, int(width * SIDE)), joint="curve")
        self.paint(mask, color, alpha)

    def glow(self, center: Point, radius: float, color: str, strength: float = 1) -> None:
        """Add light around ``center`` that fades over ``radius``."""
        distance = np.hypot(self._x - center[0], self._y - center[1]) / radius
        self.light = self.light + np.exp(-(distance**2))[..., None] * np.array(rgb(color)) * strength

    def ball(self, center: Point, radii: Point, color: str, shine: float = 0.5) -> None:
        """Paint a round body lit from the upper left, with a darker rim and a highlight."""
        u, v = (self._x - center[0]) / radii[0], (self._y - center[1]) / radii[1]
        height = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
        light = np.clip(0.32 + 0.75 * (-0.45 * u - 0.55 * v + 0.7 * height), 0.12, 1.2)
        spot = np.exp(-((u + 0.36) ** 2 + (v + 0.42) ** 2) / 0.03) * shine
        self.ellipse(center, radii, light[..., None] * np.array(rgb(color)) + spot[..., None])

    def noise(self, cells: int, octaves: int = 5, stretch: float = 1) -> Array:
        """Return cloud-like noise from 0 to 1; ``stretch`` above 1 draws it out sideways."""
        total: Array = np.zeros((SIDE, SIDE))
        for octave in range(octaves):
            rows = cells * 2**octave
            grain = self.random.random((rows, max(2, int(rows / stretch))))
            image = Image.fromarray((grain * 255).astype("uint8")).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            total += np.asarray(image, dtype=float) / 2**octave
        low, high = total.min(), total.max()
        return (total - low) / (high - low)

    def clouds(self, color: str, cover: float, alpha: float, bottom: float, cells: int = 3) -> None:
        """Lay soft clouds over the sky down to ``bottom``; ``cover`` from 0 (none) to 1."""
        density = np.clip((self.noise(cells, stretch=2) - (1 - cover)) * 3, 0, 1)
        fade = np.clip((bottom - self._y) / 0.15, 0, 1)
        self.paint(Image.fromarray((density * fade * 255).astype("uint8")), color, alpha)

    def ridge(self, level: float, height: float, roughness: int, sharp: bool = False) -> list[Point]:
        """Return the outline of hills around ``level``, closed along the bottom of the picture."""
        xs = np.linspace(0, 1, 257)
        ys = np.zeros_like(xs)
        for octave in range(7 if sharp else 3):
            knots = self.random.random(roughness * 2**octave + 1)
            ys += np.interp(xs, np.linspace(0, 1, len(knots)), knots) / (1.9**octave)
        if not sharp:
            ys = np.convolve(np.pad(ys, 12, mode="edge"), np.hanning(25) / np.hanning(25).sum(), mode="valid")
        ys = level - (ys - ys.mean()) / (np.ptp(ys) or 1) * height
        return [*zip(xs.tolist(), ys.tolist(), strict=True), (1, 1), (0, 1)]

    def mirror(self, shore: float, dim: float, ripple: float) -> None:
        """Fill everything below ``shore`` with the rippled reflection of what is above it."""
        first = int(shore * SIDE)
        below = np.arange(first, SIDE)
        depth = (below - first) / (SIDE - first)
        waves = self.noise(24, octaves=3, stretch=6)[below] - 0.5
        rows = np.clip(2 * first - below[:, None] + waves * ripple * SIDE * (0.2 + depth[:, None]), 0, first - 1)
        self.light[below] = self.light[rows.astype(int), np.arange(SIDE)[None, :]] * dim

    def image(self) -> Image.Image:
        """Return the finished picture, half as large, with a little grain."""
        pixels = np.clip(self.light + self.random.normal(0, 0.012, self.light.shape), 0, 1)
        full = Image.fromarray((pixels * 255).astype("uint8"))
        return full.resize((SIDE // 2, SIDE // 2), Image.Resampling.LANCZOS)


def polygon(points: Sequence[Point]) -> Image.Image:
    """Return a mask of a polygon."""
    mask = _blank()
    ImageDraw.Draw(mask).polygon([_pixel(point) for point in points], fill=255)
    return mask


def ellipse(center: Point, radii: Point, turn: float = 0) -> Image.Image:
    """Return a mask of an ellipse, turned by ``turn`` radians."""
    angle = np.linspace(0, 2 * np.pi, 120)
    x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    return polygon(list(zip(center[0] + x * cos - y * sin, center[1] + x * sin + y * cos, strict=True)))


def cut(mask: Image.Image, by: Image.Image) -> Image.Image:
    """Return where both masks are white."""
    return ImageChops.multiply(mask, by)


def _blank() -> Image.Image:
    return Image.new("L", (SIDE, SIDE))


def _pixel(point: Point) -> Point:
    return (point[0] * SIDE, point[1] * SIDE)
