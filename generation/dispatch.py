"""From the table to the workers: ready steps in fair order, as many as there is room for.

Lanes share capacity by weight in virtual time; inside a lane the order is the finish tag that each step got
at submission. Any number of conductors may do this at once: a claim is one statement that skips locked rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from generation import fleet, service
from generation.queues import RUN_STEPS, queue_of

_log = structlog.get_logger(__name__)
# Work that may wait in the broker beyond what runs: enough that a worker finds its next message.
_SPARE_SLOTS = 1
_MOST_A_CLAIM = 200
# Steps in one message: never more than this, and no more than about this much work.
_MOST_A_MESSAGE = 50
_MESSAGE_MS = 20
_WINDOW_MS = 60


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step that this conductor took: `cost` in slot-milliseconds."""

    id: UUID
    attempt_no: int
    cost: int


@dataclass(slots=True)
class Shares:
    """Virtual time by lane: what it was served, over its share. The lane that is furthest behind is next."""

    weights: Mapping[str, int]
    served: dict[str, float] = field(default_factory=dict)

    def order(self) -> list[str]:
        return sorted(self.weights, key=lambda lane: (self.served.get(lane, 0.0), -self.weights[lane], lane))

    def charge(self, lane: str, cost: int) -> None:
        self.served[lane] = self.served.get(lane, 0.0) + cost / self.weights[lane]

    def lift_empty(self, empty: set[str]) -> None:
        """A lane without work saves nothing up for later: it comes back to the present of the others."""
        waiting = [self.served.get(lane, 0.0) for lane in self.weights if lane not in empty]
        present = min(waiting) if waiting else max(self.served.values(), default=0.0)
        for lane in empty:
            self.served[lane] = max(self.served.get(lane, 0.0), present)


class Dispatcher:
    """Claims and publishes. Holds nothing that cannot be lost: only the lanes' virtual time and a cost average."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        self._shares = Shares(settings.GENERATION_LANE_SHARES)
        self._mean_cost: dict[str, float] = {}

    def run_once(self) -> int:
        """Fills every free slot once; gives the number of steps sent. Raises what Redis or the broker raises."""
        paused = service.paused_lanes()
        waiting = {(place, lane) for place, lane in _waiting() if lane not in paused}
        slots = fleet.slots_by_queue() if waiting else {}
        if not slots:
            return 0
        busy = _in_flight()
        sent = 0
        for placement in ("cpu", "io"):
            lanes = {lane for place, lane in waiting if place == placement}
            if lanes:
                sent += self._fill(placement, lanes, slots, busy)
        return sent

    def _fill(
        self,
        placement: str,
        lanes: set[str],
        slots: Mapping[str, int],
        busy: Mapping[tuple[str, str], tuple[int, int]],
    ) -> int:
        sent = 0
        empty = set(self._shares.weights) - lanes
        full: set[str] = set()
        taken = dict(busy)
        while lane := next((name for name in self._shares.order() if name not in empty | full), None):
            queue = queue_of(placement=placement, lane=lane)
            room = self._room(placement, lane, slots.get(queue, 0), taken)
            if room <= 0:
                full.add(lane)
                continue
            claimed = claim(placement=placement, lane=lane, limit=room, owner=self.name)
            if len(claimed) < room:
                empty.add(lane)
            if claimed:
                self._publish(claimed, queue, slots[queue])
                cost = sum(step.cost for step in claimed)
                self._shares.charge(lane, cost)
                self._mean_cost[placement] = cost / len(claimed)
                count, work = taken.get((placement, lane), (0, 0))
                taken[placement, lane] = (count + len(claimed), work + cost)
                sent += len(claimed)
        self._shares.lift_empty(empty)
        return sent

    def _room(self, placement: str, lane: str, slots: int, taken: Mapping[tuple[str, str], tuple[int, int]]) -> int:
        """How many steps to claim: free slots, or more of them when they are so short that a slot eats many."""
        if not slots:
            return 0
        shared = [
            value for (place, name), value in taken.items() if place == placement and (place == "cpu" or name == lane)
        ]
        count, work = sum(item[0] for item in shared), sum(item[1] for item in shared)
        free = slots + _SPARE_SLOTS - count
        mean = max(1.0, self._mean_cost.get(placement, float(_WINDOW_MS)))
        by_work = int((slots * _WINDOW_MS - work) / mean)
        if max(free, by_work) <= 0:
            return 0
        # One at a time while lanes compete for few slots, so that shares hold; batches for tiny steps.
        return min(_MOST_A_CLAIM, max(1 if free > 0 else 0, by_work))

    def _publish(self, claimed: Sequence[Claimed], queue: str, slots: int) -> None:
        for batch in _batches(claimed, slots):
            try:
                RUN_STEPS.send(queue=queue, batch=[[str(step.id), step.attempt_no] for step in batch])
            except Exception:
                # The broker is away: what was claimed goes back at once instead of after its lease.
                give_back([step.id for step in claimed], owner=self.name)
                raise


def claim(*, placement: str, lane: str, limit: int, owner: str) -> list[Claimed]:
    """Takes up to `limit` ready steps in the order (vtag, id).

    The limit is a literal in the statement: with a parameter PostgreSQL plans for a tenth of the table and
    was measured to scan it, five hundred times slower at a million rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM.replace("%(limit)s", str(int(limit))),
            {"placement": placement, "lane": lane, "owner": owner, "pickup": settings.GENERATION_PICKUP_SECONDS},
        )
        return [Claimed(*row) for row in cursor.fetchall()]


