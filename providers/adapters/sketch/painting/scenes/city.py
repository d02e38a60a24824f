"""A city by the water or in wet streets: towers in rows, lit windows, signs, reflections."""

from dataclasses import dataclass

import numpy as np

from ..brief import Brief, Work
from ..canvas import Canvas, Stencil
from ..colour import lightness, mix
from ..figures import Lighting, draw_figure
from ..land import paint_mist
from ..palettes import Air, choose_air
from ..sky import place_sun
from ..water import glints, mirror
from .mountains import paint_heaven, weather

_HOURS = ("night", "dusk", "night", "sunset")
_SIGNS = ("#ff3d8b", "#29e0ff", "#b06bff", "#ffcf3f", "#3dffa8", "#ff6a3d")
_LAMPS = ("#ffd98a", "#ffe9bd", "#ffb85c", "#bfe3ff")
_LIT = {"night": 0.42, "dusk": 0.36, "sunset": 0.2, "storm": 0.22, "dawn": 0.1, "day": 0.0}
_ROWS = 4


@dataclass(frozen=True, slots=True)
class Tower:
    """One building, in pixels."""

    left: float
    top: float
    right: float
    foot: float
    roof: int


def draw(brief: Brief) -> Work:
    chance = brief.rng("city")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    canvas = brief.canvas()
    level = canvas.height * 0.76
    sun = place_sun(canvas, air, rng=chance, horizon=level * 0.7)
    paint_heaven(brief, canvas, air, sun=sun, horizon=level)
    neon = brief.says("neon", "cyberpunk", "futuristic", "dystopian")
    glow = _SIGNS[int(chance.integers(3))] if neon else air.accent
    if air.dark:
        canvas.veil(mix(glow, air.low, 0.5), top=level * 0.3, bottom=level, start=0.0, end=0.4)
    brief.report(0.3)
    for row in range(_ROWS):
        _row(brief, canvas, air, row=row, level=level, neon=neon)
        brief.report(0.35 + 0.09 * row)
    if air.light in {"night", "dusk", "sunset"}:
        canvas.bloom(above=150, strength=0.7 if neon else 0.5, radius=canvas.unit * 0.014)
    _water(brief, canvas, air, level=int(level))
    _front(brief, canvas, air)
    weather(brief, canvas, air)
    return canvas, (*air.swatches(), glow)


def _row(brief: Brief, canvas: Canvas, air: Air, *, row: int, level: float, neon: bool) -> None:
    chance = brief.rng(f"towers {row}")
    near = row / (_ROWS - 1)
    colour = mix(mix(air.far, air.low, 0.45 * (1 - near)), air.near, 0.15 + 0.85 * near)
    towers = _plan(canvas, rng=chance, near=near, level=level)
    stencil = canvas.stencil((0, 0, canvas.width, int(level) + 2), factor=2)
    for tower in towers:
        _outline(canvas, stencil, tower)
    canvas.press(stencil, canvas.rows((colour, mix(colour, air.low, 0.4 - 0.3 * near)), top=level * 0.3, bottom=level))
    _side_light(canvas, towers, colour=mix(colour, air.sun, 0.12 if not air.dark else 0.06))
    if row > 0:
        _windows(canvas, air, towers, rng=chance, near=near, colour=colour)
    if neon and row >= 2:
        _signs(canvas, towers, rng=chance)
    if row < _ROWS - 1:
        paint_mist(canvas, rng=chance, colour=air.low, level=level, thick=canvas.unit * 0.12, strength=0.4)


def _plan(canvas: Canvas, *, rng: np.random.Generator, near: float, level: float) -> list[Tower]:
    """Line towers up along the shore; those in the middle third grow tallest, as downtowns do."""
    towers = []
    centre, x = rng.uniform(0.3, 0.7), -0.02 * canvas.unit
    reach = min(level * 0.92, canvas.unit * 0.72)
    while x < canvas.width:
        wide = canvas.unit * rng.uniform(0.04, 0.075) * (0.75 + 0.6 * near)
        middle = np.exp(-((((x / canvas.width) - centre) / 0.32) ** 2))
        share = (0.3 + 0.42 * middle) * rng.uniform(0.55, 1.3) * (1 - 0.42 * near)
        towers.append(Tower(x, level - reach * share, x + wide, level + 1, int(rng.integers(0, 8))))
        x += wide * (rng.uniform(0.86, 1.0) if rng.random() < 0.72 else rng.uniform(1.1, 1.5))
    return towers


