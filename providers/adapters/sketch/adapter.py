"""The built-in engine: pictures computed in our own workers. Procedural, and says so everywhere."""

import asyncio
import re
from typing import Any, ClassVar

from providers.adapters.at_once import AtOnce
from providers.adapters.sketch.painting import paint
from providers.contracts import (
    Artifact,
    CanonicalRequest,
    Ctx,
    Done,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    WirePlan,
)
from providers.errors import DeadlinePassed, InvalidParams, NotYet, ProviderFailed, RateLimited

_DIRECTIVE = re.compile(r"\[\[(fail|slow):([a-z_]+|\d{1,3}(?:\.\d+)?)\]\]")


class SketchAdapter(AtOnce):
    """Paints in a thread of a media worker. Repeating a call costs nothing and gives the same bytes."""

    kind: ClassVar[str] = "sketch"
    placement: ClassVar[Placement] = "cpu"
    resubmit: ClassVar[Resubmit] = "safe"
    needs: ClassVar[Needs] = Needs()

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        if request.task != "image":
            raise InvalidParams(f"The sketch engine does not make {request.task}.")
        return WirePlan(payload=dict(request.params))

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        params = plan.payload
        if ctx.directives_allowed:
            refused = _obey(str(params["prompt"]), params, ctx.waited_seconds)
            if refused is not None:
                return refused
        painting = await asyncio.to_thread(
            paint,
            prompt=str(params["prompt"]), seed=int(params["seed"]), width=int(params["width"]),
            height=int(params["height"]), style=str(params.get("style", "auto")), on_progress=ctx.progress,
        )  # fmt: skip
        meta = {"seed": int(params["seed"]), "style": painting.style, "palette": list(painting.palette)}
        return Done(artifacts=(Artifact("image/png", painting.png, meta=meta),))

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        return None

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)


def _obey(prompt: str, params: Any, waited_seconds: float) -> Refused | None:
    """The sandbox's directives: forced outcomes for people who test what happens then."""
    told = _DIRECTIVE.findall(prompt)
    # Slowness holds no slot: it waits in the queue's table.
    left = sum(min(float(value), 120.0) for verb, value in told if verb == "slow" and value[0].isdigit())
    if left > waited_seconds:
        raise NotYet("The prompt asked for slowness.", retry_after_seconds=left - waited_seconds)
    for _, value in told:
        if value == "content":
            return Refused("input", ("sandbox",), "The prompt asked to be refused.")
        if value == "provider":
            raise ProviderFailed("The prompt asked for a failing provider.", provider_code="sandbox")
        if value == "timeout":
            raise DeadlinePassed("The prompt asked for a time-out.")
        if value == "rate_limit":
            raise RateLimited("The prompt asked for a rate limit.", retry_after_seconds=1.0)
        if value == "partial" and int(params.get("index", 0)) == int(params.get("of", 1)) - 1:
            raise ProviderFailed("The prompt asked for a part to fail.", provider_code="sandbox")
    return None
