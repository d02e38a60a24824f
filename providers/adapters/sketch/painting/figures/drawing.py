"""Puts the outlines of creatures and things on a canvas."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ImageChops

from ..canvas import Canvas, Stencil
from ..colour import mix, relight
from .creatures import CREATURES, Part
from .things import THINGS

FIGURES: Mapping[str, tuple[Part, ...]] = {**CREATURES, **THINGS}

_COLOURS: Mapping[str, tuple[str, str, str, str]] = {  # main, light, dark, accent
    "fox": ("#d9622b", "#fbf0e0", "#3b2320", "#3b2320"),
    "cat": ("#2b2833", "#ffd166", "#45404f", "#ffd166"),
    "deer": ("#9a6238", "#f3e3cc", "#573722", "#573722"),
    "wolf": ("#5d6675", "#c9ced6", "#39404c", "#39404c"),
    "bear": ("#5a3d2b", "#a27d5c", "#43291c", "#43291c"),
    "rabbit": ("#b89877", "#fbf3e8", "#3b2a22", "#e9a3a0"),
    "owl": ("#7a5638", "#efdcbd", "#3f2a1c", "#f0a330"),
    "penguin": ("#23272f", "#fbfaf5", "#14161b", "#f29a2e"),
    "horse": ("#7b4a2d", "#f3e3cc", "#3c2216", "#3c2216"),
    "dog": ("#c58b4e", "#fbf0e0", "#5b3a22", "#5b3a22"),
    "elephant": ("#8b8f9c", "#f7f2e6", "#6c707e", "#6c707e"),
    "camel": ("#b98245", "#e8cfa2", "#8a5b2c", "#a33b2a"),
    "walker": ("#c8452f", "#f0c6a0", "#2b3040", "#e0a030"),
    "astronaut": ("#eef0f4", "#a8e0f2", "#3a4258", "#e2503d"),
    "whale": ("#2f5d86", "#dbe8ee", "#1f4262", "#1f4262"),
    "turtle": ("#3f7a55", "#9dc08b", "#2a5540", "#2a5540"),
    "boat": ("#8d3b2b", "#fdf6e6", "#33241f", "#e2543f"),
    "ship": ("#2d3f5c", "#f6f1e6", "#1d2a3f", "#d8492f"),
    "lighthouse": ("#f8f3e8", "#ffe9a3", "#2a2c38", "#d0402f"),
    "cabin": ("#8a5234", "#ffd877", "#3d2419", "#ffd877"),
    "tent": ("#e07a3a", "#ffe2a0", "#7d3a1e", "#e07a3a"),
    "castle": ("#b9a58c", "#ffdf8e", "#8b7865", "#5b6f9e"),
    "windmill": ("#efe6d5", "#fbf7ee", "#4a3a33", "#b24a35"),
    "balloon": ("#d9483b", "#fbe3a6", "#4a2f25", "#f0a23c"),
    "rocket": ("#8fd3e8", "#f7f4ec", "#30364a", "#e2503d"),
    "car": ("#c9402f", "#d7ecf2", "#22252e", "#c9402f"),
    "bicycle": ("#d24a3a", "#f7f2e6", "#22252e", "#d24a3a"),
}
_LAMPLIT = frozenset({"cabin", "castle", "tent", "lighthouse"})
_TONES = ("main", "light", "dark", "accent")


@dataclass(frozen=True, slots=True)
class Lighting:
    """How a figure stands in the light: its own colours stirred towards `shade`, its edge caught by `rim`.

    `depth` 0 keeps the figure's own colours, 1 leaves a silhouette. `sun_right` says on which side the
    rim falls.
    """

    shade: str
    depth: float
    rim: str | None = None
    sun_right: bool = True


def colours_of(name: str, *, wanted: str | None) -> dict[str, str]:
    """Return a figure's tones, repainted when the words asked for a colour ("a red fox")."""
    tones = dict(zip(_TONES, _COLOURS[name], strict=True))
    if wanted is None:
        return tones
    chief = "accent" if name in {"boat", "lighthouse"} else "main"
    tones[chief] = wanted
    if name in CREATURES and name not in {"fox", "owl", "rabbit", "penguin"}:
        tones["dark"] = relight(wanted, 0.3, chroma=0.8)
    return tones


