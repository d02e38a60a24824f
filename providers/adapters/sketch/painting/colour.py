"""Colours as `#rrggbb`, mixed in Oklab so that a gradient never turns grey or muddy on its way.

Source: https://bottosson.github.io/posts/oklab/
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]
Floats = NDArray[np.float32]

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_FROM_LMS = np.linalg.inv(_TO_LMS)


def rgb(colour: str) -> Rgb:
    """Return the channels of `#rrggbb`, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def to_hex(channels: Sequence[float] | NDArray[np.floating]) -> str:
    """Return `#rrggbb` for channels from 0 to 255, clipped to that range."""
    red, green, blue = (min(255, max(0, round(float(channel)))) for channel in channels)
    return f"#{red:02x}{green:02x}{blue:02x}"


def to_oklab(colour: str) -> NDArray[np.float64]:
    """Return lightness 0 to 1 and the two opponent axes."""
    encoded = np.array(rgb(colour)) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = _TO_LAB @ np.cbrt(_TO_LMS @ linear)
    return lab


def from_oklab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB channels from 0 to 255 for an array whose last axis is Oklab."""
    linear = np.clip(((lab @ _FROM_LAB.T) ** 3) @ _FROM_LMS.T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def mix(first: str, second: str, share: float) -> str:
    """Return `first` with `share` (0 to 1) of `second` stirred in."""
    start, end = to_oklab(first), to_oklab(second)
    return to_hex(from_oklab(start + (end - start) * share))


def ramp(stops: Sequence[str], count: int) -> Floats:
    """Return `count` rows of sRGB channels that run evenly through the stops."""
    if len(stops) == 1:
        return np.tile(np.array(rgb(stops[0]), np.float32), (count, 1))
    labs = np.array([to_oklab(stop) for stop in stops])
    at = np.linspace(0, len(stops) - 1, count)
    mixed = np.stack([np.interp(at, np.arange(len(stops)), labs[:, axis]) for axis in range(3)], axis=1)
    return from_oklab(mixed).astype(np.float32)


def lightness(colour: str) -> float:
    """Return how light a colour looks, 0 (black) to 1 (white)."""
    return float(to_oklab(colour)[0])


def relight(colour: str, level: float, *, chroma: float = 1.0) -> str:
    """Return the same hue at another lightness (0 to 1), its colourfulness multiplied by `chroma`."""
    lab = to_oklab(colour)
    lab[1:] *= chroma
    lab[0] = level
    return to_hex(from_oklab(lab))


def steer(colour: str, towards: str, share: float) -> str:
    """Return `colour` at its own lightness but with `share` of the other's hue.

    Very dark and very light colours can carry little chroma before they clip, so the
    borrowed hue fades towards both ends.
    """
    lab, target = to_oklab(colour), to_oklab(towards)
    room = 1 - abs(2 * lab[0] - 1.05) ** 2.2
    lab[1:] += (target[1:] * max(0.25, min(1.0, room)) - lab[1:]) * share
    return to_hex(from_oklab(lab))
