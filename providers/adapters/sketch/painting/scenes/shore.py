"""The sea: a calm horizon with a path of light, or heavy swell, with boats and lighthouses."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, mix, steer
from ..figures import Lighting, draw_figure
from ..land import press_ridge, ridge_line
from ..palettes import Air, choose_air
from ..sky import Sun, paint_birds, place_sun
from ..trees import palm
from ..water import glints, glitter, mirror, swell
from .mountains import paint_heaven, weather

_HOURS = ("dawn", "day", "sunset", "sunset", "dusk", "night")
_BACKLIT = {"day": 0.04, "dawn": 0.2, "storm": 0.25, "sunset": 0.5, "dusk": 0.5, "night": 0.5}


def draw(brief: Brief) -> Work:
    chance = brief.rng("shore")
    air = choose_air(brief.reading, chance, usual=_HOURS)
    canvas = brief.canvas()
    rough = brief.shows("wave") or brief.reading.figure == "whale"
    horizon = canvas.height * (0.5 if rough else 0.58)
    sun = place_sun(canvas, air, rng=chance, horizon=horizon)
    paint_heaven(brief, canvas, air, sun=sun, horizon=horizon)
    brief.report(0.35)
    _far_land(brief, canvas, air, horizon=horizon, sun=sun)
    water = _water_colour(air)
    if rough:
        _swell(brief, canvas, air, sun=sun, horizon=horizon, water=water)
    else:
        _calm(brief, canvas, air, sun=sun, horizon=horizon, water=water)
    brief.report(0.8)
    if air.light in {"dawn", "day", "sunset", "storm"}:
        paint_birds(
            canvas,
            rng=brief.rng("birds"),
            x=canvas.width * 0.5 if brief.reading.figure == "lighthouse" else canvas.width - sun.x,
            y=horizon * 0.45,
            colour=mix(air.near, air.sky[1], 0.3),
        )
    weather(brief, canvas, air)
    return canvas, air.swatches()


def _water_colour(air: Air) -> str:
    """Deep water takes the colour of the zenith, drawn towards blue and green by daylight."""
    deep = mix(air.sky[0], air.near, 0.45)
    return steer(deep, "#1c6f88", 0.5) if air.light in {"day", "storm", "dawn"} else deep


def _far_land(brief: Brief, canvas: Canvas, air: Air, *, horizon: float, sun: Sun) -> None:
    """Put two faint headlands on the horizon, away from the sun."""
    chance = brief.rng("headland")
    x = np.linspace(0, 1, canvas.width, dtype=np.float32)
    x = 1 - x if sun.right else x
    for share, colour in ((0.52, mix(air.far, air.low, 0.35)), (0.74, mix(air.far, air.near, 0.18))):
        line = ridge_line(canvas, rng=chance, level=0, height=canvas.unit * 0.016, cells=7, crag=True)
        rise = np.clip((x - share) / 0.3, 0, 1) ** 0.8
        line = horizon + 1 + (line - canvas.unit * 0.06) * rise + np.where(rise > 0, 0, canvas.unit * 0.05)
        press_ridge(canvas, line.astype(np.float32), stops=(colour, mix(colour, air.low, 0.4)), bottom=horizon)


def _calm(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, horizon: float, water: str) -> None:
    chance = brief.rng("calm")
    level = int(horizon)
    mirror(canvas, rng=chance, level=level, tint=water, depth=0.82)
    glints(canvas, rng=chance, level=level + 2, colour=mix(air.low, "#ffffff", 0.25), count=240, opacity=0.32)
    glints(canvas, rng=chance, level=level + 2, colour=mix(water, air.near, 0.5), count=260, opacity=0.35)
    if air.light != "storm":
        glitter(canvas, sun, rng=chance, level=level + 1, colour=mix(air.sun, air.low, 0.2), spread=0.8)
    figure = brief.reading.figure
    if figure == "lighthouse":
        _lighthouse(brief, canvas, air, sun=sun, foot=horizon + canvas.unit * 0.06)
    elif brief.shows("palm"):
        _palm_beach(brief, canvas, air, sun=sun)
    if figure != "lighthouse":
        _afloat(brief, canvas, air, sun=sun, at=horizon + canvas.unit * 0.11)


def _afloat(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, at: float) -> None:
    """Set a boat (or the ship of the words) on calm water, its reflection below it."""
    chance = brief.rng("boat")
    name = brief.reading.figure if brief.reading.figure in {"boat", "ship", "turtle"} else "boat"
    asked = brief.reading.figure == name
    size = canvas.unit * (0.3 if asked else 0.11)
    x = canvas.width * (sun.x / canvas.width * 0.35 + 0.5 * 0.65) + chance.normal(0, 0.03) * canvas.unit
    if not asked:
        x, at = canvas.width * (0.42 if sun.right else 0.58), at - canvas.unit * 0.07
    lighting = Lighting(
        shade=mix(air.near, "#000000", 0.1), depth=_BACKLIT[air.light], rim=air.sun, sun_right=sun.x > x
    )
    draw_figure(canvas, name, at=(x, at), size=size, lighting=lighting, wanted=brief.reading.figure_colour)
    _reflection(canvas, x=x, level=at, size=size)
    if asked and chance.random() < 0.7:
        far = Lighting(shade=mix(air.far, air.low, 0.3), depth=0.75)
        draw_figure(
            canvas, "boat", at=(canvas.width - x * 0.7, at - canvas.unit * 0.085), size=size * 0.24, lighting=far
        )


def _reflection(canvas: Canvas, *, x: float, level: float, size: float) -> None:
    """Mirror what stands on the water around `x`, faded and broken into strips."""
    left, right = int(max(0, x - size * 0.55)), int(min(canvas.width, x + size * 0.55))
    tall = int(min(size * 0.85, canvas.height - level - 1, level - 1))
    if right - left < 4 or tall < 4:
        return
    above = canvas.image.crop((left, int(level) - tall, right, int(level)))
    turned = np.asarray(above)[::-1]
    rows = np.arange(tall, dtype=np.float32)
    sway = np.rint(np.sin(rows / max(1.0, size * 0.018)) * size * 0.012 * (0.4 + rows / tall)).astype(int)
    columns = np.clip(np.arange(right - left)[None, :] + sway[:, None], 0, right - left - 1)
    fade = 0.5 * (1 - rows / tall) ** 0.8 * (0.75 + 0.25 * np.sin(rows / max(1.0, size * 0.011)))
    edge = np.clip(np.minimum(np.arange(right - left), np.arange(right - left)[::-1]) / max(1.0, size * 0.1), 0, 1)
    below = np.asarray(canvas.image.crop((left, int(level), right, int(level) + tall)), np.float32)
    strength = (fade[:, None] * edge[None, :])[..., None]
    mixed = below + (turned[rows.astype(int)[:, None], columns] - below) * strength
    canvas.image.paste(Image.fromarray(mixed.astype(np.uint8)), (left, int(level)))


def _lighthouse(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, foot: float) -> None:
    """Stand the lighthouse on a rock, its beam turned across the picture."""
    chance = brief.rng("lighthouse")
    size = min(canvas.unit * 0.42, foot * 0.78)
    x = canvas.width * (0.3 if sun.right else 0.7)
    across = np.linspace(0, 1, canvas.width, dtype=np.float32)
    rock = 1 - np.clip(np.abs(across * canvas.width - x) / (canvas.unit * 0.3), 0, 1) ** 1.6
    line = ridge_line(canvas, rng=chance, level=0, height=canvas.unit * 0.02, cells=12, crag=True, rough=0.6)
    line = (foot + canvas.unit * 0.1 - rock * canvas.unit * 0.16 + line * (0.3 + rock)).astype(np.float32)
    at = float(line[int(x)]) + size * 0.02
    lamp = (x, at - size * 0.825)
    if air.light in {"night", "dusk", "storm", "sunset"}:
        _beam(canvas, lamp=lamp, towards=1 if sun.right else -1)
    depth = _BACKLIT[air.light] * 0.7
    lighting = Lighting(shade=mix(air.near, "#000000", 0.1), depth=depth, rim=air.sun, sun_right=sun.right)
    draw_figure(canvas, "lighthouse", at=(x, at), size=size, lighting=lighting, wanted=brief.reading.figure_colour)
    canvas.glow(*lamp, radius=size * 0.08, colour="#ffe9a8", strength=0.9)
    stone = mix(air.near, "#000000", 0.15)
    inside = np.clip(rock, 0, 1) > 0
    _rock(canvas, line, inside=inside, stone=stone, light=mix(stone, air.low, 0.22))


def _rock(canvas: Canvas, line: Floats, *, inside: NDArray[np.bool_], stone: str, light: str) -> None:
    columns = np.flatnonzero(inside)
    crest = np.stack([columns, line[columns]], axis=1)
    floor = float(line[columns].max()) - canvas.unit * 0.012
    kept = np.minimum(crest, floor)
    kept[:, 0] = columns
    outline = np.concatenate([kept, [[columns[-1], floor], [columns[0], floor]]])
    canvas.fill([outline], canvas.rows((light, stone), top=float(crest[:, 1].min()), bottom=floor))
    foam = np.stack([columns, np.full(len(columns), floor)], axis=1)
    wave = np.sin(columns / max(2.0, canvas.unit * 0.011)) * canvas.unit * 0.0015
    upper, lower = foam.copy(), foam.copy()
    upper[:, 1] += wave - canvas.unit * 0.004
    lower[:, 1] += canvas.unit * 0.004
    canvas.fill([np.concatenate([upper, lower[::-1]])], mix(light, "#ffffff", 0.6), opacity=0.7)


def _beam(canvas: Canvas, *, lamp: tuple[float, float], towards: int) -> None:
    """Throw a cone of light that fades with the distance from the lamp."""
    far, tilt, wide = canvas.width * 1.1 * towards, canvas.unit * 0.06, canvas.unit * 0.11
    cone = canvas.stencil(factor=1)
    cone.polygon([lamp, (lamp[0] + far, lamp[1] - tilt - wide), (lamp[0] + far, lamp[1] - tilt + wide)])
    soft = cone.mask().filter(ImageFilter.GaussianBlur(canvas.unit * 0.012))
    away = np.abs(np.arange(canvas.width, dtype=np.float32) - np.float32(lamp[0])) / np.float32(canvas.width)
    fade = np.asarray(soft, np.float32) / 255 * (0.62 * np.exp(-away * 1.5))[None, :]
    canvas.shade(fade, "#fff1c0")


def _palm_beach(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun) -> None:
    """Close the picture with a strip of sand and leaning palms."""
    chance = brief.rng("palms")
    sand = mix("#f0d6a4", air.near, _BACKLIT[air.light] * 1.3)
    x = np.linspace(0, 1, canvas.width, dtype=np.float32)
    x = x if sun.right else 1 - x
    line = canvas.height * (0.99 - 0.13 * (1 - x) ** 1.5) + 0 * x
    line += ridge_line(canvas, rng=chance, level=0, height=canvas.unit * 0.006, cells=3)
    foam = (line - canvas.unit * 0.012).astype(np.float32)
    press_ridge(canvas, foam, stops=(mix("#ffffff", air.low, 0.3), sand), bottom=canvas.height)
    press_ridge(canvas, line.astype(np.float32), stops=(sand, mix(sand, air.near, 0.25)), bottom=canvas.height)
    ink = mix(air.near, "#0c2b24", 0.5)
    for share, tall in ((0.06, 0.62), (0.15, 0.46), (0.24, 0.3)):
        at = canvas.width * (share if sun.right else 1 - share)
        foot = float(line[int(at)]) + canvas.unit * 0.01
        palm(canvas, rng=chance, x=at, y=foot, tall=canvas.unit * tall, colour=ink, lean=0.28 if sun.right else -0.28)


def _swell(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, horizon: float, water: str) -> None:
    """Roll waves towards the viewer, the figure riding between them."""
    chance = brief.rng("swell")
    foam = mix("#ffffff", air.low, 0.25)
    figure = brief.reading.figure
    if figure == "lighthouse":
        _lighthouse(brief, canvas, air, sun=sun, foot=horizon - canvas.unit * 0.01)
    count = 7
    sea = canvas.stencil(factor=1)
    sea.bar(0, horizon, canvas.width, canvas.height)
    canvas.press(sea, mix(air.far, water, 0.5))
    for at in range(count):
        near = at / (count - 1)
        level = horizon + (canvas.height * 0.97 - horizon) * (0.02 + 0.98 * near**1.35)
        colour = mix(mix(air.far, water, 0.45 + 0.4 * near), air.near, 0.45 * near)
        crest = mix(colour, air.low, 0.42 - 0.08 * near)
        height = canvas.unit * (0.014 + 0.085 * near) * (1.35 if air.light == "storm" else 1.0)
        if at == 4 and figure != "lighthouse":
            _riding(brief, canvas, air, sun=sun, level=level)
        swell(
            canvas,
            rng=chance,
            level=level,
            height=height,
            colours=(crest, colour, mix(colour, air.near, 0.3)),
            foam=foam,
            cells=7.5 - 5 * near,
        )


def _riding(brief: Brief, canvas: Canvas, air: Air, *, sun: Sun, level: float) -> None:
    figure = brief.reading.figure
    name = figure if figure in {"boat", "ship", "whale"} else "boat"
    asked = figure == name
    size = canvas.unit * ({"whale": 0.46}.get(name, 0.3) if asked else 0.15)
    x = canvas.width * (0.45 if sun.right else 0.55)
    lighting = Lighting(shade=air.near, depth=_BACKLIT[air.light] * 0.8, rim=air.sun, sun_right=sun.right)
    y = level + size * (0.2 if name == "whale" else 0.03)
    draw_figure(canvas, name, at=(x, y), size=size, lighting=lighting, wanted=brief.reading.figure_colour)
