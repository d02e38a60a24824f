"""Smooth randomness: fields for clouds and folds, profiles for ridges and shores."""

import math

import numpy as np
from PIL import Image

from .colour import Floats


def field(
    rng: np.random.Generator,
    *,
    width: int,
    height: int,
    cells: float,
    octaves: int = 4,
    stretch: float = 1.0,
) -> Floats:
    """Return fractal noise, about 0 to 1 with its middle at 0.5.

    `cells` is the number of lumps along the shorter side; `stretch` above 1 draws the lumps out
    sideways. The lattice of each octave is small and enlarged by Pillow, which is several times
    faster than evaluating gradients per pixel.
    """
    total = np.zeros((height, width), np.float32)
    weight, reach = 1.0, 0.0
    short = min(width, height)
    for octave in range(octaves):
        frequency = cells * 2.0**octave / short
        across, down = width * frequency / stretch, height * frequency
        lattice = rng.random((math.ceil(down) + 4, math.ceil(across) + 4), dtype=np.float32) - 0.5
        box = (1.5, 1.5, 1.5 + across, 1.5 + down)
        layer = Image.fromarray(lattice).resize((width, height), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(layer) * np.float32(weight)
        reach += weight
        weight *= 0.5
    return total * np.float32(1.35 / reach) + np.float32(0.5)


def profile(
    rng: np.random.Generator, *, count: int, cells: float, octaves: int = 5, rough: float = 0.5, crag: bool = False
) -> Floats:
    """Return a wandering line of `count` values, about -1 to 1.

    `rough` is how much of each octave's height the next one keeps. A `crag` joins its corners with
    straight lines, as rock does; otherwise the line is as smooth as a hill.
    """
    total = np.zeros(count, np.float64)
    weight, reach = 1.0, 0.0
    for octave in range(octaves):
        frequency = cells * 2.0**octave
        corners = rng.uniform(-1, 1, math.ceil(frequency) + 3)
        if crag and octave == 0:
            # High and low corners take turns: left to chance, equal neighbours make table mountains.
            corners = (0.35 + 0.65 * np.abs(corners)) * np.where(np.arange(len(corners)) % 2, 1, -1)
        at = np.linspace(0, frequency, count) + rng.random()
        left = np.floor(at).astype(int)
        part = at - left
        if not crag:
            part = part * part * part * (part * (part * 6 - 15) + 10)
        total += weight * (corners[left] + (corners[left + 1] - corners[left]) * part)
        reach += weight
        weight *= rough
    return (total / reach * 1.4).astype(np.float32)


def sample(source: Floats, *, x: Floats, y: Floats) -> Floats:
    """Return `source` read at fractional pixel positions, mirrored at the edges."""
    height, width = source.shape
    across, down = _mirror(x, width - 1), _mirror(y, height - 1)
    left, top = across.astype(np.int32), down.astype(np.int32)
    part_x, part_y = across - left, down - top
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    upper = source[top, left] * (1 - part_x) + source[top, right] * part_x
    lower = source[bottom, left] * (1 - part_x) + source[bottom, right] * part_x
    blended: Floats = upper * (1 - part_y) + lower * part_y
    return blended


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """Return 0 below `low`, 1 above `high` and an eased passage between them."""
    part = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    eased: Floats = part * part * (3 - 2 * part)
    return eased


def _mirror(at: Floats, last: int) -> Floats:
    folded: Floats = np.abs((at % (2 * max(last, 1))) - np.float32(0))
    return np.where(folded > last, 2 * max(last, 1) - folded, folded).astype(np.float32)
