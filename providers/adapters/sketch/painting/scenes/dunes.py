"""Desert: dunes with a sunny and a shaded side, under sun or stars."""

from itertools import pairwise

import numpy as np

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, mix
from ..figures import Lighting, draw_figure
from ..land import press_ridge
from ..noise import profile
from ..palettes import Air, choose_air
from ..sky import Sun, place_sun
from ..trees import cactus, palm
from .mountains import paint_heaven, weather

_HOURS = ("sunset", "dusk", "day", "night", "dawn")
_BACKLIT = {"day": 0.15, "dawn": 0.4, "storm": 0.4, "sunset": 0.6, "dusk": 0.65, "night": 0.65}
_SAND = {
    "day": "#e9b872",
    "dawn": "#e8a97c",
    "storm": "#b59a78",
    "sunset": "#e58a4e",
    "dusk": "#b5697a",
    "night": "#5a6a9a",
}
_LAYERS = 5


def draw(brief: Brief) -> Work:
    chance = brief.rng("dunes")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    canvas = brief.canvas()
    horizon = canvas.height * 0.58
    sun = place_sun(canvas, air, rng=chance, horizon=horizon)
    paint_heaven(brief, canvas, air, sun=sun, horizon=horizon)
    brief.report(0.35)
    if brief.shows("pyramid"):
        _pyramids(canvas, air, sun=sun, horizon=horizon)
    sand = mix(_SAND[air.light], air.far, 0.5 if brief.reading.colours else 0.18)
    for layer in range(_LAYERS):
        _dune(brief, canvas, air, layer=layer, horizon=horizon, sun=sun, sand=sand)
        brief.report(0.4 + 0.1 * layer)
    weather(brief, canvas, air)
    return canvas, (*air.swatches(), sand)


def _dune(brief: Brief, canvas: Canvas, air: Air, *, layer: int, horizon: float, sun: Sun, sand: str) -> None:
    chance = brief.rng(f"dune {layer}")
    near = layer / (_LAYERS - 1)
    level = horizon + (canvas.height * 0.99 - horizon) * near**1.25
    tall = canvas.unit * (0.05 + 0.13 * near)
    cells = (2.6 - 1.5 * near) * canvas.width / canvas.unit
    crest = 1 - np.abs(profile(chance, count=canvas.width, cells=cells, octaves=2, rough=0.25)) * 1.5
    line = (level - tall * crest).astype(np.float32)
    body = mix(mix(sand, air.low, 0.5 * (1 - near)), air.near, 0.16 * near)
    lit = mix(body, air.sun, 0.34 if not air.dark else 0.2)
    dark = mix(body, air.near, 0.5 + 0.16 * near)
    press_ridge(canvas, line, stops=(lit, body, mix(body, dark, 0.35)), bottom=level + tall * 1.6)
    _shade_sides(canvas, line, rng=chance, tall=tall, colours=(dark, mix(body, dark, 0.3)), sun_right=sun.right)
    if near > 0.4:
        _ripples(canvas, line, rng=chance, tall=tall, colour=mix(body, dark, 0.6))
    if layer == 2:
        _travellers(brief, canvas, air, line=line, sun=sun)
    if layer == 3:
        _plants(brief, canvas, air, line=line, sun=sun)


def _shade_sides(
    canvas: Canvas, line: Floats, *, rng: np.random.Generator, tall: float, colours: tuple[str, str], sun_right: bool
) -> None:
    """Shade from every crest to the valley that lies behind it, seen from the sun, down a winding edge."""
    window = max(1, int(canvas.unit * 0.01))
    rising = np.diff(line[::window]) < 0
    turns = np.flatnonzero(rising[1:] != rising[:-1]) + 1
    stops = [0, *(turns * window).tolist(), len(line) - 1]
    shades = canvas.stencil((0, max(0, int(line.min()) - 1), canvas.width, canvas.height), factor=2)
    part = np.linspace(0, 1, 30)
    for first, last in pairwise(stops):
        falls = line[last] > line[first]
        drop = abs(float(line[last] - line[first]))
        if falls == sun_right or drop < tall * 0.18:
            continue
        peak, valley = (first, last) if falls else (last, first)
        long = max(drop * rng.uniform(1.7, 2.3), tall * 0.5)
        drift = (valley - peak) * rng.uniform(0.25, 0.5)
        edge = np.stack(
            [peak + drift * part**1.5 + 0.06 * long * np.sin(part * 6.5) * part, line[peak] + long * part], axis=1
        )
        foot, hollow = edge[-1], np.array([valley, line[valley]])
        pull = np.array([valley * 0.6 + foot[0] * 0.4, line[valley] + (foot[1] - line[valley]) * 0.25])
        t = part[:, None]
        back = (1 - t) ** 2 * foot + 2 * t * (1 - t) * pull + t**2 * hollow
        at = np.arange(first, last + 1)
        crest = np.stack([at, line[first : last + 1]], axis=1)
        shades.polygon(np.concatenate([edge, back, crest[::-1] if falls else crest]))
    top = float(line.min())
    canvas.press(shades, canvas.rows(colours, top=top, bottom=top + tall * 2.2), opacity=0.9)


