"""Inside a wood: trunks or firs in rows that fade into mist, light falling between them."""

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, mix, steer
from ..figures import Lighting, draw_figure
from ..land import forest_edge, paint_grass, paint_mist, press_ridge, ridge_line, snow_colours
from ..palettes import Air, choose_air
from ..sky import Sun, paint_disc, paint_sky, paint_stars
from ..trees import trunk
from .mountains import weather

_HOURS = ("dawn", "day", "sunset", "dusk", "storm", "night")
_BACKLIT = {"day": 0.05, "dawn": 0.2, "storm": 0.2, "sunset": 0.3, "dusk": 0.35, "night": 0.4}
_ROWS = 6


def draw(brief: Brief) -> Work:
    chance = brief.rng("forest")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    if not brief.reading.colours and not brief.shows("snow") and air.light in {"day", "dawn", "storm"}:
        air = _greened(air)
    canvas = brief.canvas()
    right = bool(chance.random() < 0.5)
    sun = Sun(canvas.width * (0.62 if right else 0.38), canvas.height * 0.34, canvas.unit * 0.075, right)
    paint_sky(canvas, air, rng=brief.rng("sky"), horizon=canvas.height * 0.7, sun=sun, clouds=0.15)
    if air.dark:
        paint_stars(canvas, rng=brief.rng("stars"), below=canvas.height * 0.6, density=0.7)
    paint_disc(canvas, air, sun, rng=brief.rng("disc"))
    brief.report(0.3)
    firs = not brief.shows("birch") and chance.random() < 0.45
    for row in range(_ROWS):
        _row(brief, canvas, air, row=row, firs=firs, sun=sun)
        if row == 3 and not firs:
            _shafts(canvas, air, sun=sun, rng=brief.rng("shafts"))
        brief.report(0.35 + 0.1 * row)
    weather(brief, canvas, air)
    return canvas, air.swatches()


def _greened(air: Air) -> Air:
    """Give a wood by day the green that its light has passed through."""
    moss = "#5d8a4a"
    sky = tuple(steer(colour, "#9fb87a", 0.45) for colour in air.sky)
    return Air(sky, air.sun, steer(air.far, moss, 0.6), steer(air.near, "#1f4a36", 0.8), air.accent, air.light)


def _row(brief: Brief, canvas: Canvas, air: Air, *, row: int, firs: bool, sun: Sun) -> None:
    chance = brief.rng(f"row {row}")
    near = row / (_ROWS - 1)
    colour = mix(mix(air.far, air.low, 0.5 * (1 - near)), mix(air.near, "#000000", 0.25), near**1.1)
    level = canvas.height * (0.66 + 0.27 * near**1.1)
    line = ridge_line(canvas, rng=chance, level=level, height=canvas.unit * 0.02, cells=1.6)
    ground = _ground(brief, air, colour=colour, near=near)
    if firs:
        tall = canvas.unit * (0.14 + 0.62 * near**1.3)
        forest_edge(
            canvas,
            line,
            rng=chance,
            tall=tall,
            stops=(colour, mix(colour, air.low, 0.3 * (1 - near))),
            cover=_cover(brief, canvas, near=near),
        )
    else:
        _trunks(brief, canvas, line, rng=chance, near=near, colour=colour)
    press_ridge(canvas, line, stops=(ground, mix(ground, colour, 0.6)), bottom=canvas.height)
    if not brief.shows("snow"):
        paint_grass(canvas, line, rng=chance, tall=canvas.unit * (0.012 + 0.04 * near), colour=mix(ground, colour, 0.5))
    if row == _ROWS - 2:
        _figure(brief, canvas, air, line=line, sun=sun)
    if row < _ROWS - 1:
        paint_mist(
            canvas,
            rng=chance,
            colour=mix(air.low, air.sun, 0.2),
            level=level,
            thick=canvas.unit * 0.09,
            strength=0.55 - 0.3 * near,
        )


def _cover(brief: Brief, canvas: Canvas, *, near: float) -> float | Floats:
    """How much of a row is wooded. The nearest row leaves the middle open when somebody stands there."""
    share = 0.75 - 0.42 * near
    if near < 1 or brief.reading.figure is None:
        return share
    away = np.abs(np.linspace(-0.5, 0.5, canvas.width))
    return np.where(away < 0.24, 0.0, share)


