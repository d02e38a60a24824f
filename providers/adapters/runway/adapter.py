"""Runway: its own models and those of others behind its tasks, and its recipes. Works later; calls nobody."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from providers import faults, http
from providers.adapters import declared
from providers.adapters.at_once import AtOnce
from providers.adapters.runway import reading
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Handle,
    Health,
    Media,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    Running,
    WirePlan,
)
from providers.errors import InvalidParams, Lost, ModelGone, ProviderError, QuotaExhausted, UnknownOutcome
from providers.wire import Reply

_VERSION = "2024-11-06"
# Runway asks not to be asked more often; a little more, so that not all ask at once.
_EVERY_SECONDS, _SPREAD_SECONDS = 5.0, 1.0
# Data addresses may have five million characters, of which four stand for three bytes.
_MOST_INPUT_BYTES = 3_700_000


class RunwayAdapter(AtOnce):
    """`options`: `version` of the API; `usd_micros_per_credit`, if it is not a cent.

    A submission whose answer was lost cannot be looked up: Runway takes no name of ours, lists no tasks, calls nobody.
    """

    kind: ClassVar[str] = "runway"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs(
        "https://api.dev.runwayml.com", "RUNWAYML_API_SECRET",
        result_hosts=("cloudfront.net", "runwayml.com", "runwayml.cloud"),
    )  # fmt: skip

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        asked = declared.asked(revision, request)
        _check_words(revision, request.params)
        for part in asked.files:
            if part.media.size_bytes > _MOST_INPUT_BYTES:
                raise InvalidParams(f"at most {_MOST_INPUT_BYTES:,} bytes", field=part.media.role)
        about = {"kept": {"media_type": asked.media_type}}
        return WirePlan(asked.payload, str(asked.task["path"]), files=asked.files, notes=asked.notes, about=about)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        async def put(media: Media) -> str:
            return declared.data_uri(media, await ctx.read(media))

        more = await declared.with_files(ctx, plan.payload, plan.files, put)
        reply = await http.send(ctx, replace(plan, files=()), headers=self.authorize(ctx.connection), more=more)
        if reply.status not in {200, 201}:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        identity = reply.document().get("id")
        if not isinstance(identity, str) or not identity:
            raise UnknownOutcome("an answer without a task")
        return Running(Handle(self.wire_version, {**plan.about["kept"], "id": identity}), _pause())

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        reply = await self._task(ctx, "GET", handle)
        if reply.status == 404:
            raise Lost("It knows no such task.")
        if reply.status != 200:
            raise faults.by_status(reply, billable=False)
        rate = int(ctx.connection.options.get("usd_micros_per_credit", reading.USD_MICROS_PER_CREDIT))
        found = reading.outcome(reply.document(), media_type=str(handle.data["media_type"]), usd_micros_per_credit=rate)
        return found if found is not None else Running(handle, _pause(), reading.progress(reply.document()))

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        """The same call deletes what a finished task made, so that it is looked at first."""
        reply = await self._task(ctx, "GET", handle)
        if reply.status == 404 or reply.document().get("status") in reading.OVER:
            return "too_late"
        if reply.status != 200:
            raise faults.by_status(reply, billable=False)
        reply = await self._task(ctx, "DELETE", handle)
        if reply.status == 404:
            return "too_late"
        if reply.status not in {200, 204}:
            raise faults.by_status(reply, billable=False)
        return "cancelled"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        raise UnknownOutcome("Runway cannot be asked about a submission.")

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        version = {"X-Runway-Version": str(connection.options.get("version", _VERSION))}
        secret = {"Authorization": f"Bearer {connection.secret.reveal()}"} if connection.secret else {}
        return {**secret, **version}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        error = str(reply.document().get("error") or "")
        # It has no code of its own.
        if reply.status == 400 and "credits" in error.lower():
            return QuotaExhausted("status 400")
        if reply.status == 404:
            return ModelGone("status 404")
        return faults.by_status(reply, billable=billable, message=error)

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/v1/organization"), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        return Health(reply.status == 200, f"status {reply.status}")

    async def _task(self, ctx: Ctx, method: str, handle: Handle) -> Reply:
        url = ctx.connection.url(f"/v1/tasks/{handle.data['id']}")
        return await http.call(method, url, connection=ctx.connection, headers=self.authorize(ctx.connection))


def _check_words(revision: Revision, given: Mapping[str, Any]) -> None:
    """Runway counts words in units of UTF-16, as JavaScript does; a schema counts characters."""
    most = revision.spec["capabilities"].get("prompt_utf16_units")
    if most and len(str(given.get("prompt", "")).encode("utf-16-le")) // 2 > most:
        raise InvalidParams(f"at most {most} units of UTF-16", field="prompt")


def _pause() -> float:
    return _EVERY_SECONDS + random.uniform(0, _SPREAD_SECONDS)  # noqa: S311 - jitter
