"""Text to image: one step for each call that the model needs, each with its own price and seed."""

import math
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.errors import UnsupportedParameter
from generation.pipelines.base import Plan, StepPlan
from providers.contracts import Revision

# About one megapixel each, sides in steps of 16.
SHAPES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024), "5:4": (1152, 928), "4:3": (1184, 880), "3:2": (1248, 832), "16:9": (1376, 768),
    "4:5": (928, 1152), "3:4": (880, 1184), "2:3": (832, 1248), "9:16": (768, 1376),
}  # fmt: skip
_SEEDS = 2**32
_MEGAPIXEL, _MILLION = 1_048_576, 1_000_000
_LEAST_COST = 50
# Inputs that are ours to carry out; all others go to the model.
_OURS = {"n", "aspect_ratio", "seed"}


def plan(*, given: Mapping[str, Any], revision: Revision) -> Plan:
    """Seeds run on from the given one, so that picture `i` of a batch can be made again alone."""
    if "width" in given and "aspect_ratio" in given:
        raise UnsupportedParameter(
            [{"field": "input.aspect_ratio", "reason": "goes without width and height: name one or the other"}]
        )
    width, height = size_of(given)
    count = int(given.get("n", 1))
    takes = revision.spec["input"]["properties"]
    seed = int(given["seed"]) if given.get("seed") is not None else secrets.randbelow(_SEEDS)
    per_call = int(revision.spec["capabilities"]["max_per_call"])
    expected_ms = float(revision.spec.get("latency", {}).get("p50_s", 5)) * 1000
    cost = max(_LEAST_COST, round(expected_ms * width * height / _MEGAPIXEL))
    steps = tuple(
        StepPlan(
            name=f"generate[{number}]",
            kind="gen:image",
            params={
                **{name: value for name, value in given.items() if name not in _OURS},
                "prompt": given["prompt"], "width": width, "height": height,
                **({"seed": (seed + number) % _SEEDS} if "seed" in takes else {}),
                **({"style": given.get("style", "auto")} if "style" in takes else {}),
                "index": number, "of": count,
                # What to ask for again: the shape by name if that is how it was asked for.
                "recall": {name: given[name] for name in ("aspect_ratio", "width", "height", "style") if name in given},
            },
            measures=measures_of(
                images=per_call, width=width, height=height, style=str(given.get("style", "auto")),
                operation=str(given.get("operation", "generate")), quality=str(given.get("quality", "auto")),
            ),
            cost=cost,
            output_index=number,
        )
        for number in range(math.ceil(count / per_call))
    )  # fmt: skip
    return Plan(input={**given, "n": count}, steps=steps, asked=count)


def measures_of(*, images: int, width: int, height: int, style: str, operation: str, quality: str) -> Mapping[str, Any]:
    """What a call can be priced by. Megapixels are millions of pixels, of all its pictures together."""
    return {
        "calls": 1, "images": images, "width": width, "height": height,
        "megapixels": Decimal(images * width * height) / _MILLION, "style": style, "operation": operation,
        "quality": quality,
    }  # fmt: skip


def size_of(given: Mapping[str, Any]) -> tuple[int, int]:
    """The pixels that an input orders."""
    if "width" in given:
        return int(given["width"]), int(given["height"])
    return SHAPES[str(given.get("aspect_ratio", "1:1"))]
