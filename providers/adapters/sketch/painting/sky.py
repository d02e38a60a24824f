"""Skies: gradient, glow, clouds, stars, northern lights, and the sun or moon."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .canvas import Canvas
from .colour import Floats, mix, ramp, rgb
from .noise import field, profile, smoothstep
from .palettes import Air

_COARSE = 4  # skies are soft: a quarter of the size holds all there is to see
_HEIGHTS = {"dawn": (0.66, 0.86), "day": (0.3, 0.5), "sunset": (0.7, 0.9), "dusk": (0.5, 0.8), "night": (0.28, 0.46)}


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun or moon stands, in pixels."""

    x: float
    y: float
    radius: float
    right: bool


def place_sun(canvas: Canvas, air: Air, *, rng: np.random.Generator, horizon: float) -> Sun:
    """Put the sun near a third of the width, low at the ends of the day and high at its middle."""
    right = bool(rng.random() < 0.5)
    share = rng.uniform(0.62, 0.74) if right else rng.uniform(0.26, 0.38)
    low, high = _HEIGHTS.get(air.light, (0.35, 0.6))
    large = 0.075 if air.light in {"sunset", "dawn", "dusk"} else 0.055
    radius = canvas.unit * large * rng.uniform(0.8, 1.25)
    return Sun(canvas.width * share, horizon * rng.uniform(low, high), radius, right)


def paint_sky(
    canvas: Canvas, air: Air, *, rng: np.random.Generator, horizon: float, sun: Sun, clouds: float | None = None
) -> None:
    """Paint the whole canvas as sky down to the horizon; below it the lowest colour goes on.

    `clouds` is how much of the sky they cover, 0 to 1.
    """
    width, height = max(8, canvas.width // _COARSE), max(8, canvas.height // _COARSE)
    table = ramp(air.sky, 256)
    reach = np.clip(np.linspace(0, canvas.height / max(horizon, 1), height), 0, 1)
    sky = np.repeat(table[(reach * 255).astype(int)][:, None, :], width, axis=1)
    across = (np.linspace(0, canvas.width, width, dtype=np.float32) - np.float32(sun.x)) / np.float32(canvas.unit)
    down = (np.linspace(0, canvas.height, height, dtype=np.float32) - np.float32(sun.y)) / np.float32(canvas.unit)
    far = np.hypot(across[None, :], down[:, None])
    halo = {"night": 0.34, "day": 0.5, "storm": 0.3}.get(air.light, 0.72)
    warm = halo * np.exp(-far * 5.5) + halo * 0.45 * np.exp(-far * 1.9)
    sky += (np.array(rgb(air.sun), np.float32) - sky) * np.clip(warm, 0, 1)[..., None]
    amount = _usual_clouds(air, rng) if clouds is None else clouds
    if amount > 0:
        _cloud_over(sky, air, rng=rng, amount=amount, warm=warm.astype(np.float32))
    coarse = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    canvas.image = coarse.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)


def paint_disc(canvas: Canvas, air: Air, sun: Sun, *, rng: np.random.Generator, crescent: bool = False) -> None:
    """Draw the sun, or by night the moon with its seas (full) or as a sickle."""
    if air.light == "storm":
        canvas.glow(sun.x, sun.y, radius=sun.radius * 1.6, colour=air.sun, strength=0.5)
        return
    canvas.glow(sun.x, sun.y, radius=sun.radius * 1.5, colour=air.sun, strength=0.55)
    reach = int(sun.radius) + 3
    box = (int(sun.x) - reach, int(sun.y) - reach, int(sun.x) + reach, int(sun.y) + reach)
    disc = canvas.stencil(box)
    disc.disc(sun.x, sun.y, sun.radius)
    if crescent:
        side = 1 if sun.right else -1
        disc.disc(sun.x + side * sun.radius * 0.42, sun.y - sun.radius * 0.18, sun.radius * 0.86, level=0)
    canvas.press(disc, air.sun)
    if air.light == "night" and not crescent:
        _moon_seas(canvas, air, sun, rng=rng)


def paint_stars(canvas: Canvas, *, rng: np.random.Generator, below: float, density: float = 1.0) -> None:
    """Scatter stars above the height `below`, many faint and few bright, thinning out downwards."""
    count = int(420 * density * min(4.0, canvas.width * below / canvas.unit**2 / 0.6))
    x = rng.uniform(0, canvas.width, count)
    y = below * (1 - np.sqrt(rng.uniform(0, 1, count)))
    bright = rng.power(0.35, count) ** 1.5 * 0.9 + 0.1
    size = canvas.unit / 1024
    stars = canvas.stencil((0, 0, canvas.width, int(below) + 2), factor=2)
    for at_x, at_y, light in zip(x.tolist(), y.tolist(), bright.tolist(), strict=True):
        stars.disc(at_x, at_y, size * (0.5 + 1.1 * light * light), level=int(90 + 165 * light))
    canvas.press(stars, "#fdf8ea", opacity=0.95)
    for at in np.argsort(bright)[-6:].tolist():
        canvas.glow(x[at], y[at], radius=size * 7, colour="#dfe8ff", strength=0.55)


