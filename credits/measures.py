"""What a step can be measured by. The vocabulary of price expressions, and how much of a unit a step is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.expressions import Value
from credits.errors import NoPrice

# What each measure may look like: the first stands in where a step does not have it, all of them try an expression
# before it is taken into the rate card. A text's other values are those an expression compares it with.
SAMPLES: Mapping[str, tuple[Value, ...]] = {
    "images": (Decimal(1), Decimal(4)),
    "width": (Decimal(1024), Decimal(64), Decimal(4096)),
    "height": (Decimal(1024), Decimal(64), Decimal(4096)),
    "megapixels": (Decimal(1), Decimal("0.004096"), Decimal("16.777216")),
    "seconds": (Decimal(1), Decimal(5), Decimal(600)),
    "fps": (Decimal(24), Decimal(12), Decimal(60)),
    "tokens": (Decimal(1000), Decimal(1), Decimal(200_000)),
    "characters": (Decimal(1000), Decimal(1), Decimal(20_000)),
    "calls": (Decimal(1), Decimal(10)),
    "references": (Decimal(0), Decimal(8)),
    "audio": (Decimal(0), Decimal(1)),
    "style": ("auto",),
    "quality": ("standard",),
    "resolution": ("720p",),
    "operation": ("generate",),
}  # fmt: skip
# The measure behind a unit, and how many of it make one.
UNITS: Mapping[str, tuple[str, int]] = {
    "image": ("images", 1),
    "megapixel": ("megapixels", 1),
    "second": ("seconds", 1),
    "1k_tokens": ("tokens", 1000),
    "1k_characters": ("characters", 1000),
    "call": ("calls", 1),
}
_PLACES = Decimal("0.000001")


def read(given: Mapping[str, Any]) -> dict[str, Value]:
    """A step's measures as an expression takes them. Raises ValueError for one that is not in the vocabulary."""
    found: dict[str, Value] = {}
    for name, value in given.items():
        if name not in SAMPLES:
            raise ValueError(f"{name} is not a measure: add it to credits.measures.")
        if not isinstance(value, str | Decimal | int):
            raise ValueError(f"{name} is a {type(value).__name__}: measures are whole numbers, decimals and texts.")
        found[name] = Decimal(value) if isinstance(value, int) else value
    return found


def complete(measures: Mapping[str, Value]) -> dict[str, Value]:
    """The same with a stand-in for each that a step does not have."""
    return {name: measures.get(name, samples[0]) for name, samples in SAMPLES.items()}


def quantity(*, unit: str, measures: Mapping[str, Value]) -> Decimal:
    """How many of `unit` a step is, to six decimals. Raises NoPrice when it cannot be counted in that unit."""
    name, size = UNITS[unit]
    amount = measures.get(name)
    if not isinstance(amount, Decimal) or amount <= 0:
        raise NoPrice(f"The price in force is per {unit}, and this work has no {name}.")
    found = max(_PLACES, (amount / size).quantize(_PLACES))
    return Decimal(int(found)) if found == found.to_integral_value() else found.normalize()
