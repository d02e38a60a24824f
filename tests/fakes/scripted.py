"""A provider that does what the prompt's first word says, and else paints and bills us for it."""

import asyncio
import time
from dataclasses import replace
from typing import ClassVar

from providers.adapters.sketch.adapter import SketchAdapter
from providers.contracts import Ctx, Done, Outcome, Refused, Resubmit, Spent, WirePlan
from providers.errors import InvalidParams, UnknownOutcome

COST_USD_MICROS = 4_200


class ScriptedAdapter(SketchAdapter):
    """`resubmit` is never: what was under way when its worker died may have been paid for."""

    kind: ClassVar[str] = "scripted"
    resubmit: ClassVar[Resubmit] = "never"

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        word = str(plan.payload["prompt"]).split()[0]
        if word == "crash":
            raise RuntimeError("a mistake of the adapter's")
        if word == "invalid":
            raise InvalidParams("no such setting")
        if word == "lost":
            raise UnknownOutcome("the line went dead")
        if word == "stuck":
            await asyncio.to_thread(time.sleep, 1.5)
        if word == "refuse":
            return Refused("output", ("test",), "not this")
        outcome = await super().submit(ctx, plan, token)
        return replace(outcome, spent=Spent(usd_micros=COST_USD_MICROS)) if isinstance(outcome, Done) else outcome
