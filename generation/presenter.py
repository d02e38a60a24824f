"""The generation object of the API, from a job as it stands."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from assets import selectors as assets
from assets.selectors import AssetView
from core.ids import from_public, to_public
from generation import outlook, state
from generation.bands import Span
from generation.outlook import Outlook
from generation.selectors import JobView

_POLL_MS = 1000
_STEP_NAMES = {"ready": "queued", "claimed": "queued", "submitting": "running", "awaiting": "running",
               "collecting": "running", "parked": "waiting", "done": "succeeded"}  # fmt: skip
_STAGES = {state.QUEUED: "queued", state.RUNNING: "generating", state.CANCELING: "canceling"}


def generation(
    job: JobView, *, files: Mapping[tuple[UUID, int], AssetView] | None = None, expected: Outlook | None = None
) -> dict[str, Any]:
    """The whole object. `files` has the job's available assets; outputs without one carry no links."""
    public = to_public("gen", job.id)
    stood_in = job.stood_in
    slug, _, version = (stood_in.made_by if stood_in else job.model).partition("@")
    asked = job.model.partition("@")[0]
    return {
        "id": public,
        "object": "generation",
        "pipeline": job.pipeline,
        "status": job.state,
        "stage": _stage(job),
        "progress": job.progress,
        "queue": queue(job, expected or Outlook()),
        "model": {
            "requested": job.model_requested, "resolved": slug, "version": version,
            "fallback_from": asked if stood_in else None, "fallback_reason": stood_in.reason if stood_in else None,
        },
        "input": job.input,
        "steps": [{"name": step.name, "status": _STEP_NAMES.get(step.state, step.state)} for step in job.steps],
        "outputs": [_output(job, output, files or {}) for output in job.outputs],
        "charge": {
            "quoted": job.quoted, "held": job.quoted if job.is_live else 0, "captured": job.captured,
            "released": job.released, "reason": job.charge_reason or None,
        },
        "error": job.error,
        "parent": to_public("gen", job.parent_id) if job.parent_id else None,
        "external_id": job.external_id or None,
        "metadata": job.metadata,
        "visibility": job.visibility,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "expires_at": None,
        "seq": job.seq,
        "poll_after_ms": _POLL_MS if job.is_live else None,
        "urls": {
            "self": f"/api/v1/generations/{public}", "cancel": f"/api/v1/generations/{public}/cancel",
            "events": f"/api/v1/generations/{public}/events",
        },
    }  # fmt: skip


def _stage(job: JobView) -> str | None:
    if job.state == state.RUNNING and not job.is_under_way:
        return "queued"
    return _STAGES.get(job.state)


def generations(jobs: Sequence[JobView], *, at: datetime) -> list[dict[str, Any]]:
    """Several objects with their links and outlooks, in a fixed number of statements."""
    done = [job.id for job in jobs if any(output["asset"] for output in job.outputs)]
    files = assets.of_sources(source_ids=done, at=at) if done else {}
    expected = outlook.of(jobs, at=at)
    return [generation(job, files=files, expected=expected.get(job.id)) for job in jobs]


def queue(job: JobView, expected: Outlook) -> dict[str, Any]:
    """A job's place and times: `starts_in_s` until it begins, `eta_s` until it is done."""
    return {
        "position": expected.position, "lane": job.lane, "starts_in_s": seconds(expected.starts),
        "eta_s": seconds(expected.ends), "reason": expected.reason,
    }  # fmt: skip


def seconds(span: Span | None) -> dict[str, int] | None:
    """Whole seconds, rounded to the later."""
    return None if span is None else {"p50": math.ceil(span.p50), "p90": math.ceil(span.p90)}


def encoded(job: JobView) -> bytes:
    """The object of a job just accepted, as it is stored with its idempotency key."""
    return orjson.dumps(generation(job))


def _output(job: JobView, output: Mapping[str, Any], files: Mapping[tuple[UUID, int], AssetView]) -> dict[str, Any]:
    found = files.get((job.id, int(output["index"])))
    kept = found is not None and output["asset"] and from_public("ast", str(output["asset"])) == found.id
    return {
        "index": output["index"],
        "status": output["status"],
        "asset": output["asset"],
        "media_type": output.get("media_type"),
        "width": output.get("width"),
        "height": output.get("height"),
        "urls": found.urls if found is not None and kept else {},
        "safety": {"verdict": "block" if output["status"] == "blocked" else "pass"},
        "error": output.get("error"),
    }
