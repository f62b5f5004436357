"""Ways to redraw a picture with Pillow alone, each in some tens of milliseconds at 512 x 512.

A technique takes the picture (RGB), a palette from dark to light, and the chance that arranges its strokes.
It returns a new picture of the same size and keeps nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Colour = tuple[int, int, int]
Palette = tuple[Colour, Colour, Colour, Colour, Colour]
Technique = Callable[[Image.Image, Palette, Random], Image.Image]


def brush(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Oil: strokes that follow a slow current, broad ones first, fine ones where there is detail."""
    graded = ImageEnhance.Color(_graded(ImageOps.autocontrast(image, 1), palette, 0.48)).enhance(1.25)
    unit = _unit(image)
    canvas = graded.filter(ImageFilter.BoxBlur(7 * unit))
    draw = ImageDraw.Draw(canvas)
    source = _pixels(graded.filter(ImageFilter.BoxBlur(2 * unit)))
    detail = _pixels(_edges(image, unit))
    turn, bend = rng.uniform(0, math.pi), rng.uniform(0.006, 0.012) / unit
    for width, length, count, least in (
        (11, 17, 420, 0),
        (6, 10, 700, 14),
        (4, 6, 900, 36),
        (2, 4, 2600, 70),
    ):
        for _ in range(count):
            x, y = rng.randrange(image.width), rng.randrange(image.height)
            if detail[x, y] < least:
                continue
            angle = turn + 0.9 * math.sin(x * bend) + 0.9 * math.cos(y * bend * 1.3)
            dx, dy = length * unit * math.cos(angle), length * unit * math.sin(angle)
            light = rng.uniform(0.90, 1.12)
            red, green, blue = source[x, y]
            colour = (min(255, int(red * light)), min(255, int(green * light)), min(255, int(blue * light)))
            draw.line((x - dx, y - dy, x + dx, y + dy), fill=colour, width=round(width * unit))
    return canvas.filter(ImageFilter.SMOOTH)


