"""Layered mountains in mist, often above a lake."""

import numpy as np
from numpy.typing import NDArray

from ..brief import Brief, Work
from ..canvas import Canvas, Stencil
from ..colour import Floats, mix
from ..figures import Lighting, draw_figure
from ..land import (
    forest_edge,
    paint_faces,
    paint_grass,
    paint_mist,
    paint_rain,
    paint_snowfall,
    pine,
    press_ridge,
    ridge_line,
    snow_colours,
)
from ..palettes import Air, choose_air
from ..sky import Sun, paint_aurora, paint_birds, paint_disc, paint_sky, paint_stars, place_sun
from ..water import glints, glitter, mirror

_HOURS = ("dawn", "day", "sunset", "sunset", "dusk", "night")
_LAYERS = 5


def draw(brief: Brief) -> Work:
    chance = brief.rng("range")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    canvas = brief.canvas()
    lake = brief.shows("water") or chance.random() < 0.4
    horizon = canvas.height * (0.62 if lake else 0.72)
    sun = place_sun(canvas, air, rng=chance, horizon=horizon * 0.82)
    paint_heaven(brief, canvas, air, sun=sun, horizon=horizon)
    brief.report(0.3)
    _mountains(brief, canvas, air, sun=sun, horizon=horizon, lake=lake)
    brief.report(0.65)
    if lake:
        _lake(brief, canvas, air, sun=sun, level=int(horizon))
    brief.report(0.75)
    _foreground(brief, canvas, air, sun=sun, lake=lake)
    weather(brief, canvas, air)
    return canvas, air.swatches()


def paint_heaven(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, horizon: float) -> None:
    """Paint everything above the land: sky, stars, northern lights, sun or moon."""
    paint_sky(canvas, air, rng=brief.rng("sky"), horizon=horizon, sun=sun)
    if air.dark or air.light == "dusk":
        paint_stars(canvas, rng=brief.rng("stars"), below=horizon, density=1.0 if air.dark else 0.3)
    if brief.shows("aurora"):
        paint_aurora(canvas, rng=brief.rng("aurora"), below=horizon)
    paint_disc(canvas, air, sun, rng=brief.rng("disc"), crescent=brief.shows("crescent"))


def weather(brief: Brief, canvas: Canvas, air: Air) -> None:
    """Let it snow or rain when the words say so."""
    if brief.shows("snow"):
        paint_snowfall(canvas, rng=brief.rng("snowfall"))
    if brief.shows("rain") or (air.light == "storm" and not brief.shows("snow")):
        paint_rain(canvas, rng=brief.rng("rain"), colour=mix(air.low, "#ffffff", 0.5))


def _mountains(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, horizon: float, lake: bool) -> None:
    chance = brief.rng("ridges")
    top, foot = horizon * 0.62, horizon * (0.97 if lake else 1.08)
    for layer in range(_LAYERS):
        near = layer / (_LAYERS - 1)
        colour = mix(mix(air.far, air.low, 0.42 * (1 - near)), air.near, near**1.25 * 0.86)
        level = top + (foot - top) * near**0.8
        tall = canvas.unit * (0.17 - 0.12 * near)
        crag = near < 0.55
        line = ridge_line(
            canvas,
            rng=chance,
            level=level,
            height=tall,
            cells=2.2 + 1.5 * near,
            crag=crag,
            rough=0.48 if crag else 0.42,
        )
        _press_layer(canvas, air, line, rng=chance, near=near, colour=colour)
        if crag:
            _faces(brief, canvas, air, line, near=near, sun_right=sun.right, colour=colour)
        paint_mist(
            canvas,
            rng=chance,
            colour=mix(air.low, "#ffffff", 0.12),
            level=level + tall * 1.25,
            thick=tall * 0.8,
            strength=0.42 - 0.18 * near,
        )


def _press_layer(canvas: Canvas, air: Air, line: Floats, *, rng: np.random.Generator, near: float, colour: str) -> None:
    """Fill a ridge: rock far away, wooded slopes near, both paling into the mist at their foot."""
    haze = mix(colour, air.low, 0.62 - 0.3 * near)
    tall, middle = canvas.unit * (0.17 - 0.12 * near), float(line.mean())
    if near < 0.7:
        press_ridge(canvas, line, stops=(colour, mix(colour, haze, 0.45), haze), bottom=middle + tall * 1.7)
        return
    trees = canvas.unit * (0.028 + 0.022 * near)
    forest_edge(canvas, line, rng=rng, tall=trees, stops=(colour, haze), cover=0.85, bottom=middle + tall * 3.4)


