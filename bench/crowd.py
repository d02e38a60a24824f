"""Workspaces, workers and their jobs on a virtual clock; acceptance, dispatch and ends are the product's.

Only what a worker would spend its time on is left out, so that an hour of a busy site takes seconds.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import orjson
from django.db import connection
from django.utils import timezone

from bench.ideals import Ask, Member
from core.ids import uuid7
from credits.ledger import Payer
from generation import execution, fleet, settlement
from generation.dispatch import Claimed, Dispatcher
from generation.fleet import Worker
from generation.queues import queue_of
from generation.settlement import Ending, Started
from providers import catalog

_PLENTY = 1_000_000_000
_CREW = "crowd"
_MAKE = """
WITH made AS (
    INSERT INTO accounts_workspace (id, name, kind, created_at)
    SELECT gen_random_uuid(), 'crowd', 'personal', now() FROM generate_series(1, %(count)s) RETURNING id
), wallets AS (
    INSERT INTO credits_wallet (id, workspace_id, sandbox, balance, held, debt, limited, created_at)
    SELECT gen_random_uuid(), id, false, 0, 0, 0, false, now() FROM made
)
SELECT id FROM made
"""
_FUND = """
SELECT count(*) FROM unnest(%(workspaces)s::uuid[]) w, ledger_grant(
    w, false, 'grant', 'crowd:' || w, ledger_uuid7(), %(amount)s, jsonb_build_object('origin', 'goodwill',
    'priority', 50, 'paid', false, 'applies_to', '[]'::jsonb, 'reason', '',
    'actor', 'bench', 'rollover_times', 0), now())
"""
_CLOSE = """
UPDATE generation_step SET state = 'canceled', finished_at = now(), lease_expires_at = NULL
WHERE job_id = ANY(%s) AND finished_at IS NULL
"""


def make(number: int) -> list[UUID]:
    """Workspaces with a wallet that nothing here can empty."""
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, {"count": number})
        made = [row[0] for row in cursor.fetchall()]
        cursor.execute(_FUND, {"workspaces": made, "amount": _PLENTY})
    return made


@dataclass
class Crowd:
    """Runs what is asked of `slots` workers' slots. `asked` may grow while it runs: `on_end` is told of every end."""

    slots: int
    model: str
    on_end: Callable[["Crowd", Ask], None] | None = None
    conductors: int = 1
    true_up: Callable[[Mapping[UUID, int]], None] | None = None
    now: float = 0.0
    done: list[Ask] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        # Ahead of every real clock, so that nothing counts as overdue.
        self._epoch = timezone.now() + timedelta(days=1)
        self._revision = catalog.card(self.model).revision
        self._events: list[tuple[float, int, Ask | Started]] = []
        self._numbers = count()
        self._jobs: dict[UUID, Ask] = {}
        self._sent: deque[tuple[UUID, int]] = deque()
        self._working = 0
        self._dispatchers = [_Here(self, name=f"crowd-{number}") for number in range(self.conductors)]

    def ask(self, ask: Ask) -> None:
        heapq.heappush(self._events, (ask.at, next(self._numbers), ask))

    def run(self, *, until: float = float("inf")) -> list[Ask]:
        """Gives the jobs that ended, in that order."""
        while self._events and self._events[0][0] <= until:
            self.now = self._events[0][0]
            while self._events and self._events[0][0] <= self.now:
                _, _, what = heapq.heappop(self._events)
                if isinstance(what, Ask):
                    self.accept(what)
                else:
                    self._end(what)
            self._dispatch()
        return self.done

    def close(self) -> None:
        """Leaves nothing behind that would keep the next crowd's slots busy."""
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE, [list(self._jobs)])

    def under_way(self, *, until: float) -> list[Ask]:
        """What began and did not end, as if it ended then."""
        return [
            Ask(ask.who, ask.at, ask.takes, began=ask.began, ended=until)
            for ask in self._jobs.values()
            if ask.began >= 0
        ]

    def at(self) -> datetime:
        return self._epoch + timedelta(seconds=self.now)

    def accept(self, ask: Ask) -> None:
        """Submits a job now."""
        expected = ask.takes if ask.expected is None else ask.expected
        job, cost = uuid7(), max(1, round(expected * 1000))
        payload = order(job=job, member=ask.who, revision=self._revision.id, model=self._revision.pinned, cost_ms=cost,
                        deadline_at=self.at() + timedelta(days=1))  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT outcome FROM generation_accept(%s::jsonb, %s, %s)",
                [orjson.dumps(payload).decode(), self.at(), self.at() + timedelta(days=2)],
            )
            outcome = cursor.fetchone()[0]
        if outcome != "accepted":
            raise RuntimeError(f"A job was refused: {outcome}")
        self._jobs[job] = ask

    def _dispatch(self) -> None:
        """The conductors take turns; workers take what was sent, first come first served."""
        fleet.announce(name=_CREW, queues=_QUEUES, slots=self.slots)
        self.turns += 1
        self._dispatchers[self.turns % self.conductors].run_once()
        batch: list[tuple[UUID, int]] = []
        while self._sent and self._working + len(batch) < self.slots:
            batch.append(self._sent.popleft())
        if not batch:
            return
        for started in execution.begin(batch=batch, owner=_CREW, at=self.at()):
            ask = self._jobs[started.job_id]
            ask.began = self.now
            self._working += 1
            heapq.heappush(self._events, (self.now + ask.takes, next(self._numbers), started))

    def _end(self, step: Started) -> None:
        self._working -= 1
        settlement.finish([Ending(step, "done")], at=self.at())
        ask = self._jobs.pop(step.job_id)
        ask.ended = self.now
        if self.true_up is not None:
            self.true_up({step.step_id: round(ask.takes * 1000)})
        self.done.append(ask)
        if self.on_end is not None:
            self.on_end(self, ask)


