"""Trees with a character of their own: palms, broad crowns, bare trunks, cacti, boughs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Stencil

Path = NDArray[np.float64]


def palm(
    canvas: Canvas, *, rng: np.random.Generator, x: float, y: float, tall: float, colour: str, lean: float
) -> None:
    """Draw a palm that leans by that share of its height, its feathered fronds hanging from the top."""
    part = np.linspace(0, 1, 24)
    spine = np.stack([x + lean * tall * part**1.7, y - tall * part], axis=1)
    tree = canvas.stencil(factor=2)
    tree.polygon(ribbon(spine, start=tall * 0.028, end=tall * 0.014))
    top = spine[-1]
    for turn in np.linspace(-1.25, 1.25, 9):
        _frond(tree, top=top, turn=float(turn) + rng.normal(0, 0.09), long=tall * rng.uniform(0.36, 0.46))
    canvas.press(tree, colour)


def broadleaf(stencil: Stencil, *, rng: np.random.Generator, x: float, y: float, tall: float) -> None:
    """Draw a tree with a rounded crown made of many lumps."""
    stencil.polygon(ribbon(np.array([[x, y + tall * 0.02], [x, y - tall * 0.5]]), start=tall * 0.035, end=tall * 0.018))
    for lump in range(9):
        turn = 2 * np.pi * lump / 8 + rng.normal(0, 0.25)
        far = 0.0 if lump == 8 else rng.uniform(0.12, 0.2)
        middle = (x + np.cos(turn) * far * tall * 1.15, y - tall * (0.66 + np.sin(turn) * far))
        size = tall * rng.uniform(0.09, 0.14)
        for turn_leaf, far_leaf, share in rng.random((30, 3)).tolist():
            reach = size * (0.62 + 0.38 * far_leaf)
            at = (
                middle[0] + np.cos(turn_leaf * 2 * np.pi) * reach,
                middle[1] + np.sin(turn_leaf * 2 * np.pi) * reach * 0.85,
            )
            stencil.disc(*at, size * (0.16 + 0.16 * share))
        stencil.disc(*middle, size * 0.85)


def trunk(stencil: Stencil, *, rng: np.random.Generator, x: float, foot: float, top: float, wide: float) -> None:
    """Draw a bare trunk with a flared foot and a few boughs, running out of the picture at the top."""
    long = foot - top
    part = np.linspace(0, 1, 12)
    bend = np.cumsum(rng.normal(0, 0.006, 12)) * long
    spine = np.stack([x + bend, foot - long * part], axis=1)
    stencil.polygon(ribbon(spine, start=wide * 0.5, end=wide * 0.3))
    flare = wide * 0.62
    stencil.polygon(
        [
            (x - flare * 1.5, foot + flare * 0.3),
            (x - wide * 0.46, foot - wide * 1.1),
            (x + wide * 0.46, foot - wide * 1.1),
            (x + flare * 1.5, foot + flare * 0.3),
        ]
    )
    for _ in range(int(rng.integers(2, 6))):
        at = spine[int(rng.integers(4, 11))]
        side = 1 if rng.random() < 0.5 else -1
        reach = wide * rng.uniform(2.5, 6)
        arm = at + np.array([[0, 0], [side * 0.5, -0.22], [side, -0.75]]) * reach
        stencil.polygon(ribbon(arm, start=wide * 0.12, end=wide * 0.015))


def cactus(stencil: Stencil, *, x: float, y: float, tall: float) -> None:
    """Draw a saguaro with two raised arms."""
    wide = tall * 0.075
    for side, low, high, out in ((-1, 0.36, 0.72, 0.2), (1, 0.48, 0.86, 0.19)):
        elbow = x + side * tall * out
        arm = np.array(
            [
                (x, y - tall * low),
                (elbow - side * wide, y - tall * low),
                (elbow, y - tall * (low + 0.07)),
                (elbow, y - tall * high),
            ]
        )
        stencil.polygon(ribbon(arm, start=wide * 0.72, end=wide * 0.72))
        stencil.disc(elbow, y - tall * high, wide * 0.72)
    stencil.bar(x - wide, y - tall + wide, x + wide, y + tall * 0.03)
    stencil.disc(x, y - tall + wide, wide)


def bough(
    rng: np.random.Generator, *, start: Path, angle: float, long: float, wide: float, depth: int
) -> Iterator[tuple[Path, float, float]]:
    """Yield the limbs of a branching bough as (spine, half width at its start, at its end)."""
    steps = 10
    turns = angle + np.cumsum(rng.normal(0, 0.09, steps))
    spine = np.concatenate(
        [[start], start + np.cumsum(np.stack([np.cos(turns), -np.sin(turns)], axis=1), axis=0) * long / steps]
    )
    yield spine, wide, wide * (0.32 if depth else 0.12)
    if depth == 0:
        return
    for _ in range(int(rng.integers(2, 4))):
        at = int(rng.integers(4, steps + 1))
        side = 1 if rng.random() < 0.5 else -1
        away = float(turns[at - 1]) + side * rng.uniform(0.35, 0.85)
        yield from bough(
            rng,
            start=spine[at],
            angle=away,
            long=long * rng.uniform(0.45, 0.7),
            wide=wide * (1 - 0.068 * at) * 0.72,
            depth=depth - 1,
        )


def ribbon(spine: Path, *, start: float, end: float) -> Path:
    """Return the outline of a line that narrows from one half width to another."""
    ahead = np.gradient(spine, axis=0)
    across = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    half = np.linspace(start, end, len(spine))[:, None]
    return np.concatenate([spine + across * half, (spine - across * half)[::-1]])


def _frond(tree: Stencil, *, top: Path, turn: float, long: float) -> None:
    part = np.linspace(0, 1, 16)
    heading = np.pi / 2 - turn * 1.05
    reach = np.stack(
        [np.cos(heading) * part, -np.sin(heading) * part + np.abs(turn) ** 0.5 * 0.62 * part**2 + 0.12 * part**2],
        axis=1,
    )
    spine = top + reach * long
    tree.polygon(ribbon(spine, start=long * 0.022, end=long * 0.006))
    for at in range(2, 16):
        fall = long * 0.21 * np.sin(np.pi * (part[at] * 0.85 + 0.12))
        side = np.sign(np.cos(heading)) or 1.0
        tip = spine[at] + [side * fall * 0.35, fall]
        tree.polygon([tuple(spine[at - 1]), tuple(tip), tuple(spine[at])])
        tree.polygon([tuple(spine[at - 1]), tuple(spine[at] + [side * fall * 0.9, -fall * 0.1]), tuple(spine[at])])
