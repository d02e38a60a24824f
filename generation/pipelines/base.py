"""What a pipeline's planner promises: a request becomes a static graph, so that its price is exact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from providers.contracts import Revision


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A node. `measures` are what a price can be made of (credits.measures), `cost` is expected slot-milliseconds."""

    name: str
    kind: str
    params: Mapping[str, Any]
    measures: Mapping[str, Any]
    cost: int
    output_index: int | None
    depends_on: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`input` is the request with its defaults; `asked` counts the outputs ordered."""

    input: Mapping[str, Any]
    steps: tuple[StepPlan, ...]
    asked: int


class Planner(Protocol):
    """Expands a validated input. Pure but for seeds that nobody chose."""

    def __call__(self, *, given: Mapping[str, Any], revision: Revision) -> Plan: ...
