"""The only door to the models: plan, submit, check. Other apps import this and never an adapter."""

from datetime import datetime
from typing import Any

from providers import catalog, registry
from providers.contracts import CanonicalRequest, Ctx, Outcome, Placement, Resubmit, Revision


def placement(revision: Revision) -> Placement:
    """Which pool of workers runs this model."""
    return registry.adapter(revision.adapter).placement


def resubmit(revision: Revision) -> Resubmit:
    """What may be done when a submission's outcome is unknown."""
    return registry.adapter(revision.adapter).resubmit


async def submit(*, ctx: Ctx, revision: Revision, params: dict[str, Any], deadline: datetime, token: str) -> Outcome:
    """Makes the one billable request of an attempt. Raises ProviderError."""
    engine = registry.adapter(revision.adapter)
    plan = engine.plan(revision, CanonicalRequest(str(revision.spec["task"]), params, deadline))
    return await engine.submit(ctx, plan, token)


def revision(revision_id: str) -> Revision:
    """The revision that a job was promised."""
    return catalog.revision(revision_id)


def sample(*, prompt: str, width: int, height: int, seed: int) -> bytes:
    """A PNG by the built-in engine, for the site's own pages."""
    from providers.adapters.sketch.painting import paint  # noqa: PLC0415 - the painter costs numpy

    return paint(prompt=prompt, seed=seed, width=width, height=height).png
