"""What a worker does with a batch of claimed steps: begin, run, collect, end. Safe to be told twice."""

import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from assets import library
from assets.errors import UnreadableOutput
from core import push
from core.errors import DomainError
from generation import events, progress, runner
from generation.settlement import Ending, Fault, Started, finish
from providers import gateway
from providers.contracts import Ctx, Done, Outcome, Refused, Revision, Running
from providers.errors import BadOutput, DeadlinePassed, ProviderError

_log = structlog.get_logger(__name__)
_KEEP_EVERY_SECONDS = 1.0
_PROGRESS_EVERY_SECONDS = 0.5
# Endings without files wait this long for others, to share one transaction.
_GATHER_SECONDS = 0.05
_BACKOFF_SECONDS, _BACKOFF_MOST_SECONDS = 2.0, 60.0

Clock = Callable[[], datetime]


def run_batch(*, batch: Sequence[tuple[UUID, int]], clock: Clock = timezone.now) -> None:
    """Runs the steps of a message that are still ours to run. A message that comes twice finds nothing to do."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    started = begin(batch=batch, owner=owner, at=clock())
    gathered: list[Ending] = []
    since = time.monotonic()
    for step in started:
        ending = _Run(step, owner, clock).end()
        if ending is None:
            continue
        gathered.append(ending)
        if ending.stored is not None or time.monotonic() - since > _GATHER_SECONDS:
            finish(gathered, at=clock())
            gathered, since = [], time.monotonic()
    finish(gathered, at=clock())


def begin(*, batch: Sequence[tuple[UUID, int]], owner: str, at: datetime) -> list[Started]:
    """Marks claimed steps as submitting and opens their attempts; what is no longer claimed is left out."""
    lease = f"{settings.GENERATION_LEASE_SECONDS} seconds"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM generation_start(%s::uuid[], %s::integer[], %s, %s::interval, %s)",
            [[step_id for step_id, _ in batch], [number for _, number in batch], owner, lease, at],
        )
        started = [decode_started(row) for row in cursor.fetchall()]
    # Several steps of a message may belong to the job that just began: it is told once.
    began = {step.job_id: step for step in started if step.began}
    told = [events.status(_group(step), job_id=step.job_id, seq=step.seq, value="running") for step in began.values()]
    events.send(told, nudge=False)
    return started


class _Run:
    """One step on its way through a provider."""

    def __init__(self, step: Started, owner: str, clock: Clock) -> None:
        self.step = step
        self.owner = owner
        self.clock = clock
        self.stopped = False
        self._told_at = 0.0

    def end(self) -> Ending | None:
        """Runs the step; None when it will be tried again or is somebody else's by now."""
        step = self.step
        try:
            revision = gateway.revision(step.revision_id)
            return self._collect(self._submit(revision), revision)
        except ProviderError as exc:
            return self._after(exc)
        except runner.Stopped:
            return Ending(step, "canceled") if self.stopped else None
        except UnreadableOutput as exc:
            return self._after(BadOutput(str(exc)))
        except DomainError as exc:
            return Ending(step, "failed", fault=Fault(exc.code, "internal", exc.title, retryable=False))
        except Exception as exc:  # noqa: BLE001 - the edge of the process: an adapter's mistake must not lose a step
            _log.error("step.crashed", step=str(step.step_id), kind=type(exc).__name__, exc_info=True)
            return self._after(_Crashed(type(exc).__name__))

    def _submit(self, revision: Revision) -> Outcome:
        step = self.step
        within = float(revision.spec.get("latency", {}).get("deadline_s", settings.GENERATION_DEADLINE_SECONDS))
        left = (step.deadline_at - self.clock()).total_seconds()
        if left <= 0:
            raise DeadlinePassed
        allowed = step.sandbox or settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX
        work = gateway.submit(
            ctx=Ctx(progress=self._progress, directives_allowed=allowed), revision=revision, params=dict(step.params),
            deadline=step.deadline_at, token=str(step.token),
        )  # fmt: skip
        try:
            return runner.run(
                work, keep=self._keep, every_seconds=_KEEP_EVERY_SECONDS, within_seconds=min(within, left)
            )
        except TimeoutError as exc:
            raise DeadlinePassed from exc

    def _collect(self, outcome: Outcome, revision: Revision) -> Ending:
        step = self.step
        if isinstance(outcome, Refused):
            fault = Fault("content_refused", "moderation", "The model refused this prompt.", retryable=False,
                          detail=",".join(outcome.categories))  # fmt: skip
            return Ending(step, "failed", fault=fault)
        if isinstance(outcome, Running):
            raise BadOutput("This adapter answers later, and waiting for it is not built yet.")
        return self._store(outcome, revision)

    def _store(self, done: Done, revision: Revision) -> Ending:
        step = self.step
        if step.output_index is None or not done.artifacts:
            if step.output_index is not None:
                raise BadOutput("The provider returned no file.")
            return Ending(step, "done", usage=done.usage)
        artifact = done.artifacts[0]
        stored = library.store_output(
            source=library.Source(step.workspace_id, step.sandbox, step.job_id, step.output_index),
            content=artifact.content, media_type=artifact.media_type,
            meta={**artifact.meta, "model_name": revision.name, "credits": step.price,
                  "digital_source": revision.digital_source, "recall": step.params.get("recall", {})},
        )  # fmt: skip
        return Ending(step, "done", usage=done.usage, stored=stored)

    def _after(self, error: ProviderError) -> Ending | None:
        """The same route again, later, or the end."""
        step = self.step
        if step.tries <= error.retry_same and step.tries < settings.GENERATION_MAX_ATTEMPTS:
            return None if park(step=step, error=error) else Ending(step, "canceled")
        fault = Fault(error.code, error.category, error.public, retryable=error.category != "input",
                      provider_code=error.provider_code, detail=str(error))  # fmt: skip
        return Ending(step, "failed", fault=fault)

    def _keep(self) -> bool:
        """Renews the leases of the whole message; False when this job is to stop or its step is no longer ours."""
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [settings.GENERATION_LEASE_SECONDS, self.owner])
            kept = {(step_id, number): cause for step_id, number, cause in cursor.fetchall()}
        cause = kept.get((self.step.step_id, self.step.attempt_no))
        self.stopped = bool(cause)
        return cause == ""

    def _progress(self, value: float) -> None:
        """Called from the adapter's thread; at most two a second reach anybody."""
        now = time.monotonic()
        if now - self._told_at < _PROGRESS_EVERY_SECONDS and value < 1.0:
            return
        self._told_at = now
        step = self.step
        of = int(step.params.get("of", 1))
        name = f"generate[{step.params['index']}]" if "index" in step.params else step.kind
        whole = progress.write(job_id=step.job_id, step=name, value=value, of=of)
        events.send([events.progressed(_group(step), job_id=step.job_id, value=whole)], nudge=False)


