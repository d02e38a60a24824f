"""Hard-edged shapes: a quilt of quarter circles and stripes, or a floating composition."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import lightness, mix
from ..palettes import choose_inks

Tile = tuple[float, float, float]  # left, top, side in pixels


def draw(brief: Brief) -> Work:
    chance = brief.rng("geometric")
    inks = choose_inks(brief.reading, chance)
    canvas = brief.canvas(inks[0])
    brief.report(0.1)
    if chance.random() < 0.55:
        _quilt(brief, canvas, inks)
    else:
        _composition(brief, canvas, inks)
    return canvas, inks


def _quilt(brief: Brief, canvas: Canvas, inks: tuple[str, ...]) -> None:
    """Fill a grid with simple shapes, some of them two tiles wide, inside an even margin."""
    chance = brief.rng("quilt")
    short = min(canvas.width, canvas.height)
    count = int(chance.integers(4, 7))
    side = int(short * 0.88 / count)  # whole pixels, or the ground shows through between tiles
    columns, rows = int(canvas.width * 0.96 // side) or 1, int(canvas.height * 0.96 // side) or 1
    left, top = (canvas.width - columns * side) // 2, (canvas.height - rows * side) // 2
    taken = np.zeros((rows, columns), bool)
    last = inks[0]
    for row in range(rows):
        for column in range(columns):
            if taken[row, column]:
                continue
            room = row + 1 < rows and column + 1 < columns and not taken[row : row + 2, column : column + 2].any()
            span = 2 if room and chance.random() < 0.22 else 1
            taken[row : row + span, column : column + span] = True
            last = _tile(canvas, inks, (left + column * side, top + row * side, side * span), rng=chance, avoid=last)
        brief.report(0.2 + 0.7 * (row + 1) / rows)


def _tile(canvas: Canvas, inks: tuple[str, ...], tile: Tile, *, rng: np.random.Generator, avoid: str) -> str:
    """Draw one tile and return the colour of its ground."""
    grounds = [ink for ink in inks if ink != avoid]
    ground = grounds[int(rng.integers(len(grounds)))]
    figures = [ink for ink in inks if abs(lightness(ink) - lightness(ground)) > 0.13] or list(inks)
    first, second = (figures[int(at)] for at in rng.integers(len(figures), size=2))
    left, top, side = tile
    canvas.fill([[(left, top), (left + side, top), (left + side, top + side), (left, top + side)]], ground)
    _SHAPES[int(rng.integers(len(_SHAPES)))](canvas, tile, first, second, rng)
    return ground


def _pie(canvas: Canvas, tile: Tile, radius: float, colour: str, corner: int) -> None:
    """Fill a quarter disc around one of the tile's corners, counted clockwise from the upper left."""
    left, top, side = tile
    x, y = left + side * (corner in (1, 2)), top + side * (corner in (2, 3))
    turn = np.linspace(0, np.pi / 2, 40) + corner * np.pi / 2
    arc = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)
    canvas.fill([np.concatenate([[[x, y]], arc])], colour)


