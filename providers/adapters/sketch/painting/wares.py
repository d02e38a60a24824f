"""Things for a still life: cup, flacon, bottle, jar and a vase with twigs."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter

from .bodies import Material, Stand, material, rim, turn_body
from .canvas import Canvas
from .colour import mix
from .land import soft_shadow
from .trees import ribbon

Inks = tuple[str, ...]
Draw = Callable[[Canvas, Inks, Stand, Material, np.random.Generator], None]

_VASE = [(0, 0.2), (0.05, 0.26), (0.25, 0.34), (0.45, 0.3), (0.62, 0.16), (0.72, 0.11), (0.8, 0.13)]
_CUP = [(0, 0.2), (0.04, 0.25), (0.12, 0.31), (0.3, 0.365), (0.52, 0.385)]
_BOTTLE = [(0, 0.17), (0.02, 0.19), (0.52, 0.19), (0.6, 0.17), (0.67, 0.075), (0.84, 0.065)]
_FLACON = [(0, 0.25), (0.012, 0.28), (0.4, 0.28), (0.45, 0.25), (0.46, 0.09), (0.52, 0.09)]
_CAP = [(0, 0.075), (0.14, 0.075), (0.15, 0.07)]
_JAR = [(0, 0.26), (0.03, 0.29), (0.26, 0.29), (0.29, 0.27)]
_LID = [(0, 0.3), (0.12, 0.3), (0.14, 0.285)]


def _cup(canvas: Canvas, inks: Inks, stand: Stand, stuff: Material, rng: np.random.Generator) -> None:
    x, foot, size = stand.x, stand.foot, stand.size
    side = 1 if stand.light_right else -1
    turn_body(canvas, [(0, 0.42), (0.025, 0.46), (0.04, 0.47)], stand=stand, stuff=stuff, lift=-0.02)
    saucer = canvas.stencil()
    saucer.oval(x, foot - size * 0.02, size * 0.47, size * 0.078)
    canvas.press(saucer, mix(stuff.colour, "#ffffff", 0.25))
    shade = (x - side * size * 0.05, foot - size * 0.01)
    soft_shadow(canvas, at=shade, across=size * 0.25, down=size * 0.035, colour=stuff.shadow, strength=0.6)
    turn = np.linspace(-2.0, 1.4, 40)
    bow_x = x - side * (size * 0.33 + np.cos(turn) * size * 0.17)
    handle = ribbon(
        np.stack([bow_x, foot - size * (0.31 + np.sin(turn) * 0.14)], axis=1), start=size * 0.028, end=size * 0.034
    )
    canvas.fill([handle], canvas.rows((stuff.colour, stuff.shadow), top=foot - size * 0.46, bottom=foot - size * 0.12))
    turn_body(canvas, _CUP, stand=stand, stuff=stuff, lift=0.02)
    top = foot - size * 0.54
    rim(
        canvas,
        x=x,
        y=top,
        across=size * 0.385,
        outer=mix(stuff.colour, "#ffffff", 0.45),
        inner=mix(stuff.colour, stuff.shadow, 0.6),
    )
    _coffee(canvas, x=x, y=top, size=size)
    _steam(canvas, rng=rng, x=x, y=top - size * 0.04, tall=size * 0.55)


def _coffee(canvas: Canvas, *, x: float, y: float, size: float) -> None:
    surface, crema = canvas.stencil(), canvas.stencil()
    surface.oval(x, y + size * 0.0135, size * 0.331, size * 0.0555)
    canvas.press(surface, "#4a2a1a")
    crema.oval(x, y + size * 0.018, size * 0.3, size * 0.045)
    crema.oval(x, y + size * 0.02, size * 0.27, size * 0.037, level=0)
    canvas.press(crema, "#b07a4a", opacity=0.8)


def _steam(canvas: Canvas, *, rng: np.random.Generator, x: float, y: float, tall: float) -> None:
    wisps = canvas.stencil(factor=1)
    part = np.linspace(0, 1, 50)
    for shift in (-0.22, 0.02, 0.24):
        sway = np.sin(part * rng.uniform(5, 8) + rng.random() * 6) * tall * 0.06 * (0.3 + part)
        spine = np.stack([x + shift * tall * 0.6 + sway, y - part * tall * rng.uniform(0.7, 1.0)], axis=1)
        wide = np.sin(np.pi * part**0.8)[:, None] * tall * 0.022 * np.array([1, 0])
        wisps.polygon(np.concatenate([spine - wide, (spine + wide)[::-1]]), level=150)
    canvas.lay(wisps.mask().filter(ImageFilter.GaussianBlur(tall * 0.018)), "#ffffff", opacity=0.75)


def _bottle(canvas: Canvas, inks: Inks, stand: Stand, stuff: Material, rng: np.random.Generator) -> None:
    x, foot, size = stand.x, stand.foot, stand.size
    turn_body(canvas, _BOTTLE, stand=stand, stuff=stuff)
    cap = material(mix(inks[5], "#c9a063", 0.6), surroundings=inks[2], gloss=0.6)
    turn_body(canvas, _CAP, stand=stand, stuff=cap, lift=0.83)
    paper = material("#f6f0e4", surroundings=inks[1], gloss=0.0)
    turn_body(canvas, [(0, 0.1905), (0.24, 0.1905)], stand=stand, stuff=paper, lift=0.13)
    mark = canvas.stencil()
    mark.disc(x, foot - size * 0.265, size * 0.045)
    mark.bar(x - size * 0.09, foot - size * 0.175, x + size * 0.09, foot - size * 0.168)
    mark.bar(x - size * 0.06, foot - size * 0.15, x + size * 0.06, foot - size * 0.144)
    canvas.press(mark, stuff.shadow, opacity=0.85)


def _flacon(canvas: Canvas, inks: Inks, stand: Stand, stuff: Material, rng: np.random.Generator) -> None:
    turn_body(canvas, _FLACON, stand=stand, stuff=stuff)
    deep = material(mix(stuff.colour, stuff.shadow, 0.45), surroundings=inks[2], gloss=0.5)
    turn_body(canvas, [(0, 0.22), (0.25, 0.22)], stand=stand, stuff=deep, lift=0.04)
    gold = material("#d6b26a", surroundings=inks[2], gloss=0.7)
    turn_body(canvas, [(0, 0.095), (0.07, 0.095)], stand=stand, stuff=gold, lift=0.49)
    ball = [
        (0.13 - 0.13 * float(np.cos(turn)), 0.02 + 0.13 * float(np.sin(turn))) for turn in np.linspace(0.35, 3.06, 24)
    ]
    turn_body(canvas, ball, stand=stand, stuff=gold, lift=0.555)


def _jar(canvas: Canvas, inks: Inks, stand: Stand, stuff: Material, rng: np.random.Generator) -> None:
    turn_body(canvas, _JAR, stand=stand, stuff=stuff)
    lid = material(mix(inks[5], "#c9a063", 0.65), surroundings=inks[2], gloss=0.6)
    turn_body(canvas, _LID, stand=stand, stuff=lid, lift=0.3)
    plate = canvas.stencil()
    plate.oval(stand.x, stand.foot - stand.size * 0.44, stand.size * 0.285, stand.size * 0.045)
    canvas.press(plate, mix(lid.colour, "#ffffff", 0.35))


def _vase(canvas: Canvas, inks: Inks, stand: Stand, stuff: Material, rng: np.random.Generator) -> None:
    x, foot, size = stand.x, stand.foot, stand.size * 0.78
    top = foot - size * 0.79
    part = np.linspace(0, 1, 20)
    for _ in range(7):
        lean, tall = rng.normal(0, 0.34), rng.uniform(0.45, 0.75)
        stem = np.stack([x + lean * size * 0.75 * part**1.6, top + size * 0.1 - part * size * tall], axis=1)
        green = mix("#6b7f55", inks[4], rng.uniform(0.1, 0.5))
        canvas.fill([ribbon(stem, start=size * 0.006, end=size * 0.003)], green)
        _leaves(canvas, stem, rng=rng, size=size * 0.1, colour=green)
    turn_body(canvas, _VASE, stand=Stand(x, foot, size, stand.light_right), stuff=stuff)
    rim(
        canvas,
        x=x,
        y=foot - size * 0.8,
        across=size * 0.13,
        outer=mix(stuff.colour, "#ffffff", 0.3),
        inner=stuff.shadow,
    )


def _leaves(canvas: Canvas, stem: NDArray[np.float64], *, rng: np.random.Generator, size: float, colour: str) -> None:
    part = np.linspace(0, np.pi, 12)
    edge = np.stack([part / np.pi, np.sin(part) * 0.2], axis=1)
    leaf = np.concatenate([edge, (edge * [1, -1])[::-1]])
    for at in range(5, 20, 2):
        for side in (-1, 1):
            turn = np.pi / 2 + side * rng.uniform(0.5, 1.1)
            spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            shape = (leaf @ spin) * size * rng.uniform(0.7, 1.15)
            canvas.fill([stem[at] + shape], mix(colour, "#ffffff", rng.uniform(0, 0.2)))


# In the order in which they are looked for: a flacon is a kind of bottle.
WARES: Mapping[str, Draw] = {"cup": _cup, "flacon": _flacon, "bottle": _bottle, "jar": _jar, "vase": _vase}
