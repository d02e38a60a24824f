"""Flowers: a blossoming bough before a pale sun, or a meadow seen from among its stems."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..brief import Brief, Work
from ..canvas import Canvas, Stencil
from ..colour import lightness, mix, relight, rgb
from ..figures import Lighting, draw_figure
from ..flowers import BLOOMS, picture, set_flower, tulip
from ..palettes import choose_inks
from ..trees import bough, ribbon

_KINDS = ("daisy", "poppy", "cosmos", "dahlia", "lily", "rose")
_NAMED = {
    "sunflower": "sunflower",
    "daisy": "daisy",
    "poppy": "poppy",
    "rose": "rose",
    "dahlia": "dahlia",
    "peony": "dahlia",
    "lily": "lily",
    "tulip": "tulip",
    "lotus": "lotus",
    "orchid": "lily",
}


def draw(brief: Brief) -> Work:
    chance = brief.rng("bloom")
    inks = choose_inks(brief.reading, chance, dark=brief.reading.light in {"night", "dusk"})
    canvas = brief.canvas()
    on_bough = brief.shows("branch") or (_named(brief) is None and not brief.shows("meadow") and chance.random() < 0.3)
    _ground(brief, canvas, inks, on_bough=on_bough)
    brief.report(0.3)
    if on_bough:
        _bough(brief, canvas, inks)
    else:
        _meadow(brief, canvas, inks)
    return canvas, inks


def _named(brief: Brief) -> str | None:
    return next((kind for word, kind in _NAMED.items() if brief.says(word)), None)


def _ground(brief: Brief, canvas: Canvas, inks: tuple[str, ...], *, on_bough: bool) -> None:
    """Paint the air behind the flowers: a soft gradient, a pale sun, blurred spots of light."""
    chance = brief.rng("air")
    dark = lightness(inks[0]) < 0.5
    top = mix(inks[0], inks[3], 0.38)
    low = mix(inks[0], inks[2], 0.35)
    canvas.image = canvas.rows((top, inks[0], low))
    x, y = canvas.width * chance.uniform(0.3, 0.7), canvas.height * (0.4 if on_bough else 0.3)
    disc = canvas.stencil(factor=2)
    disc.disc(x, y, canvas.unit * (0.3 if on_bough else 0.17))
    canvas.press(disc, mix(inks[2], "#ffffff", 0.45) if not dark else mix(inks[0], "#fff6e0", 0.9), opacity=0.85)
    spots = canvas.stencil(factor=1)
    for at_x, at_y, share in chance.random((34, 3)).tolist():
        spots.disc(
            at_x * canvas.width, at_y * canvas.height, canvas.unit * (0.008 + 0.03 * share), level=int(40 + 70 * share)
        )
    canvas.lay(
        spots.mask().filter(ImageFilter.GaussianBlur(canvas.unit * 0.006)), mix(inks[1], "#ffffff", 0.55), opacity=0.7
    )


def _bough(brief: Brief, canvas: Canvas, inks: tuple[str, ...]) -> None:
    """Let boughs reach in from a side and set blossoms along them, the far ones out of focus."""
    chance = brief.rng("bough")
    u, right = canvas.unit, bool(chance.random() < 0.5)
    bark = mix(relight(inks[5], 0.26, chroma=0.6), "#3a241c", 0.6)
    asked = brief.reading.colours[0] if brief.reading.colours else None
    pink = asked or ("#f7b6c8" if brief.shows("branch") else inks[1])
    flowers = [
        picture(BLOOMS["cherry"], colour=mix(pink, tone, share), radius=max(6, int(u * 0.034)), rng=chance, tilt=tilt)
        for tone, share, tilt in (
            ("#ffffff", 0.15, 1.0),
            ("#ffffff", 0.45, 0.8),
            ("#d85a80", 0.18, 1.0),
            ("#ffffff", 0.3, 0.62),
        )
    ]
    for layer in (0, 1):
        limbs = []
        for share in (0.12, 0.5) if layer else (0.3, 0.68):
            start = np.array(
                [canvas.width * (1.03 if right else -0.03), canvas.height * (share + chance.uniform(-0.05, 0.05))]
            )
            angle = (np.pi - 0.12 if right else 0.12) + chance.normal(0, 0.18)
            limbs += list(
                bough(
                    chance,
                    start=start,
                    angle=angle,
                    long=canvas.width * chance.uniform(0.5, 0.72),
                    wide=u * 0.017,
                    depth=3,
                )
            )
        _limbs(canvas, limbs, colour=bark if layer else mix(bark, inks[0], 0.6))
        _blossoms(canvas, limbs, flowers, rng=chance, ground=None if layer else inks[0])
        brief.report(0.5 + 0.25 * layer)
    _falling(canvas, rng=chance, colour=mix(pink, "#ffffff", 0.3))


def _limbs(canvas: Canvas, limbs: list[tuple[NDArray[np.float64], float, float]], *, colour: str) -> None:
    stencil = canvas.stencil(factor=2)
    for spine, start, end in limbs:
        stencil.polygon(ribbon(spine, start=max(start, 0.6), end=max(end, 0.5)))
    canvas.press(stencil, colour)


def _blossoms(
    canvas: Canvas,
    limbs: list[tuple[NDArray[np.float64], float, float]],
    flowers: list[Image.Image],
    *,
    rng: np.random.Generator,
    ground: str | None,
) -> None:
    u = canvas.unit
    ready = [_faded(flower, ground, u * 0.003) for flower in flowers] if ground else flowers
    for spine, start, _ in limbs:
        if start > u * 0.013:
            continue
        for spot in spine[2::2]:
            for _ in range(int(rng.integers(1, 4)) if start < u * 0.007 else int(rng.integers(0, 2))):
                x, y = spot + rng.normal(0, 0.019, 2) * u
                set_flower(canvas, ready[int(rng.integers(len(ready)))], x=float(x), y=float(y))


def _faded(flower: Image.Image, ground: str, radius: float) -> Image.Image:
    """Return a flower out of focus, paled towards the air between it and the viewer."""
    alpha = flower.getchannel("A")
    soft = Image.blend(flower.convert("RGB"), Image.new("RGB", flower.size, rgb(ground)), 0.5).convert("RGBA")
    soft.putalpha(alpha)
    return soft.filter(ImageFilter.GaussianBlur(radius))


def _falling(canvas: Canvas, *, rng: np.random.Generator, colour: str) -> None:
    petals = canvas.stencil(factor=2)
    for x, y, share in rng.random((26, 3)).tolist():
        size = canvas.unit * (0.005 + 0.006 * share)
        petals.oval(x * canvas.width, y * canvas.height, size, size * (0.35 + 0.5 * share))
    canvas.press(petals, colour, opacity=0.9)


def _meadow(brief: Brief, canvas: Canvas, inks: tuple[str, ...]) -> None:
    """Raise three rows of flowers, the far ones pale and small, the near ones large and crisp."""
    chance = brief.rng("meadow")
    named = _named(brief)
    green = mix("#4f7350", inks[4], 0.35)
    for row, (size, fade, count) in enumerate(((0.045, 0.55, 22), (0.075, 0.25, 13), (0.125, 0.0, 7))):
        room = max(1.0, canvas.width / canvas.unit)
        stem = mix(green, inks[0], fade)
        if row == 2:
            _creature(brief, canvas, inks)
        tips = _stems(
            canvas, rng=chance, count=int(count * room), row=row, colour=stem, guest=brief.reading.creature is not None
        )
        pictures = _pictures(brief, canvas, inks, named=named, size=size, fade=fade, rng=chance)
        for at, (x, y) in enumerate(tips):
            set_flower(canvas, pictures[at % len(pictures)], x=x, y=y)
        if row < 2:
            canvas.veil(
                mix(inks[0], inks[2], 0.3), top=canvas.height * 0.55, bottom=canvas.height + 1, start=0.0, end=0.3
            )
        brief.report(0.5 + 0.2 * row)


def _creature(brief: Brief, canvas: Canvas, inks: tuple[str, ...]) -> None:
    """Let the animal of the words look out from among the flowers."""
    name = brief.reading.creature
    if name is None:
        return
    size = canvas.unit * 0.46
    lighting = Lighting(shade=inks[5] if lightness(inks[0]) > 0.5 else inks[0], depth=0.06)
    at = (canvas.width * 0.5, canvas.height * 0.98)
    draw_figure(canvas, name, at=at, size=size, lighting=lighting, wanted=brief.reading.figure_colour)


def _pictures(
    brief: Brief,
    canvas: Canvas,
    inks: tuple[str, ...],
    *,
    named: str | None,
    size: float,
    fade: float,
    rng: np.random.Generator,
) -> list[Image.Image]:
    kinds = [named] * 3 if named else [str(kind) for kind in rng.permutation(np.array(_KINDS))[:3]]
    radius = max(4, int(canvas.unit * size))
    made = []
    for at in range(6):
        kind = kinds[at % 3]
        usual = BLOOMS[kind].colour if kind in BLOOMS else "#e2445c"
        wanted = brief.reading.colours[at % len(brief.reading.colours)] if brief.reading.colours else None
        base = (
            wanted
            or (usual if named and usual and at % 3 == 0 else None)
            or (usual if named else None)
            or inks[1 + at % 3]
        )
        colour = mix(mix(base, inks[1 + at % 3], 0.16 if at % 2 else 0.0), inks[0], fade)
        reach = int(radius * rng.uniform(0.7, 1.1))
        if kind == "tulip":
            made.append(tulip(colour=colour, radius=reach))
        else:
            made.append(picture(BLOOMS[kind], colour=colour, radius=reach, rng=rng, tilt=float(rng.uniform(0.68, 1.0))))
    return made


def _stems(
    canvas: Canvas, *, rng: np.random.Generator, count: int, row: int, colour: str, guest: bool
) -> list[tuple[float, float]]:
    """Draw bending stems with leaves, low ones before a guest; returns where their flowers go."""
    u, tips = canvas.unit, []
    low, high = ((0.42, 0.66), (0.4, 0.74), (0.36, 0.8))[row]
    spots = (np.arange(count) + rng.uniform(0.15, 0.85, count)) / count
    heights = rng.permutation(np.linspace(low, high, count))
    stencil = canvas.stencil(factor=2)
    part = np.linspace(0, 1, 24)
    for share, level in zip(spots.tolist(), heights.tolist(), strict=True):
        low_here = guest and row == 2 and abs(share - 0.5) < 0.24
        x, y = share * canvas.width, (0.86 + 0.1 * level if low_here else level) * canvas.height
        bend = rng.normal(0, 0.05) * u
        spine = np.stack(
            [
                x + bend * (1 - part) ** 2 * 1.5 - bend * 0.6 * np.sin(part * np.pi),
                canvas.height + 4 - (canvas.height + 4 - y) * part,
            ],
            axis=1,
        )
        stencil.polygon(ribbon(spine, start=u * (0.003 + 0.002 * row), end=u * (0.0018 + 0.001 * row)))
        for at in range(3, 19, 4):
            _leaf(stencil, spine[at], rng=rng, size=u * (0.05 + 0.035 * row))
        tips.append((float(spine[-1, 0]), float(spine[-1, 1])))
    canvas.press(stencil, canvas.rows((colour, mix(colour, "#10241c", 0.45)), top=canvas.height * 0.4))
    return tips


def _leaf(stencil: Stencil, spot: NDArray[np.float64], *, rng: np.random.Generator, size: float) -> None:
    part = np.linspace(0, 1, 12)
    side = 1 if rng.random() < 0.5 else -1
    lift, long = rng.uniform(0.5, 1.2), size * rng.uniform(0.8, 1.5)
    spine = np.stack([spot[0] + side * part * long * 0.6, spot[1] - np.sin(part * 1.7) * long * lift * 0.7], axis=1)
    wide = (np.sin(np.pi * part**0.8) * long * 0.085)[:, None] * [0.4, 1]
    stencil.polygon(np.concatenate([spine - wide, (spine + wide)[::-1]]))