def give_back(step_ids: Sequence[UUID], *, owner: str) -> None:
    """Makes claimed steps ready again that no message was sent for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE generation_step SET state = 'ready', lease_expires_at = NULL, lease_owner = '' "
            "WHERE id = ANY(%s) AND state = 'claimed' AND lease_owner = %s",
            [list(step_ids), owner],
        )


def _batches(claimed: Sequence[Claimed], slots: int) -> list[list[Claimed]]:
    """Splits so that every slot gets a share and no message carries much work."""
    most = min(_MOST_A_MESSAGE, max(1, -(-len(claimed) // max(1, slots))))
    batches: list[list[Claimed]] = []
    work = 0
    for step in claimed:
        if not batches or len(batches[-1]) >= most or work + step.cost > _MESSAGE_MS:
            batches.append([])
            work = 0
        batches[-1].append(step)
        work += step.cost
    return batches


def _waiting() -> set[tuple[str, str]]:
    """Where anything is ready: six look-ups of an index in one statement, whatever the backlog."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return {(place, lane) for place, lane in cursor.fetchall()}


def _in_flight() -> dict[tuple[str, str], tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_IN_FLIGHT)
        return {(place, lane): (count, int(work)) for place, lane, count, work in cursor.fetchall()}


_CLAIM = """
WITH due AS (
    SELECT id FROM generation_step
    WHERE placement = %(placement)s AND lane = %(lane)s AND state = 'ready'
    ORDER BY vtag, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE generation_step s SET state = 'claimed', attempt_no = s.attempt_no + 1, lease_owner = %(owner)s,
        lease_expires_at = now() + make_interval(secs => %(pickup)s)
    FROM due WHERE s.id = due.id RETURNING s.id, s.attempt_no, s.cost, s.vtag
), clock AS (
    UPDATE generation_lane SET v = greatest(v, (SELECT max(vtag) FROM taken))
    WHERE name = %(lane)s AND EXISTS (SELECT 1 FROM taken)
)
SELECT id, attempt_no, cost FROM taken ORDER BY vtag, id
"""
_WAITING = """
SELECT p.placement, l.name FROM (VALUES ('cpu'), ('io')) AS p (placement), generation_lane l
WHERE EXISTS (SELECT 1 FROM generation_step s
    WHERE s.placement = p.placement AND s.lane = l.name AND s.state = 'ready')
"""
_IN_FLIGHT = """
SELECT placement, lane, count(*), coalesce(sum(cost), 0) FROM generation_step
WHERE state IN ('claimed', 'submitting', 'awaiting', 'collecting') GROUP BY placement, lane
"""
