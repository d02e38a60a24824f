"""Ridges, rock faces, trees and weather that landscapes are put together from."""

import numpy as np
from PIL import ImageFilter

from .canvas import Canvas, Stencil
from .colour import Floats, mix
from .noise import field, profile


def ridge_line(
    canvas: Canvas,
    *,
    rng: np.random.Generator,
    level: float,
    height: float,
    cells: float = 3.0,
    crag: bool = False,
    rough: float = 0.5,
) -> Floats:
    """Return the height in pixels of a ridge at every column, around `level` and up to `height` away from it.

    `cells` counts the summits across a square; wider pictures get more of them.
    """
    across = cells * canvas.width / canvas.unit
    line = profile(rng, count=canvas.width, cells=across, octaves=7 if crag else 4, rough=rough, crag=crag)
    return (level - line * height).astype(np.float32)


def press_ridge(canvas: Canvas, line: Floats, *, stops: tuple[str, ...], bottom: float) -> None:
    """Fill everything below a ridge; its colours run from the summit down to `bottom`."""
    top = float(line.min())
    stencil = canvas.stencil((0, int(top) - 2, canvas.width, canvas.height), factor=2)
    stencil.polygon(under(line, canvas.height))
    canvas.press(stencil, canvas.rows(stops, top=top, bottom=bottom))


def under(line: Floats, floor: float) -> Floats:
    """Return the outline of all that lies below a line, in pixels."""
    x = np.arange(len(line), dtype=np.float32)
    x[-1] += 1
    ends = np.array([[len(line), floor + 1], [0, floor + 1]], np.float32)
    return np.concatenate([np.stack([x, line], axis=1), ends])


