"""A provider that does what the prompt's first word says. A real adapter, beside the built-in ones."""

import asyncio
from typing import ClassVar

from providers.adapters.sketch.painting import paint
from providers.contracts import (
    Artifact,
    Cancelled,
    CanonicalRequest,
    Ctx,
    Done,
    Handle,
    Health,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    Usage,
    WirePlan,
)
from providers.errors import InvalidParams, ProviderFailed, UnknownOutcome

COST_USD_MICROS = 4_200


class ScriptedAdapter:
    """`resubmit` is never: what was under way when its worker died may have been paid for."""

    kind: ClassVar[str] = "scripted"
    placement: ClassVar[Placement] = "cpu"
    resubmit: ClassVar[Resubmit] = "never"

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return WirePlan(payload=dict(request.params))

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        word = str(plan.payload["prompt"]).split()[0]
        if word == "crash":
            raise RuntimeError("a mistake of the adapter's")
        if word == "invalid":
            raise InvalidParams("no such setting")
        if word == "lost":
            raise UnknownOutcome("the line went dead")
        if word == "refuse":
            return Refused("output", ("test",), "not this")
        painting = await asyncio.to_thread(
            paint, prompt="a fox", seed=1, width=64, height=64, style="auto", on_progress=ctx.progress
        )
        return Done((Artifact("image/png", painting.png, {"seed": 1}),), Usage(COST_USD_MICROS, "provider"))

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        raise ProviderFailed("it has no handles")

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        return "unsupported"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        return None

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)
