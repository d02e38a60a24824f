"""The provider that answers at once with nothing: what is left is the price of the queue."""

from collections.abc import Mapping
from typing import Any, ClassVar

from generation.pipelines.base import Plan, StepPlan
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Ctx,
    Done,
    Handle,
    Health,
    Outcome,
    Placement,
    Resubmit,
    Revision,
    Usage,
    WirePlan,
)
from providers.errors import BadSignature

PIPELINE = "speech"
MODEL = "noop"
_FREE = Usage(cost_usd_micros=0, source="formula")


def plan(*, given: Mapping[str, Any], revision: Revision) -> Plan:
    """One step without an output, so that no file has to be made and stored."""
    cost = max(1, round(float(revision.spec["latency"]["p50_s"]) * 1000))
    step = StepPlan(
        "noop", "gen:noop", {"prompt": given["prompt"]}, measures={"calls": 1}, cost=cost, output_index=None
    )
    return Plan(input=given, steps=(step,), asked=0)


class NoopAdapter:
    """Runs where work on our own processors runs, and does none."""

    kind: ClassVar[str] = "noop"
    placement: ClassVar[Placement] = "cpu"
    resubmit: ClassVar[Resubmit] = "safe"
    webhooks: ClassVar[bool] = False

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return WirePlan(payload=request.params)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        return Done(artifacts=(), usage=_FREE)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        return Done(artifacts=(), usage=_FREE)

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        return "unsupported"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        return None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        raise BadSignature

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)
