"""An animal, large, before a low sun or moon: the picture-book composition."""

from dataclasses import replace

import numpy as np

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import lightness, mix
from ..figures import Lighting, draw_figure
from ..land import (
    forest_edge,
    paint_grass,
    paint_mist,
    pine,
    press_ridge,
    ridge_line,
    snow_colours,
    soft_shadow,
)
from ..palettes import Air, choose_air
from ..sky import Sun, paint_birds, paint_disc, paint_sky, paint_stars
from ..trees import broadleaf
from .mountains import weather

_HOURS = ("sunset", "dusk", "dawn", "night", "day")
_BACKLIT = {"day": 0.0, "dawn": 0.1, "storm": 0.12, "sunset": 0.22, "dusk": 0.25, "night": 0.3}
_SIZES = {
    "owl": 0.36,
    "rabbit": 0.38,
    "penguin": 0.42,
    "elephant": 0.54,
    "horse": 0.52,
    "bear": 0.52,
    "windmill": 0.6,
    "deer": 0.46,
}


def draw(brief: Brief) -> Work:
    chance = brief.rng("fable")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    canvas = brief.canvas()
    right = bool(chance.random() < 0.5)
    size = min(canvas.unit, canvas.height * 1.25) * _SIZES.get(brief.reading.figure or "", 0.46)
    ground = canvas.height * 0.84
    x = canvas.width * (0.44 if right else 0.56)
    disc = Sun(x + (0.06 if right else -0.06) * canvas.unit, ground - size * 0.72, size * 0.56, right)
    paint_sky(canvas, air, rng=brief.rng("sky"), horizon=canvas.height * 0.8, sun=disc)
    if air.dark or air.light == "dusk":
        paint_stars(canvas, rng=brief.rng("stars"), below=canvas.height * 0.75, density=1.0 if air.dark else 0.35)
    _disc(brief, canvas, air, disc)
    brief.report(0.3)
    _woods(brief, canvas, air, ground=ground)
    brief.report(0.65)
    _stage(brief, canvas, air, x=x, ground=ground, size=size, right=right)
    weather(brief, canvas, air)
    return canvas, air.swatches()


def _disc(brief: Brief, canvas: Canvas, air: Air, disc: Sun) -> None:
    """Draw the great disc; in plain daylight and storm it is only a paler round."""
    if air.light == "storm":
        ring = canvas.stencil()
        ring.disc(disc.x, disc.y, disc.radius)
        canvas.press(ring, mix(air.low, "#ffffff", 0.5), opacity=0.55)
        return
    pale = lightness(brief.reading.figure_colour or "#808080") > 0.85
    tinted = replace(air, sun=mix(air.accent, air.sun, 0.25)) if pale and not air.dark else air
    paint_disc(canvas, tinted, disc, rng=brief.rng("disc"))
    for share, opacity in ((1.22, 0.1), (1.5, 0.07)):
        ring = canvas.stencil()
        ring.disc(disc.x, disc.y, disc.radius * share)
        canvas.press(ring, air.sun, opacity=opacity)


def _woods(brief: Brief, canvas: Canvas, air: Air, *, ground: float) -> None:
    """Set three rows of wood behind the stage, each nearer and darker, mist between them."""
    chance = brief.rng("woods")
    for near, level in ((0.0, 0.8), (0.35, 0.88), (0.7, 0.96)):
        colour = mix(mix(air.far, air.low, 0.3 * (1 - near)), air.near, near * 0.75)
        line = ridge_line(canvas, rng=chance, level=ground * level, height=canvas.unit * 0.03, cells=1.8)
        haze = mix(colour, air.low, 0.5)
        forest_edge(
            canvas,
            line,
            rng=chance,
            tall=canvas.unit * (0.06 + 0.07 * near),
            stops=(colour, haze),
            cover=0.8 - 0.3 * near,
            bottom=ground * level + canvas.unit * 0.1,
        )
        paint_mist(
            canvas,
            rng=chance,
            colour=air.low,
            level=ground * level + canvas.unit * 0.05,
            thick=canvas.unit * 0.04,
            strength=0.5,
        )


def _stage(brief: Brief, canvas: Canvas, air: Air, *, x: float, ground: float, size: float, right: bool) -> None:
    chance = brief.rng("stage")
    wintry = brief.shows("snow")
    ink = mix(air.near, "#000000", 0.2)
    top, deep = snow_colours(air.low, air.near) if wintry else (mix(air.near, air.far, 0.22), ink)
    line = ridge_line(canvas, rng=chance, level=ground, height=canvas.unit * 0.014, cells=1.2)
    hump = np.exp(-(((np.arange(canvas.width) - x) / (size * 0.9)) ** 2)) * size * 0.07
    line = (line - hump).astype(np.float32)
    _side_trees(canvas, rng=chance, ground=ground, ink=ink, right=right, broad=not wintry and chance.random() < 0.35)
    press_ridge(canvas, line, stops=(top, deep), bottom=canvas.height)
    foot = float(line[int(x)]) + size * 0.035
    soft_shadow(canvas, at=(x, foot), across=size * 0.4, down=size * 0.035, colour=mix(deep, ink, 0.7), strength=0.55)
    lighting = Lighting(
        shade=ink, depth=_BACKLIT[air.light], rim=None if air.light in {"day", "storm"} else air.sun, sun_right=right
    )
    draw_figure(
        canvas,
        brief.reading.figure or "deer",
        at=(x, foot),
        size=size,
        lighting=lighting,
        wanted=brief.reading.figure_colour,
        flip=not right,
    )
    if not wintry:
        grass = line + np.float32(size * 0.05)
        paint_grass(canvas, grass, rng=chance, tall=canvas.unit * 0.05, colour=mix(top, ink, 0.6))
    if air.light in {"day", "dawn", "sunset"}:
        paint_birds(
            canvas,
            rng=chance,
            x=canvas.width * (0.75 if right else 0.25),
            y=canvas.height * 0.2,
            colour=mix(air.near, air.sky[0], 0.4),
        )


def _side_trees(canvas: Canvas, *, rng: np.random.Generator, ground: float, ink: str, right: bool, broad: bool) -> None:
    trees = canvas.stencil(factor=2)
    for share, tall in ((0.02, 0.72), (0.11, 0.52), (0.93, 0.6), (1.0, 0.8)):
        x = canvas.width * (share if right else 1 - share) + rng.normal(0, 0.01) * canvas.unit
        height = canvas.unit * tall * rng.uniform(0.85, 1.1)
        if broad:
            broadleaf(trees, rng=rng, x=x, y=ground + canvas.unit * 0.02, tall=height)
        else:
            pine(trees, x=x, y=ground + canvas.unit * 0.02, tall=height, rng=rng)
    canvas.press(trees, ink)