class _Crashed(ProviderError):
    code = "internal"
    category = "internal"
    retry_same = 1
    public = "Something went wrong on our side."


def park(*, step: Started, error: ProviderError) -> bool:
    """Lets a step wait before it is tried again: the provider's own hint, or full jitter. No slot is held.

    False when its job is to stop: then there is nothing to wait for.
    """
    if error.retry_after_seconds is not None:
        delay = error.retry_after_seconds
    else:
        delay = random.uniform(0, min(_BACKOFF_MOST_SECONDS, _BACKOFF_SECONDS * 2**step.tries))  # noqa: S311 - jitter
    with connection.cursor() as cursor:
        cursor.execute(
            _PARK,
            {
                "step": step.step_id, "attempt": step.attempt_no, "delay": delay, "code": error.code,
                "provider_code": error.provider_code or "", "detail": str(error)[:300],
            },
        )  # fmt: skip
        parked = bool(cursor.rowcount)
        if parked:
            # A statement of its own: whoever holds a step does not wait for a wallet.
            cursor.execute("SELECT generation_set_aside(%s, now())", [step.job_id])
        return parked


def _group(step: Started) -> str:
    return push.group_of(step.workspace_id, sandbox=step.sandbox)


def decode_started(row: tuple[Any, ...]) -> Started:
    """A row of `generation_start`. Raw cursors give jsonb as text."""
    values = list(row)
    if isinstance(values[_PARAMS], str):
        values[_PARAMS] = orjson.loads(values[_PARAMS])
    return Started(*values)


_PARAMS = [item.name for item in fields(Started)].index("params")
_KEEP = """
UPDATE generation_step s SET lease_expires_at = now() + make_interval(secs => %s)
FROM generation_job j
WHERE s.lease_owner = %s AND s.state IN ('submitting', 'awaiting', 'collecting') AND j.id = s.job_id
RETURNING s.id, s.attempt_no, j.stop_cause
"""
_PARK = """
WITH parked AS (
    UPDATE generation_step SET state = 'parked', next_run_at = now() + make_interval(secs => %(delay)s),
        lease_expires_at = NULL, lease_owner = ''
    WHERE id = %(step)s AND attempt_no = %(attempt)s AND state IN ('submitting', 'awaiting', 'collecting')
        AND NOT EXISTS (SELECT 1 FROM generation_job j WHERE j.id = job_id AND j.stop_cause <> '')
    RETURNING id
)
UPDATE generation_attempt SET outcome = 'failed', finished_at = now(), error_code = %(code)s,
    provider_code = %(provider_code)s, detail = %(detail)s
WHERE step_id IN (SELECT id FROM parked) AND no = %(attempt)s
"""
