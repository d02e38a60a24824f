"""The only door to the models: plan, submit, check. Other apps import this and never an adapter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers import catalog, http, registry
from providers.contracts import Cancelled, CanonicalRequest, Ctx, Handle, Outcome, Placement, Resubmit, Revision


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
    return await engine.submit(ctx, plan, token)


async def check(*, ctx: Ctx, revision: Revision, handle: Handle) -> Outcome:
    """Asks what became of an accepted attempt. Raises ProviderError."""
    return await registry.adapter(revision.adapter).check(ctx, handle)


async def cancel(*, ctx: Ctx, revision: Revision, handle: Handle) -> Cancelled:
    """Asks the provider to stop an accepted attempt. Raises ProviderError."""
    return await registry.adapter(revision.adapter).cancel(ctx, handle)


async def reconcile(*, ctx: Ctx, revision: Revision, token: str) -> Outcome | None:
    """What became of a submission whose answer was lost; None when it provably never arrived. Raises ProviderError."""
    return await registry.adapter(revision.adapter).reconcile(ctx, token)


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
