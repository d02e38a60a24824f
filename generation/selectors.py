"""Reading jobs. What leaves this module is a value; somebody else's job is NotFound."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count, Q, QuerySet

from core.errors import NotFound
from generation import progress, state
from generation.models import Attempt, Job
from generation.state import PLACE_HELD
from providers import catalog


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as people see it. `since` is when the attempt that is under way began; None while none is.

    `made_by` is the model, with its pin, that it went to instead of the one that was asked for, and `reason` why.
    """

    name: str
    state: str
    since: datetime | None = None
    made_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it stands. `progress` is 0 to 1; `outputs` are as they were settled, by index."""

    id: UUID
    workspace_id: UUID
    sandbox: bool
    pipeline: str
    model_requested: str
    model: str
    input: Mapping[str, Any]
    asked: int
    lane: str
    state: str
    seq: int
    quoted: int
    captured: int
    released: int
    charge_reason: str
    created_at: datetime
    deadline_at: datetime
    outputs: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[StepView] = ()
    error: Mapping[str, Any] | None = None
    external_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    visibility: str = "private"
    parent_id: UUID | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    progress: float = 0.0
    stop_cause: str = ""
    place: str = PLACE_HELD
    allow_fallback: bool = True

    @property
    def stood_in(self) -> StepView | None:
        """A step that another model makes, or made, than the one that was asked for."""
        return next((step for step in self.steps if step.made_by), None)

    @property
    def is_live(self) -> bool:
        return self.state in state.LIVE

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt of it is. A job that began may wait again: for its provider, a place or its turn."""
        return any(step.since is not None for step in self.steps)


@dataclass(frozen=True, slots=True)
class Standing:
    """A job's place in its life: the state it is in since event `seq`, or at the latest."""

    job_id: UUID
    seq: int
    state: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty means all."""

    pipeline: str = ""
    states: tuple[str, ...] = ()
    model: str = ""
    external_id: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    ids: tuple[UUID, ...] = ()
    text: str = ""


def get_job(*, workspace_id: UUID, job_id: UUID, sandbox: bool) -> JobView:
    """One job of this workspace, with its steps."""
    row = _of(workspace_id, sandbox=sandbox).filter(id=job_id).first()
    if row is None:
        raise NotFound
    return _views([row])[0]


def list_jobs(
    *, workspace_id: UUID, sandbox: bool, filters: Filters, before: UUID | None = None, limit: int = 20
) -> list[JobView]:
    """Jobs newest first, older than id `before`. Three statements, whatever the number of rows."""
    rows = _narrow(_of(workspace_id, sandbox=sandbox), filters)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return _views(list(rows.order_by("-id")[:limit]))


def reachable(*, workspace_id: UUID, sandbox: bool, ids: Sequence[UUID]) -> set[UUID]:
    """Those of `ids` that are jobs of this workspace with a page: neither deleted nor in the trash."""
    return set(_of(workspace_id, sandbox=sandbox).filter(id__in=ids).values_list("id", flat=True))


def standing(*, workspace_id: UUID, sandbox: bool, known: Iterable[UUID], since: UUID) -> list[Standing]:
    """Jobs that are under way, those known to a reader, and any accepted after the newest of these or after `since`.

    Newest first. Of more than a thousand those that a reader knows are never left out, and those that wait first. A job
    of somebody else is left out.
    """
    names = list(known)
    newer = min(since, max(names, default=since))
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"workspace": workspace_id, "sandbox": sandbox, "known": names, "newer": newer})
        return sorted((Standing(*row) for row in cursor.fetchall()), key=lambda job: job.job_id, reverse=True)


def lately(*, groups: Sequence[tuple[UUID, bool]], since: UUID) -> list[tuple[UUID, bool, Standing]]:
    """For each of these workspaces (live or sandbox): what is under way, and what was accepted after the id `since`."""
    with connection.cursor() as cursor:
        cursor.execute(_LATELY, [[space for space, _ in groups], [sandbox for _, sandbox in groups], since])
        return [(space, sandbox, Standing(*row)) for space, sandbox, *row in cursor.fetchall()]


def counts(*, workspace_id: UUID, sandbox: bool) -> tuple[int, int]:
    """How many of a workspace's jobs hold one of its places to run, and how many wait without one."""
    live = Job.objects.filter(workspace_id=workspace_id, sandbox=sandbox, state__in=state.LIVE)
    found: dict[str, int] = live.aggregate(held=Count("pk", filter=Q(place=PLACE_HELD)), all=Count("pk"))
    return found["held"], found["all"] - found["held"]