def _outline(canvas: Canvas, stencil: Stencil, tower: Tower) -> None:
    """Draw a tower with one of several roofs: flat, stepped, slanted, domed, spired, with a tank or masts."""
    left, top, right, foot = tower.left, tower.top, tower.right, tower.foot
    wide, middle = right - left, (left + right) / 2
    stencil.bar(left, top, right, foot)
    if tower.roof == 1:
        for step in (1, 2, 3):
            stencil.bar(left + wide * 0.13 * step, top - wide * 0.26 * step, right - wide * 0.13 * step, top)
        stencil.bar(middle - wide * 0.02, top - wide * 1.5, middle + wide * 0.02, top)
    elif tower.roof == 2:
        stencil.polygon([(left, top + 1), (right, top + 1), (right, top - wide * 0.5)])
    elif tower.roof == 3:
        stencil.oval(middle, top, wide * 0.5, wide * 0.42)
        stencil.bar(middle - wide * 0.015, top - wide * 0.75, middle + wide * 0.015, top)
    elif tower.roof == 4:
        stencil.polygon([(left, top + 1), (middle, top - wide * 1.1), (right, top + 1)])
        stencil.bar(middle - wide * 0.015, top - wide * 1.6, middle + wide * 0.015, top)
    elif tower.roof == 5:
        stencil.bar(left + wide * 0.2, top - wide * 0.2, left + wide * 0.55, top)
        stencil.bar(right - wide * 0.22, top - wide * 0.6, right - wide * 0.19, top)


def _side_light(canvas: Canvas, towers: list[Tower], *, colour: str) -> None:
    """Lighten one flank of every tower, so that it reads as a body and not as paper."""
    top = max(0, int(min(tower.top for tower in towers)))
    flanks = canvas.stencil((0, top, canvas.width, int(towers[0].foot) + 1), factor=2)
    for tower in towers:
        wide = tower.right - tower.left
        flanks.bar(tower.left, tower.top, tower.left + wide * 0.22, tower.foot)
    canvas.press(flanks, colour, opacity=0.55)


def _windows(
    canvas: Canvas, air: Air, towers: list[Tower], *, rng: np.random.Generator, near: float, colour: str
) -> None:
    size = canvas.unit * (0.0042 + 0.0042 * near)
    top = max(0, int(min(tower.top for tower in towers)))
    box = (0, top, canvas.width, int(towers[0].foot) + 1)
    panes = [canvas.stencil(box, factor=2) for _ in range(len(_LAMPS) + 1)]
    lit = _LIT[air.light] * (0.75 + 0.25 * near)
    for tower in towers:
        share = lit * rng.uniform(0.35, 1.5)
        favourite = int(rng.integers(len(_LAMPS)))
        _grid(panes, tower, size=size, rng=rng, lit=share, favourite=favourite)
    canvas.press(panes[-1], mix(colour, air.sky[0] if lightness(colour) > 0.5 else air.low, 0.28), opacity=0.55)
    for pane, lamp in zip(panes, _LAMPS, strict=False):
        canvas.press(pane, lamp, opacity=0.55 + 0.4 * near)


def _grid(
    panes: list[Stencil], tower: Tower, *, size: float, rng: np.random.Generator, lit: float, favourite: int
) -> None:
    wide = tower.right - tower.left
    columns = max(2, int(wide / (size * 2.1)))
    rows = int((tower.foot - tower.top) / (size * 2.7))
    pitch = wide / (columns + 0.6)
    chances = rng.random((max(rows, 0), columns))
    tints = np.where(rng.random(chances.shape) < 0.7, favourite, rng.integers(len(_LAMPS), size=chances.shape))
    for row in range(1, rows):
        y = tower.top + row * size * 2.7
        for column in range(columns):
            x = tower.left + pitch * (column + 0.55)
            pane = panes[int(tints[row, column])] if chances[row, column] < lit else panes[-1]
            pane.bar(x, y, x + pitch * 0.55, y + size * 1.5)


