"""From the table to the workers: ready steps in fair order, as many as there is room for.

Lanes share capacity by weight in virtual time; inside a lane the order is the finish tag that each step got with its
job's place. Any number of conductors may do this at once: a turn counts, claims and charges under the lanes' locks, so
that shares and limits hold for all of them together, and it sends when that is durable.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from generation import fleet, service, throttle
from generation.fairness import Shares
from generation.fleet import Worker
from generation.queues import CPU_QUEUE, RUN_STEPS, queue_of
from generation.room import Busy, room, slots_of
from generation.throttle import Group, Headroom

_log = structlog.get_logger(__name__)
# The lane's virtual time by placement.
_CLOCKS = {"cpu": "v_cpu", "io": "v_io"}
_MOST_A_CLAIM = 200
# Up to here a claim is as large as wanted; beyond, by powers of two, so that its text is one of a few.
_EXACT = 16
# Steps in one message: never more than this, and no more than about this much work.
_MOST_A_MESSAGE = 50
_MESSAGE_MS = 20
_FIRST_GUESS_MS = 60.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step that this conductor took: `cost` in slot-milliseconds. A suspect was there when a worker died."""

    id: UUID
    attempt_no: int
    cost: int
    revision_id: str
    suspect: bool = False


class Dispatcher:
    """Claims and publishes. Holds nothing that cannot be lost: only an average of what steps cost."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        self._mean_ms: dict[tuple[str, str], float] = {}

    def run_once(self) -> int:
        """Fills every free slot once; gives the number of steps sent. Raises what Redis or the broker raises."""
        paused = service.paused_lanes()
        waiting = _waiting()
        crew = fleet.workers() if waiting else []
        if not crew:
            return 0
        learned = throttle.learned()
        with transaction.atomic():
            lanes = _lock_lanes()
            rows = _in_flight()
            turn = _Turn(self.name, crew, rows, Headroom(_by_revision(rows), learned), self._mean_ms)
            for placement in _CLOCKS:
                ready = {lane for place, lane in waiting if place == placement}
                if contending := ready - paused:
                    turn.fill(placement, contending, lanes)
                for lane in ready & paused:
                    turn.resume(placement, lane)
        self._publish(turn.claimed, crew)
        return sum(map(len, turn.claimed.values()))

    def _publish(self, claimed: Mapping[str, Sequence[Claimed]], crew: Sequence[Worker]) -> None:
        unsent = [step.id for steps in claimed.values() for step in steps]
        for queue, steps in claimed.items():
            for batch in _batches(queue, steps, crew):
                try:
                    RUN_STEPS.send(queue=queue, batch=[[str(step.id), step.attempt_no] for step in batch])
                except Exception:
                    # The broker is away: what was claimed goes back at once instead of after its lease.
                    give_back(unsent, owner=self.name)
                    raise
                unsent = unsent[len(batch) :]


@dataclass(frozen=True, slots=True)
class _Flight:
    """Steps of a revision that are claimed or under way; `overdue_ms` is what they took beyond their cost."""

    placement: str
    lane: str
    revision_id: str
    steps: int
    work_ms: int
    overdue_ms: int


@dataclass(slots=True)
class _Turn:
    """One look at the queue, under the lanes' locks. What it claimed is by queue, in order."""

    owner: str
    crew: Sequence[Worker]
    rows: Sequence[_Flight]
    headroom: Headroom
    mean_ms: dict[tuple[str, str], float]
    claimed: dict[str, list[Claimed]] = field(default_factory=dict)

    def fill(self, placement: str, contending: set[str], lanes: Mapping[str, Mapping[str, int]]) -> None:
        """Claims for every lane that has work and workers, until nothing is left or nobody takes more."""
        shares = self._shares(placement, lanes)
        busy = self._busy(placement)
        idle = {lane for lane in shares.weights if lane not in contending or not self._slots(placement, lane)}
        full: set[str] = set()
        while lane := shares.first(shares.weights.keys() - idle - full):
            queue, key = queue_of(placement=placement, lane=lane), (placement, lane)
            mean = self.mean_ms.get(key, _FIRST_GUESS_MS)
            most = room(queue=queue, crew=self.crew, busy=busy, mean_ms=mean)
            if most <= 0:
                full.add(lane)
                continue
            if rivals := shares.weights.keys() - idle - full - {lane}:
                most = min(most, 1 + int(shares.turn_ms(lane, rivals) / mean))
            wanted = _rounded(most)
            taken = self._take(placement, lane, wanted)
            if len(taken) < wanted:
                idle.add(lane)
            if taken:
                cost = sum(step.cost for step in taken)
                shares.charge(lane, cost)
                self.mean_ms[key] = max(1.0, cost / len(taken))
                busy[queue] = busy.get(queue, Busy()) + Busy(len(taken), cost)
                self.claimed.setdefault(queue, []).extend(taken)
        _keep_shares(placement, shares.settle(idle), lanes)

    def resume(self, placement: str, lane: str) -> None:
        """What a provider has already of a lane that is paused: it is asked what became of it, or told to stop."""
        if self._slots(placement, lane):
            taken = claim(placement=placement, lane=lane, limit=_MOST_A_CLAIM, owner=self.owner, resumed=True)
            self.claimed.setdefault(queue_of(placement=placement, lane=lane), []).extend(taken)

    def _take(self, placement: str, lane: str, wanted: int) -> list[Claimed]:
        among = None
        if self.headroom.is_tight(wanted):
            among = self.headroom.groups(_ready_revisions(placement, lane), wanted)
        taken = claim(placement=placement, lane=lane, limit=wanted, owner=self.owner, among=among)
        for step in taken:
            self.headroom.take(step.revision_id)
        return taken

    def _slots(self, placement: str, lane: str) -> int:
        return slots_of(self.crew, queue_of(placement=placement, lane=lane))

    def _shares(self, placement: str, lanes: Mapping[str, Mapping[str, int]]) -> Shares:
        weights = {lane: share for lane, share in settings.GENERATION_LANE_SHARES.items() if lane in lanes}
        overdue: Counter[str] = Counter()
        for row in self.rows:
            if row.placement == placement == "cpu":
                overdue[row.lane] += row.overdue_ms
        return Shares(weights, {lane: lanes[lane][placement] for lane in weights}, overdue)

    def _busy(self, placement: str) -> dict[str, Busy]:
        busy: dict[str, Busy] = {}
        for row in self.rows:
            queue = queue_of(placement=row.placement, lane=row.lane)
            busy[queue] = busy.get(queue, Busy()) + Busy(row.steps, row.work_ms)
        for queue, steps in self.claimed.items():
            busy[queue] = busy.get(queue, Busy()) + Busy(len(steps), sum(step.cost for step in steps))
        return busy


