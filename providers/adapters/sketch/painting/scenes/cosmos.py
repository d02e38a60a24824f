"""Deep space: glowing clouds with lanes of dust, stars, a planet, a rocket."""

import numpy as np
from PIL import Image

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, mix, ramp, relight, rgb
from ..figures import Lighting, draw_figure
from ..land import press_ridge, ridge_line
from ..noise import field, sample, smoothstep

_COARSE = 3
_SKIES: tuple[tuple[str, str, str, str], ...] = (  # void, two gases, core
    ("#05060f", "#3a1d6e", "#c8408f", "#ffd9a8"),
    ("#040a14", "#0f4a6e", "#2fb3a6", "#fff0c2"),
    ("#0a0610", "#6e1d3a", "#e8663c", "#ffe6b0"),
    ("#05081a", "#2a2f8f", "#5f8cf0", "#f7e0ff"),
    ("#060a12", "#1d5a5f", "#d07a3f", "#fff2d8"),
)


def draw(brief: Brief) -> Work:
    chance = brief.rng("cosmos")
    gases = _gases(brief, chance)
    canvas = brief.canvas(gases[0])
    _nebula(brief, canvas, gases)
    brief.report(0.5)
    _stars(canvas, rng=brief.rng("stars"))
    brief.report(0.65)
    named = brief.says("planet", "saturn", "jupiter", "mars", "moon", "world")
    if named or (chance.random() < 0.45 and not brief.says("nebula", "galaxy")):
        _planet(brief, canvas, gases, ringed=brief.says("saturn", "ring") or chance.random() < 0.5)
    brief.report(0.85)
    _figure(brief, canvas, gases)
    return canvas, gases


def _gases(brief: Brief, rng: np.random.Generator) -> tuple[str, str, str, str]:
    colours = brief.reading.colours
    if not colours:
        return _SKIES[int(rng.integers(len(_SKIES)))]
    first, second = colours[0], (colours * 2)[1]
    return relight(first, 0.13, chroma=0.4), relight(first, 0.4), relight(second, 0.66), mix(second, "#fff4dc", 0.75)


def _nebula(brief: Brief, canvas: Canvas, gases: tuple[str, str, str, str]) -> None:
    """Glow clouds: fractal noise read through another, brighter along a slanting band, cut by dust."""
    chance = brief.rng("nebula")
    width, height = max(16, canvas.width // _COARSE), max(16, canvas.height // _COARSE)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    first = field(chance, width=width, height=height, cells=2.2, octaves=5)
    second = field(chance, width=width, height=height, cells=2.2, octaves=5)
    short = np.float32(min(width, height))
    swirl = short * 0.55
    body = field(chance, width=width, height=height, cells=3.0, octaves=6)
    gas = sample(body, x=columns + (first - 0.5) * swirl, y=rows + (second - 0.5) * swirl)
    threads = 1 - np.abs(2 * sample(first, x=columns * 0.9 + (gas - 0.5) * swirl, y=rows) - 1)
    angle = np.float32(chance.uniform(0, np.pi))
    across = ((columns - width * 0.5) * np.sin(angle) + (rows - height * 0.5) * np.cos(angle)) / short
    band = np.exp(-((across * 2.1 + (second - 0.5) * 1.1) ** 2))
    glow = (
        smoothstep(gas, 0.24, 0.86) * (0.2 + 0.95 * band)
        + 0.32 * smoothstep(threads.astype(np.float32), 0.8, 1.0) * band
    )
    dust = smoothstep(sample(second, x=columns + (gas - 0.5) * swirl * 0.8, y=rows), 0.5, 0.78) * band
    glow = np.clip(glow * (1 - 0.72 * dust), 0, 1)
    hue: Floats = np.clip(first * 0.7 + gas * 0.5 - 0.1, 0, 1)
    cool = ramp((gases[0], gases[1], mix(gases[1], gases[2], 0.35), mix(gases[1], gases[3], 0.7)), 256)
    warm = ramp((gases[0], mix(gases[1], gases[2], 0.6), gases[2], gases[3]), 256)
    level = (glow * 255).astype(np.uint8)
    pixels = cool[level] + (warm[level] - cool[level]) * smoothstep(hue, 0.35, 0.75)[..., None]
    coarse = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    canvas.image = coarse.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)


def _stars(canvas: Canvas, *, rng: np.random.Generator) -> None:
    size = canvas.unit / 1024
    room = min(3.0, canvas.width * canvas.height / canvas.unit**2)
    count = int(900 * room)
    bright = rng.power(0.3, count)
    stars = canvas.stencil(factor=2)
    for x, y, light in zip(rng.random(count).tolist(), rng.random(count).tolist(), bright.tolist(), strict=True):
        stars.disc(x * canvas.width, y * canvas.height, size * (0.45 + 1.0 * light), level=int(70 + 185 * light))
    canvas.press(stars, "#fdf9f2", opacity=0.95)
    rays = canvas.stencil(factor=2)
    for x, y, share in rng.random((9, 3)).tolist():
        at_x, at_y, long = x * canvas.width, y * canvas.height, size * (9 + 24 * share)
        tint = ("#cfe0ff", "#fff0d0", "#ffd7e6")[int(share * 3)]
        canvas.glow(at_x, at_y, radius=size * (6 + 10 * share), colour=tint, strength=0.95)
        for out_x, out_y in ((long, size * 0.7), (size * 0.7, long)):
            rays.polygon([(at_x - out_x, at_y), (at_x, at_y - out_y), (at_x + out_x, at_y), (at_x, at_y + out_y)])
    canvas.press(rays, "#ffffff", opacity=0.9)