def draw_figure(
    canvas: Canvas,
    name: str,
    *,
    at: tuple[float, float],
    size: float,
    lighting: Lighting,
    wanted: str | None = None,
    flip: bool = False,
) -> None:
    """Draw a figure standing on `at` (its middle, on the ground) in a square of `size` pixels."""
    tones = colours_of(name, wanted=wanted)
    box = _box_around(canvas, at=at, size=size)
    if box[2] <= box[0] or box[3] <= box[1]:
        return
    whole = Stencil(box)
    for tone, text in FIGURES[name]:
        outline = placed(text, at=at, size=size, flip=flip)
        whole.polygon(outline, level=0 if tone == "hole" else 255)
        if tone == "hole":
            continue
        part = Stencil(box)
        part.polygon(outline)
        if name == "bicycle" and text.startswith("#"):
            part.polygon(placed(text.rsplit(",", 1)[0] + ",19.5", at=at, size=size, flip=flip), level=0)
        # Lamps and lit windows shine by themselves, however dark it is outside.
        depth = lighting.depth * 0.15 if tone == "light" and name in _LAMPLIT else lighting.depth
        canvas.press(part, mix(tones[tone], lighting.shade, depth))
    if lighting.rim:
        _rim(canvas, whole, size=size, lighting=lighting)


def placed(text: str, *, at: tuple[float, float], size: float, flip: bool = False) -> NDArray[np.float64]:
    """Return an outline's curve in canvas pixels."""
    curve = _disc(text) if text.startswith("#") else _smooth(text)
    x = (curve[:, 0] - 50) * (-1 if flip else 1)
    return np.stack([at[0] + x * size / 100, at[1] - curve[:, 1] * size / 100], axis=1)


def _rim(canvas: Canvas, whole: Stencil, *, size: float, lighting: Lighting) -> None:
    """Let the light catch the edge that faces it."""
    mask = whole.mask()
    width = max(1, round(size * 0.009))
    inside = ImageChops.offset(mask, -width if lighting.sun_right else width, width)
    edge = ImageChops.subtract(mask, inside)
    canvas.lay(edge, lighting.rim or lighting.shade, box=whole.box, opacity=0.5)


def _box_around(canvas: Canvas, *, at: tuple[float, float], size: float) -> tuple[int, int, int, int]:
    left, top = int(at[0] - size * 0.55), int(at[1] - size * 1.12)
    right, bottom = int(at[0] + size * 0.55) + 2, int(at[1] + size * 0.26) + 2
    return max(0, left), max(0, top), min(canvas.width, right), min(canvas.height, bottom)


def _disc(text: str) -> NDArray[np.float64]:
    x, y, radius = (float(number) for number in text[1:].split(","))
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def _smooth(text: str) -> NDArray[np.float64]:
    """Run a closed Catmull-Rom curve through the points; a point given twice makes a corner."""
    points: list[tuple[float, float]] = []
    for word in text.split():
        x, y = (float(number) for number in word.rstrip("!").split(","))
        points += [(x, y)] * (2 if word.endswith("!") else 1)
    knots = np.array(points)
    before, after, beyond = np.roll(knots, 1, axis=0), np.roll(knots, -1, axis=0), np.roll(knots, -2, axis=0)
    part = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    a, b, c, d = (side[:, None, :] for side in (before, knots, after, beyond))
    curve = 0.5 * (2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part**2 + (3 * b - a - 3 * c + d) * part**3)
    # Between a doubled point and itself the curve would loop outwards; there the line simply waits.
    still = np.all(knots == np.roll(knots, -1, axis=0), axis=1)
    curve[still] = knots[still][:, None, :]
    outline: NDArray[np.float64] = curve.reshape(-1, 2)
    return outline