def claim(
    *, placement: str, lane: str, limit: int, owner: str, among: Sequence[Group] | None = None, resumed: bool = False
) -> list[Claimed]:
    """Takes up to `limit` ready steps in the order (vtag, id); with `among` only what those groups allow, and with
    `resumed` only what has an attempt under way at a provider."""
    if among is not None and not among:
        return []
    sql, given = claim_statement(
        placement=placement, lane=lane, limit=limit, owner=owner, among=among, resumed=resumed
    )  # fmt: skip
    with connection.cursor() as cursor:
        if among is not None:
            cursor.execute(IN_INDEX_ORDER)
        cursor.execute(sql, given)
        found = [Claimed(*row) for row in cursor.fetchall()]
        if among is not None:
            cursor.execute("SET LOCAL enable_sort = on")
        return found


def claim_statement(
    *, placement: str, lane: str, limit: int, owner: str, among: Sequence[Group] | None = None, resumed: bool = False
) -> tuple[str, dict[str, str | int]]:
    """The statement of a claim and its parameters.

    The limit is a literal in it: with a parameter PostgreSQL plans for a tenth of the table and was measured to scan
    it, five hundred times slower at a million rows.
    """
    given: dict[str, str | int] = {
        "placement": placement, "lane": lane, "owner": owner, "pickup": settings.GENERATION_PICKUP_SECONDS,
    }  # fmt: skip
    if among is None:
        due = _DUE.format(limit=int(limit), more="AND token IS NOT NULL" if resumed else "")
    else:
        due = _DUE_AMONG.format(merged=_merged((limit, list(among)), given))
    return _CLAIM.format(due=due, v=_CLOCKS[placement]), given