def _signs(canvas: Canvas, towers: list[Tower], *, rng: np.random.Generator) -> None:
    """Hang signs on some towers: upright strips, framed boards, glowing edges."""
    for tower in towers:
        if rng.random() < 0.4:
            continue
        colour = _SIGNS[int(rng.integers(len(_SIGNS)))]
        sign = canvas.stencil((int(tower.left) - 1, int(tower.top) - 1, int(tower.right) + 2, int(tower.foot) + 1))
        wide, tall = tower.right - tower.left, tower.foot - tower.top
        x, y = tower.left + wide * rng.uniform(0.1, 0.75), tower.top + tall * rng.uniform(0.06, 0.3)
        long, thick = tall * rng.uniform(0.2, 0.42), canvas.unit * 0.003
        kind = int(rng.integers(3))
        if kind == 0:
            sign.bar(tower.left, tower.top, tower.left + thick, tower.foot)
            sign.bar(tower.left, tower.top, tower.right, tower.top + thick)
        else:
            board = wide * (0.16 if kind == 1 else 0.3)
            sign.bar(x, y, x + board, y + long)
            sign.bar(x + thick, y + thick, x + board - thick, y + long - thick, level=0)
            for mark in np.arange(y + thick * 3, y + long - thick * 3, board * 0.95).tolist():
                _glyph(sign, rng=rng, x=x + board * 0.25, y=mark, size=board * 0.5, thick=thick)
        canvas.press(sign, mix(colour, "#ffffff", 0.15))
        canvas.glow(x, y + long / 2, radius=canvas.unit * 0.035, colour=colour, strength=0.6)


def _glyph(sign: Stencil, *, rng: np.random.Generator, x: float, y: float, size: float, thick: float) -> None:
    """Draw a letter of no alphabet: a few strokes in a square."""
    for stroke in rng.permutation(5)[:3].tolist():
        if stroke < 3:
            sign.bar(x, y + size * stroke * 0.4, x + size, y + size * stroke * 0.4 + thick)
        else:
            at = x + size * (0.25 if stroke == 3 else 0.7)
            sign.bar(at, y, at + thick, y + size * 0.9)


def _water(brief: Brief, canvas: Canvas, air: Air, *, level: int) -> None:
    chance = brief.rng("water")
    tint = mix(air.near, air.sky[1], 0.25)
    mirror(canvas, rng=chance, level=level, tint=tint, depth=0.55)
    glints(canvas, rng=chance, level=level + 2, colour=mix(tint, air.near, 0.6), count=260, opacity=0.4)
    glints(canvas, rng=chance, level=level + 2, colour=mix(air.low, air.accent, 0.4), count=110, opacity=0.35)
    quay = canvas.stencil(factor=2)
    quay.bar(0, level - canvas.unit * 0.006, canvas.width, level + canvas.unit * 0.004)
    canvas.press(quay, mix(air.near, "#000000", 0.3))


def _front(brief: Brief, canvas: Canvas, air: Air) -> None:
    """Give the figure of the words a parapet to stand on."""
    name = brief.reading.figure
    if name is None:
        return
    chance = brief.rng("front")
    size = canvas.unit * (0.3 if name not in {"car", "bicycle"} else 0.26)
    top = canvas.height * 0.93
    ink = mix(air.near, "#000000", 0.35)
    if name not in {"boat", "ship"}:
        wall = canvas.stencil(factor=2)
        wall.bar(0, top, canvas.width, canvas.height + 1)
        wall.bar(0, top - canvas.unit * 0.012, canvas.width, top + canvas.unit * 0.004)
        canvas.press(wall, canvas.rows((mix(ink, air.low, 0.12), ink), top=top, bottom=canvas.height))
    x = canvas.width * chance.uniform(0.3, 0.7)
    canvas.glow(x, top - size * 0.5, radius=size * 0.55, colour=mix(air.low, air.accent, 0.4), strength=0.5)
    depth = {"day": 0.0, "dawn": 0.15}.get(air.light, 0.4)
    lighting = Lighting(
        shade=ink, depth=depth, rim=mix(air.sun, air.accent, 0.4), sun_right=bool(chance.random() < 0.5)
    )
    draw_figure(
        canvas,
        name,
        at=(x, top - canvas.unit * 0.008),
        size=size,
        lighting=lighting,
        wanted=brief.reading.figure_colour,
    )
