"""Flowers, each drawn once as a small picture with transparency and then set many times."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .canvas import Canvas
from .colour import mix, rgb


@dataclass(frozen=True, slots=True)
class Bloom:
    """The build of a flower: petals per whorl, whorls, a petal's width to its length, and its tip.

    `notch` above 0 splits the tip as a cherry petal's is, below 0 draws it to a point. `heart` is the
    centre's radius as a share of the flower's.
    """

    petals: int
    whorls: int
    slim: float
    notch: float
    heart: float
    colour: str | None = None
    centre: str = "#f2c230"


BLOOMS: Mapping[str, Bloom] = {
    "cherry": Bloom(5, 1, 0.8, 0.14, 0.12, "#f7b9c9", "#e0617f"),
    "daisy": Bloom(17, 1, 0.24, 0.0, 0.27, "#fdfaf2", "#f2b92b"),
    "sunflower": Bloom(21, 2, 0.26, -0.3, 0.4, "#f5b92a", "#4c2a17"),
    "poppy": Bloom(5, 1, 1.15, 0.03, 0.17, "#dd3b2a", "#241a22"),
    "rose": Bloom(6, 5, 1.0, 0.02, 0.05, "#d83a55", "#8d1730"),
    "dahlia": Bloom(14, 4, 0.36, -0.25, 0.12),
    "cosmos": Bloom(8, 1, 0.56, 0.08, 0.16),
    "lily": Bloom(6, 1, 0.42, -0.35, 0.09, None, "#d8772b"),
    "lotus": Bloom(11, 3, 0.46, -0.3, 0.12, "#f0a3bd", "#f2c230"),
}


def petal(*, length: float, slim: float, notch: float) -> NDArray[np.float64]:
    """Return a petal's outline that starts at the origin and points along x."""
    part = np.linspace(0, 1, 18)
    half = slim * 0.5 * np.sin(np.pi * part**0.72) ** 0.75 * (0.55 + 0.6 * part)
    reach = part.copy()
    if notch < 0:
        half *= np.clip((1 - part) / -notch, 0, 1) ** 0.55
    upper, lower = np.stack([reach, half], axis=1), np.stack([reach, -half], axis=1)[::-1]
    tip = np.array([[1 - max(0.0, notch), 0.0]])
    outline: NDArray[np.float64] = np.concatenate([upper, tip, lower]) * length
    return outline


def picture(bloom: Bloom, *, colour: str, radius: int, rng: np.random.Generator, tilt: float = 1.0) -> Image.Image:
    """Return a flower as RGBA; `tilt` below 1 flattens it, as when it is seen from the side."""
    plate = _Plate(radius=radius, colour=colour)
    start = rng.uniform(0, 2 * np.pi)
    for whorl in range(bloom.whorls):
        shape = petal(length=radius * (1 - whorl / (bloom.whorls + 0.4)), slim=bloom.slim, notch=bloom.notch)
        shade = mix(colour, "#ffffff", 0.04) if bloom.whorls == 1 else mix(colour, "#7a1030", 0.1 * whorl)
        for at in range(bloom.petals):
            turn = start + (at + 0.5 * (whorl % 2)) * 2 * np.pi / bloom.petals + rng.normal(0, 0.05)
            plate.petal(turned(shape * rng.uniform(0.92, 1.06), turn), turn=turn, colour=shade)
    _heart(plate, bloom, colour=colour, radius=radius)
    flower = plate.picture()
    if tilt < 1:
        flower = flower.resize((flower.width, max(2, round(flower.height * tilt))), Image.Resampling.BOX)
    return flower


def tulip(*, colour: str, radius: int) -> Image.Image:
    """Return a tulip seen from the side, as RGBA."""
    plate = _Plate(radius=radius, colour=colour)
    shape = petal(length=radius * 1.75, slim=0.62, notch=-0.4)
    back, side, front = mix(colour, "#2a0a1a", 0.28), mix(colour, "#2a0a1a", 0.2), mix(colour, "#ffffff", 0.1)
    for tone, lean in ((back, -0.23), (side, 0.23), (front, 0.0)):
        plate.polygon(turned(shape, np.pi / 2 + lean) + np.array([0, radius - 1]), tone, cover=True)
    return plate.picture()


