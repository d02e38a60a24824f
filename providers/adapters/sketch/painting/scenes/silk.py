"""Folds of light: noise read through itself twice, then lit like cloth."""

import numpy as np
from PIL import Image

from ..brief import Brief, Work
from ..colour import Floats, lightness, mix, ramp
from ..noise import field, sample
from ..palettes import choose_inks

_COARSE = 2


def draw(brief: Brief) -> Work:
    chance = brief.rng("silk")
    inks = choose_inks(brief.reading, chance, dark=None if brief.reading.light else bool(chance.random() < 0.6))
    canvas = brief.canvas(inks[0])
    width, height = max(16, canvas.width // _COARSE), max(16, canvas.height // _COARSE)
    height_map, hue = _folds(brief, width=width, height=height)
    brief.report(0.5)
    pixels = _dye(inks, height_map, hue)
    brief.report(0.7)
    lit = _light(pixels, height_map, short=min(width, height))
    coarse = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    canvas.image = coarse.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
    return canvas, inks


def _folds(brief: Brief, *, width: int, height: int) -> tuple[Floats, Floats]:
    """Return the height of the cloth and a slower field that decides its colour, both about 0 to 1.

    Folds run across the picture in one direction; noise bends them. The noise is made larger than
    the picture, because what is read beyond an edge would come back mirrored.
    """
    chance = brief.rng("folds")
    short = np.float32(min(width, height))
    margin = int(short * 0.45)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wide, tall = width + 2 * margin, height + 2 * margin
    calm = field(chance, width=wide, height=tall, cells=2.2, octaves=2)
    drift = field(chance, width=wide, height=tall, cells=2.6, octaves=3)
    brief.report(0.15)
    inner = np.s_[margin : margin + height, margin : margin + width]
    reach = short * np.float32(chance.uniform(0.5, 0.85))
    bent_x, bent_y = (drift[inner] - 0.5) * reach + margin, (calm[inner] - 0.5) * reach + margin
    once = sample(calm, x=columns + bent_x, y=rows + bent_y)
    brief.report(0.3)
    slow = sample(drift, x=columns + (once - 0.5) * reach + margin, y=rows + bent_y)
    lean = chance.uniform(0, np.pi)
    along = (columns * np.float32(np.cos(lean)) + rows * np.float32(np.sin(lean))) / short
    phase = (along * np.float32(chance.uniform(0.9, 1.7)) + (once - 0.5) * np.float32(2.6)) * np.float32(2 * np.pi)
    cloth = 0.62 * np.sin(phase) + 0.26 * np.sin(phase * 2.3 + slow * 9) + 0.1 * np.sin(phase * 5.1 + once * 14)
    hue = np.clip(0.5 + 0.55 * (along - along.mean()) + (slow - 0.5) * 1.1, 0, 1)
    return (0.5 + 0.5 * cloth).astype(np.float32), hue.astype(np.float32)


def _dye(inks: tuple[str, ...], cloth: Floats, hue: Floats) -> Floats:
    dark = lightness(inks[0]) < 0.5
    deep = inks[0] if dark else mix(inks[4], inks[5], 0.4)
    table = ramp(
        (deep, inks[4], inks[1], inks[2], mix(inks[2], "#ffffff", 0.35), inks[3], mix(inks[3], deep, 0.5)), 512
    )
    at = np.clip(hue * 0.8 + cloth * 0.2, 0, 1)
    return table[(at * 511).astype(np.int32)]


def _light(pixels: Floats, cloth: Floats, *, short: int) -> Floats:
    """Light the cloth from the upper left, with a soft sheen along its crests."""
    down, across = np.gradient(cloth)
    steep = np.float32(short / 30)
    slope_x, slope_y = across * steep, down * steep
    long = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = (0.55 * -slope_x + 0.6 * -slope_y + 0.68) * long
    shade = np.clip(0.42 + 0.72 * facing, 0.22, 1.2)[..., None]
    sheen = (np.clip(facing, 0, 1) ** 14 * 0.38)[..., None]
    lit: Floats = pixels * shade
    lit += (255 - lit) * sheen
    return lit