def paint_faces(
    canvas: Canvas, line: Floats, *, rng: np.random.Generator, lit: str, dark: str, sun_right: bool, snow: float = 0.0
) -> None:
    """Split a mountain into sunny and shaded faces along folds that run down from its summits.

    With `snow` the faces end at a ragged snow line that share of the picture's height below the crest.
    """
    width, height = canvas.width // 2, canvas.height // 2
    crest = np.interp(np.arange(width) * 2.0, np.arange(len(line)), line).astype(np.float32) / 2
    top, bottom = int(max(0, crest.min())), height
    if bottom - top < 4 or width < 8:
        return
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    depth = rows - crest[None, :]
    wander = profile(rng, count=bottom - top, cells=9, octaves=4, crag=True) * width * 0.02
    spread = depth * (0.28 * profile(rng, count=width, cells=14, octaves=3, crag=True))[None, :]
    at = np.clip(np.arange(width)[None, :] + wander[:, None] + spread, 0, width - 1).astype(np.int32)
    window = max(3, width // 36)
    eased = np.convolve(np.pad(crest, window, mode="edge"), np.ones(window) / window, mode="same")[window:-window]
    slope = np.gradient(eased)
    facing = (slope > 0) if sun_right else (slope < 0)
    inside = np.clip(depth + 0.7, 0, 1)
    if snow:
        ragged = profile(rng, count=width, cells=22, octaves=4, crag=True)
        inside = inside * np.clip((height * snow * (1 + 0.75 * ragged) - depth) / 1.5, 0, 1)
    faces = np.zeros((height, width), np.float32)
    faces[top:bottom] = facing[at] * inside
    whole = np.zeros_like(faces)
    whole[top:bottom] = inside
    canvas.shade(whole - faces, dark)
    canvas.shade(faces, lit)


def pine(stencil: Stencil, *, x: float, y: float, tall: float, rng: np.random.Generator) -> None:
    """Draw a conifer with its foot at `x`, `y`."""
    tiers = int(min(13, max(5, tall / 7)))
    slim = rng.uniform(0.17, 0.24)
    fall = np.linspace(0.04, 0.93, tiers)
    reach = tall * slim * (fall**0.9 + 0.04)
    ragged = rng.uniform(0.72, 1.12, (2, tiers))
    outer, inner = y - tall * (1 - fall - 0.055), y - tall * (1 - fall)
    right = np.empty((2 * tiers, 2))
    right[0::2] = np.stack([x + reach * ragged[0], outer], axis=1)
    right[1::2] = np.stack([x + reach * 0.42, inner], axis=1)
    left = np.empty((2 * tiers, 2))
    left[0::2] = np.stack([x - reach * ragged[1], outer], axis=1)
    left[1::2] = np.stack([x - reach * 0.42, inner], axis=1)
    stencil.polygon(np.concatenate([[(x, y - tall)], right, left[::-1]]))
    trunk = max(0.6, tall * 0.018)
    stencil.bar(x - trunk, y - tall * 0.12, x + trunk, y + tall * 0.03)


def forest_edge(
    canvas: Canvas,
    line: Floats,
    *,
    rng: np.random.Generator,
    tall: float,
    stops: tuple[str, ...],
    cover: float | Floats = 0.7,
    bottom: float | None = None,
) -> None:
    """Fill below a ridge and set pines on it, in groups that leave `1 - cover` of it bare.

    `cover` may be one number, or one for each column of the canvas.
    """
    top = max(0.0, float(line.min()) - tall * 1.5)
    stencil = canvas.stencil((0, int(top), canvas.width, canvas.height), factor=2)
    stencil.polygon(under(line, canvas.height))
    groves = profile(rng, count=canvas.width, cells=5 * canvas.width / canvas.unit, octaves=3)
    x = -tall * 0.2
    while x < canvas.width + tall * 0.2:
        column = int(min(max(x, 0), canvas.width - 1))
        thick = float(groves[column]) * 0.5 + 0.5
        if thick > 1 - (cover if isinstance(cover, float) else float(cover[column])):
            size = tall * (0.45 + 0.55 * thick) * rng.uniform(0.6, 1.2)
            pine(stencil, x=x, y=float(line[column]) + tall * 0.05, tall=size, rng=rng)
        x += tall * rng.uniform(0.1, 0.26)
    canvas.press(stencil, canvas.rows(stops, top=top, bottom=bottom or canvas.height))


def paint_grass(canvas: Canvas, line: Floats, *, rng: np.random.Generator, tall: float, colour: str) -> None:
    """Let blades of grass stand along a line."""
    top = max(0, int(float(line.min()) - tall * 2))
    blades = canvas.stencil((0, top, canvas.width, min(canvas.height, int(line.max() + tall))), factor=2)
    count = int(canvas.width / max(1.2, tall * 0.09))
    x = rng.uniform(-tall, canvas.width + tall, count)
    size = tall * rng.uniform(0.35, 1.1, count) ** 1.5
    lean = rng.normal(0.12, 0.3, count)
    for at, long, bend in zip(x.tolist(), size.tolist(), lean.tolist(), strict=True):
        foot = float(line[int(min(max(at, 0), canvas.width - 1))]) + tall * 0.1
        half = max(0.5, tall * 0.028)
        blades.polygon(
            [
                (at - half, foot),
                (at + bend * long * 0.45 - half * 0.6, foot - long * 0.6),
                (at + bend * long, foot - long),
                (at + bend * long * 0.45 + half * 0.6, foot - long * 0.6),
                (at + half, foot),
            ]
        )
    canvas.press(blades, colour)


def paint_snowfall(canvas: Canvas, *, rng: np.random.Generator, colour: str = "#ffffff") -> None:
    """Let snow fall: many small flakes far away, a few large soft ones near."""
    size = canvas.unit / 1024
    room = min(3.0, canvas.width * canvas.height / canvas.unit**2)
    for count, radius, opacity, soft in ((420, 1.5, 0.75, 0.0), (110, 2.9, 0.8, 1.0), (22, 7.5, 0.5, 3.5)):
        flakes = canvas.stencil(factor=1)
        for x, y, share in rng.random((int(count * room), 3)).tolist():
            flakes.disc(x * canvas.width, y * canvas.height, max(0.6, size * radius * (0.6 + 0.6 * share)))
        mask = flakes.mask()
        mask = mask.filter(ImageFilter.GaussianBlur(0.6 + soft * size))
        canvas.lay(mask, colour, opacity=opacity)


def paint_rain(canvas: Canvas, *, rng: np.random.Generator, colour: str, slant: float = 0.16) -> None:
    """Draw slanted threads of rain."""
    threads = canvas.stencil(factor=2)
    room = min(3.0, canvas.width * canvas.height / canvas.unit**2)
    for x, y, share in rng.random((int(520 * room), 3)).tolist():
        long = canvas.unit * (0.02 + 0.045 * share * share)
        at_x, at_y = x * canvas.width * 1.2, y * canvas.height
        threads.line(
            [(at_x, at_y), (at_x - slant * long, at_y + long)], width=canvas.unit / 1300, level=int(60 + 120 * share)
        )
    canvas.press(threads, colour, opacity=0.5)


def paint_mist(
    canvas: Canvas, *, rng: np.random.Generator, colour: str, level: float, thick: float, strength: float
) -> None:
    """Hang a torn bank of mist around the height `level`."""
    width, height = max(8, canvas.width // 8), max(8, canvas.height // 8)
    rows = np.linspace(0, canvas.height, height, dtype=np.float32)[:, None]
    body = np.exp(-(((rows - np.float32(level)) / np.float32(thick)) ** 2))
    torn = field(rng, width=width, height=height, cells=3.5, octaves=3, stretch=3.5)
    canvas.shade((body * np.clip(torn * 1.5 - 0.15, 0, 1) * strength).astype(np.float32), colour)


def soft_shadow(
    canvas: Canvas, *, at: tuple[float, float], across: float, down: float, colour: str, strength: float
) -> None:
    """Lay a soft oval shadow around a point; `across` and `down` are its radii in pixels."""
    reach_x, reach_y = int(across * 2) + 2, int(down * 2) + 2
    box = (int(at[0]) - reach_x, int(at[1]) - reach_y, int(at[0]) + reach_x, int(at[1]) + reach_y)
    stencil = canvas.stencil(box, factor=1)
    stencil.oval(*at, across, down)
    mask = stencil.mask().filter(ImageFilter.GaussianBlur(max(1.0, down * 0.5)))
    canvas.lay(mask, colour, box=stencil.box, opacity=strength)


def snow_colours(low: str, near: str) -> tuple[str, str]:
    """Return sunlit and shaded snow under a sky whose lowest colour is `low`."""
    return mix("#ffffff", low, 0.3), mix(mix("#dfe9f4", low, 0.35), near, 0.22)
