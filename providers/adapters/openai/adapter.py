"""OpenAI: pictures and edits, text, speech, moderation. Everything is answered at once; nothing can be looked up."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.openai import mapping, reading, streaming
from providers.contracts import (
    Artifact,
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

# A model that reasons is silent until it has done so.
_IDLE_SECONDS = 120.0
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}


class OpenAIAdapter(AtOnce):
    """`options`: `organization` and `project`, sent as headers."""

    kind: ClassVar[str] = "openai"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://api.openai.com/v1", "OPENAI_API_KEY")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        reply = await http.send(
            ctx, plan, headers=self.authorize(ctx.connection), read_seconds=plan.about["read_seconds"]
        )
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return self._read(reply, plan.about)

    async def stream(self, ctx: Ctx, plan: WirePlan, token: str) -> AsyncIterator[Delta | Done | Refused]:
        payload = {**plan.payload, "stream": True, "stream_options": {"include_usage": True}}
        async with http.stream(
            "POST", ctx.connection.url(plan.path), connection=ctx.connection, body=payload,
            headers=self.authorize(ctx.connection), idle_seconds=_IDLE_SECONDS,
        ) as (reply, lines):  # fmt: skip
            if reply.status != 200:
                yield faults.refused_or_raised(self.classify(reply, billable=True))
                return
            async for piece in streaming.pieces(lines):
                yield piece

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        names = {"organization": "OpenAI-Organization", "project": "OpenAI-Project"}
        more = {header: str(connection.options[name]) for name, header in names.items() if connection.options.get(name)}
        secret = {"Authorization": f"Bearer {connection.secret.reveal()}"} if connection.secret else {}
        return {**secret, **more}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        error = reply.document().get("error")
        error = error if isinstance(error, dict) else {}
        code = str(error.get("code") or error.get("type") or "")
        if (refused := reading.refusal(error)) is not None:
            return refused
        if code in _QUOTA:
            return QuotaExhausted(f"status {reply.status}", provider_code=code)
        if code == "model_not_found":
            return ModelGone(f"status {reply.status}", provider_code=code)
        return faults.by_status(reply, billable=billable, code=code, message=str(error.get("message", "")))

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/models"), connection=ctx.connection, headers=self.authorize(ctx.connection)
        )
        return Health(reply.status == 200, f"status {reply.status}")

    def _read(self, reply: Reply, about: Mapping[str, Any]) -> Done | Refused:
        match about["task"]:
            case "image":
                return reading.picture(reply, about["media_type"])
            case "text":
                return reading.text(reply.document())
            case "moderate":
                return reading.verdict(reply)
            case _:
                return Done((Artifact(about["media_type"], reply.body),))