class _Here(Dispatcher):
    """A conductor whose broker is this process."""

    def __init__(self, crowd: Crowd, *, name: str) -> None:
        super().__init__(name=name)
        self._crowd = crowd

    def _publish(self, claimed: Mapping[str, Sequence[Claimed]], crew: Sequence[Worker]) -> None:
        for steps in claimed.values():
            self._crowd._sent.extend((step.id, step.attempt_no) for step in steps)


_QUEUES = tuple(sorted({queue_of(placement=place, lane=lane) for place in ("cpu", "io")
                        for lane in ("enterprise", "pro", "free")}))  # fmt: skip


def order(
    *, job: UUID, member: Member, revision: str, model: str, cost_ms: int, deadline_at: datetime
) -> dict[str, object]:
    """What `generation_accept` is given for a job of one step that costs a credit and keeps no answer."""
    return {
        "workspace": member.id, "sandbox": False, "user": None, "key": None, "route": "crowd", "idempotency_key": None,
        "request_hash": "", "body": "", "lane": member.lane, "weight": member.weight, "max_running": member.most,
        "max_queued": None, "max_live": None, "daily_jobs": None, "daily_jobs_by_pipeline": None,
        "job": {
            "id": job, "hold": uuid7(), "pipeline": "speech", "model_requested": model, "model": model,
            "revision": revision, "input": {}, "asked": 0, "quoted": 1, "external_id": "", "metadata": {},
            "visibility": "private", "parent": None, "deadline_at": deadline_at, "start_deadline_at": None,
        },
        "steps": [
            {
                "id": uuid4(), "name": "noop", "kind": "gen:noop", "depends_on": [], "optional": False,
                "revision": revision, "placement": "cpu", "params": {}, "price": 1, "output_index": None,
                "cost": cost_ms, "unit": "call", "quantity": "1",
            }
        ],
        "payer": Payer(pipeline="speech", model=model).as_json(),
    }  # fmt: skip
