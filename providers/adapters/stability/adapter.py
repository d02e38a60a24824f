"""Stability: pictures, edits, cutouts, larger pictures, music. Most is answered at once; enlarging creatively and
lighting anew are asked about. Nothing can be looked up by our name for it, and nobody is called."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.stability import mapping, reading
from providers.contracts import (
    CanonicalRequest,
    Connection,
    Ctx,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    Running,
    WirePlan,
)
from providers.errors import Lost, ProviderError, QuotaExhausted, RateLimited, UnknownOutcome
from providers.wire import Reply

_POLL_SECONDS = 5.0
# Too many requests close the door for a minute, and the answer does not say so.
_BLOCKED_SECONDS = 60.0
_JSON = {"Accept": "application/json"}
_MOST_BYTES = 100_000_000


class StabilityAdapter(AtOnce):
    """`options`: `client_id`, by which the provider tells applications apart."""

    kind: ClassVar[str] = "stability"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://api.stability.ai", "STABILITY_API_KEY")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        reply = await http.send(ctx, plan, headers=self.authorize(ctx.connection))
        if reply.status not in {200, 202}:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        if not plan.about["later"]:
            return reading.result(reply, plan.about, key=plan.about["key"])
        name = reply.document().get("id")
        if not isinstance(name, str) or not name:
            raise UnknownOutcome("it was taken without a name")
        return self._running({"id": name, "media_type": plan.about["media_type"]})

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        url = ctx.connection.url(f"/v2beta/results/{quote(str(handle.data['id']), safe='')}")
        headers = {**_JSON, **self.authorize(ctx.connection)}
        reply = await http.call("GET", url, connection=ctx.connection, headers=headers, most_bytes=_MOST_BYTES)
        if reply.status == 404:
            raise Lost("it knows no such result")
        if reply.status == 202 or (reply.status == 200 and "finish_reason" not in reply.document()):
            return self._running(handle.data)
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=False))
        return reading.result(reply, handle.data, key="result")

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        told = connection.options.get("client_id")
        more = {"stability-client-id": str(told)} if told else {}
        return {"Authorization": f"Bearer {connection.secret.reveal()}", **more}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        code = str(reply.document().get("name") or "")
        detail = f"status {reply.status}"
        if code == "content_moderation":
            return Refused("input", (code,), detail)
        if code == "payment_required":
            return QuotaExhausted(detail, provider_code=code)
        found = faults.by_status(reply, billable=billable, code=code)
        if isinstance(found, RateLimited) and found.retry_after_seconds is None:
            found.retry_after_seconds = _BLOCKED_SECONDS
        return found

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/v1/user/balance"), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        return Health(reply.status == 200, f"status {reply.status}")

    def _running(self, data: Mapping[str, str]) -> Running:
        return Running(Handle(self.wire_version, dict(data)), _POLL_SECONDS)