def watercolour(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Watercolour: flat washes with darker rims, and the grain of the paper."""
    unit = _unit(image)
    small = image.reduce(2) if min(image.size) >= 64 else image
    flat = ImageOps.posterize(small.filter(ImageFilter.MedianFilter(3)), 4).resize(image.size)
    flat = Image.blend(flat, image.filter(ImageFilter.BoxBlur(1.5 * unit)), 0.3)
    washes = ImageEnhance.Color(_graded(ImageOps.autocontrast(flat, 1), palette, 0.34)).enhance(1.25)
    blooms = _noise(image.size, rng, cell=60 * unit, low=0, high=84).convert("L")
    washes.paste(palette[4], mask=blooms)  # where water has taken the colour away
    rims = ImageOps.invert(_edges(flat, unit)).point([150 + value * 105 // 255 for value in range(256)])
    wet = ImageChops.multiply(washes, Image.merge("RGB", (rims, rims, rims)))
    return ImageChops.soft_light(wet, _noise(image.size, rng, cell=1.5 * unit, low=112, high=152))


def facets(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Low poly: a shaken net of triangles, each in the colour of its middle."""
    graded = ImageEnhance.Contrast(
        ImageEnhance.Color(_graded(ImageOps.autocontrast(image, 1), palette, 0.40)).enhance(1.3)
    ).enhance(1.1)
    source = _pixels(graded.filter(ImageFilter.BoxBlur(4 * _unit(image))))
    columns = 34
    rows = max(2, round(columns * image.height / image.width))
    step_x, step_y = image.width / columns, image.height / rows
    net = [
        [
            ((c + rng.uniform(-0.38, 0.38)) * step_x, (r + rng.uniform(-0.38, 0.38)) * step_y)
            for c in range(-1, columns + 2)
        ]
        for r in range(-1, rows + 2)
    ]
    canvas = graded.copy()
    draw = ImageDraw.Draw(canvas)
    for upper, lower in pairwise(net):
        for (a, b), (c, d) in zip(pairwise(upper), pairwise(lower), strict=True):
            for triangle in ((a, b, c), (b, d, c)) if rng.random() < 0.5 else ((a, b, d), (a, d, c)):
                x = min(image.width - 1, max(0, int(sum(p[0] for p in triangle) / 3)))
                y = min(image.height - 1, max(0, int(sum(p[1] for p in triangle) / 3)))
                draw.polygon(triangle, fill=source[x, y])
    return canvas


def dots(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Halftone: a turned grid of dots on paper, the larger the darker."""
    unit = _unit(image)
    graded = ImageEnhance.Color(_graded(image, palette, 0.45)).enhance(1.5).filter(ImageFilter.BoxBlur(3 * unit))
    colours, lights = _pixels(graded), _pixels(ImageOps.autocontrast(graded.convert("L"), 1))
    canvas = Image.new("RGB", (image.width * 2, image.height * 2), palette[4])
    draw = ImageDraw.Draw(canvas)
    pitch, turn = 10.5 * unit, rng.uniform(0.2, 1.3)
    cos, sin = math.cos(turn), math.sin(turn)
    reach = int(math.hypot(image.width, image.height) / pitch / 2) + 2
    for i in range(-reach, reach):
        for j in range(-reach, reach):
            x = image.width / 2 + (i * cos - j * sin) * pitch
            y = image.height / 2 + (i * sin + j * cos) * pitch
            if 0 <= x < image.width and 0 <= y < image.height:
                radius = pitch * 2 * 0.64 * math.sqrt(1 - lights[int(x), int(y)] / 290)
                draw.ellipse((2 * x - radius, 2 * y - radius, 2 * x + radius, 2 * y + radius), colours[int(x), int(y)])
    return canvas.reduce(2)


def poster(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Screen print: five flat inks with crisp borders, slightly out of register."""
    grey = ImageOps.equalize(image.convert("L").filter(ImageFilter.BoxBlur(1.6 * _unit(image))))
    grey = Image.blend(grey, ImageOps.autocontrast(image.convert("L"), 1), 0.45)
    shift = rng.randrange(-10, 11)
    inks = _mapped(grey, [palette[min(4, max(0, (value + shift) * 5 // 256))] for value in range(256)])
    lines = _edges(image, _unit(image)).point([0 if value < 70 else 255 for value in range(256)])
    moved = ImageChops.offset(lines, rng.randrange(-2, 3), rng.randrange(-2, 3))
    inks.paste(palette[0], mask=moved.filter(ImageFilter.SMOOTH).point([value * 3 // 4 for value in range(256)]))
    return inks.filter(ImageFilter.SMOOTH)


def sketch(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Pencil: what differs from its surroundings, on grained paper, with a breath of colour."""
    unit = _unit(image)
    grey = ImageOps.autocontrast(image.convert("L"), 1)
    soft = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(5 * unit))
    lines = ImageChops.add(grey, soft).point([max(0, 255 - int((255 - v) * 2.6)) for v in range(256)])
    shade = grey.point([200 + v * 55 // 255 for v in range(256)])
    drawn = ImageChops.multiply(lines, shade)
    paper = ImageOps.colorize(drawn, palette[0], (252, 249, 241), mid=_mixed(palette[1], palette[2]))
    wash = Image.blend(Image.new("RGB", image.size, "white"), image.filter(ImageFilter.BoxBlur(6 * unit)), 0.22)
    grained = ImageChops.soft_light(
        ImageChops.multiply(paper, wash), _noise(image.size, rng, cell=1.5 * unit, low=108, high=160)
    )
    return ImageEnhance.Brightness(grained).enhance(1.06)


def film(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Old film: split toning, grain, a light leak at one side and darker corners."""
    toned = ImageOps.colorize(ImageOps.autocontrast(image.convert("L"), 1), palette[0], palette[4], mid=palette[2])
    graded = Image.blend(ImageEnhance.Color(image).enhance(1.1), toned, 0.6)
    graded = ImageChops.screen(graded, _light(image.size, palette[3], rng, amount=0.75))
    grain = _noise(image.size, rng, cell=_unit(image), low=112, high=146)
    return _vignette(ImageChops.soft_light(graded, grain), 0.4)


def glow(image: Image.Image, palette: Palette, rng: Random) -> Image.Image:
    """Neon: the dark picture, its outlines shining in two colours, and haze."""
    unit = _unit(image)
    night = ImageEnhance.Brightness(_graded(ImageOps.autocontrast(image, 1), palette, 0.55)).enhance(0.5)
    lines = _edges(image, unit).point([min(255, max(0, value - 28) * 2) for value in range(256)])
    near, far = (lines.filter(ImageFilter.BoxBlur(reach * unit)) for reach in (2, 9))
    halo = ImageChops.add(ImageChops.add(lines, near), far.point([min(255, value * 2) for value in range(256)]))
    sweep = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(image.size)
    colours = ImageOps.colorize(sweep, palette[3], palette[2])
    light = ImageChops.multiply(colours, Image.merge("RGB", (halo, halo, halo)))
    haze = _light(image.size, palette[2], rng, amount=0.35)
    return _vignette(ImageChops.screen(ImageChops.screen(night, light), haze), 0.35)


def _unit(image: Image.Image) -> float:
    return max(0.25, min(image.size) / 512)  # sizes below are meant at 512 pixels


def _pixels(image: Image.Image) -> Any:  # Pillow has no public name for pixel access
    pixels = image.load()
    assert pixels is not None
    return pixels


def _edges(image: Image.Image, unit: float) -> Image.Image:
    grey = image.convert("L").filter(ImageFilter.BoxBlur(unit))
    found = grey.filter(ImageFilter.FIND_EDGES).point([min(255, value * 4) for value in range(256)])
    ImageDraw.Draw(found).rectangle((0, 0, found.width - 1, found.height - 1), outline=0, width=2)
    return found


def _graded(image: Image.Image, palette: Palette, amount: float) -> Image.Image:
    grey = image.convert("L")
    return Image.blend(image, _mapped(grey, [_ramp(palette, value / 255) for value in range(256)]), amount)


def _mapped(grey: Image.Image, colours: list[Colour]) -> Image.Image:
    return Image.merge("RGB", tuple(grey.point([colour[band] for colour in colours]) for band in range(3)))


def _ramp(palette: Palette, at: float) -> Colour:
    place = at * (len(palette) - 1)
    lower = min(int(place), len(palette) - 2)
    return _mixed(palette[lower], palette[lower + 1], place - lower)


def _mixed(a: Colour, b: Colour, part: float = 0.5) -> Colour:
    return (
        round(a[0] + (b[0] - a[0]) * part),
        round(a[1] + (b[1] - a[1]) * part),
        round(a[2] + (b[2] - a[2]) * part),
    )


def _noise(size: tuple[int, int], rng: Random, *, cell: float, low: int, high: int) -> Image.Image:
    shape = (max(1, round(size[0] / max(1.0, cell))), max(1, round(size[1] / max(1.0, cell))))
    grain = Image.frombytes("L", shape, rng.randbytes(shape[0] * shape[1]))
    grain = grain.point([low + value * (high - low) // 255 for value in range(256)])
    grain = grain.resize(size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", (grain, grain, grain))


def _light(size: tuple[int, int], colour: Colour, rng: Random, *, amount: float) -> Image.Image:
    """Return a soft round light, black elsewhere, its middle near one of the sides."""
    width, height = size
    reach = round(max(size) * rng.uniform(1.1, 1.5))
    spot = ImageOps.invert(Image.radial_gradient("L")).resize((reach, reach))
    spot = spot.point([max(0, int((value - 75) * 255 / 180 * amount)) for value in range(256)])  # 75 at the rim
    x = rng.choice((0, width)) + rng.randint(-width // 8, width // 8)
    y = rng.randint(0, height)
    mask = Image.new("L", size)
    mask.paste(spot, (x - reach // 2, y - reach // 2))
    return ImageChops.multiply(Image.new("RGB", size, colour), Image.merge("RGB", (mask, mask, mask)))


def _vignette(image: Image.Image, amount: float) -> Image.Image:
    edge = Image.radial_gradient("L").resize(image.size)
    mask = edge.point([255 - int(amount * max(0, value - 110) * 1.1) for value in range(256)])
    return ImageChops.multiply(image, Image.merge("RGB", (mask, mask, mask)))
