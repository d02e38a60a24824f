"""The only door to the models: plan, submit, check. Other apps import this and never an adapter.

What comes back is made whole here: files are fetched and looked into, the cost is worked out, and whatever cannot be
kept is an error.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from providers import catalog, connections, costs, http, registry, results, routing
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Delivered,
    Handle,
    Media,
    Note,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    Running,
    Usage,
    WirePlan,
)
from providers.errors import UnknownAdapter, UnknownOutcome, storable

_MOST_HANDLE_BYTES = 4_096
_MOST_META_BYTES = 65_536
# A plan that is only looked at has no time to keep.
_ANY_TIME = datetime.max.replace(tzinfo=UTC)

# What an image model is asked to do with a picture.
_TASK_OF = {
    "edit": "image_edit", "variation": "image_variation", "upscale": "upscale", "remove_background": "cutout",
}  # fmt: skip

Fate = Delivered | Running | Refused


def placement(revision: Revision) -> Placement:
    """Which pool of workers runs this model."""
    return registry.adapter(revision.adapter).placement


def resubmit(revision: Revision) -> Resubmit:
    """What may be done when a submission's outcome is unknown."""
    return registry.adapter(revision.adapter).resubmit


def brings_evidence(revision: Revision) -> bool:
    """Whether the provider tells by webhook what became of an attempt. Of one that does for some of its models only,
    the others say `webhooks: false` among their capabilities."""
    return registry.adapter(revision.adapter).webhooks and bool(revision.spec["capabilities"].get("webhooks", True))


def is_served(revision: Revision, *, workspace_id: UUID | None = None) -> bool:
    """Whether there is a way to this model: the operator's connection, the workspace's own, or an engine here."""
    try:
        return bool(connections.serving(revision.adapter, workspace_id=workspace_id))
    except UnknownAdapter:
        return False


def own_connection(revision: Revision, *, workspace_id: UUID) -> UUID | None:
    """The connection that a workspace brought for this model's provider, if it did: its work goes over that alone."""
    serving = connections.serving(revision.adapter, workspace_id=workspace_id)
    return next((one.id for one in serving if one.workspace_id), None)


def is_plural(revision: Revision) -> bool:
    """Whether the operator has more than one connection to a model."""
    try:
        return len(connections.serving(revision.adapter)) > 1
    except UnknownAdapter:
        return False


def shut() -> dict[str, int]:
    """Models that the operator's connections cannot take now, and how many calls each may get: none while every circuit
    is open, one when a circuit is to be tried again."""
    return routing.shut()


def may_begin(connection_id: UUID) -> bool:
    """Whether a new call may go over this connection: it is there, and not paused."""
    return connections.is_open(connection_id)


def is_operators(connection_id: UUID) -> bool:
    """Whether this is a connection of the operator's, for which another of his may stand in."""
    return connections.is_operators(connection_id)


def has_choice(revision: Revision, *, workspace_id: UUID) -> bool:
    """Whether there is more than one connection to a model for this workspace."""
    try:
        return len(connections.serving(revision.adapter, workspace_id=workspace_id)) > 1
    except UnknownAdapter:
        return False


def choose(*, revision: Revision, workspace_id: UUID, loads: Mapping[UUID, int]) -> Connection | None:
    """The connection for a new attempt; `loads` is how much is under way on each. Raises UnknownAdapter."""
    return routing.chosen(revision=revision, workspace_id=workspace_id, loads=loads)


def connection(*, revision: Revision, connection_id: UUID | None) -> Connection:
    """The connection that an attempt was given, paused or not. Raises NotFound when it is there no more."""
    if connection_id is None:
        return connections.local(revision.adapter)
    return connections.get(connection_id, kind=revision.adapter)


def plan(
    *, revision: Revision, params: Mapping[str, Any], deadline: datetime, inputs: tuple[Media, ...] = ()
) -> WirePlan:
    """What would be sent. Pure: raises InvalidParams, with the field, for what the model cannot do."""
    task = _TASK_OF.get(str(params.get("operation", "")), str(revision.spec["task"]))
    return registry.adapter(revision.adapter).plan(revision, CanonicalRequest(task, params, deadline, inputs))


def notes_of(*, revision: Revision, params: Mapping[str, Any]) -> tuple[Note, ...]:
    """What a request for this would do otherwise than asked. Raises InvalidParams for what the model cannot do. A model
    that this process has no adapter for says nothing."""
    try:
        return plan(revision=revision, params=params, deadline=_ANY_TIME).notes
    except UnknownAdapter:
        return ()