def attempts_of(*, workspace_id: UUID, job_id: UUID, sandbox: bool) -> list[Attempt]:
    """Every try of every step, oldest first."""
    if not _of(workspace_id, sandbox=sandbox).filter(id=job_id).exists():
        raise NotFound
    return list(
        Attempt.objects.filter(step__job_id=job_id)
        .select_related("step", "revision")
        .order_by("started_at", "step__position", "no")
    )


def events_after(positions: Iterable[tuple[UUID, int]]) -> list[tuple[UUID, int, str, dict[str, Any]]]:
    """Of each job what happened after its `seq`, in order: job, seq, type, data."""
    pairs = list(positions)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [[job_id for job_id, _ in pairs], [seq for _, seq in pairs]])
        return [(job_id, seq, kind, orjson.loads(data)) for job_id, seq, kind, data in cursor.fetchall()]


def costs(*, since: datetime, until: datetime) -> list[tuple[str, int, int, int]]:
    """What attempts that began in this time cost us: model, calls, micro-dollars, and those of them for which there is
    no evidence of the provider's. What workspaces' own providers billed them is not among it."""
    with connection.cursor() as cursor:
        cursor.execute(_COSTS, [since, until])
        return [(slug, calls, int(micros), int(unproved)) for slug, calls, micros, unproved in cursor.fetchall()]


def backlog() -> list[tuple[str, str, int, int, float]]:
    """For each placement and lane: ready steps, running steps, and slot-seconds of work that waits.

    Reads all that waits: for whoever does so rarely. `outlook.lines_now` answers everybody else.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG)
        return [(place, lane, ready, busy, float(cost)) for place, lane, ready, busy, cost in cursor.fetchall()]


def _of(workspace_id: UUID, *, sandbox: bool) -> QuerySet[Job]:
    return Job.objects.filter(workspace_id=workspace_id, sandbox=sandbox, trashed_at=None)


def _narrow(rows: QuerySet[Job], filters: Filters) -> QuerySet[Job]:
    wanted: dict[str, Any] = {
        "pipeline": filters.pipeline, "state__in": filters.states, "external_id": filters.external_id,
        "created_at__gte": filters.created_after, "created_at__lt": filters.created_before, "id__in": filters.ids,
        "input__prompt__icontains": filters.text,
    }  # fmt: skip
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if filters.model:
        name = "model" if "@" in filters.model else "model__startswith"
        rows = rows.filter(**{name: filters.model if "@" in filters.model else f"{filters.model}@"})
    return rows


def _views(rows: Sequence[Job]) -> list[JobView]:
    if not rows:
        return []
    steps: dict[UUID, list[StepView]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, [[row.id for row in rows]])
        for job_id, name, at, since, instead, reason in cursor.fetchall():
            made_by = catalog.revision(instead).pinned if instead else ""
            steps.setdefault(job_id, []).append(StepView(name, at, since, made_by, reason if made_by else ""))
    running = progress.read([row.id for row in rows if row.state in (state.RUNNING, state.CANCELING)])
    return [_view(row, steps.get(row.id, []), running.get(row.id, {})) for row in rows]


def _view(row: Job, steps: Sequence[StepView], running: Mapping[str, float]) -> JobView:
    return JobView(
        id=row.id, workspace_id=row.workspace_id, sandbox=row.sandbox, pipeline=row.pipeline,
        model_requested=row.model_requested, model=row.model, input=row.input, asked=row.asked, lane=row.lane,
        state=row.state, seq=row.seq, quoted=row.quoted, captured=row.captured, released=row.released,
        charge_reason=row.charge_reason, created_at=row.created_at, deadline_at=row.deadline_at,
        outputs=sorted(row.outputs, key=lambda output: int(output["index"])), steps=steps, error=row.error,
        external_id=row.external_id, metadata=row.metadata, visibility=row.visibility, parent_id=row.parent_id,
        started_at=row.started_at, completed_at=row.completed_at, stop_cause=row.stop_cause,
        place=row.place, allow_fallback=row.allow_fallback, progress=_progress(row.state, steps, running),
    )  # fmt: skip


def _progress(job_state: str, steps: Iterable[StepView], running: Mapping[str, float]) -> float:
    if job_state == state.SUCCEEDED:
        return 1.0
    parts = [1.0 if step.state == state.STEP_DONE else running.get(step.name, 0.0) for step in steps]
    return round(sum(parts) / len(parts), 3) if parts else 0.0


# An attempt is under way from its begin to its end, also while its step waits for somebody to ask its provider.
_STEPS = """
SELECT s.job_id, s.name, s.state, CASE
    WHEN s.token IS NOT NULL THEN (SELECT a.started_at FROM generation_attempt a WHERE a.id = s.token)
    WHEN s.state IN ('submitting', 'awaiting', 'collecting', 'reconciling') THEN (
        SELECT a.started_at FROM generation_attempt a WHERE a.step_id = s.id AND a.no = s.attempt_no)
    END, CASE WHEN s.revision_id <> j.revision_id THEN s.revision_id END, s.route_reason