def _planet(brief: Brief, canvas: Canvas, gases: tuple[str, str, str, str], *, ringed: bool) -> None:
    """Hang a banded planet in the sky, lit from one side, perhaps with rings."""
    chance = brief.rng("planet")
    radius = canvas.unit * chance.uniform(0.15, 0.22)
    x, y = canvas.width * chance.uniform(0.32, 0.68), canvas.height * chance.uniform(0.34, 0.5)
    if brief.reading.figure:
        # Leave the middle to the figure.
        radius, x, y = radius * 0.72, canvas.width * 0.72, canvas.height * 0.27
    canvas.glow(x, y, radius=radius * 0.9, colour=gases[2], strength=0.6)
    if ringed:
        _ring(canvas, gases, x=x, y=y, radius=radius, front=False)
    _globe(canvas, gases, x=x, y=y, radius=radius, rng=chance)
    if ringed:
        _ring(canvas, gases, x=x, y=y, radius=radius, front=True)


def _globe(
    canvas: Canvas, gases: tuple[str, str, str, str], *, x: float, y: float, radius: float, rng: np.random.Generator
) -> None:
    side = max(8, int(radius * 2) + 3)
    grid = (np.arange(side, dtype=np.float32) - side / 2 + 0.5) / np.float32(radius)
    across, down = grid[None, :], grid[:, None]
    far = np.hypot(across, down)
    depth = np.sqrt(np.clip(1 - far**2, 0, 1))
    light = np.clip(-0.62 * across - 0.42 * down + 0.66 * depth, 0, 1) ** 0.8
    bands = field(rng, width=side, height=side, cells=5, octaves=5, stretch=7)
    columns = np.repeat(np.arange(side, dtype=np.float32)[None, :], side, axis=0)
    tilted = sample(bands, x=columns, y=((down * 0.94 + across * 0.2 + 1) * side / 2).astype(np.float32))
    table = ramp((mix(gases[1], "#20102a", 0.2), gases[2], mix(gases[3], gases[2], 0.5), gases[3], gases[2]), 256)
    surface = table[np.clip(tilted * 255, 0, 255).astype(np.uint8)]
    night = np.array(rgb(mix(gases[0], "#000000", 0.4)), np.float32)
    pixels = night + (surface - night) * light[..., None]
    haze = np.clip((far - 0.8) / 0.2, 0, 1) ** 2 * light * 0.7
    pixels += (np.array(rgb(gases[3]), np.float32) - pixels) * haze[..., None]
    mask = Image.fromarray((np.clip((1 - far) * radius + 0.5, 0, 1) * 255).astype(np.uint8))
    canvas.image.paste(
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), (round(x - side / 2), round(y - side / 2)), mask
    )


def _ring(canvas: Canvas, gases: tuple[str, str, str, str], *, x: float, y: float, radius: float, front: bool) -> None:
    turn = np.linspace(0, np.pi, 90) if front else np.linspace(np.pi, 2 * np.pi, 90)
    tilt = np.array([[np.cos(-0.28), -np.sin(-0.28)], [np.sin(-0.28), np.cos(-0.28)]])
    for inner, outer, opacity in ((1.32, 1.5, 0.55), (1.53, 1.78, 0.75), (1.82, 1.92, 0.4)):
        edges = [
            np.stack([np.cos(turn) * radius * share, np.sin(turn) * radius * share * 0.26], axis=1) @ tilt.T
            for share in (inner, outer)
        ]
        canvas.fill(
            [np.concatenate([edges[0], edges[1][::-1]]) + np.array([x, y])],
            mix(gases[3], gases[2], 0.25),
            opacity=opacity,
        )


def _figure(brief: Brief, canvas: Canvas, gases: tuple[str, str, str, str]) -> None:
    name = brief.reading.figure
    if name is None:
        return
    u = canvas.unit
    chance = brief.rng("figure")
    lighting = Lighting(shade=gases[1], depth=0.15, rim=gases[3])
    if name == "rocket":
        x, y = canvas.width * 0.5, canvas.height * 0.7
        canvas.glow(x, y + u * 0.05, radius=u * 0.12, colour="#ffb45e", strength=0.9)
        draw_figure(canvas, name, at=(x, y), size=u * 0.34, lighting=lighting, wanted=brief.reading.figure_colour)
        return
    line = ridge_line(canvas, rng=chance, level=canvas.height * 0.9, height=u * 0.02, cells=5, crag=True, rough=0.45)
    bow = ((np.linspace(-1, 1, canvas.width)) ** 2 * u * 0.06).astype(np.float32)
    ground = mix(gases[0], gases[1], 0.45)
    press_ridge(canvas, line + bow, stops=(mix(ground, gases[2], 0.3), ground, gases[0]), bottom=canvas.height)
    x = canvas.width * 0.42
    dim = Lighting(shade=gases[0], depth=0.35, rim=gases[3])
    draw_figure(
        canvas,
        name,
        at=(x, float((line + bow)[int(x)]) + u * 0.006),
        size=u * 0.24,
        lighting=dim,
        wanted=brief.reading.figure_colour,
    )
