"""The next way for a step whose own has failed: within what was quoted, made of what was asked, and never one that was
tried before. What is refused is never asked elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from core.errors import DomainError
from credits import rates
from generation import quoting
from generation.pipelines.registry import planner
from generation.settlement import Started
from providers import gateway
from providers.contracts import Revision, Usage
from providers.errors import ProviderError
from providers.routing import Route, others

# A wait that a provider asks for is long beyond this: another way is quicker.
_LONG_SECONDS = 20.0
_MOST_CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class Way:
    """Where a step goes next: `params` are the call's there, `charge` is what it may cost at most."""

    route: Route
    params: Mapping[str, Any]
    charge: int
    reason: str

    def as_json(self) -> str:
        return orjson.dumps({
            "revision": self.route.revision.id, "connection": self.route.connection.row_id, "params": self.params,
            "charge": self.charge, "reason": self.reason,
        }).decode()  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a step's job ordered, and how it was tried."""

    revision: Revision
    pinned: bool
    pipeline: str
    input: Mapping[str, Any]
    price: int
    allow_fallback: bool
    attempts: int
    tried: frozenset[tuple[str, UUID | None]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that needs another way."""

    step_id: UUID
    workspace_id: UUID
    name: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, step: Started) -> "Waiting":
        name = f"generate[{step.params['index']}]" if "index" in step.params else step.kind
        return cls(step.step_id, step.workspace_id, name, step.params)


def wants_another(error: ProviderError, *, suspected: Usage | None, last: bool) -> bool:
    """Whether a failure is a reason to go another way; with one try left it is, if it ever is. What may have been
    bought already, and dear, is not bought again: `suspected` is what it would have cost."""
    if suspected is not None and suspected.cost_usd_micros > settings.GENERATION_UNKNOWN_MOST_USD_MICROS:
        return False
    hint = error.retry_after_seconds or 0.0
    return error.fallback == "always" or (error.fallback == "long" and (last or hint > _LONG_SECONDS))


def next_way(*, step: Waiting, reason: str, at: datetime, away_from: str = "") -> Way | None:
    """The first way that fits, or None when there is none. `away_from` is a revision that is not to be it."""
    asked = _asked(step.step_id)
    if asked.attempts >= settings.GENERATION_MAX_ATTEMPTS:
        return None
    if len({connection_id for _, connection_id in asked.tried}) >= _MOST_CONNECTIONS:
        return None
    routes = others(
        asked=asked.revision, workspace_id=step.workspace_id, tried=asked.tried,
        pinned=asked.pinned or not asked.allow_fallback,
    )  # fmt: skip
    found = (_fitting(step, asked, route, reason, at) for route in routes if route.revision.id != away_from)
    return next((way for way in found if way is not None), None)


def _fitting(waiting: Waiting, asked: _Asked, route: Route, reason: str, at: datetime) -> Way | None:
    """The way, if its model takes the order as it is and costs no more than was quoted."""
    params = waiting.params
    if route.revision.id == asked.revision.id:
        return Way(route, params, asked.price, reason)
    given = {key: value for key, value in asked.input.items() if key in route.revision.spec["input"]["properties"]}
    if set(asked.input) - set(given):
        return None
    try:
        quoting.reject_invalid(revision=route.revision, given=given)
        planned = planner(asked.pipeline)(given=given, revision=route.revision)
        step = next(item for item in planned.steps if item.name == waiting.name)
        gateway.plan(revision=route.revision, params=step.params, deadline=at)
        rate = rates.in_force(model=route.revision.slug, at=at)
        if rate is None:
            return None
        line = rates.price_line(rate=rate, step=waiting.name, label=route.revision.name, measured=step.measures)
    except (DomainError, ProviderError, StopIteration):
        return None
    kept = {key: params[key] for key in ("seed", "index", "of", "recall") if key in params and key in step.params}
    return Way(route, {**step.params, **kept}, line.credits, reason) if line.credits <= asked.price else None


def _asked(step_id: UUID) -> _Asked:
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [step_id])
        revision_id, requested, pipeline, given, price, allow = cursor.fetchone()
        cursor.execute("SELECT revision_id, connection_id, tries FROM generation_tried(%s)", [step_id])
        rows = cursor.fetchall()
    return _Asked(
        gateway.revision(revision_id), "@" in requested, pipeline, orjson.loads(given), price, allow,
        sum(tries for _, _, tries in rows), frozenset((revision, way) for revision, way, _ in rows),
    )  # fmt: skip


_ASKED = """
SELECT j.revision_id, j.model_requested, j.pipeline, j.input::text, s.price, j.allow_fallback
FROM generation_step s JOIN generation_job j ON j.id = s.job_id WHERE s.id = %s
"""