FROM generation_step s JOIN generation_job j ON j.id = s.job_id WHERE s.job_id = ANY(%s) ORDER BY s.job_id, s.position
"""
_STANDING = """
SELECT id, seq, state FROM (
    SELECT id, seq, state, min(rank) AS rank FROM (
        SELECT id, seq, state, 0 AS rank FROM generation_job
        WHERE id = ANY (%(known)s::uuid[]) AND workspace_id = %(workspace)s AND sandbox = %(sandbox)s
        UNION ALL
        SELECT id, seq, state, CASE state WHEN 'queued' THEN 3 ELSE 1 END FROM generation_job
        WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s
            AND state IN ('queued', 'running', 'canceling', 'reconciling')
        UNION ALL
        SELECT id, seq, state, 2 FROM generation_job
        WHERE workspace_id = %(workspace)s AND sandbox = %(sandbox)s AND trashed_at IS NULL AND id > %(newer)s::uuid
    ) each GROUP BY id, seq, state
) found ORDER BY rank, id DESC LIMIT 1000
"""
_LATELY = """
SELECT workspace_id, sandbox, id, seq, state FROM (
    SELECT j.workspace_id, j.sandbox, j.id, j.seq, j.state
    FROM unnest(%s::uuid[], %s::boolean[]) AS g (space, sandbox)
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT workspace_id, sandbox, id, seq, state FROM generation_job
            WHERE workspace_id = g.space AND sandbox = g.sandbox
                AND state IN ('queued', 'running', 'canceling', 'reconciling')
            UNION
            SELECT workspace_id, sandbox, id, seq, state FROM generation_job
            WHERE workspace_id = g.space AND sandbox = g.sandbox AND trashed_at IS NULL AND id > %s
        ) either ORDER BY state = 'queued', id DESC LIMIT 1000
    ) j
) found ORDER BY id
"""
_EVENTS = """
SELECT e.job_id, e.seq, e.type, e.data::text
FROM unnest(%s::uuid[], %s::integer[]) AS m (id, seq)
JOIN generation_event e ON e.job_id = m.id AND e.seq > m.seq
ORDER BY e.job_id, e.seq
"""
_COSTS = """
SELECT r.slug, count(*), coalesce(sum(a.cost_usd_micros), 0),
    coalesce(sum(a.cost_usd_micros) FILTER (WHERE a.cost_source IN ('estimate', 'formula')), 0)
FROM generation_attempt a JOIN providers_modelrevision r ON r.id = a.revision_id
WHERE a.started_at >= %s AND a.started_at < %s AND a.cost_source NOT IN ('', 'own')
GROUP BY r.slug ORDER BY r.slug
"""
_BACKLOG = """
SELECT placement, lane, count(*) FILTER (WHERE state = 'ready'), count(*) FILTER (WHERE state <> 'ready'),
    coalesce(sum(cost) FILTER (WHERE state = 'ready'), 0) / 1000.0
FROM generation_step WHERE state IN ('ready', 'claimed', 'submitting', 'awaiting', 'collecting')
GROUP BY placement, lane ORDER BY placement, lane
"""
