"""Hugging Face's inference: pictures from a model of its hub, by its router or on an endpoint of one's own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urljoin

from providers import faults, http
from providers import params as asked
from providers.adapters.at_once import AtOnce
from providers.contracts import (
    Artifact,
    CanonicalRequest,
    Connection,
    Ctx,
    Done,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    Spent,
    WirePlan,
)
from providers.errors import InvalidParams, ModelGone, NotYet, ProviderError
from providers.wire import Reply

_TAKEN = ("seed", "negative_prompt")
_LEAST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 1.0, 120.0


class HuggingFaceAdapter(AtOnce):
    """`options`: `endpoint`, true for an endpoint of one's own, whose address is the model's; `bill_to`, the
    organization that pays."""

    kind: ClassVar[str] = "huggingface"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://router.huggingface.co/hf-inference", "HF_TOKEN")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        if request.task != "image":
            raise InvalidParams(f"This provider does not do {request.task}.", field="task")
        given, spec = request.params, revision.spec
        takes = spec["input"]["properties"]
        asked.refuse(given, [name for name in _TAKEN if name not in takes], why="this model does not take it")
        size = asked.size(revision, given)
        wanted = {"width": size.width, "height": size.height, **{name: given.get(name) for name in _TAKEN}}
        parameters = {
            **spec["upstream"].get("parameters", {}),
            **{name: value for name, value in wanted.items() if value is not None},
        }
        about = {"read_seconds": float(spec.get("latency", {}).get("submit_s", 240.0))}
        payload = {"inputs": given["prompt"], "parameters": parameters}
        return WirePlan(payload, f"/models/{spec['upstream']['model']}", notes=size.notes, about=about)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        own = bool(ctx.connection.options.get("endpoint"))
        headers = {"Accept": "image/png", **self.authorize(ctx.connection)}
        reply = await http.send(
            ctx, plan, headers=headers, path="" if own else None, read_seconds=plan.about["read_seconds"]
        )
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        said = reply.headers.get("content-type", "")
        # Whatever it calls it, it is to be a picture.
        media_type = said if said.startswith("image/") else "image/png"
        return Done((Artifact(media_type, reply.body),), Spent(units=_computed(reply.headers)))

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        payer = connection.options.get("bill_to")
        more = {"X-HF-Bill-To": str(payer)} if payer else {}
        return {"Authorization": f"Bearer {connection.secret.reveal()}", **more} if connection.secret else more

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        """A model that is still being loaded began nothing: it is asked again, and that counts as no attempt."""
        waits = reply.document().get("estimated_time")
        if reply.status == 503 and isinstance(waits, int | float):
            wait = min(max(float(waits), _LEAST_WAIT_SECONDS), _MOST_WAIT_SECONDS)
            return NotYet("the model is being loaded", retry_after_seconds=wait)
        if reply.status == 404:
            return ModelGone(f"status {reply.status}")
        said = reply.document().get("error")
        return faults.by_status(reply, billable=billable, message=said if isinstance(said, str) else "")

    async def probe(self, ctx: Ctx) -> Health:
        """Whether it is there. The router lists its models for anybody, so the key is not tried."""
        own = bool(ctx.connection.options.get("endpoint"))
        url = ctx.connection.url("/health") if own else urljoin(ctx.connection.base_url, "/v1/models")
        reply = await http.call("GET", url, connection=ctx.connection, headers=self.authorize(ctx.connection))
        return Health(reply.status == 200, f"status {reply.status}")


def _computed(headers: Mapping[str, str]) -> dict[str, Decimal]:
    """Seconds of computing, where the answer says them: they are what is billed."""
    try:
        found = Decimal(headers.get("x-compute-time", ""))
    except ArithmeticError:
        return {}
    return {"compute_seconds": found} if found.is_finite() and found >= 0 else {}
