"""What a plan allows. Orders beyond it are refused here, before anything is held.

Caps on how many are decided in `generation_accept`, under the wallet's lock: here is which apply, and their refusals.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.current import Principal
from accounts.entitlements import Entitlements
from generation import offers
from generation.errors import ConcurrencyLimit, DailyLimit, LimitReached, PlanForbids, QueueFull
from generation.pipelines.base import StepPlan
from generation.quoting import Priced
from providers import catalog

_RETRY_AFTER_SECONDS = 5


def resolve(*, caller: Principal, pipeline: str, model: str, at: datetime) -> str:
    """The model to price: `auto` becomes the first one on offer that the plan allows."""
    allowed = caller.entitlements.models
    if model != catalog.AUTO or allowed is None:
        return model
    found = offers.models(at=at, pipeline=pipeline, workspace_id=caller.workspace_id)
    return next((one.card.revision.slug for one in found if one.card.revision.slug in allowed), model)


def check(*, granted: Entitlements, priced: Priced) -> None:
    """Raises PlanForbids when the model, or any step's size or length, is beyond the plan.

    A planner says sizes as `width` and `height` and lengths as `duration_s` in its steps' params.
    """
    slug = priced.card.revision.slug
    if granted.models is not None and slug not in granted.models:
        allowed = sorted(granted.models)
        raise PlanForbids(
            f"The plan {granted.plan_name} has the models {', '.join(allowed)}; {slug} is none of them.",
            rule="models", plan=granted.plan, limit=allowed, asked=slug,
        )  # fmt: skip
    for rule, most, asked, words in (
        ("max_pixels", granted.max_pixels, max(map(_pixels, priced.plan.steps), default=0), "{:,} pixels"),
        ("max_duration_seconds", granted.max_duration_seconds, max(map(_seconds, priced.plan.steps), default=0),
         "{:,} seconds"),
    ):  # fmt: skip
        if most is not None and asked > most:
            raise PlanForbids(
                f"The plan {granted.plan_name} allows {words.format(most)} an output ({rule}); "
                f"{words.format(asked)} were asked for.",
                rule=rule, plan=granted.plan, limit=most, asked=asked,
            )  # fmt: skip


def caps(*, granted: Entitlements, pipeline: str) -> Mapping[str, int | None]:
    """The counts that `generation_accept` holds a job of this pipeline to; None is no limit."""
    return {
        "max_queued": granted.max_queued,
        "max_live": granted.max_live_by_pipeline.get(pipeline),
        "daily_jobs": granted.daily_jobs,
        "daily_jobs_by_pipeline": granted.daily_jobs_by_pipeline.get(pipeline),
    }


def refusal(*, outcome: str, granted: Entitlements, pipeline: str, at: datetime) -> LimitReached | None:
    """The error of an outcome of `generation_accept` that is a full cap, or None when it is none."""
    most = caps(granted=granted, pipeline=pipeline)
    kind = pipeline.replace("_", " ")
    if outcome == "queue_full":
        return QueueFull(
            f"{_jobs(most['max_queued'])} are under way. Wait for one to finish, or cancel one.",
            retry_after_seconds=_RETRY_AFTER_SECONDS, limit=most["max_queued"], plan=granted.plan,
        )  # fmt: skip
    if outcome == "concurrency_limit":
        return ConcurrencyLimit(
            f"The plan {granted.plan_name} allows {_jobs(most['max_live'], kind)} under way at once. "
            "Wait for one to finish, or cancel one.",
            retry_after_seconds=_RETRY_AFTER_SECONDS, limit=most["max_live"], plan=granted.plan, pipeline=pipeline,
        )  # fmt: skip
    if outcome in {"daily_jobs", "daily_jobs_by_pipeline"}:
        of = kind if outcome == "daily_jobs_by_pipeline" else ""
        return DailyLimit(
            f"The plan {granted.plan_name} allows {_jobs(most[outcome], of)} a day, and today's are made. "
            "The next day begins at 00:00 UTC.",
            retry_after_seconds=_until_midnight(at), rule=outcome, limit=most[outcome], plan=granted.plan,
            pipeline=pipeline if of else None,
        )  # fmt: skip
    return None


def _pixels(step: StepPlan) -> int:
    return int(step.params.get("width", 0)) * int(step.params.get("height", 0))


def _seconds(step: StepPlan) -> Any:
    return step.params.get("duration_s", 0)


def _jobs(number: int | None, kind: str = "") -> str:
    return f"{number:,} {kind + ' ' if kind else ''}{'job' if number == 1 else 'jobs'}"


def _until_midnight(at: datetime) -> int:
    """Whole seconds until a new UTC day has begun, never less than one."""
    now = at.astimezone(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - now).total_seconds()) + 1
