"""What a try of a step came to. Values only; `desk` writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.settlement import Ending, Started
from providers.errors import ProviderError


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it and works: its handle is kept. `delay_seconds` None: this worker stays with it;
    otherwise it waits in the table and anybody looks again after that long."""

    step: Started
    handle: Mapping[str, Any]
    delay_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Another attempt, later. `counts` is false when nothing was begun."""

    step: Started
    error: ProviderError
    delay_seconds: float
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nobody knows whether the provider has it: it is asked after `delay_seconds`, and nothing is begun before."""

    step: Started
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Reroute:
    """This way is over for the step: it goes another, or ends as `otherwise` says. `last`: it has one try left."""

    step: Started
    error: ProviderError
    otherwise: "Park | Ending"
    last: bool = False


Verdict = Ending | Accepted | Park | Doubt | Reroute