def _faces(brief: Brief, canvas: Canvas, air: Air, line: Floats, *, near: float, sun_right: bool, colour: str) -> None:
    """Give the far mountains snow and the nearer ones bare rock that the sun just touches."""
    chance = brief.rng(f"faces {near}")
    cover = 0.085 if brief.shows("snow") else 0.055
    lit, dark = mix(colour, air.sun, 0.16), mix(colour, air.near, 0.1)
    if near < 0.3:
        bright, shaded = snow_colours(air.low, colour)
        lit, dark = mix(bright, colour, 0.3), mix(shaded, colour, 0.55)
    paint_faces(canvas, line, rng=chance, lit=lit, dark=dark, sun_right=sun_right, snow=cover)


def _lake(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, level: int) -> None:
    chance = brief.rng("lake")
    mirror(canvas, rng=chance, level=level, tint=mix(air.near, air.sky[1], 0.55))
    canvas.veil(
        mix(air.low, "#ffffff", 0.3),
        top=level - canvas.unit * 0.012,
        bottom=level + canvas.unit * 0.02,
        start=0.1,
        end=0.0,
    )
    glints(canvas, rng=chance, level=level + 3, colour=mix(air.low, "#ffffff", 0.4), count=70, opacity=0.4)
    if air.light in {"sunset", "dawn", "night"}:
        glitter(canvas, sun, rng=chance, level=level + 2, colour=air.sun, spread=0.55)


def _foreground(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, lake: bool) -> None:
    """Close the picture with a dark bank, trees at one side and whatever figure the words named."""
    chance = brief.rng("front")
    size = canvas.unit
    ink = mix(air.near, "#000000", 0.25)
    ground = snow_colours(air.low, air.near)[1] if brief.shows("snow") else ink
    level = canvas.height * (0.95 if lake else 0.93)
    line = ridge_line(canvas, rng=chance, level=level, height=size * 0.025, cells=1.4)
    rise = np.linspace(1, 0, canvas.width) if not sun.right else np.linspace(0, 1, canvas.width)
    line = (line - np.float32(size * 0.06) * rise**1.5).astype(np.float32)
    clump = rise > 0.72
    trees = canvas.stencil(factor=2)
    _clump(canvas, trees, line, where=clump, rng=chance)
    canvas.press(trees, ink)
    press_ridge(canvas, line, stops=(ground, mix(ground, ink, 0.5)), bottom=canvas.height)
    if not brief.shows("snow"):
        paint_grass(canvas, line, rng=chance, tall=size * 0.018, colour=ink)
    place_figure(brief, canvas, air, sun=sun, line=line)
    if air.light in {"dawn", "day", "sunset"} and (brief.shows("bird") or chance.random() < 0.6):
        paint_birds(
            canvas, rng=chance, x=canvas.width - sun.x, y=canvas.height * 0.24, colour=mix(air.near, air.sky[1], 0.25)
        )


def _clump(canvas: Canvas, trees: Stencil, line: Floats, *, where: NDArray[np.bool_], rng: np.random.Generator) -> None:
    for column in np.flatnonzero(where)[:: max(1, int(canvas.unit * 0.035))].tolist():
        tall = canvas.unit * rng.uniform(0.1, 0.3)
        pine(trees, x=column + rng.normal(0, 0.01) * canvas.unit, y=float(line[column]) + 4, tall=tall, rng=rng)


def place_figure(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, line: Floats) -> None:
    """Stand the figure of the words on the front line, or hang it in the air when it flies."""
    name = brief.reading.figure
    if name is None:
        return
    size = canvas.unit * {"cabin": 0.2, "castle": 0.3, "walker": 0.17, "balloon": 0.26, "tent": 0.17}.get(name, 0.2)
    x = canvas.width * (0.36 if sun.right else 0.64)
    column = int(x)
    y = float(line[column]) + size * 0.03
    backlit = {"day": 0.05, "dawn": 0.3, "storm": 0.3, "sunset": 0.4, "dusk": 0.42, "night": 0.45}[air.light]
    if name == "balloon":
        y, backlit = canvas.height * 0.46, backlit * 0.5
    if name in {"boat", "ship"}:
        y = canvas.height * 0.76
    lighting = Lighting(shade=mix(air.near, "#000000", 0.2), depth=backlit, rim=air.sun, sun_right=sun.right)
    draw_figure(
        canvas, name, at=(x, y), size=size, lighting=lighting, wanted=brief.reading.figure_colour, flip=not sun.right
    )
    if name in {"cabin", "tent", "castle"} and air.light in {"night", "dusk", "sunset"}:
        canvas.glow(x, y - size * 0.25, radius=size * 0.3, colour="#ffc45e", strength=0.6)
