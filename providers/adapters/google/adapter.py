"""Gemini's API: pictures are answered at once; films, music and speech are interactions in the background."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from providers import faults, http
from providers.adapters.google import failing, mapping, reading, webhooks
from providers.adapters.inline import filled
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    WirePlan,
)
from providers.errors import Lost, ProviderError, UnknownOutcome
from providers.wire import Reply

# A song or a picture may come within the answer, a third longer than it is.
_MOST_BYTES = 150_000_000
_ENDED = {"completed", "failed", "incomplete", "budget_exceeded"}


class GoogleAdapter:
    """`options`: `api_version` (v1 unless said otherwise), `webhooks` (`off` asks for none), `webhook_secret`,
    `webhook_audience`."""

    kind: ClassVar[str] = "google"
    wire_version: ClassVar[int] = 1
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "never"
    webhooks: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs(
        "https://generativelanguage.googleapis.com", "GEMINI_API_KEY",
        result_hosts=("storage.googleapis.com", "googleusercontent.com"),
    )  # fmt: skip

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        at_once = plan.about["task"] == "image"
        reply = await http.send(
            ctx, await filled(ctx, plan), headers=self.authorize(ctx.connection),
            path=_versioned(ctx.connection, plan.path), more={} if at_once else _webhook(ctx, token),
            read_seconds=240.0 if at_once else 60.0, most_bytes=_MOST_BYTES,
        )  # fmt: skip
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return reading.picture(reply) if at_once else reading.accepted(reply)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        reply = await self._ask(ctx, "GET", _path(handle))
        if reply.status == 404:
            raise Lost("status 404")
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=False))
        body = reply.document()
        return reading.interaction({**body, "id": handle.data["interaction"]})

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        reply = await self._ask(ctx, "POST", f"{_path(handle)}/cancel")
        if reply.status in {400, 404, 409}:
            return "too_late"
        if reply.status != 200:
            faults.refused_or_raised(self.classify(reply, billable=False))
        status = reply.document().get("status")
        return "cancelled" if status == "cancelled" else "too_late" if status in _ENDED else "requested"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        raise UnknownOutcome("Google lists no interactions: only its own word can name one.")

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        return webhooks.verified(connection, headers, body, at)

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"x-goog-api-key": connection.secret.reveal()} if connection.secret else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        return failing.meaning(reply, billable=billable)

    async def probe(self, ctx: Ctx) -> Health:
        reply = await self._ask(ctx, "GET", "/models?pageSize=1")
        return Health(reply.status == 200, f"status {reply.status}")

    async def _ask(self, ctx: Ctx, method: str, path: str) -> Reply:
        connection = ctx.connection
        return await http.call(
            method, connection.url(_versioned(connection, path)), connection=connection,
            headers=self.authorize(connection), most_bytes=_MOST_BYTES,
        )  # fmt: skip


def _versioned(connection: Connection, path: str) -> str:
    return f"/{connection.options.get('api_version', 'v1')}{path}"


def _path(handle: Handle) -> str:
    return f"{mapping.INTERACTIONS}/{quote(str(handle.data['interaction']), safe='')}"


def _webhook(ctx: Ctx, token: str) -> dict[str, Any]:
    """Google calls https addresses alone, and refuses a request that names another."""
    if not ctx.webhook_url.startswith("https://") or ctx.connection.options.get("webhooks") == "off":
        return {}
    return {"webhook_config": {"uris": [ctx.webhook_url], "user_metadata": {"attempt": token}}}
