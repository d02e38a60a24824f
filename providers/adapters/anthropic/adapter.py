"""Anthropic: texts, whole or piece by piece. Everything is answered at once; nothing can be looked up."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from providers import faults, http
from providers.adapters.anthropic import mapping, reading
from providers.adapters.at_once import AtOnce
from providers.contracts import (
    CanonicalRequest,
    Connection,
    Ctx,
    Delta,
    Done,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    WirePlan,
)
from providers.errors import ModelGone, ProviderError, QuotaExhausted
from providers.wire import Reply

_VERSION = "2026-10-21"
# Pings come all the while; a stream without them stands still.
_IDLE_SECONDS = 60.0
# Limits of money, some of which come with the status of a limit of speed.
_QUOTA = {
    "billing_error", "contract_spend_limit_reached", "enforced_spend_limit_reached",
    "linked_organization_spend_limit_reached", "linked_organization_billing_unavailable",
}  # fmt: skip


class AnthropicAdapter(AtOnce):
    """`options`: `auth`, which is `bearer` or `x-api-key`; `version` of the wire; `headers` that go along."""

    kind: ClassVar[str] = "anthropic"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://api.anthropic.com", "ANTHROPIC_API_KEY")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        reply = await http.send(
            ctx, plan, headers=self.authorize(ctx.connection), read_seconds=plan.about["read_seconds"]
        )
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return reading.text(reply.document())

    async def stream(self, ctx: Ctx, plan: WirePlan, token: str) -> AsyncIterator[Delta | Done | Refused]:
        async with http.stream(
            "POST", ctx.connection.url(plan.path), connection=ctx.connection, body={**plan.payload, "stream": True},
            headers=self.authorize(ctx.connection), idle_seconds=_IDLE_SECONDS,
        ) as (reply, lines):  # fmt: skip
            if reply.status != 200:
                yield faults.refused_or_raised(self.classify(reply, billable=True))
                return
            async for piece in reading.pieces(lines):
                yield piece

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        options = connection.options
        more = {str(name): str(value) for name, value in (options.get("headers") or {}).items()}
        found = {**more, "anthropic-version": str(options.get("version", _VERSION))}
        if not connection.secret:
            return found
        if options.get("auth", "bearer") == "x-api-key":
            return {**found, "x-api-key": connection.secret.reveal()}
        return {**found, "Authorization": f"Bearer {connection.secret.reveal()}"}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        said = reply.document().get("error")
        error: Mapping[str, Any] = said if isinstance(said, dict) else {}
        kind = str(error.get("type") or "")
        details = error.get("details")
        code = str((details.get("error_code") if isinstance(details, dict) else "") or kind)
        if code in _QUOTA or kind in _QUOTA:
            return QuotaExhausted(f"status {reply.status}", provider_code=code)
        if kind == "not_found_error":
            return ModelGone(f"status {reply.status}", provider_code=code)
        return faults.by_status(reply, billable=billable, code=code, message=str(error.get("message", "")))

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/v1/models"), connection=ctx.connection, headers=self.authorize(ctx.connection)
        )
        return Health(reply.status == 200, f"status {reply.status}")
