"""Sheets of coloured paper cut along contour lines and stacked, each throwing a shadow on the next."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, lightness, mix, ramp, relight, to_hex
from ..figures import Lighting, draw_figure
from ..land import pine
from ..noise import field
from ..palettes import choose_inks

_SHEETS = 8


def draw(brief: Brief) -> Work:
    chance = brief.rng("papercut")
    inks = choose_inks(brief.reading, chance)
    sheets = _sheets(inks, rng=chance, night=brief.reading.light in {"night", "dusk"})
    canvas = brief.canvas(sheets[0])
    scenic = brief.reading.figure is not None or brief.reading.light is not None or chance.random() < 0.3
    if scenic:
        _moon(canvas, sheets, rng=chance)
    relief = _hills(brief) if scenic else _hollow(brief)
    brief.report(0.2)
    for sheet in range(1, _SHEETS):
        level = sheet / _SHEETS
        mask = _cut(canvas, relief, level=level)
        if scenic and sheet == _SHEETS - 2:
            _standing(brief, canvas, relief, level=level, shade=sheets[-1])
        _lay_sheet(canvas, mask, sheets[sheet])
        brief.report(0.2 + 0.75 * sheet / _SHEETS)
    return canvas, tuple(sheets)


def _sheets(inks: tuple[str, ...], *, rng: np.random.Generator, night: bool) -> list[str]:
    """Return the colours of the stack from the bottom up, a smooth walk through three inks."""
    ordered = sorted(inks[1:5], key=lightness)
    walk = (
        (inks[0], ordered[3], ordered[2], ordered[1], ordered[0])
        if lightness(inks[0]) > 0.5
        else (*ordered[::-1], inks[0])
    )
    if night:
        deep = relight(ordered[0], 0.22, chroma=0.7)
        walk = (deep, ordered[0], ordered[1], mix(ordered[0], deep, 0.6), relight(deep, 0.13))
    elif rng.random() < 0.35:
        walk = walk[::-1]
    return [to_hex(row) for row in ramp(walk, _SHEETS)]


def _hollow(brief: Brief) -> Floats:
    """Return a relief that sinks towards the middle, so that the stack opens like a cave."""
    chance = brief.rng("relief")
    width, height = max(16, brief.width // 4), max(16, brief.height // 4)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    x, y = chance.uniform(-0.25, 0.25, 2).astype(np.float32)
    bowl = np.hypot((columns - x) * 0.9, (rows - y) * 0.9)
    lumps = field(chance, width=width, height=height, cells=2.6, octaves=2)
    relief: Floats = bowl * 0.85 + (lumps - 0.5) * 0.85 + 0.03
    return relief


def _hills(brief: Brief) -> Floats:
    """Return a relief that rises towards the lower edge, so that the sheets become hills."""
    chance = brief.rng("relief")
    width, height = max(16, brief.width // 4), max(16, brief.height // 4)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    waves = field(chance, width=width, height=height, cells=2.2, octaves=2, stretch=1.3)
    relief: Floats = 1.5 * (rows - 0.3) + (waves - 0.5) * 0.7
    return relief


def _cut(canvas: Canvas, relief: Floats, *, level: float) -> Image.Image:
    """Return the mask of one sheet: everywhere the relief is above `level`, with an edge one pixel soft."""
    down, across = np.gradient(relief)
    steep = np.maximum(np.hypot(down, across), 1e-4)
    distance = np.clip((relief - np.float32(level)) / steep * 4, -60, 60)
    fine = Image.fromarray(distance.astype(np.float32)).resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
    return Image.fromarray((np.clip(np.asarray(fine) + 0.5, 0, 1) * 255).astype(np.uint8))


def _lay_sheet(canvas: Canvas, mask: Image.Image, colour: str) -> None:
    """Throw the sheet's shadow to the lower right, then put the sheet down with a bright cut edge."""
    small, u = mask.reduce(4), canvas.unit
    wide, near = (small.filter(ImageFilter.GaussianBlur(max(0.6, u * soft / 4))) for soft in (0.012, 0.003))
    shadow = ImageChops.add(_moved(wide, u * 0.004), _moved(near, u * 0.00125), scale=2.0)
    canvas.lay(shadow.resize(mask.size, Image.Resampling.BILINEAR), mix(colour, "#120c18", 0.8), opacity=0.55)
    canvas.lay(mask, mix(colour, "#ffffff", 0.35))
    inner = ImageChops.darker(mask, _moved(mask, max(1, u * 0.0016)))
    canvas.lay(inner, canvas.rows((mix(colour, "#ffffff", 0.06), colour, mix(colour, "#000000", 0.08))))


def _moved(mask: Image.Image, down: float) -> Image.Image:
    """Return a mask moved down and half as far to the left; its first rows are repeated above."""
    step = max(1, round(down))
    moved = Image.new("L", mask.size)
    moved.paste(mask.crop((0, 0, mask.width, step)), (0, 0))
    moved.paste(mask, (-(step // 2), step))
    return moved


def _moon(canvas: Canvas, sheets: list[str], *, rng: np.random.Generator) -> None:
    x, y = canvas.width * rng.uniform(0.3, 0.7), canvas.height * rng.uniform(0.2, 0.3)
    for share in (0.34, 0.25, 0.165):
        mask = canvas.stencil(factor=2)
        mask.disc(x, y, canvas.unit * share)
        warm = (
            mix(sheets[0], "#fff3d6", 1.08 - share * 2.2)
            if lightness(sheets[0]) < 0.8
            else mix(sheets[1], "#fff3d6", share)
        )
        _lay_sheet(canvas, mask.mask(), warm)


def _standing(brief: Brief, canvas: Canvas, relief: Floats, *, level: float, shade: str) -> None:
    """Cut trees, and the figure of the words, out of the sheet that is laid next."""
    chance = brief.rng("standing")
    first = np.argmax(relief > level, axis=0) * canvas.height / relief.shape[0]
    trees = canvas.stencil(factor=2)
    taken = canvas.width * 0.5
    for share in chance.random(16).tolist():
        x = share * canvas.width
        if abs(x - taken) > canvas.unit * 0.17:
            foot = float(first[min(relief.shape[1] - 1, int(share * relief.shape[1]))])
            pine(trees, x=x, y=foot + canvas.unit * 0.02, tall=canvas.unit * chance.uniform(0.08, 0.2), rng=chance)
    _lay_sheet(canvas, trees.mask(), shade)
    name = brief.reading.figure
    if name:
        foot = float(first[relief.shape[1] // 2]) + canvas.unit * 0.012
        lighting = Lighting(shade=shade, depth=0.1)
        at = (taken, min(foot, canvas.height * 0.95))
        draw_figure(canvas, name, at=at, size=canvas.unit * 0.27, lighting=lighting, wanted=brief.reading.figure_colour)