def _ground(brief: Brief, air: Air, *, colour: str, near: float) -> str:
    if brief.shows("snow"):
        return mix(snow_colours(air.low, air.near)[0], colour, 0.08 + 0.3 * near)
    return mix(colour, air.low, 0.16 * (1 - near))


def _trunks(brief: Brief, canvas: Canvas, line: Floats, *, rng: np.random.Generator, near: float, colour: str) -> None:
    wide = canvas.unit * (0.008 + 0.05 * near**1.5)
    count = max(2, int((26 - 21 * near) * canvas.width / canvas.unit))
    trees = canvas.stencil(factor=2)
    spots = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    if near == 1:
        # The nearest trees frame the picture and leave its middle open.
        spots = np.array([0.03, 0.13, 0.9, 1.0]) + rng.normal(0, 0.02, 4)
    size = wide * rng.uniform(0.6, 1.3, len(spots))
    for share, thick in zip(spots.tolist(), size.tolist(), strict=True):
        x = share * canvas.width
        foot = float(line[int(min(max(x, 0), canvas.width - 1))]) + canvas.unit * 0.012
        trunk(trees, rng=rng, x=x, foot=foot, top=-canvas.unit * 0.05, wide=thick)
    birch = brief.shows("birch") and near > 0.3
    canvas.press(trees, mix(colour, "#f1ede2", 0.75) if birch else colour)
    if birch:
        _bark(canvas, spots=spots * canvas.width, size=size, rng=rng, colour=mix(colour, "#1a1a1a", 0.5))


def _bark(
    canvas: Canvas, *, spots: NDArray[np.float64], size: NDArray[np.float64], rng: np.random.Generator, colour: str
) -> None:
    marks = canvas.stencil(factor=2)
    for x, thick in zip(spots.tolist(), size.tolist(), strict=True):
        for _ in range(26):
            y, long = rng.uniform(0, canvas.height * 0.8), thick * rng.uniform(0.1, 0.5)
            side = rng.choice((-1, 1)) * thick * 0.3
            marks.oval(x + side, y, long * 0.5, max(0.5, long * 0.13))
    canvas.press(marks, colour, opacity=0.8)


def _shafts(canvas: Canvas, air: Air, *, sun: Sun, rng: np.random.Generator) -> None:
    """Let beams of light slant down from the sun."""
    beams = canvas.stencil(factor=1)
    side = -1 if sun.right else 1
    for _ in range(7):
        lean = side * rng.uniform(0.1, 0.9)
        wide = canvas.unit * rng.uniform(0.02, 0.08)
        top = sun.x - side * canvas.unit * 0.06
        foot = top + lean * canvas.height
        beams.polygon(
            [
                (top, sun.y - canvas.unit * 0.3),
                (foot - wide, canvas.height * 0.95),
                (foot + wide, canvas.height * 0.95),
            ],
            level=int(rng.integers(50, 120)),
        )
    mask = beams.mask().filter(ImageFilter.GaussianBlur(canvas.unit * 0.012))
    fade = np.clip(1.05 - np.linspace(0, 1, canvas.height), 0, 1)[:, None] * np.asarray(mask, np.float32) / 255
    canvas.shade(fade.astype(np.float32), air.sun, opacity=0.8 if not air.dark else 0.35)


def _figure(brief: Brief, canvas: Canvas, air: Air, *, line: Floats, sun: Sun) -> None:
    name = brief.reading.figure
    if name is None:
        return
    size = canvas.unit * (0.3 if name not in {"rabbit", "owl"} else 0.2)
    x = canvas.width * (0.42 if sun.right else 0.58)
    lighting = Lighting(shade=air.near, depth=_BACKLIT[air.light], rim=air.sun, sun_right=sun.right)
    at = (x, float(line[int(x)]) + size * 0.05)
    draw_figure(
        canvas, name, at=at, size=size, lighting=lighting, wanted=brief.reading.figure_colour, flip=not sun.right
    )
    if name in {"cabin", "tent"} and air.light in {"night", "dusk", "sunset"}:
        canvas.glow(x, at[1] - size * 0.25, radius=size * 0.3, colour="#ffc45e", strength=0.6)