def set_flower(canvas: Canvas, flower: Image.Image, *, x: float, y: float) -> None:
    """Put a flower's middle on a point."""
    canvas.image.paste(flower, (int(x - flower.width / 2), int(y - flower.height / 2)), flower)


class _Plate:
    """A flower's picture and its cover, drawn at three times the size around the origin."""

    _SCALE = 3

    def __init__(self, *, radius: int, colour: str) -> None:
        self._middle = (radius + 2) * self._SCALE
        self._face = Image.new("RGB", (2 * self._middle, 2 * self._middle), rgb(colour))
        self._cover = Image.new("L", self._face.size)
        self._draw, self._mask = ImageDraw.Draw(self._face), ImageDraw.Draw(self._cover)

    def polygon(self, points: NDArray[np.float64], colour: str, *, cover: bool = False) -> None:
        flat = (points * self._SCALE + self._middle).ravel().tolist()
        self._draw.polygon(flat, fill=rgb(colour))
        if cover:
            self._mask.polygon(flat, fill=255)

    def petal(self, outline: NDArray[np.float64], *, turn: float, colour: str) -> None:
        """Draw a petal, lighter above than below, deeper towards its foot, with one vein."""
        light = 0.5 + 0.5 * float(np.sin(turn))
        shade = mix(mix(colour, "#3a1030", 0.2), mix(colour, "#ffffff", 0.22), light)
        self.polygon(outline, shade, cover=True)
        self.polygon(outline * 0.62, mix(shade, "#8d1740", 0.1))
        self.line(outline[[0, 18]] * 0.8, mix(shade, "#5a1030", 0.2), width=0.7)

    def line(self, points: NDArray[np.float64], colour: str, *, width: float) -> None:
        flat = (points * self._SCALE + self._middle).ravel().tolist()
        self._draw.line(flat, fill=rgb(colour), width=max(1, round(width * self._SCALE)))

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        left, top = (x - radius) * self._SCALE + self._middle, (y - radius) * self._SCALE + self._middle
        across = 2 * radius * self._SCALE
        self._draw.ellipse((left, top, left + across, top + across), fill=rgb(colour))
        self._mask.ellipse((left, top, left + across, top + across), fill=255)

    def picture(self) -> Image.Image:
        flower = self._face.reduce(self._SCALE).convert("RGBA")
        flower.putalpha(self._cover.reduce(self._SCALE))
        return flower


def _heart(plate: _Plate, bloom: Bloom, *, colour: str, radius: int) -> None:
    size = radius * bloom.heart
    plate.disc(0, 0, size, mix(bloom.centre, "#301020", 0.15))
    count = 26
    for at in range(count):
        # Seeds sit at the golden angle, as in a real flower head.
        turn, far = at * 2.39996, size * 0.92 * np.sqrt((at + 0.5) / count)
        plate.disc(far * np.cos(turn), far * np.sin(turn), max(0.4, size * 0.1), mix(bloom.centre, "#fff3c0", 0.5))
    if bloom.petals > 8 or bloom.whorls > 1:
        return
    thread = mix(bloom.centre, mix(colour, "#2a0d20", 0.75), 0.25)
    for at in range(11):
        turn = at * 2 * np.pi / 11 + 0.2
        far = radius * (0.3 + 0.06 * (at % 3))
        tip = np.array([far * np.cos(turn), far * np.sin(turn)])
        plate.line(np.array([[0, 0], tip]), thread, width=max(0.4, radius / 60))
        plate.disc(float(tip[0]), float(tip[1]), max(0.5, radius / 26), thread)


def turned(shape: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    """Return an outline turned about the origin, upwards for positive angles (radians)."""
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    placed: NDArray[np.float64] = shape @ spin
    return placed