def _ripples(canvas: Canvas, line: Floats, *, rng: np.random.Generator, tall: float, colour: str) -> None:
    """Draw the fine ripples the wind leaves, wider apart towards the viewer."""
    x = np.arange(0, canvas.width, 3)
    strokes = canvas.stencil((0, max(0, int(line.min())), canvas.width, canvas.height), factor=2)
    for step in range(1, 15):
        down = tall * (0.12 * step + 0.013 * step * step)
        wave = profile(rng, count=len(x), cells=9, octaves=2) * tall * 0.045
        strokes.line(np.stack([x, line[x] * 0.75 + line.mean() * 0.25 + down + wave], axis=1), width=canvas.unit / 1100)
    canvas.press(strokes, colour, opacity=0.28)


def _travellers(brief: Brief, canvas: Canvas, air: Air, *, line: Floats, sun: Sun) -> None:
    """Send a caravan along a ridge, or the figure of the words."""
    chance = brief.rng("caravan")
    name = brief.reading.figure or ("camel" if chance.random() < 0.55 and not brief.shows("cactus") else None)
    if name is None:
        return
    asked = brief.reading.figure is not None
    size = canvas.unit * (0.13 if name == "camel" else 0.2) * (1.0 if asked else 0.62)
    lighting = Lighting(
        shade=mix(air.near, "#000000", 0.15), depth=_BACKLIT[air.light], rim=air.sun, sun_right=sun.right
    )
    start = canvas.width * (0.3 if sun.right else 0.46)
    for at in range(4 if name == "camel" else 1):
        x = start + at * size * 1.05
        if x < canvas.width - 1:
            y = float(line[int(x)]) + size * 0.04
            draw_figure(canvas, name, at=(x, y), size=size, lighting=lighting, wanted=brief.reading.figure_colour)


def _plants(brief: Brief, canvas: Canvas, air: Air, *, line: Floats, sun: Sun) -> None:
    chance = brief.rng("plants")
    ink = mix(mix("#2c4a35", air.near, _BACKLIT[air.light] + 0.25), "#000000", 0.1)
    side = -1 if sun.right else 1
    if brief.shows("cactus"):
        plants = canvas.stencil(factor=2)
        for share, tall in ((0.36, 0.36), (0.24, 0.2), (0.44, 0.13)):
            x = canvas.width * (0.5 + side * share)
            cactus(plants, x=x, y=float(line[int(x)]) + canvas.unit * 0.02, tall=canvas.unit * tall)
        canvas.press(plants, ink)
    elif brief.shows("palm"):
        for share, tall in ((0.36, 0.34), (0.29, 0.24), (0.42, 0.2)):
            x = canvas.width * (0.5 + side * share)
            palm(
                canvas,
                rng=chance,
                x=x,
                y=float(line[int(x)]) + 4,
                tall=canvas.unit * tall,
                colour=ink,
                lean=-0.18 * side,
            )


def _pyramids(canvas: Canvas, air: Air, *, sun: Sun, horizon: float) -> None:
    for share, tall in ((0.6, 0.16), (0.42, 0.24), (0.74, 0.1)):
        x = canvas.width * (share if not sun.right else 1 - share)
        high, half = canvas.unit * tall, canvas.unit * tall * 0.78
        foot, top = horizon + canvas.unit * 0.02, (x, horizon + canvas.unit * 0.02 - high)
        ridge = (x + half * (0.25 if not sun.right else -0.25), foot)
        stone = mix(_SAND[air.light], air.low, 0.35)
        light, dark = mix(stone, air.sun, 0.3), mix(stone, air.near, 0.45)
        left, right = (light, dark) if not sun.right else (dark, light)
        canvas.fill([[top, (x - half, foot), ridge]], left)
        canvas.fill([[top, ridge, (x + half, foot)]], right)
