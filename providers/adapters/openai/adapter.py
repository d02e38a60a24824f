"""OpenAI: pictures and edits, text, speech, moderation. Everything is answered at once; nothing can be looked up."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import orjson

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.openai import mapping, reading
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
from providers.errors import ModelGone, ProviderError, QuotaExhausted, UnknownOutcome
from providers.wire import Reply

_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}


class OpenAIAdapter(AtOnce):
    """`options`: `organization` and `project`, sent as headers."""

    kind: ClassVar[str] = "openai"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://api.openai.com/v1", "OPENAI_API_KEY")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        reply = await http.send(ctx, plan, headers=self.authorize(ctx.connection))
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return self._read(reply, plan.about)

    async def stream(self, ctx: Ctx, plan: WirePlan, token: str) -> AsyncIterator[Delta | Done | Refused]:
        payload = {**plan.payload, "stream": True, **self._stream_options(ctx.connection)}
        url, headers = ctx.connection.url(plan.path), self.authorize(ctx.connection)
        async with http.stream("POST", url, connection=ctx.connection, body=payload, headers=headers) as (reply, lines):
            if reply.status != 200:
                yield faults.refused_or_raised(self.classify(reply, billable=True))
                return
            whole = _Stream()
            async for line in lines:
                if line.startswith(b"data:") and (piece := whole.take(line[5:].strip())):
                    yield Delta(piece)
            yield whole.end()

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

    def _stream_options(self, connection: Connection) -> dict[str, Any]:
        return {"stream_options": {"include_usage": True}}


class _Stream:
    """What a stream has said so far, and what it comes to."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._finish: str | None = None
        self._refused = False
        self._usage: Any = None
        self._model = ""

    def take(self, data: bytes) -> str:
        """The text of an event, which may be none. Raises UnknownOutcome for an error in the middle."""
        if data == b"[DONE]":
            return ""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise UnknownOutcome("a stream that is no JSON") from exc
        if not isinstance(event, dict) or "error" in event:
            raise UnknownOutcome("an error within a stream")
        self._model = event.get("model") or self._model
        self._usage = event.get("usage") or self._usage
        choice = next(iter(event.get("choices") or ()), None) or {}
        self._finish = choice.get("finish_reason") or self._finish
        delta = choice.get("delta") or {}
        self._refused = self._refused or bool(delta.get("refusal"))
        piece = delta.get("content") or ""
        self._pieces.append(piece)
        return str(piece)

    def end(self) -> Done | Refused:
        """The whole. A stream that never says that it is over was cut. Raises UnknownOutcome."""
        if self._finish is None:
            raise UnknownOutcome("a stream that was cut")
        message = {"content": "".join(self._pieces), "refusal": self._refused}
        choice = {"message": message, "finish_reason": self._finish}
        return reading.text({"choices": [choice], "usage": self._usage, "model": self._model})
