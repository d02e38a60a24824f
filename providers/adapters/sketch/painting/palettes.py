"""Curated colours: the air of a landscape at an hour, and inks for pictures without a sky."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .colour import lightness, mix, relight, steer
from .reading import Reading


@dataclass(frozen=True, slots=True)
class Air:
    """The light of a landscape: the sky from zenith to horizon, the sun or moon, and land far and near."""

    sky: tuple[str, ...]
    sun: str
    far: str
    near: str
    accent: str
    light: str = "day"

    @property
    def low(self) -> str:
        return self.sky[-1]

    @property
    def dark(self) -> bool:
        return self.light == "night"

    def swatches(self) -> tuple[str, ...]:
        return (*self.sky, self.sun, self.far, self.near, self.accent)


_AIRS: Mapping[str, tuple[Air, ...]] = {
    "dawn": (
        Air(("#5468a4", "#b49ac2", "#f5c3ad", "#fee8c8"), "#fff6de", "#b3a3c4", "#2c3058", "#f2836b"),
        Air(("#7ba6c9", "#c9d2e2", "#fadccb", "#fff1e0"), "#fffaf0", "#b9bdd3", "#2f4a5c", "#ef8f6b"),
        Air(("#3f6f8f", "#8fb5b8", "#f3d3b0", "#fbe9cf"), "#fff8e6", "#a8bdb9", "#1f3f49", "#e88a5a"),
    ),
    "day": (
        Air(("#2f7fb8", "#7fb9d9", "#d9edf0"), "#fffdf0", "#9cc0d2", "#1d4650", "#f2b134"),
        Air(("#4aa3b5", "#a5d5cf", "#f3f1dc"), "#fffdf2", "#93c1b6", "#1b4a44", "#f08a4b"),
        Air(("#5a8fd0", "#a9c9ea", "#f6efe2"), "#fffef6", "#a9bcd6", "#27426a", "#ee7b5b"),
    ),
    "sunset": (
        Air(("#2d2a5a", "#8a3f73", "#ea6a5b", "#ffb561", "#ffe09a"), "#fff3c4", "#c9616a", "#1f1235", "#ffd166"),
        Air(("#3a2b52", "#b0506a", "#f58a5a", "#ffd08a"), "#fff2cc", "#a8586f", "#241531", "#ffe08a"),
        Air(("#c9503c", "#ee8348", "#f9bd70", "#fdeab8"), "#fff8dc", "#d2704b", "#3a1522", "#fff0c0"),
        Air(("#274b6d", "#7d7f9a", "#f0a07c", "#ffd9a0"), "#fff4d2", "#8e7f95", "#1c2440", "#ff9d5c"),
    ),
    "dusk": (
        Air(("#1b2350", "#46407f", "#9a6a9c", "#eeaaa2"), "#ffe9d8", "#7b6a9e", "#14163a", "#ffb4a2"),
        Air(("#0f2a43", "#2f5d77", "#8aa9a5", "#f4c9a0"), "#fff0d8", "#5d8591", "#0c2233", "#f7b267"),
        Air(("#2b1d4f", "#6b3f87", "#c66f98", "#f9b9a7"), "#ffeadb", "#8d5d97", "#1c1138", "#ffd29a"),
    ),
    "night": (
        Air(("#060b1f", "#0f1d42", "#23406f", "#4f7aa3"), "#f7f3dd", "#34557f", "#050a18", "#ffd27a"),
        Air(("#0a0f24", "#1b1f4b", "#3b3a78", "#7f6dab"), "#fbf0e4", "#46437f", "#080a1c", "#ffcf87"),
        Air(("#04141f", "#0b2c3d", "#17515d", "#4d9490"), "#f3f7e8", "#245a66", "#031018", "#ffd88a"),
    ),
    "storm": (
        Air(("#333f4b", "#5d6d79", "#9aa7ac", "#d3d5cf"), "#f2f1e8", "#84939b", "#1b252d", "#e9c46a"),
        Air(("#232e3a", "#465963", "#87959a", "#d6cdb8"), "#f6eedb", "#73838a", "#151d25", "#f0b95b"),
    ),
}
_WINTER: tuple[Air, ...] = (
    Air(("#8fb0ca", "#c6d9e3", "#f3f3ee"), "#ffffff", "#b5c8d6", "#2a4259", "#e8694a", "day"),
    Air(("#6a82b4", "#b3accf", "#f2cfce", "#fdeee2"), "#fffaf4", "#a9aecb", "#2b3358", "#f08a6b", "dawn"),
)

# Inks: the first is the ground, the last the darkest; between them what the picture is made of.
_INKS: tuple[tuple[str, ...], ...] = (
    ("#f4ead7", "#e4572e", "#f3a712", "#76b0a6", "#2e6171", "#29335c"),
    ("#f6efe3", "#d1495b", "#edae49", "#66a182", "#2e4057", "#1c2433"),
    ("#fbf3e4", "#ef6f6c", "#f6c177", "#8bb8a8", "#465775", "#2b2d42"),
    ("#f2e8dc", "#c8553d", "#f28f3b", "#ffd5c2", "#588b8b", "#2d3a3a"),
    ("#eef0ea", "#3d5a80", "#98c1d9", "#ee6c4d", "#e0b13f", "#293241"),
    ("#f7f0e8", "#7d4f8c", "#c879a6", "#f2b5a0", "#5b7fa6", "#2a2344"),
    ("#f3efe0", "#386641", "#6a994e", "#f2c14e", "#bc4749", "#23331f"),
    ("#10182b", "#f25f5c", "#ffe066", "#50b2c0", "#247ba0", "#f4ead7"),
    ("#14122b", "#ff6f91", "#ff9671", "#ffc75f", "#845ec2", "#f3eefc"),
    ("#0e2030", "#f4a259", "#f4e285", "#8cb369", "#5b8e7d", "#f6efe0"),
    ("#f5ebe0", "#e07a5f", "#f2cc8f", "#81b29a", "#3d405b", "#2a2b3f"),
    ("#faf0e6", "#e63946", "#f1a7a0", "#a8dadc", "#457b9d", "#1d3557"),
)


def choose_air(reading: Reading, rng: np.random.Generator, *, usual: Sequence[str]) -> Air:
    """Return the air the words ask for; `usual` names the hours a scene looks best at when they ask for none."""
    light = reading.light
    if light is None and "snow" in reading.signs:
        air = _WINTER[int(rng.integers(len(_WINTER)))]
    else:
        light = light or usual[int(rng.integers(len(usual)))]
        choices = _AIRS[light]
        air = replace(choices[int(rng.integers(len(choices)))], light=light)
    if reading.colours:
        air = _tinted(air, reading.colours)
    return air


def choose_inks(reading: Reading, rng: np.random.Generator, *, dark: bool | None = None) -> tuple[str, ...]:
    """Return six inks: ground first, darkest (or on a dark ground lightest) last.

    With colour words the inks are shades of those colours; without, a curated set. `dark` asks for a
    dark or a light ground.
    """
    if dark is None and reading.light in {"night", "dusk"}:
        dark = True
    if reading.colours:
        return _mixed_inks(reading.colours, dark=bool(dark))
    choices = [inks for inks in _INKS if dark is None or (lightness(inks[0]) < 0.5) == dark]
    return choices[int(rng.integers(len(choices)))]


def _tinted(air: Air, colours: tuple[str, ...]) -> Air:
    land, sky = colours[0], colours[-1]
    return replace(
        air,
        sky=tuple(steer(colour, sky, 0.35 + 0.4 * at / len(air.sky)) for at, colour in enumerate(air.sky)),
        far=steer(air.far, land, 0.8),
        near=steer(air.near, land, 0.7),
        accent=mix(air.accent, colours[0], 0.7),
    )


def _mixed_inks(colours: tuple[str, ...], *, dark: bool) -> tuple[str, ...]:
    first, second, third = (colours * 3)[0], (colours * 3)[1], (colours * 3)[2]
    ground = relight(first, 0.2, chroma=0.45) if dark else mix("#f7f1e6", second, 0.06)
    closing = "#f6efe2" if dark else relight(first, 0.24, chroma=0.6)
    if len(colours) == 1:
        middle = [relight(first, level, chroma=c) for level, c in ((0.5, 1.0), (0.68, 0.9), (0.84, 0.55), (0.36, 0.8))]
    elif len(colours) == 2:
        middle = [first, second, relight(first, 0.78, chroma=0.6), relight(second, 0.5)]
    else:
        middle = [first, second, third, relight((colours * 2)[3], 0.55)]
    return (ground, *middle, closing)
