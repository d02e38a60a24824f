"""What a workspace may use, as a value that travels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entitlements:
    """A workspace's limits as they hold now. None, or a pipeline that is not named, is no limit.

    `weight` is the share inside the lane. `max_queued` and `max_live_by_pipeline` count jobs under way; days are those
    of UTC. `daily_credits` are credits held or captured; `max_pixels` and `max_duration_seconds` are of one output;
    `retention_days` is None for ever; `models` holds catalogue ids.
    """

    plan: str
    plan_name: str
    lane: str
    weight: int
    max_running: int
    max_queued: int
    max_live_by_pipeline: Mapping[str, int] = field(default_factory=dict)
    daily_jobs: int | None = None
    daily_jobs_by_pipeline: Mapping[str, int] = field(default_factory=dict)
    daily_credits: int | None = None
    max_pixels: int | None = None
    max_duration_seconds: int | None = None
    retention_days: int | None = None
    models: frozenset[str] | None = None

    @classmethod
    def read(cls, *, plan: str, plan_name: str, limits: Mapping[str, Any]) -> "Entitlements":
        """The value of a plan's limits with a workspace's overrides laid over them."""
        models = limits.get("models")
        return cls(
            plan=plan, plan_name=plan_name, lane=limits["lane"], weight=limits["weight"],
            max_running=limits["max_running"], max_queued=limits["max_queued"],
            max_live_by_pipeline=limits.get("max_live_by_pipeline") or {}, daily_jobs=limits.get("daily_jobs"),
            daily_jobs_by_pipeline=limits.get("daily_jobs_by_pipeline") or {},
            daily_credits=limits.get("daily_credits"), max_pixels=limits.get("max_pixels"),
            max_duration_seconds=limits.get("max_duration_seconds"), retention_days=limits.get("retention_days"),
            models=None if models is None else frozenset(models),
        )  # fmt: skip

    def sentences(self) -> list[str]:
        """The limits in words, for a page."""
        said = [_jobs(self.max_queued, "under way at once")]
        said += [_jobs(most, "under way at once", of=name) for name, most in sorted(self.max_live_by_pipeline.items())]
        if self.daily_jobs is not None:
            said.append(_jobs(self.daily_jobs, "a day"))
        said += [_jobs(most, "a day", of=name) for name, most in sorted(self.daily_jobs_by_pipeline.items())]
        said += [
            words.format(value)
            for value, words in (
                (self.daily_credits, "Up to {:,} credits a day"),
                (self.max_pixels, "Pictures of up to {:,} pixels"),
                (self.max_duration_seconds, "Sound and film of up to {:,} seconds"),
                (self.retention_days, "Files are kept for {:,} days"),
            )
            if value is not None
        ]
        if self.models is not None:
            said.append(f"Models: {', '.join(sorted(self.models))}")
        return said


def _jobs(most: int, when: str, *, of: str = "") -> str:
    kind = f"{of.replace('_', ' ')} " if of else ""
    if most == 0:
        return f"No {kind}jobs"
    return f"Up to {most:,} {kind}{'job' if most == 1 else 'jobs'} {when}"