def _quarter(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    _pie(canvas, tile, tile[2], first, int(rng.integers(4)))


def _arcs(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    corner = int(rng.integers(4))
    for at, share in enumerate((1.0, 0.75, 0.5, 0.25)):
        _pie(canvas, tile, tile[2] * share, (first, second)[at % 2], corner)


def _leaf(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    turn = np.linspace(0, np.pi / 2, 40)
    one = np.stack([left + side * np.sin(turn), top + side - side * np.cos(turn)], axis=1)
    two = np.stack([left + side - side * np.sin(turn), top + side * np.cos(turn)], axis=1)
    shape = np.concatenate([one, two])
    if rng.random() < 0.5:
        shape[:, 0] = 2 * left + side - shape[:, 0]
    canvas.fill([shape], first)


def _disc(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    for share, colour in ((0.42, first), (0.2, second)):
        canvas.fill([_circle(left + side / 2, top + side / 2, side * share)], colour)


def _halves(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    half = _circle(0, 0, side / 2)
    half = half[half[:, 1] <= 1e-6]
    flip = -1 if rng.random() < 0.5 else 1
    for at, colour in ((0.5, first), (1.0, second)):
        shape = half * [1, flip] + [left + side / 2, top + side * (at if flip == 1 else at - 0.5)]
        canvas.fill([shape], colour)


def _triangle(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
    skip = int(rng.integers(4))
    canvas.fill([[corner for at, corner in enumerate(corners) if at != skip]], first)
    middle = (left + side / 2, top + side / 2)
    canvas.fill([[corners[(skip + 2) % 4], corners[(skip + 1) % 4], middle]], second)


def _stripes(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    upright = rng.random() < 0.5
    for at in range(4):
        low, high = side * (at / 4), side * (at / 4 + 0.125)
        bar = [(low, 0.0), (high, 0.0), (high, side), (low, side)]
        canvas.fill([[(left + (x if upright else y), top + (y if upright else x)) for x, y in bar]], first)


def _dots(canvas: Canvas, tile: Tile, first: str, second: str, rng: np.random.Generator) -> None:
    left, top, side = tile
    for row in range(3):
        for column in range(3):
            at = (left + side * (column + 0.5) / 3, top + side * (row + 0.5) / 3)
            canvas.fill([_circle(*at, side * 0.09)], second if row == column == 1 else first)


_SHAPES: tuple[Callable[[Canvas, Tile, str, str, np.random.Generator], None], ...] = (
    _quarter,
    _quarter,
    _arcs,
    _arcs,
    _leaf,
    _leaf,
    _disc,
    _halves,
    _triangle,
    _stripes,
    _dots,
)


def _composition(brief: Brief, canvas: Canvas, inks: tuple[str, ...]) -> None:
    """Balance a great disc, bars across it, rings, a staircase of discs and a few fine lines."""
    chance = brief.rng("composition")
    u, width, height = canvas.unit, canvas.width, canvas.height
    colours = [str(ink) for ink in chance.permutation(np.array(inks[1:5]))]
    x, y = width * chance.uniform(0.36, 0.64), height * chance.uniform(0.36, 0.52)
    lean = chance.uniform(-0.9, -0.35) if chance.random() < 0.5 else chance.uniform(0.35, 0.9)
    canvas.fill([_circle(x, y, u * 0.31)], colours[0])
    half = _circle(0, 0, u * 0.31)
    canvas.fill([_turn(half[half[:, 1] >= -1e-6], lean) + np.array([x, y])], mix(colours[0], inks[5], 0.28))
    brief.report(0.3)
    for shift, long, thick, colour in (
        (0.0, 1.5, 0.085, colours[1]),
        (0.16, 1.1, 0.03, inks[5]),
        (-0.2, 0.8, 0.14, colours[2]),
    ):
        at = np.array([x, y]) + _turn(np.array([[0.0, shift * u]]), lean)[0] + chance.normal(0, 0.03, 2) * u
        canvas.fill([_turn(_bar(long * u, thick * u), lean) + at], colour, opacity=0.93)
    brief.report(0.5)
    _overlap(canvas, inks, colours, x=x, y=y, rng=chance)
    _accents(canvas, inks, colours, lean=lean, rng=chance)


def _overlap(
    canvas: Canvas, inks: tuple[str, ...], colours: list[str], *, x: float, y: float, rng: np.random.Generator
) -> None:
    """Lay a second disc and a ring over the first, mixing where they meet."""
    u = canvas.unit
    turn = rng.uniform(0, 2 * np.pi)
    at = (x + np.cos(turn) * u * 0.3, y + np.sin(turn) * u * 0.3)
    canvas.fill([_circle(*at, u * 0.16)], colours[3], opacity=0.88)
    ring = canvas.stencil(factor=2)
    far = (x - np.cos(turn) * u * 0.33, y - np.sin(turn) * u * 0.3)
    for share in (0.17, 0.125, 0.08):
        ring.disc(*far, u * share)
        ring.disc(*far, u * (share - 0.018), level=0)
    canvas.press(ring, inks[5])
    canvas.fill([_circle(*far, u * 0.035)], colours[1])


def _accents(
    canvas: Canvas, inks: tuple[str, ...], colours: list[str], *, lean: float, rng: np.random.Generator
) -> None:
    u, width, height = canvas.unit, canvas.width, canvas.height
    start = np.array([width * rng.uniform(0.14, 0.3), height * rng.uniform(0.88, 0.93)])
    for step in range(6):
        size = u * 0.034 * (1 - step * 0.12)
        canvas.fill([_circle(start[0] + step * u * 0.085, start[1], size)], (colours[step % 4], inks[5])[step % 3 == 2])
    lines = canvas.stencil(factor=2)
    for shift in (-0.42, -0.395, -0.37, 0.4):
        middle = np.array([[-0.75 * u, shift * u], [0.75 * u, shift * u]])
        lines.line(_turn(middle, lean) + np.array([width / 2, height / 2]), width=u / 340)
    canvas.press(lines, inks[5])
    corner = np.array([width * rng.uniform(0.72, 0.84), height * rng.uniform(0.74, 0.84)])
    wedge = np.array([[-0.1, 0.09], [0.1, 0.09], [0.0, -0.1]]) * u
    canvas.fill([_turn(wedge, lean * 2) + corner], colours[2])
    grid = canvas.stencil(factor=2)
    for row in range(5):
        for column in range(5):
            grid.disc(width * 0.1 + column * u * 0.026, height * 0.12 + row * u * 0.026, u * 0.006)
    canvas.press(grid, inks[5])


def _circle(x: float, y: float, radius: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 160)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def _bar(long: float, thick: float) -> NDArray[np.float64]:
    return np.array([[-long, -thick], [long, -thick], [long, thick], [-long, thick]]) / 2


def _turn(shape: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned: NDArray[np.float64] = shape @ spin
    return turned
