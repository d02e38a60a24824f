"""The picture under work, and stencils that put antialiased shapes on it.

Shapes are drawn into a mask at several times the size and reduced: Pillow's polygons have hard
edges, and one averaged mask costs less than any other way to soften them.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .colour import Floats, ramp, rgb

Points = NDArray[np.floating] | Sequence[tuple[float, float]]
Box = tuple[int, int, int, int]

_FINE_PIXELS = 1_500_000  # a mask of up to this many samples is drawn at four times the size, beyond it at twice


class Stencil:
    """A mask over part of a canvas; coordinates are canvas pixels, `y` down."""

    def __init__(self, box: Box, *, factor: int | None = None) -> None:
        self.box = box
        self._width, self._height = max(1, box[2] - box[0]), max(1, box[3] - box[1])
        self._factor = factor or (4 if self._width * self._height * 16 <= _FINE_PIXELS else 2)
        self._large = Image.new("L", (self._width * self._factor, self._height * self._factor))
        self._draw = ImageDraw.Draw(self._large)

    def polygon(self, points: Points, *, level: int = 255) -> None:
        self._draw.polygon(self._place(points), fill=level)

    def line(self, points: Points, *, width: float, level: int = 255) -> None:
        self._draw.line(self._place(points), fill=level, width=max(1, round(width * self._factor)), joint="curve")

    def disc(self, x: float, y: float, radius: float, *, level: int = 255) -> None:
        self.oval(x, y, radius, radius, level=level)

    def oval(self, x: float, y: float, across: float, down: float, *, level: int = 255) -> None:
        """Draw an ellipse from its centre and its two radii."""
        left, top, _, _ = self.box
        scale = self._factor
        self._draw.ellipse(
            (
                (x - across - left) * scale,
                (y - down - top) * scale,
                (x + across - left) * scale,
                (y + down - top) * scale,
            ),
            fill=level,
        )

    def bar(self, left: float, top: float, right: float, bottom: float, *, level: int = 255) -> None:
        """Draw an upright rectangle; nothing when it has no area."""
        scale, (away, down, _, _) = self._factor, self.box
        edges = [round((left - away) * scale), round((top - down) * scale)]
        edges += [round((right - away) * scale) - 1, round((bottom - down) * scale) - 1]
        if edges[2] >= edges[0] and edges[3] >= edges[1]:
            self._draw.rectangle(edges, fill=level)

    def mask(self) -> Image.Image:
        return self._large.reduce(self._factor)

    def _place(self, points: Points) -> list[float]:
        moved = (np.asarray(points, np.float64) - np.array(self.box[:2])) * self._factor
        flat: list[float] = moved.ravel().tolist()
        return flat


class Canvas:
    """An RGB picture with the few ways of putting colour on it that the scenes share."""

    def __init__(self, *, width: int, height: int, colour: str = "#000000") -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width, height), rgb(colour))
        short = min(width, height)
        # A length that suits things in the picture: between the short side and the mean side,
        # so that a banner's trees are neither specks nor giants.
        self.unit = min((width * height) ** 0.5, 1.6 * short)

    @property
    def whole(self) -> Box:
        return 0, 0, self.width, self.height

    def stencil(self, box: Box | None = None, *, factor: int | None = None) -> Stencil:
        return Stencil(self._clip(box) if box else self.whole, factor=factor)

    def press(self, stencil: Stencil, paint: str | Image.Image, *, opacity: float = 1.0) -> None:
        """Put a colour, or a picture as large as the canvas, through a stencil."""
        self.lay(stencil.mask(), paint, box=stencil.box, opacity=opacity)

    def lay(self, mask: Image.Image, paint: str | Image.Image, *, box: Box | None = None, opacity: float = 1.0) -> None:
        """Put a colour, or a picture as large as the canvas, through an 8-bit mask."""
        box = box or self.whole
        if box[2] <= box[0] or box[3] <= box[1]:
            return  # the shape lies outside the picture
        if opacity < 1:
            mask = mask.point([round(level * opacity) for level in range(256)])
        if isinstance(paint, str):
            self.image.paste(rgb(paint), box, mask)
        else:
            self.image.paste(paint if box == self.whole else paint.crop(box), box, mask)

    def fill(self, outlines: Iterable[Points], paint: str | Image.Image, *, opacity: float = 1.0) -> None:
        """Fill closed outlines, working only inside the box around them."""
        shapes = [np.asarray(outline, np.float64) for outline in outlines]
        if not shapes:
            return
        every = np.concatenate(shapes)
        (left, top), (right, bottom) = every.min(axis=0), every.max(axis=0)
        box = self._clip((int(left) - 1, int(top) - 1, int(right) + 2, int(bottom) + 2))
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        stencil = Stencil(box)
        for shape in shapes:
            stencil.polygon(shape)
        self.press(stencil, paint, opacity=opacity)

    def rows(self, stops: Sequence[str], *, top: float = 0.0, bottom: float | None = None) -> Image.Image:
        """Return a picture of the canvas' size whose colours run from `top` down to `bottom` (pixels)."""
        bottom = self.height if bottom is None else bottom
        table = ramp(stops, 512)
        at = (np.arange(self.height) - top) / max(1.0, bottom - top)
        column = table[np.clip(at * 511, 0, 511).astype(int)]
        return Image.fromarray(np.rint(column).astype(np.uint8)[:, None, :]).resize((self.width, self.height))

    def shade(self, field: Floats, paint: str | Image.Image, *, opacity: float = 1.0) -> None:
        """Put paint on where a field of any size is high: 0 leaves the picture alone, 1 covers it."""
        levels = Image.fromarray(np.clip(field * 255, 0, 255).astype(np.uint8))
        if levels.size != self.image.size:
            levels = levels.resize(self.image.size, Image.Resampling.BICUBIC)
        self.lay(levels, paint, opacity=opacity)

    def glow(self, x: float, y: float, *, radius: float, colour: str, strength: float = 1.0) -> None:
        """Lighten softly around a point; `radius` is where about a third of the light is left."""
        reach = int(radius * 3) + 1
        box = self._clip((int(x) - reach, int(y) - reach, int(x) + reach, int(y) + reach))
        width, height = box[2] - box[0], box[3] - box[1]
        if width < 1 or height < 1:
            return
        step = max(1, min(width, height) // 96)
        across = (np.arange(box[0], box[2], step, dtype=np.float32) - np.float32(x)) / np.float32(radius)
        down = (np.arange(box[1], box[3], step, dtype=np.float32) - np.float32(y)) / np.float32(radius)
        fall = np.exp(-np.hypot(across[None, :], down[:, None]) * 1.1)
        edge = np.clip(1.5 - np.hypot(across[None, :], down[:, None]) / 2, 0, 1)
        levels = Image.fromarray((np.clip(fall * edge * strength, 0, 1) * 255).astype(np.uint8))
        mask = levels.resize((width, height), Image.Resampling.BICUBIC)
        light = Image.composite(Image.new("RGB", mask.size, rgb(colour)), Image.new("RGB", mask.size), mask)
        self.image.paste(ImageChops.screen(self.image.crop(box), light), box)

    def veil(self, colour: str, *, top: float, bottom: float, start: float, end: float) -> None:
        """Lay an even veil across the picture whose strength runs from `start` to `end` between two heights."""
        at = np.clip((np.arange(self.height) - top) / max(1.0, bottom - top), 0, 1)
        inside = (np.arange(self.height) >= top) & (np.arange(self.height) <= bottom)
        strength = np.where(inside, start + (end - start) * at * at * (3 - 2 * at), 0.0)
        column = Image.fromarray(np.rint(strength * 255).astype(np.uint8)[:, None])
        self.lay(column.resize(self.image.size), colour)

    def bloom(self, *, above: int, strength: float, radius: float) -> None:
        """Let everything brighter than `above` (0 to 255) spill light over `radius` pixels."""
        small = self.image.reduce(4)
        bright = small.point([max(0, level - above) * 255 // (255 - above) for level in range(256)] * 3)
        soft = bright.filter(ImageFilter.GaussianBlur(max(0.5, radius / 4)))
        soft = soft.point([round(level * strength) for level in range(256)] * 3)
        spill = soft.resize(self.image.size, Image.Resampling.BICUBIC)
        self.image = ImageChops.screen(self.image, spill)

    def _clip(self, box: Box) -> Box:
        left, top = min(max(0, box[0]), self.width), min(max(0, box[1]), self.height)
        return left, top, max(left, min(self.width, box[2])), max(top, min(self.height, box[3]))
