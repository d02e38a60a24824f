"""How lanes share capacity, and what workspaces are charged for. Inside a lane: `sql/fairness.sql`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

# Work of the lane with the largest share between two looks at the others: enough for a message of tiny steps.
_QUANTUM_MS = 20


@dataclass(slots=True)
class Shares:
    """Virtual time by lane: what it was served, in slot-milliseconds, over its share. Who is furthest behind is next.

    `overdue` is what steps under way have taken beyond their expected cost and nobody was charged for yet.
    """

    weights: Mapping[str, int]
    served: dict[str, float] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)

    def first(self, among: Collection[str]) -> str | None:
        """The lane whose turn it is; at equal times the one with the larger share."""
        return min(among, key=lambda lane: (self._time(lane), -self.weights[lane], lane), default=None)

    def charge(self, lane: str, cost_ms: int) -> None:
        self.served[lane] = self.served.get(lane, 0.0) + cost_ms

    def turn_ms(self, lane: str, rivals: Collection[str]) -> float:
        """Work that a lane may be given before one of its rivals is next."""
        share = self.weights[lane]
        behind = min(self._time(rival) for rival in rivals) - self._time(lane)
        return max(0.0, behind) * share + _QUANTUM_MS * share / max(self.weights.values())

    def settle(self, idle: Collection[str]) -> dict[str, int]:
        """What to keep: slot-milliseconds beyond the lane that is furthest behind.

        A lane without work saves nothing up for later: it comes back to the present of the others.
        """
        times = {lane: self.served.get(lane, 0.0) / share for lane, share in self.weights.items()}
        busy = [time for lane, time in times.items() if lane not in idle]
        present = min(busy) if busy else max(times.values(), default=0.0)
        times = {lane: max(time, present) if lane in idle else time for lane, time in times.items()}
        least = min(times.values(), default=0.0)
        return {lane: round((time - least) * self.weights[lane]) for lane, time in times.items()}

    def _time(self, lane: str) -> float:
        return (self.served.get(lane, 0.0) + self.overdue.get(lane, 0)) / self.weights[lane]


def true_up(spent_ms: Mapping[UUID, int]) -> None:
    """Corrects what workspaces and lanes were charged for tries that just ended: by step, what its slot was busy.

    Once for each try, when its end is durable. Steps that wait on a wire are left as they are.
    """
    if spent_ms:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT generation_true_up(%s::uuid[], %s::bigint[])", [list(spent_ms), list(spent_ms.values())]
            )
