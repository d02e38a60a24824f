"""The adapter of `bench.remote.server`. Its address is read from `BENCH_PROVIDER_URL` at each call."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from bench.remote.server import SECRET
from providers import http
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
    Resubmit,
    Revision,
    Running,
    Usage,
    WirePlan,
)
from providers.errors import BadSignature, Overloaded, ProviderFailed, RateLimited, TransientBeforeSend, UnknownOutcome

COST_USD_MICROS = 4_000
_POLL_SECONDS = 1.0


class RemoteAdapter:
    """Submits and looks again later. What it lost the answer of it finds by the attempt's token."""

    kind: ClassVar[str] = "remote"
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "lookup"
    webhooks: ClassVar[bool] = True

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return WirePlan(payload={"prompt": request.params["prompt"], "files": revision.spec["task"] == "image"})

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        body = {"prompt": plan.payload["prompt"], "token": token, "webhook_url": ctx.webhook_url}
        reply = await http.call("POST", f"{_url()}/v1/jobs", json=body, read_seconds=10.0)
        if reply.status == 429:
            raise RateLimited(retry_after_seconds=float(reply.headers.get("retry-after", "1")))
        if reply.status >= 500:
            # It may have been taken all the same: only the provider knows.
            raise UnknownOutcome(f"status {reply.status}")
        if reply.status != 201:
            raise ProviderFailed(f"status {reply.status}")
        data = {"id": json.loads(reply.body)["id"], "files": plan.payload["files"]}
        return Running(Handle(1, data), _POLL_SECONDS)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        reply = await http.call("GET", f"{_url()}/v1/jobs/{handle.data['id']}", read_seconds=10.0)
        if reply.status >= 500:
            raise Overloaded(f"status {reply.status}")
        if reply.status != 200:
            raise ProviderFailed("the provider forgot it", provider_code="lost")
        return _outcome(json.loads(reply.body), files=bool(handle.data["files"]))

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        reply = await http.call("POST", f"{_url()}/v1/jobs/{handle.data['id']}/cancel", read_seconds=10.0)
        if reply.status >= 500:
            raise TransientBeforeSend(f"status {reply.status}")
        return "cancelled" if json.loads(reply.body).get("status") == "canceled" else "too_late"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        reply = await http.call("GET", f"{_url()}/v1/jobs?token={token}", read_seconds=10.0)
        if reply.status != 200:
            raise Overloaded(f"status {reply.status}")
        found = json.loads(reply.body)["data"]
        if not found:
            return None
        return Running(Handle(1, {"id": found[0]["id"], "files": True}), 0.0)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        wanted = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, headers.get("X-Signature", "")):
            raise BadSignature

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)


class WaitingAdapter(RemoteAdapter):
    """Of a provider that answers when it is done: the request lasts as long as the work, and nothing can be found."""

    kind: ClassVar[str] = "remote_waiting"
    resubmit: ClassVar[Resubmit] = "never"
    webhooks: ClassVar[bool] = False

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        body = {"prompt": plan.payload["prompt"], "token": token}
        reply = await http.call("POST", f"{_url()}/v1/images", json=body, read_seconds=120.0)
        if reply.status != 200:
            raise ProviderFailed(f"status {reply.status}")
        return _outcome(json.loads(reply.body), files=bool(plan.payload["files"]))


def _outcome(work: Mapping[str, Any], *, files: bool) -> Outcome:
    if work["status"] == "running":
        return Running(Handle(1, {"id": work["id"], "files": files}), _POLL_SECONDS)
    if work["status"] != "succeeded":
        raise ProviderFailed(f"it {work['status']}", provider_code=work["status"])
    made = (Artifact("image/png", bytes.fromhex(work["result"]["png"])),) if files else ()
    return Done(made, Usage(work.get("cost_usd_micros", COST_USD_MICROS), "provider"))


def _url() -> str:
    return os.environ["BENCH_PROVIDER_URL"]