def give_back(step_ids: Sequence[UUID], *, owner: str) -> None:
    """Makes claimed steps ready again that no message was sent for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE generation_step SET state = 'ready', lease_expires_at = NULL, lease_owner = '' "
            "WHERE id = ANY(ARRAY(SELECT id FROM generation_step WHERE id = ANY(%s) AND state || '' = 'claimed' "
            "AND lease_owner = %s FOR UPDATE SKIP LOCKED))",
            [list(step_ids), owner],
        )


def _merged(group: Group, given: dict[str, str | int]) -> str:
    """A group's first steps in fair order: each revision's by its own index, so that no backlog is read through."""
    limit, members = group
    parts = []
    for member in members:
        if isinstance(member, str):
            name = f"revision_{len(given)}"
            given[name] = member
            parts.append(_OF_REVISION.format(revision=name, limit=int(limit)))
        else:
            parts.append(_merged(member, given))
    return _MERGED.format(parts=" UNION ALL ".join(parts), limit=int(limit))


def _rounded(steps: int) -> int:
    steps = min(steps, _MOST_A_CLAIM)
    return steps if steps <= _EXACT else 1 << (steps.bit_length() - 1)


def _batches(queue: str, claimed: Sequence[Claimed], crew: Sequence[Worker]) -> list[list[Claimed]]:
    """Splits so that everybody who takes messages gets a share: on our own processors a slot, and no message carries
    much work; of work that waits elsewhere a whole process, which begins what it gets at once. A suspect goes alone:
    what shares its message would be lost with it each time."""
    waits = queue != CPU_QUEUE
    takers = sum(queue in worker.queues for worker in crew) if waits else slots_of(crew, queue)
    most = min(_MOST_A_MESSAGE, max(1, -(-len(claimed) // max(1, takers))))
    batches = [[step] for step in claimed if step.suspect]
    first, work = len(batches), 0
    for step in claimed:
        if step.suspect:
            continue
        if len(batches) == first or len(batches[-1]) >= most or (work + step.cost > _MESSAGE_MS and not waits):
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


def _lock_lanes() -> dict[str, dict[str, int]]:
    """By lane and placement, slot-milliseconds that it is ahead. One conductor at a time until it commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, served_cpu, served_io FROM generation_lane ORDER BY name FOR UPDATE")
        return {name: {"cpu": cpu, "io": io} for name, cpu, io in cursor.fetchall()}


def _keep_shares(placement: str, served: Mapping[str, int], lanes: Mapping[str, Mapping[str, int]]) -> None:
    changed = {lane: ms for lane, ms in served.items() if lanes[lane][placement] != ms}
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_SERVED.format(served=f"served_{placement}"), [list(changed), list(changed.values())])


def _in_flight() -> list[_Flight]:
    with connection.cursor() as cursor:
        cursor.execute(_IN_FLIGHT)
        return [_Flight(*row) for row in cursor.fetchall()]


def _by_revision(rows: Sequence[_Flight]) -> Counter[str]:
    steps: Counter[str] = Counter()
    for row in rows:
        steps[row.revision_id] += row.steps
    return steps


