"""Ribbons that follow a slow current and never cross: drawn like brush work on paper."""

import numpy as np
from numpy.typing import NDArray

from ..brief import Brief, Work
from ..canvas import Canvas
from ..colour import Floats, mix
from ..noise import field, sample
from ..palettes import choose_inks
from ..trees import ribbon

_STEPS = 90
_CELL = 5  # pixels at 1024: how finely the room already painted on is remembered


def draw(brief: Brief) -> Work:
    chance = brief.rng("flow")
    inks = choose_inks(brief.reading, chance)
    canvas = brief.canvas(inks[0])
    angles = _current(brief, canvas)
    brief.report(0.15)
    taken = np.zeros((int(canvas.height / _cell(canvas)) + 2, int(canvas.width / _cell(canvas)) + 2), bool)
    bold = bool(chance.random() < 0.55)
    sizes = (
        ((0.03, 90), (0.016, 260), (0.007, 600), (0.003, 700)) if bold else ((0.009, 420), (0.005, 800), (0.0026, 900))
    )
    for at, (size, tries) in enumerate(sizes):
        _layer(brief, canvas, inks, angles, taken, size=size, tries=tries)
        brief.report(0.2 + 0.75 * (at + 1) / len(sizes))
    return canvas, inks


def _cell(canvas: Canvas) -> float:
    return float(max(1.0, canvas.unit * _CELL / 1024))


def _current(brief: Brief, canvas: Canvas) -> Floats:
    """Return the direction of the current (radians) on a coarse grid; some pictures turn it around a centre."""
    chance = brief.rng("current")
    width, height = max(8, canvas.width // 8), max(8, canvas.height // 8)
    lean = chance.uniform(0, 2 * np.pi)
    bend = field(chance, width=width, height=height, cells=1.1, octaves=2)
    angles = lean + (bend - 0.5) * np.float32(chance.uniform(3.5, 7.5))
    if chance.random() < 0.35:
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        x, y = width * chance.uniform(0.25, 0.75), height * chance.uniform(0.25, 0.75)
        angles = np.arctan2(rows - y, columns - x) + np.pi / 2 + (bend - 0.5) * 2.4
    return angles.astype(np.float32)


def _layer(
    brief: Brief,
    canvas: Canvas,
    inks: tuple[str, ...],
    angles: Floats,
    taken: NDArray[np.bool_],
    *,
    size: float,
    tries: int,
) -> None:
    chance = brief.rng(f"ribbons {size}")
    room = min(3.0, canvas.width * canvas.height / canvas.unit**2)
    count = int(tries * room)
    half = canvas.unit * size * 0.5
    paths = _trace(canvas, angles, rng=chance, count=count, step=max(1.2, canvas.unit * 0.0055))
    reach = chance.integers(_STEPS // 3, _STEPS, count)
    hues = chance.choice(5, count, p=brief.rng("weights").dirichlet(np.ones(5) * 1.3))
    stencils = [canvas.stencil(factor=2) for _ in range(5)]
    for at in range(count):
        path = _free_part(canvas, paths[:, at], taken, half=half, most=int(reach[at]))
        if len(path) > 7:
            stencils[int(hues[at])].polygon(_brushed(path, half=half * chance.uniform(0.72, 0.95)))
            _take(canvas, path, taken, half=half)
    for ink, stencil in zip(inks[1:], stencils, strict=True):
        canvas.press(stencil, ink if size > 0.004 else mix(ink, inks[0], 0.2))


def _trace(canvas: Canvas, angles: Floats, *, rng: np.random.Generator, count: int, step: float) -> NDArray[np.float64]:
    """Return `count` paths along the current as an array of (steps, count, 2) pixels, all walked at once."""
    at = rng.random((count, 2)) * [canvas.width * 1.1, canvas.height * 1.1] - [
        canvas.width * 0.05,
        canvas.height * 0.05,
    ]
    scale = np.array([angles.shape[1] / canvas.width, angles.shape[0] / canvas.height])
    paths = np.empty((_STEPS, count, 2))
    for walk in range(_STEPS):
        paths[walk] = at
        spot = np.clip(at * scale, 0, np.array(angles.shape[::-1]) - 1.001).astype(np.float32)
        # Read as a direction, not as an angle: an angle jumps by a full turn somewhere around a whirl.
        ahead = [sample(part, x=spot[:, 0], y=spot[:, 1]) for part in (np.cos(angles), np.sin(angles))]
        at = at + step * np.stack(ahead, axis=1)
    return paths


def _free_part(
    canvas: Canvas, path: NDArray[np.float64], taken: NDArray[np.bool_], *, half: float, most: int
) -> NDArray[np.float64]:
    """Return how far a ribbon of that half width can go before it meets another."""
    ahead = np.gradient(path, axis=0)
    across = (
        np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-6)[:, None]
    )
    blocked = np.zeros(len(path), bool)
    for side in (-1.15, 0.0, 1.15):
        rows, columns = _cells(canvas, path + across * half * side, taken)
        blocked |= taken[rows, columns]
    first = int(np.argmax(blocked)) if blocked.any() else len(path)
    return path[: min(first, most)]


def _take(canvas: Canvas, path: NDArray[np.float64], taken: NDArray[np.bool_], *, half: float) -> None:
    ahead = np.gradient(path, axis=0)
    across = (
        np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-6)[:, None]
    )
    lanes = max(1, int(np.ceil(half / _cell(canvas))))
    for side in np.linspace(-1, 1, 2 * lanes + 1):
        rows, columns = _cells(canvas, path + across * half * side, taken)
        taken[rows, columns] = True


def _cells(
    canvas: Canvas, spots: NDArray[np.float64], taken: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    places = (spots / _cell(canvas)).astype(np.intp)
    return np.clip(places[:, 1], 0, taken.shape[0] - 1), np.clip(places[:, 0], 0, taken.shape[1] - 1)


def _brushed(path: NDArray[np.float64], *, half: float) -> NDArray[np.float64]:
    """Return a ribbon's outline with rounded ends."""
    body = ribbon(path, start=half, end=half)
    middle = len(path)
    turn = np.linspace(0, np.pi, 9)[1:-1]
    caps = []
    for tip, edge in ((path[-1], body[middle - 1]), (path[0], body[-1])):
        arm = edge - tip
        away = np.array([arm[1], -arm[0]])
        caps.append(tip + np.cos(turn)[:, None] * arm + np.sin(turn)[:, None] * away)
    return np.concatenate([body[:middle], caps[0], body[middle:], caps[1]])
