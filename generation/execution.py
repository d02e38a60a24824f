"""What a worker does with a message of claimed steps. Safe to be told twice.

Work on our own processors runs one after another while the message is held. A step that waits for a provider is
handed to this process's runner, and the message is over.
"""

import asyncio
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from core import push
from generation import desk, events, fairness, retries, runner
from generation.connecting import routes_of
from generation.flight import Clock, Flight
from generation.settlement import Ending, Started
from generation.verdicts import Accepted, Doubt, Park, Verdict
from providers import gateway
from providers.errors import NotYet, UnknownAdapter

_log = structlog.get_logger(__name__)

_KEEP_EVERY_SECONDS = 1.0
# Endings without files wait this long for others, to share one transaction.
_GATHER_SECONDS = 0.05
# During a deploy the next worker may know an adapter that this one does not.
_ELSEWHERE_SECONDS = 10.0


@lru_cache(maxsize=1)
def owner() -> str:
    """This process among all there ever were: a host and a number may come again, and would renew the dead's leases."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[-80:]


os.register_at_fork(after_in_child=owner.cache_clear)


def run_batch(*, batch: Sequence[tuple[UUID, int]], clock: Clock = timezone.now) -> bool:
    """Runs the steps of a message that are still ours to run. A message that comes twice finds nothing to do.

    True when work did not end in time and may still occupy a thread of this process, which is best renewed then.
    """
    started = begin(batch=batch, owner=owner(), at=clock())
    revisions = {step.revision_id: gateway.revision(step.revision_id) for step in started}
    started, routes = routes_of(started, revisions)
    here: list[Flight] = []
    elsewhere: list[Verdict] = []
    calls: Counter[str] = Counter()
    for step in started:
        revision = revisions[step.revision_id]
        try:
            placement = gateway.placement(revision)
            route = routes[step.step_id]
        except (UnknownAdapter, KeyError) as exc:
            _log.error("worker.no_route", adapter=revision.adapter, step=str(step.step_id), kind=type(exc).__name__)
            elsewhere.append(_left(step))
            continue
        if placement == "io":
            calls[revision.adapter] += step.mode == "submit"
            runner.take(step, revision, route, owner=owner(), clock=clock)
        else:
            here.append(Flight(step, revision, route, clock=clock))
    retries.called(calls)
    desk.apply(elsewhere, at=clock())
    message = _Message(here, clock)
    message.run()
    return message.overran


def _left(step: Started) -> Verdict:
    """A step that this process has no way for waits for one that has, as it was."""
    if step.mode == "check":
        return Accepted(step, step.handle or {}, _ELSEWHERE_SECONDS)
    if step.mode == "reconcile":
        return Doubt(step, _ELSEWHERE_SECONDS)
    return Park(step, NotYet(), _ELSEWHERE_SECONDS, counts=False)


def begin(*, batch: Sequence[tuple[UUID, int]], owner: str, at: datetime) -> list[Started]:
    """Takes claimed steps as under way and opens their attempts; what is no longer claimed is left out."""
    lease = f"{settings.GENERATION_LEASE_SECONDS} seconds"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM generation_take(%s::uuid[], %s::integer[], %s, %s::interval, %s)",
            [[step_id for step_id, _ in batch], [number for _, number in batch], owner, lease, at],
        )
        started = [decode_started(row) for row in cursor.fetchall()]
    # Several steps of a message may belong to the job that just began: it is told once.
    began = {step.job_id: step for step in started if step.began}
    told = [
        events.status(push.group_of(step.workspace_id, sandbox=step.sandbox), job_id=step.job_id, seq=step.seq,
                      value="running")
        for step in began.values()
    ]  # fmt: skip
    events.send(told, nudge=False)
    return started


class _Message:
    """The steps of a message on our own processors: the loop computes, this thread writes and keeps the leases."""

    def __init__(self, flights: Sequence[Flight], clock: Clock) -> None:
        self.overran = False
        self._clock = clock
        self._flying = {flight.key: flight for flight in flights}
        self._spent_ms: dict[UUID, int] = {}
        self._came: SimpleQueue[tuple[Flight, Verdict | None]] = SimpleQueue()

    def run(self) -> None:
        if not self._flying:
            return
        runner.start(self._fly(list(self._flying.values())))
        while self._flying:
            verdicts = self._gather()
            if verdicts is None:
                self._keep()
            else:
                desk.apply(verdicts, at=self._clock())
                self._true_up()

    def _true_up(self) -> None:
        """A slot on our own processors was busy for as long as it was, whatever was expected."""
        fairness.true_up(self._spent_ms)
        self._spent_ms = {}

    async def _fly(self, flights: Sequence[Flight]) -> None:
        for flight in flights:
            flight.task = asyncio.ensure_future(flight.fly())
            self._came.put((flight, None if flight.lost else await flight.task))

    def _gather(self) -> list[Verdict] | None:
        """Verdicts to be written together; None when nothing came for a while."""
        found: list[Verdict] = []
        until = time.monotonic() + _KEEP_EVERY_SECONDS
        while self._flying:
            try:
                flight, verdict = self._came.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return found or None
            del self._flying[flight.key]
            self.overran |= flight.overran
            self._spent_ms[flight.step.step_id] = flight.busy_ms
            if not found:
                until = time.monotonic() + _GATHER_SECONDS
            if verdict is not None:
                found.append(verdict)
            if isinstance(verdict, Ending) and verdict.stored is not None:
                break
        return found

    def _keep(self) -> None:
        kept = desk.renew(list(self._flying))
        for key, flight in list(self._flying.items()):
            if key not in kept:
                runner.call(flight.lose)
            elif kept[key]:
                runner.call(flight.ask_to_stop, kept[key])


def decode_started(row: tuple[Any, ...]) -> Started:
    """A row of `generation_take`. Raw cursors give jsonb as text."""
    values = list(row)
    for at in _DOCUMENTS:
        if isinstance(values[at], str):
            values[at] = orjson.loads(values[at])
    return Started(*values)


_DOCUMENTS = [number for number, item in enumerate(fields(Started)) if item.name in {"params", "handle"}]
