"""fal: any model of its queue that a catalogue file describes. What it would do behind our back is switched off."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import orjson

from providers import faults, http
from providers.adapters import declared
from providers.adapters.fal import keys, reading
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
    Resubmit,
    Revision,
    Running,
    WirePlan,
)
from providers.errors import BadSignature, InvalidParams, Lost, ModelGone, ProviderError, UnknownOutcome
from providers.wire import Reply

_EVERY_SECONDS = 2.0
_LEAST_START_SECONDS = 10
_MOST_INPUT_BYTES = 7_500_000
# No other model in its stead, no second run that we do not know of, nothing kept of words, files for an hour.
_HEADERS = {
    "x-app-fal-disable-fallback": "true", "X-Fal-No-Retry": "1", "X-Fal-Store-IO": "0",
    "X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds":3600}', "X-Fal-Queue-Priority": "normal",
}  # fmt: skip


class FalAdapter:
    """`options`: `webhook_keys`, the public keys to pin, and `key_set`, where they are published.

    `upstream.handle.app` is `owner/app`, which a request is asked about by; the entry of a task adds `path` to it.
    Nothing can be looked up by our token: what became of a lost submission its webhook tells.
    """

    kind: ClassVar[str] = "fal"
    wire_version: ClassVar[int] = 1
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "never"
    webhooks: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs("https://queue.fal.run", "FAL_KEY", result_hosts=("fal.media", "fal.run"))

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        asked = declared.asked(revision, request)
        for part in asked.files:
            if part.media.size_bytes > _MOST_INPUT_BYTES:
                raise InvalidParams(f"at most {_MOST_INPUT_BYTES:,} bytes", field=part.media.role)
        handle = dict(revision.spec["upstream"]["handle"])
        kept = {**handle, "media_type": asked.media_type, "output": str(asked.task.get("output", ""))}
        return WirePlan(
            asked.payload, f"/{handle['app']}{asked.task.get('path', '')}", headers=_HEADERS, files=asked.files,
            notes=asked.notes, about={"kept": kept, "deadline": request.deadline},
        )  # fmt: skip

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        async def put(media: Media) -> str:
            return declared.data_uri(media, await ctx.read(media))

        more = await declared.with_files(ctx, plan.payload, plan.files, put)
        told = {"fal_webhook": ctx.webhook_url} if ctx.webhook_url.startswith("https://") else {}
        if told:
            await keys.prepare(ctx.connection)
        headers = {**self.authorize(ctx.connection), "X-Fal-Request-Timeout": _left(plan.about["deadline"])}
        planned = replace(plan, files=(), query={**plan.query, **told})
        reply = await http.send(ctx, planned, headers=headers, more=more)
        if reply.status not in {200, 201, 202}:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        identity = reply.document().get("request_id")
        if not isinstance(identity, str) or not identity:
            raise UnknownOutcome("an answer without a request")
        return Running(Handle(self.wire_version, {**plan.about["kept"], "id": identity}), _EVERY_SECONDS)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        running = Running(handle, _EVERY_SECONDS)
        reply = await self._asked(ctx, "GET", handle, "/status?logs=0")
        if reply.status == 404:
            raise Lost("It knows no such request.")
        if reply.status not in {200, 202}:
            raise faults.by_status(reply, billable=False)
        if reply.document().get("status") != "COMPLETED":
            return running
        reply = await self._asked(ctx, "GET", handle, "")
        # Both are said by one who has not heard yet.
        if reply.status == 202 or (reply.status == 400 and "progress" in str(reply.document().get("detail"))):
            return running
        if reply.status == 404:
            raise Lost("It knows no such request.")
        if reply.status != 200:
            return _ended(reply)
        place, media_type = str(handle.data.get("output", "")), str(handle.data.get("media_type", ""))
        return reading.result(reply, place=place, media_type=media_type)

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        reply = await self._asked(ctx, "PUT", handle, "/cancel")
        if reply.status in {400, 404}:
            return "too_late"
        if reply.status not in {200, 202}:
            raise faults.by_status(reply, billable=False)
        return "requested"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        raise UnknownOutcome("fal cannot be asked about a submission by our name for it.")

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        keys.verify(connection=connection, headers=headers, body=body, at=at)
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise BadSignature from exc
        identity = found.get("request_id") if isinstance(found, dict) else None
        return Handle(self.wire_version, {"id": identity}) if isinstance(identity, str) else None

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"Authorization": f"Key {connection.secret.reveal()}"} if connection.secret else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        found = reading.refusal(reply) or reading.fault(reply)
        if found is not None:
            return found
        if reply.status == 404:
            return ModelGone("status 404")
        body = reply.document()
        code = str(body.get("error_type") or reply.headers.get("x-fal-error-type") or "")
        return faults.by_status(reply, billable=billable, code=code, message=str(body.get("detail") or ""))

    async def probe(self, ctx: Ctx) -> Health:
        """Asks for a request that nobody made: who may ask is told that there is none."""
        await keys.prepare(ctx.connection)
        nobody = Handle(self.wire_version, {"app": "fal-ai/flux", "id": "00000000-0000-0000-0000-000000000000"})
        reply = await self._asked(ctx, "GET", nobody, "/status")
        return Health(reply.status in {200, 202, 404}, f"status {reply.status}")

    async def _asked(self, ctx: Ctx, method: str, handle: Handle, what: str) -> Reply:
        """By addresses of our own making: those in answers are not trusted with the key."""
        url = ctx.connection.url(f"/{handle.data['app']}/requests/{handle.data['id']}{what}")
        return await http.call(method, url, connection=ctx.connection, headers=self.authorize(ctx.connection))


def _ended(reply: Reply) -> Refused:
    """The end of work that made nothing: a refusal, or an error. Raises ProviderError."""
    refused = reading.refusal(reply)
    if refused is not None:
        return refused
    if reply.status == 422:
        raise reading.fault(reply) or InvalidParams("status 422")
    raise reading.failure(reply) or faults.by_status(reply, billable=False)


def _left(deadline: datetime) -> str:
    """How long it may wait for its start: until nobody waits for it any more."""
    return str(max(math.ceil((deadline - datetime.now(UTC)).total_seconds()), _LEAST_START_SECONDS))