def paint_aurora(canvas: Canvas, *, rng: np.random.Generator, below: float) -> None:
    """Hang curtains of northern light above the height `below`."""
    width, height = max(16, canvas.width // 4), max(16, canvas.height // 4)
    rows = np.arange(height, dtype=np.float32)[:, None]
    foot_at = below / canvas.height * height
    for colour, strength in (("#4ff0a8", 0.75), ("#39c6d8", 0.45), ("#a06bf0", 0.4)):
        foot = foot_at * (0.66 + 0.22 * profile(rng, count=width, cells=2.2, octaves=2))
        tall = foot_at * (0.34 + 0.2 * profile(rng, count=width, cells=4, octaves=2))
        folds = 0.6 + 0.3 * profile(rng, count=width, cells=17, octaves=3)
        rise = (foot - rows) / np.maximum(tall, 4)
        curtain = np.where(rise > 0, np.exp(-rise * 1.6), np.exp(rise * 14)) * np.clip(folds, 0, 1)
        canvas.shade((curtain * strength).astype(np.float32), colour)


def paint_birds(canvas: Canvas, *, rng: np.random.Generator, x: float, y: float, colour: str) -> None:
    """Let a small flock fly around a point."""
    birds = canvas.stencil(factor=None)
    for _ in range(int(rng.integers(4, 9))):
        at_x, at_y = x + rng.normal(0, 0.09) * canvas.unit, y + rng.normal(0, 0.035) * canvas.unit
        span, lift = canvas.unit * rng.uniform(0.009, 0.019), rng.uniform(0.25, 0.6)
        part = np.linspace(-1, 1, 21)
        arch = np.abs(np.sin(np.abs(part) * np.pi * 0.8)) * lift
        thick = (1 - np.abs(part)) * 0.16 + 0.02
        upper = np.stack([at_x + part * span, at_y - arch * span], axis=1)
        lower = np.stack([at_x + part * span, at_y - (arch - thick) * span], axis=1)
        birds.polygon(np.concatenate([upper, lower[::-1]]))
    canvas.press(birds, colour, opacity=0.85)


def _usual_clouds(air: Air, rng: np.random.Generator) -> float:
    if air.light == "storm":
        return 0.95
    return float(rng.uniform(0.2, 0.4) if air.dark else rng.uniform(0.35, 0.7))


def _cloud_over(sky: Floats, air: Air, *, rng: np.random.Generator, amount: float, warm: Floats) -> None:
    """Draw streaks of cloud, lit from the sun and shaded on their far side, flatter towards the horizon."""
    height, width = sky.shape[:2]
    stretch = 2.2 if air.light == "storm" else 4.5
    density = field(rng, width=width, height=height, cells=3.2, octaves=5, stretch=stretch)
    cover = smoothstep(density, 0.66 - 0.24 * amount, 0.88 - 0.2 * amount)
    step = max(1, height // 60)
    lifted = np.concatenate([density[:1].repeat(step, axis=0), density[:-step]])
    lit = np.clip(0.5 + (density - lifted) * 4.5, 0, 1)[..., None]
    middle = air.sky[len(air.sky) // 2]
    bright = mix(air.low, "#ffffff", 0.35) if not air.dark else mix(middle, air.sun, 0.25)
    deep = mix(middle, air.near, 0.12 if air.light != "storm" else 0.4)
    light, shade = np.array(rgb(bright), np.float32), np.array(rgb(deep), np.float32)
    colour = shade + (light - shade) * np.clip(lit * 0.75 + warm[..., None] * 0.8, 0, 1)
    strength = (0.5 if air.dark else 0.62) + (0.25 if air.light == "storm" else 0.0)
    sky += (colour - sky) * (cover * strength)[..., None]


def _moon_seas(canvas: Canvas, air: Air, sun: Sun, *, rng: np.random.Generator) -> None:
    side = max(8, int(sun.radius * 2))
    blotches = smoothstep(field(rng, width=side, height=side, cells=3, octaves=4), 0.48, 0.72)
    down, across = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = np.clip((0.97 - np.hypot(across, down)) * 12, 0, 1)
    mask = Image.fromarray((blotches * inside * 255).astype(np.uint8))
    left, top = int(sun.x - side / 2), int(sun.y - side / 2)
    canvas.image.paste(rgb(mix(air.sun, air.sky[1], 0.28)), (left, top), mask)
