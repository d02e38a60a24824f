"""From words to a finished file: choose a style, paint it, finish it, encode it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import finish
from .brief import Brief, Work
from .reading import Reading, read
from .scenes import bloom, city, cosmos, dunes, fable, flow, forest, geometric, mountains, papercut, shore, silk, still
from .seeding import generator

MIN_SIDE, MAX_SIDE = 64, 2048  # pixels

_SCENES: Mapping[str, Callable[[Brief], Work]] = {
    "range": mountains.draw,
    "forest": forest.draw,
    "shore": shore.draw,
    "dunes": dunes.draw,
    "city": city.draw,
    "fable": fable.draw,
    "bloom": bloom.draw,
    "still": still.draw,
    "cosmos": cosmos.draw,
    "geometric": geometric.draw,
    "papercut": papercut.draw,
    "silk": silk.draw,
    "flow": flow.draw,
}
STYLES: tuple[str, ...] = ("auto", *_SCENES)

_ABSTRACT = ("flow", "silk", "geometric", "papercut", "flow", "silk")
_ANYTHING = ("range", "flow", "papercut", "silk", "geometric", "shore", "bloom", "dunes")
_PAINTED = 0.82  # share of the work that is done once the scene stands; finishing and encoding are the rest


@dataclass(frozen=True, slots=True)
class Painting:
    """A finished picture. `style` is the one it was painted in, never `auto`; `palette` is `#rrggbb`."""

    png: bytes
    width: int
    height: int
    style: str
    palette: tuple[str, ...]


def paint(
    *,
    prompt: str,
    seed: int,
    width: int,
    height: int,
    style: str = "auto",
    on_progress: Callable[[float], None] | None = None,
) -> Painting:
    """Paint a picture that has something to do with the words; the same arguments give the same bytes.

    Sides are pixels from 64 to 2048. `on_progress` receives rising shares of the work, the last one 1.0.
    Raises ValueError for a side or a style outside those.
    """
    if style not in STYLES:
        raise ValueError(f"There is no style {style!r}.")
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ValueError(f"A side is {MIN_SIDE} to {MAX_SIDE} pixels, not {width} x {height}.")
    progress = _Progress(on_progress)
    progress.reach(0.02)
    reading = read(prompt)
    chosen = _choose(reading, prompt=prompt, seed=seed) if style == "auto" else style
    progress.reach(0.05)
    brief = Brief(prompt, seed, width, height, reading, lambda share: progress.reach(0.05 + (_PAINTED - 0.05) * share))
    canvas, palette = _SCENES[chosen](brief)
    progress.reach(_PAINTED)
    finish.vignette(canvas, strength=finish.VIGNETTES.get(chosen, 0.2))
    finish.grain(canvas, rng=brief.rng("grain"))
    progress.reach(0.9)
    png = finish.encode(canvas.image)
    progress.reach(1.0)
    return Painting(png, width, height, chosen, tuple(dict.fromkeys(palette)))


def _choose(reading: Reading, *, prompt: str, seed: int) -> str:
    """Return the style the words call for; when they call for none or only for something abstract, chance picks."""
    called = reading.best_style()
    if called is not None and called in _SCENES:
        return called
    choices = _ABSTRACT if called == "abstract" else _ANYTHING
    return choices[int(generator(seed=seed, prompt=prompt, tag="style").integers(len(choices)))]


class _Progress:
    """Passes on only shares that are higher than any before."""

    def __init__(self, listener: Callable[[float], None] | None) -> None:
        self._listener, self._reached = listener, 0.0

    def reach(self, share: float) -> None:
        if share > self._reached:
            self._reached = share
            if self._listener:
                self._listener(share)