def _ready_revisions(placement: str, lane: str) -> list[str]:
    """Models that have work: one look-up of an index for each, whatever the backlog."""
    with connection.cursor() as cursor:
        cursor.execute(_READY_REVISIONS, {"placement": placement, "lane": lane})
        return [row[0] for row in cursor.fetchall()]


_CLAIM = """
WITH due AS ({due}), taken AS (
    UPDATE generation_step s SET state = 'claimed', attempt_no = s.attempt_no + 1, lease_owner = %(owner)s,
        lease_expires_at = now() + make_interval(secs => %(pickup)s)
    FROM due WHERE s.id = due.id
    RETURNING s.id, s.attempt_no, s.cost, s.revision_id, s.lost_leases > 0 AS suspect, s.vtag
), clock AS (
    UPDATE generation_lane SET {v} = greatest({v}, (SELECT max(vtag) FROM taken))
    WHERE name = %(lane)s AND EXISTS (SELECT 1 FROM taken)
)
SELECT id, attempt_no, cost, revision_id, suspect FROM taken ORDER BY vtag, id
"""
_DUE = """
    SELECT id FROM generation_step
    WHERE placement = %(placement)s AND lane = %(lane)s AND state = 'ready' {more}
    ORDER BY vtag, id LIMIT {limit} FOR UPDATE SKIP LOCKED
"""
# By primary key alone: said plainly, the state would let an index of ready steps in, read from end to end.
# A planner that believes the lane to be nearly empty would sort what it filters out of all of it.
IN_INDEX_ORDER = "SET LOCAL enable_sort = off"
_DUE_AMONG = """
    SELECT id FROM generation_step WHERE id = ANY (ARRAY(SELECT id FROM {merged} m)) AND state || '' = 'ready'
    FOR UPDATE SKIP LOCKED
"""
# A range of one and an order that begins with it: only the index by model gives that order, so statistics of a quiet
# hour cannot talk the planner into reading through the lane with a filter.
_OF_REVISION = """
(SELECT id, vtag FROM generation_step
    WHERE placement = %(placement)s AND lane = %(lane)s AND state = 'ready'
        AND revision_id >= %({revision})s AND revision_id <= %({revision})s
    ORDER BY revision_id, vtag, id LIMIT {limit})
"""
_MERGED = "(SELECT id, vtag FROM ({parts}) m ORDER BY vtag, id LIMIT {limit})"
_READY_REVISIONS = """
WITH RECURSIVE found AS (
    (SELECT revision_id FROM generation_step
        WHERE placement = %(placement)s AND lane = %(lane)s AND state = 'ready' ORDER BY revision_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.revision_id FROM generation_step s
        WHERE s.placement = %(placement)s AND s.lane = %(lane)s AND s.state = 'ready'
            AND s.revision_id > found.revision_id ORDER BY s.revision_id LIMIT 1)
    FROM found WHERE found.revision_id IS NOT NULL
)
SELECT revision_id FROM found WHERE revision_id IS NOT NULL
"""
_WAITING = """
SELECT p.placement, l.name FROM (VALUES ('cpu'), ('io')) AS p (placement), generation_lane l,
LATERAL (SELECT 1 FROM generation_step s
    WHERE s.placement = p.placement AND s.lane = l.name AND s.state = 'ready' ORDER BY s.vtag, s.id LIMIT 1) found
"""
_SERVED = """
UPDATE generation_lane l SET {served} = t.ms FROM unnest(%s::text[], %s::bigint[]) AS t (name, ms) WHERE l.name = t.name
"""
_IN_FLIGHT = """
SELECT placement, lane, revision_id, count(*), coalesce(sum(cost), 0)::bigint,
    coalesce(sum(greatest(0, extract(epoch FROM now() - started_at) * 1000 - cost)) FILTER (WHERE tries = 1), 0)::bigint
FROM generation_step
WHERE state IN ('claimed', 'submitting', 'awaiting', 'collecting', 'reconciling') AND lease_owner <> ''
GROUP BY placement, lane, revision_id
"""