async def submit(
    *,
    ctx: Ctx,
    revision: Revision,
    params: Mapping[str, Any],
    deadline: datetime,
    token: str,
    inputs: tuple[Media, ...] = (),
) -> Fate:
    """Makes the one billable request of an attempt. Raises ProviderError."""
    planned = plan(revision=revision, params=params, deadline=deadline, inputs=inputs)
    outcome = await registry.adapter(revision.adapter).submit(ctx, planned, token)
    return await _whole(outcome, ctx, revision, params)


async def check(*, ctx: Ctx, revision: Revision, handle: Handle, params: Mapping[str, Any]) -> Fate:
    """Asks what became of an accepted attempt. Raises ProviderError."""
    outcome = await registry.adapter(revision.adapter).check(ctx, handle)
    return await _whole(outcome, ctx, revision, params)


def suspected(*, revision: Revision, params: Mapping[str, Any]) -> Usage:
    """What a call probably costs of which nobody knows whether it was served."""
    return Usage(costs.estimate(revision=revision, params=params), "estimate")


async def cancel(*, ctx: Ctx, revision: Revision, handle: Handle) -> Cancelled:
    """Asks the provider to stop an accepted attempt. Raises ProviderError."""
    return await registry.adapter(revision.adapter).cancel(ctx, handle)


async def reconcile(*, ctx: Ctx, revision: Revision, token: str, params: Mapping[str, Any]) -> Fate | None:
    """What became of a submission whose answer was lost; None when it provably never arrived. Raises ProviderError."""
    found = await registry.adapter(revision.adapter).reconcile(ctx, token)
    return found if found is None else await _whole(found, ctx, revision, params)


async def _whole(outcome: Outcome, ctx: Ctx, revision: Revision, params: Mapping[str, Any]) -> Fate:
    """The outcome, fetched and priced, if it can be kept: what a provider says may be anything, and an adapter may pass
    it on unseen."""
    if isinstance(outcome, Running):
        if not _is_kept(outcome.handle.data, most_bytes=_MOST_HANDLE_BYTES):
            raise UnknownOutcome("its name for the operation cannot be kept")
        return outcome
    if isinstance(outcome, Refused):
        return replace(outcome, categories=tuple(storable(name)[:60] for name in outcome.categories))
    authorization = registry.adapter(revision.adapter).authorize(ctx.connection)
    artifacts = []
    for artifact in outcome.artifacts:
        found = await results.fetched(artifact, ctx.connection, authorization=authorization)
        artifacts.append(found if _is_kept(found.meta) else replace(found, meta={}))
    usage = costs.usage(revision=revision, params=params, spent=outcome.spent)
    if ctx.connection.workspace_id is not None:
        usage = Usage(0, "own")
    return Delivered(tuple(artifacts), usage, storable(outcome.spent.served_model)[:120], outcome.notes)


def _is_kept(data: Mapping[str, Any], *, most_bytes: int = _MOST_META_BYTES) -> bool:
    try:
        text = orjson.dumps(dict(data))
    except TypeError:
        return False
    return len(text) <= most_bytes and b"\\u0000" not in text


async def close() -> None:
    """Gives back what calls on this event loop keep open."""
    await http.close()


def verify_webhook(
    *, revision: Revision, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
) -> Handle | None:
    """Raises BadSignature unless the provider of this model signed the call. Its body is never believed; the operation
    that it names can be adopted by an attempt whose answer was lost, and is asked about. What a handle of this model
    must know besides comes from the catalogue (`upstream.handle`)."""
    handle = registry.adapter(revision.adapter).verify_webhook(connection, headers, body, at)
    if handle is not None:
        handle = replace(handle, data={**revision.spec.get("upstream", {}).get("handle", {}), **handle.data})
    return handle if handle is not None and _is_kept(handle.data, most_bytes=_MOST_HANDLE_BYTES) else None


def sync_connections(*, at: datetime) -> list[str]:
    """Brings the operator's connections up to the environment. Says what changed."""
    return connections.sync(at=at)


def forget_connections() -> None:
    """Makes the next reader of this process ask the database."""
    connections.forget()


def revision(revision_id: str) -> Revision:
    """The revision that a job was promised."""
    return catalog.revision(revision_id)


def sample(*, prompt: str, width: int, height: int, seed: int) -> bytes:
    """A PNG by the built-in engine, for the site's own pages."""
    from providers.adapters.sketch.painting import paint  # noqa: PLC0415 - the painter costs numpy

    return paint(prompt=prompt, seed=seed, width=width, height=height).png
