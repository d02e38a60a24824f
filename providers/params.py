"""From what people ask to what a model takes. Nothing is dropped in silence: it is noted, or refused by name.

Sizes that a model takes are in its `capabilities.sizes`: `any`; `{kind: wxh, multiple, ratio: [least, most],
most_pixels}`; `{kind: list, of: ["1024x1024", …]}`; or, for models that are told a shape, `{kind: ratio, of: ["1:1",
…]}`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from providers.contracts import Note, Revision
from providers.errors import InvalidParams

# So much of a picture may be cut away to make it the shape that was asked for.
_MOST_CROPPED = 0.10


@dataclass(frozen=True, slots=True)
class Size:
    """What to ask a model for: pixels, or the `ratio` by name for models that take that. What comes is cut and scaled
    to what was asked for when `notes` say that it is not the same."""

    width: int
    height: int
    ratio: str = ""
    notes: tuple[Note, ...] = ()


def size(revision: Revision, params: Mapping[str, Any]) -> Size:
    """The model's size for the `width` and `height` of a request. Raises InvalidParams when none is near enough."""
    width, height = int(params["width"]), int(params["height"])
    rule = revision.spec["capabilities"].get("sizes", "any")
    if rule == "any":
        return Size(width, height)
    match rule["kind"]:
        case "wxh":
            return _snapped(rule, width, height)
        case "list":
            offered = [_pair(text, "x") for text in rule["of"]]
            found = _nearest(offered, width, height, rule["of"])
            return Size(*found, notes=_noted(found, (width, height)))
        case _:
            offered = [_pair(text, ":") for text in rule["of"]]
            found = _nearest(offered, width, height, rule["of"])
            exact = math.isclose(found[0] * height, found[1] * width, rel_tol=0.02)
            name = rule["of"][offered.index(found)]
            notes = () if exact else (Note("adjusted", "aspect_ratio", f"{width}x{height}", name),)
            return Size(width, height, ratio=name, notes=notes)


def rounded_up(asked: Any, offered: Iterable[Any], *, field: str) -> tuple[Decimal, tuple[Note, ...]]:
    """The shortest offered length that is not shorter than asked for. Raises InvalidParams beyond the longest."""
    wanted = Decimal(str(asked))
    fitting = [length for item in offered if (length := Decimal(str(item))) >= wanted]
    if not fitting:
        raise InvalidParams(f"at most {max(Decimal(str(item)) for item in offered)} seconds", field=field)
    found = min(fitting)
    return found, () if found == wanted else (Note("adjusted", field, str(wanted), str(found)),)


def refuse(params: Mapping[str, Any], names: Sequence[str], *, why: str) -> None:
    """Raises InvalidParams when one of these is asked for, which this model cannot do."""
    for name in names:
        if params.get(name) not in (None, "", [], {}):
            raise InvalidParams(why, field=name)


def _snapped(rule: Mapping[str, Any], width: int, height: int) -> Size:
    multiple = int(rule.get("multiple", 1))
    least, most = rule.get("ratio", (0.0, math.inf))
    if not least <= width / height <= most:
        raise InvalidParams(f"the shape must be between {least:.2f} and {most:.2f} wide to high", field="width")
    pixels = rule.get("most_pixels")
    scale = min(1.0, math.sqrt(pixels / (width * height))) if pixels else 1.0
    if scale < 1.0:
        raise InvalidParams(f"at most {pixels:,} pixels", field="width")
    found = (_up(width, multiple), _up(height, multiple))
    return Size(*found, notes=_noted(found, (width, height)))


def _nearest(offered: Sequence[tuple[int, int]], width: int, height: int, names: Sequence[str]) -> tuple[int, int]:
    def apart(pair: tuple[int, int]) -> float:
        return abs(math.log(pair[0] / pair[1]) - math.log(width / height))

    closest = min(map(apart, offered))
    if 1 - math.exp(-closest) > _MOST_CROPPED:
        raise InvalidParams(f"no shape near {width}x{height}; there are: {', '.join(names)}", field="width")
    alike = [pair for pair in offered if math.isclose(apart(pair), closest, abs_tol=1e-9)]
    # Of one shape in several sizes: the smallest that is large enough, or the largest.
    return min(alike, key=lambda pair: (pair[0] < width, pair[0] if pair[0] >= width else -pair[0]))


def _noted(found: tuple[int, int], asked: tuple[int, int]) -> tuple[Note, ...]:
    if found == asked:
        return ()
    return (Note("adjusted", "size", f"{asked[0]}x{asked[1]}", f"{found[0]}x{found[1]}"),)


def _pair(text: str, sign: str) -> tuple[int, int]:
    width, _, height = text.partition(sign)
    return int(width), int(height)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
