"""The only door to the models: plan, submit, check. Other apps import this and never an adapter."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from providers import catalog, http, registry
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Ctx,
    Done,
    Handle,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    Running,
)
from providers.errors import UnknownOutcome, storable

_MOST_HANDLE_BYTES = 4_096
_MOST_META_BYTES = 65_536


def placement(revision: Revision) -> Placement:
    """Which pool of workers runs this model."""
    return registry.adapter(revision.adapter).placement


def resubmit(revision: Revision) -> Resubmit:
    """What may be done when a submission's outcome is unknown."""
    return registry.adapter(revision.adapter).resubmit


def brings_evidence(revision: Revision) -> bool:
    """Whether the provider tells by webhook what became of an attempt."""
    return registry.adapter(revision.adapter).webhooks


async def submit(*, ctx: Ctx, revision: Revision, params: dict[str, Any], deadline: datetime, token: str) -> Outcome:
    """Makes the one billable request of an attempt. Raises ProviderError."""
    engine = registry.adapter(revision.adapter)
    plan = engine.plan(revision, CanonicalRequest(str(revision.spec["task"]), params, deadline))
    return _sound(await engine.submit(ctx, plan, token))


async def check(*, ctx: Ctx, revision: Revision, handle: Handle) -> Outcome:
    """Asks what became of an accepted attempt. Raises ProviderError."""
    return _sound(await registry.adapter(revision.adapter).check(ctx, handle))


async def cancel(*, ctx: Ctx, revision: Revision, handle: Handle) -> Cancelled:
    """Asks the provider to stop an accepted attempt. Raises ProviderError."""
    return await registry.adapter(revision.adapter).cancel(ctx, handle)


async def reconcile(*, ctx: Ctx, revision: Revision, token: str) -> Outcome | None:
    """What became of a submission whose answer was lost; None when it provably never arrived. Raises ProviderError."""
    found = await registry.adapter(revision.adapter).reconcile(ctx, token)
    return found if found is None else _sound(found)


def _sound(outcome: Outcome) -> Outcome:
    """The outcome, if it can be kept: what a provider says may be anything, and an adapter may pass it on unseen."""
    if isinstance(outcome, Running) and not _is_kept(outcome.handle.data, most_bytes=_MOST_HANDLE_BYTES):
        raise UnknownOutcome("its name for the operation cannot be kept")
    if isinstance(outcome, Done) and not all(_is_kept(artifact.meta) for artifact in outcome.artifacts):
        return replace(outcome, artifacts=tuple(replace(artifact, meta={}) for artifact in outcome.artifacts))
    if isinstance(outcome, Refused):
        return replace(outcome, categories=tuple(storable(name)[:60] for name in outcome.categories))
    return outcome


def _is_kept(data: Mapping[str, Any], *, most_bytes: int = _MOST_META_BYTES) -> bool:
    try:
        text = orjson.dumps(dict(data))
    except TypeError:
        return False
    return len(text) <= most_bytes and b"\\u0000" not in text


async def close() -> None:
    """Gives back what calls on this event loop keep open."""
    await http.close()


def verify_webhook(*, revision: Revision, headers: Mapping[str, str], body: bytes) -> None:
    """Raises BadSignature unless the provider of this model signed the call. Its body is never believed."""
    registry.adapter(revision.adapter).verify_webhook(headers, body)


def revision(revision_id: str) -> Revision:
    """The revision that a job was promised."""
    return catalog.revision(revision_id)


def sample(*, prompt: str, width: int, height: int, seed: int) -> bytes:
    """A PNG by the built-in engine, for the site's own pages."""
    from providers.adapters.sketch.painting import paint  # noqa: PLC0415 - the painter costs numpy

    return paint(prompt=prompt, seed=seed, width=width, height=height).png
