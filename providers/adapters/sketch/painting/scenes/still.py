"""Still life: a thing on a plinth before an arch, as a product photograph would show it."""

import numpy as np
from PIL import ImageFilter

from ..bodies import Stand, material, turn_body
from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import lightness, mix, relight
from ..land import soft_shadow
from ..palettes import choose_inks
from ..wares import WARES


def draw(brief: Brief) -> Work:
    chance = brief.rng("still")
    inks = _soft(choose_inks(brief.reading, chance, dark=brief.reading.light in {"night", "storm"}))
    canvas = brief.canvas()
    right = bool(chance.random() < 0.5)
    _room(brief, canvas, inks, right=right)
    brief.report(0.4)
    size = min(canvas.unit * 0.62, canvas.height * 0.68)
    kind = next((kind for kind in WARES if brief.shows(kind)), "vase")
    x, foot = canvas.width * 0.5, canvas.height * 0.74
    foot = _plinth(canvas, inks, x=x, foot=foot, size=size, right=right)
    brief.report(0.6)
    wanted = _wanted(brief, inks, rng=chance)
    stuff = material(wanted, surroundings=inks[2], gloss=0.75 if kind in {"bottle", "flacon"} else 0.32)
    _ground_shadow(canvas, x=x, foot=foot, size=size, right=right, colour=inks[5])
    WARES[kind](canvas, inks, Stand(x, foot, size, right), stuff, brief.rng(kind))
    _light(canvas, right=right)
    return canvas, inks


def _soft(inks: tuple[str, ...]) -> tuple[str, ...]:
    """Quieten the inks: a studio wall is never as loud as a poster."""
    ground = inks[0]
    wall = relight(inks[2], 0.84 if lightness(ground) > 0.5 else 0.34, chroma=0.55 if lightness(ground) > 0.5 else 0.8)
    darkest = min(inks, key=lightness)
    return (ground, wall, relight(inks[1], 0.7, chroma=0.75), inks[3], inks[4], darkest)


def _wanted(brief: Brief, inks: tuple[str, ...], *, rng: np.random.Generator) -> str:
    if brief.says("white", "minimal", "minimalist"):
        return "#f7f3ec"
    if brief.says("black"):
        return "#2a282d"
    if brief.reading.colours:
        return brief.reading.colours[0]
    return (relight(inks[2], 0.62), "#f4eee4", inks[4])[int(rng.integers(3))]


def _room(brief: Brief, canvas: Canvas, inks: tuple[str, ...], *, right: bool) -> None:
    """Build wall, arch and floor, and let window light fall across the wall."""
    chance = brief.rng("room")
    wall, floor = inks[1], mix(inks[1], inks[0], 0.55)
    light = mix(wall, "#ffffff", 0.35)
    canvas.image = canvas.rows((mix(wall, inks[5], 0.1), light), bottom=canvas.height * 0.74)
    u, x, level = canvas.unit, canvas.width * 0.5, canvas.height * 0.72
    kind = int(chance.integers(3))
    shape = canvas.stencil(factor=2)
    if kind == 0:
        shape.disc(x, level - u * 0.36, u * 0.33)
    else:
        half = u * (0.3 if kind == 1 else 0.26)
        x = x if kind == 1 else x + (0.1 if right else -0.1) * u
        shape.disc(x, level - u * 0.42, half)
        shape.bar(x - half, level - u * 0.42, x + half, level + 1)
    canvas.press(
        shape, canvas.rows((mix(inks[2], "#ffffff", 0.1), mix(inks[2], wall, 0.35)), top=level - u * 0.72, bottom=level)
    )
    _window_light(canvas, right=right, level=level)
    ground = canvas.stencil(factor=2)
    ground.bar(0, level, canvas.width, canvas.height + 1)
    canvas.press(ground, canvas.rows((mix(floor, inks[5], 0.12), floor), top=level, bottom=canvas.height))


def _window_light(canvas: Canvas, *, right: bool, level: float) -> None:
    u, side = canvas.unit, -1 if right else 1
    panes = canvas.stencil(factor=1)
    left = canvas.width * 0.5 - side * u * 0.1
    for column in range(2):
        for row in range(3):
            x, y = left + side * column * u * 0.19, level - u * (0.78 - row * 0.2)
            slope = u * 0.05
            panes.polygon(
                [
                    (x, y),
                    (x + side * u * 0.165, y + slope),
                    (x + side * u * 0.165, y + slope + u * 0.17),
                    (x, y + u * 0.17),
                ],
                level=120,
            )
    canvas.lay(panes.mask().filter(ImageFilter.GaussianBlur(u * 0.008)), "#fff6e4", opacity=0.75)


def _plinth(canvas: Canvas, inks: tuple[str, ...], *, x: float, foot: float, size: float, right: bool) -> float:
    """Draw a low round plinth; returns the height in pixels at which things stand on it."""
    stuff = material(mix(inks[0], inks[1], 0.35), surroundings=inks[2], gloss=0.05)
    wide, tall = 0.62, 0.13
    base = foot + size * 0.2
    soft_shadow(
        canvas,
        at=(x + (-0.25 if right else 0.25) * size, base + size * 0.05),
        across=size * 0.72,
        down=size * 0.07,
        colour=inks[5],
        strength=0.4,
    )
    turn_body(canvas, [(0, wide), (tall, wide)], stand=Stand(x, base, size, right), stuff=stuff)
    top = base - tall * size
    plate = canvas.stencil()
    plate.oval(x, top, wide * size, wide * size * 0.16)
    canvas.press(plate, mix(stuff.colour, "#ffffff", 0.3))
    return top + size * 0.015


def _ground_shadow(canvas: Canvas, *, x: float, foot: float, size: float, right: bool, colour: str) -> None:
    side = -1 if right else 1
    soft_shadow(
        canvas,
        at=(x + side * size * 0.16, foot + size * 0.025),
        across=size * 0.36,
        down=size * 0.05,
        colour=colour,
        strength=0.5,
    )


def _light(canvas: Canvas, *, right: bool) -> None:
    """Let the whole picture grow darker away from the light."""
    x = np.linspace(0, 1, 64, dtype=np.float32)
    x = 1 - x if right else x
    canvas.shade(np.repeat((x**1.8 * 0.26)[None, :], 16, axis=0), "#2a1f2a")
