"""The provider that answers at once with nothing: what is left is the price of the queue."""

from collections.abc import Mapping
from typing import Any, ClassVar

from generation.pipelines.base import Plan, StepPlan
from providers.adapters.at_once import AtOnce
from providers.contracts import (
    CanonicalRequest,
    Ctx,
    Done,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Resubmit,
    Revision,
    WirePlan,
)

PIPELINE = "speech"
MODEL = "noop"


def plan(*, given: Mapping[str, Any], revision: Revision) -> Plan:
    """One step without an output, so that no file has to be made and stored."""
    cost = max(1, round(float(revision.spec["latency"]["p50_s"]) * 1000))
    step = StepPlan(
        "noop", "gen:noop", {"prompt": given["prompt"]}, measures={"calls": 1}, cost=cost, output_index=None
    )
    return Plan(input=given, steps=(step,), asked=0)


class NoopAdapter(AtOnce):
    """Runs where work on our own processors runs, and does none."""

    kind: ClassVar[str] = "noop"
    placement: ClassVar[Placement] = "cpu"
    resubmit: ClassVar[Resubmit] = "safe"
    needs: ClassVar[Needs] = Needs()

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return WirePlan(payload=request.params)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        return Done(artifacts=())

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        return Done(artifacts=())

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)
