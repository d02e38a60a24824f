"""Servers that speak OpenAI's words: vLLM, Ollama, LocalAI, llama.cpp, LM Studio, Together, Mistral, OpenRouter, Azure.

Texts, pictures and speech are answered at once; films (`/videos`) later.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.openai import reading as common
from providers.adapters.openai import streaming
from providers.adapters.openai_compatible import dialect, mapping, reading
from providers.contracts import (
    Artifact,
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Delta,
    Done,
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
from providers.errors import Lost, ModelGone, ProviderError, QuotaExhausted, UnknownOutcome
from providers.wire import Reply

_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits", "payment_required"}
_ENDED = {"completed", "succeeded", "failed", "cancelled", "canceled", "expired"}
_SOONEST_SECONDS, _LATEST_SECONDS = 3.0, 20.0


class OpenAICompatibleAdapter(AtOnce):
    """`options` are in docs/providers/openai_compatible.md: each is a difference between servers."""

    kind: ClassVar[str] = "openai_compatible"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("", "OPENAI_COMPATIBLE_API_KEY", "OPENAI_COMPATIBLE_URL")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        options = ctx.connection.options
        reply = await http.send(
            ctx, dialect.told(plan, options), headers=self.authorize(ctx.connection),
            read_seconds=float(options.get("read_seconds", 240.0)),
        )  # fmt: skip
        if (fault := self._fault(reply)) is not None:
            return faults.refused_or_raised(fault)
        return self._read(ctx, reply, plan.about)

    async def stream(self, ctx: Ctx, plan: WirePlan, token: str) -> AsyncIterator[Delta | Done | Refused]:
        told = dialect.told(plan, ctx.connection.options, streamed=True)
        async with http.stream(
            "POST", dialect.url(ctx.connection, told.path), connection=ctx.connection, body=told.payload,
            headers=self.authorize(ctx.connection),
            idle_seconds=float(ctx.connection.options.get("idle_seconds", 120.0)),
        ) as (reply, lines):  # fmt: skip
            if reply.status >= 300:
                yield faults.refused_or_raised(self.classify(reply, billable=True))
            elif "json" in reply.headers.get("content-type", ""):
                # It does not stream, and says all at once.
                whole = Reply(reply.status, reply.headers, b"\n".join([line async for line in lines]))
                if (fault := self._fault(whole)) is not None:
                    yield faults.refused_or_raised(fault)
                    return
                outcome = self._billed(ctx, common.text(whole.document()))
                if isinstance(outcome, Done):
                    yield Delta(outcome.artifacts[0].content.decode())
                yield outcome
            else:
                async for piece in streaming.pieces(lines):
                    yield piece if isinstance(piece, Delta) else self._billed(ctx, piece)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        body = await self._look(ctx, handle)
        found = reading.film(
            body, content_url=dialect.url(ctx.connection, f"{_path(handle)}/content"),
            by_address=ctx.connection.options.get("video_result") == "url",
        )  # fmt: skip
        if found is not None:
            return self._billed(ctx, found)
        done = body.get("progress")
        progress = min(max(float(done) / 100, 0.0), 1.0) if isinstance(done, int | float) else None
        patience = min(max(ctx.waited_seconds / 10, _SOONEST_SECONDS), _LATEST_SECONDS)
        return Running(handle, patience, progress)

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        """Only where the connection says that the server can: elsewhere a DELETE takes what was made."""
        if not ctx.connection.options.get("video_cancel"):
            return "unsupported"
        if str((await self._look(ctx, handle)).get("status", "")).lower() in _ENDED:
            return "too_late"
        reply = await http.call(
            "DELETE", dialect.url(ctx.connection, _path(handle)), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        if reply.status >= 300:
            return "too_late"
        return "requested"

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return dialect.headers(connection)

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        error = reading.error(reply)
        code = reading.code(error)
        if (refused := reading.refusal(error)) is not None:
            return refused
        if code in _QUOTA:
            return QuotaExhausted(f"status {reply.status}", provider_code=code)
        if code == "model_not_found" or (billable and reply.status == 404):
            return ModelGone(f"status {reply.status}", provider_code=code or None)
        return faults.by_status(reply, billable=billable, code=code, message=str(error.get("message", "")))

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", dialect.url(ctx.connection, "/models"), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        return Health(reply.status == 200, f"status {reply.status}")

    def _fault(self, reply: Reply) -> ProviderError | Refused | None:
        """What a submission's answer says that went wrong, also where it says so with status 200."""
        if reply.status >= 300:
            return self.classify(reply, billable=True)
        error = reading.error(reply)
        if not error or reply.document().get("id"):
            return None
        said = error.get("code")
        status = said if isinstance(said, int) and 400 <= said < 600 else 500
        return self.classify(Reply(status, reply.headers, reply.body), billable=True)

    def _read(self, ctx: Ctx, reply: Reply, about: Mapping[str, Any]) -> Outcome:
        match about["task"]:
            case "image" | "image_edit":
                return self._billed(ctx, reading.picture(reply, about["media_type"]))
            case "text":
                return self._billed(ctx, common.text(reply.document()))
            case "video":
                name = reply.document().get("id")
                if not isinstance(name, str) or not name:
                    raise UnknownOutcome("a film without a name")
                return Running(Handle(self.wire_version, {"id": name}), _SOONEST_SECONDS)
            case _:
                return Done((Artifact(about["media_type"], reply.body),))

    def _billed(self, ctx: Ctx, outcome: Done | Refused) -> Done | Refused:
        return reading.billed(outcome) if ctx.connection.options.get("usage_cost") else outcome

    async def _look(self, ctx: Ctx, handle: Handle) -> Mapping[str, Any]:
        reply = await http.call(
            "GET", dialect.url(ctx.connection, _path(handle)), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        if reply.status == 404:
            raise Lost("status 404")
        if reply.status >= 300:
            fault = self.classify(reply, billable=False)
            raise fault if isinstance(fault, ProviderError) else UnknownOutcome("a look that is refused")
        return reply.document()


def _path(handle: Handle) -> str:
    return f"/videos/{quote(str(handle.data['id']), safe='')}"
