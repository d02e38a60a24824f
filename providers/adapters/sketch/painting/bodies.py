"""Turned bodies - cups, bottles, vases, plinths - shaded as if light fell on them from one side.

A profile gives the radius at every height; across each row the shading follows the angle of a
cylinder's surface, which makes flat rows read as something round.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .canvas import Canvas
from .colour import mix, ramp

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """Body colour, its shadow and its highlight; `gloss` 0 is clay, 1 is glass."""

    colour: str
    shadow: str
    gloss: float = 0.3


def material(colour: str, *, surroundings: str, gloss: float = 0.3) -> Material:
    """Return a material whose shadows take up the colour around it."""
    return Material(colour, mix(mix(colour, surroundings, 0.35), "#1c1620", 0.42), gloss)


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a thing stands: its middle and foot, the length its shares refer to (pixels), the side the light is on."""

    x: float
    foot: float
    size: float
    light_right: bool


def turn_body(
    canvas: Canvas, profile: list[tuple[float, float]], *, stand: Stand, stuff: Material, lift: float = 0.0
) -> None:
    """Draw a body `lift` above the foot; its profile is (height, radius) from below. All are shares of the size."""
    x, size, foot = stand.x, stand.size, stand.foot - lift * stand.size
    heights, radii = np.array(profile).T
    rows = np.arange(int(foot - heights[-1] * size), int(foot) + 1)
    half = _rounded(np.interp((foot - rows) / size, heights, radii) * size, reach=int(size * 0.035))
    reach = int(half.max()) + 2
    bow = reach * 0.16  # the foot is seen from slightly above, so its edge bows towards the viewer
    left = int(x) - reach
    columns = np.arange(left, left + 2 * reach + 1)
    across = (columns[None, :] - x) / np.maximum(half, 0.5)[:, None]
    cover = np.clip((half[:, None] - np.abs(columns[None, :] - x)) + 0.5, 0, 1)
    tail = _bowed(across[-1], half[-1], bow=bow)
    across = np.concatenate([across, np.repeat(across[-1:], len(tail), axis=0)])
    cover = np.concatenate([cover, tail])
    pixels = _lit(across, stuff, light_right=stand.light_right)
    mask = Image.fromarray((np.clip(cover, 0, 1) * 255).astype(np.uint8))
    canvas.image.paste(Image.fromarray(pixels), (left, int(rows[0])), mask)


def rim(canvas: Canvas, *, x: float, y: float, across: float, outer: str, inner: str) -> None:
    """Draw a round opening seen from slightly above; `across` is its radius in pixels."""
    down = across * 0.195
    reach = (int(x - across) - 2, int(y - down) - 2, int(x + across) + 3, int(y + down) + 3)
    for share, colour in ((1.0, outer), (0.93, inner)):
        ring = canvas.stencil(reach)
        ring.oval(x, y, across * share, down * share)
        canvas.press(ring, colour)


def _rounded(half: Doubles, *, reach: int) -> Doubles:
    """Ease the corners of a profile over that many rows; its two ends stay where they are."""
    if reach < 2 or len(half) < 4 * reach:
        return half
    for _ in range(2):
        padded = np.pad(half, reach, mode="reflect", reflect_type="odd")
        half = np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid")
    return half


def _bowed(across: Doubles, half: float, *, bow: float) -> Doubles:
    depth = bow * np.sqrt(np.clip(1 - across**2, 0, 1))
    rows = np.arange(1, int(bow) + 2)[:, None]
    bowed: Doubles = np.clip(depth[None, :] - rows + 0.5, 0, 1) * (np.abs(across) < 1)
    return bowed if half > 1 else bowed[:0]


def _lit(across: Doubles, stuff: Material, *, light_right: bool) -> NDArray[np.uint8]:
    side = across if light_right else -across
    lambert = np.clip(0.56 + 0.5 * side - 0.34 * side**2, 0, 1)
    table = ramp(
        (stuff.shadow, mix(stuff.shadow, stuff.colour, 0.75), stuff.colour, mix(stuff.colour, "#ffffff", 0.3)), 256
    )
    pixels = table[(lambert * 255).astype(np.uint8)].astype(np.float64)
    shine = np.exp(-(((side - 0.52) / 0.1) ** 2)) * 0.75 + np.exp(-(((side + 0.74) / 0.07) ** 2)) * 0.3
    pixels = pixels + (255 - pixels) * (shine * stuff.gloss)[..., None]
    shaded: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return shaded
