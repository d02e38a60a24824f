"""Water: still mirrors, glitter below a low sun, and rolling waves."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .canvas import Canvas, Stencil
from .colour import Floats, mix, rgb
from .land import under
from .noise import profile
from .sky import Sun


def mirror(canvas: Canvas, *, rng: np.random.Generator, level: int, tint: str, depth: float = 0.45) -> None:
    """Turn everything below the row `level` into water that mirrors what is above it.

    `depth` is how much of the tint the water has taken on at its nearest edge. The rows slide
    sideways by a wave that grows towards the viewer, which is what makes it read as water.
    """
    tall = canvas.height - level
    if tall < 4 or level < 4:
        return
    above = np.asarray(canvas.image, np.uint8)[:level]
    near = np.arange(tall, dtype=np.float32) / tall
    source = np.clip(level - 1 - np.arange(tall) * min(1.0, (level - 1) / tall) * 0.92, 0, level - 1).astype(int)
    waves = profile(rng, count=tall, cells=tall / canvas.unit * 70, octaves=2)
    shift = np.rint(waves * canvas.unit * (0.002 + 0.011 * near)).astype(int)
    columns = np.clip(np.arange(canvas.width)[None, :] + shift[:, None], 0, canvas.width - 1)
    copy = above[source[:, None], columns].astype(np.float32)
    strength = (0.12 + (depth - 0.12) * near)[:, None, None]
    copy += (np.array(rgb(tint), np.float32) - copy) * strength
    canvas.image.paste(Image.fromarray(np.clip(copy, 0, 255).astype(np.uint8)), (0, level))


def glints(
    canvas: Canvas, *, rng: np.random.Generator, level: float, colour: str, count: int, opacity: float = 0.5
) -> None:
    """Scatter fine horizontal highlights over water that begins at the height `level`."""
    tall = canvas.height - level
    lines = canvas.stencil((0, int(level), canvas.width, canvas.height), factor=2)
    size = canvas.unit / 1024
    for share, across, long in rng.random((count, 3)).tolist():
        near = share**1.6
        y, x = level + tall * near, across * canvas.width
        half = size * (6 + 70 * near) * (0.4 + long)
        _lens(lines, x=x, y=y, half=half, thick=size * (0.5 + 1.6 * near))
    canvas.press(lines, colour, opacity=opacity)


def glitter(
    canvas: Canvas, sun: Sun, *, rng: np.random.Generator, level: float, colour: str, spread: float = 1.0
) -> None:
    """Lay the path of light that a low sun throws over the water."""
    tall = canvas.height - level
    path = canvas.stencil((0, int(level), canvas.width, canvas.height), factor=2)
    size = canvas.unit / 1024
    for share, across, long in zip(rng.random(330), rng.normal(0, 1, 330), rng.random(330), strict=True):
        near = float(share) ** 1.4
        reach = sun.radius * (0.42 + 1.1 * near) * spread
        half = size * (5 + 46 * near) * (0.35 + float(long))
        _lens(path, x=sun.x + float(across) * reach, y=level + tall * near, half=half, thick=size * (0.8 + 2.6 * near))
    canvas.press(path, colour, opacity=0.8)


def swell(
    canvas: Canvas,
    *,
    rng: np.random.Generator,
    level: float,
    height: float,
    colours: tuple[str, str, str],
    foam: str,
    cells: float = 3.0,
) -> Floats:
    """Draw one rolling wave across the picture: pointed crests, hollow troughs, a line of foam. Returns its line."""
    count = canvas.width
    x = np.arange(count, dtype=np.float32) / np.float32(canvas.unit)
    phase = rng.random() * 2 * np.pi
    sway = x * np.float32(2 * np.pi * cells) + phase + 1.4 * profile(rng, count=count, cells=2.5, octaves=2)
    crest = (1 - np.abs(np.sin(sway / 2 + 0.25 * np.sin(sway)))) ** 1.5
    crest = crest * (0.62 + 0.38 * profile(rng, count=count, cells=cells * 1.3, octaves=2))
    line = (level - height * (crest - 0.3) - height * 0.25 * profile(rng, count=count, cells=4, octaves=3)).astype(
        np.float32
    )
    stencil = canvas.stencil((0, max(0, int(line.min()) - 2), canvas.width, canvas.height), factor=2)
    stencil.polygon(under(line, canvas.height))
    canvas.press(stencil, canvas.rows(colours, top=float(line.min()), bottom=float(line.max()) + height * 1.1))
    at = np.arange(count, dtype=np.float32)
    thick = np.maximum(0.6, height * (0.015 + 0.16 * crest**2)) * (
        1 + 0.5 * profile(rng, count=count, cells=30, octaves=3)
    )
    lip = np.concatenate([np.stack([at, line], axis=1), np.stack([at, line + thick], axis=1)[::-1]])
    canvas.fill([lip], foam, opacity=0.9)
    _foam_threads(canvas, line, rng=rng, height=height, colour=mix(foam, colours[0], 0.35))
    return line


def _foam_threads(canvas: Canvas, line: Floats, *, rng: np.random.Generator, height: float, colour: str) -> None:
    """Draw broken threads of foam down the face of a wave, each following its crest more loosely."""
    count = len(line)
    threads = canvas.stencil(
        (0, max(0, int(line.min())), count, min(canvas.height, int(line.max() + height * 2) + 1)), factor=2
    )
    calm = float(line.mean())
    for share in (0.22, 0.42, 0.66):
        sway = profile(rng, count=count, cells=9, octaves=2) * height * 0.07
        path = line * (1 - share * 0.8) + calm * share * 0.8 + height * share * 1.1 + sway
        wet = profile(rng, count=count, cells=11, octaves=2)
        half = np.clip(wet - 0.05, 0, 1) * height * 0.05
        for start, end in _runs(half > 0):
            at = np.arange(start, end)
            upper = np.stack([at, path[start:end] - half[start:end]], axis=1)
            lower = np.stack([at, path[start:end] + half[start:end]], axis=1)
            threads.polygon(np.concatenate([upper, lower[::-1]]))
    canvas.press(threads, colour, opacity=0.45)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where a row of flags is up, as (first, one past the last), leaving out specks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True) if last - first > 2]


def _lens(stencil: Stencil, *, x: float, y: float, half: float, thick: float) -> None:
    """Draw a horizontal sliver, pointed at both ends."""
    stencil.polygon(
        [
            (x - half, y),
            (x - half * 0.4, y - thick),
            (x + half * 0.4, y - thick),
            (x + half, y),
            (x + half * 0.4, y + thick),
            (x - half * 0.4, y + thick),
        ]
    )
