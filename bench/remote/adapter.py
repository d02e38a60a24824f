"""The adapter of `bench.remote.server`. Its address is read from `BENCH_PROVIDER_URL` at each call."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from bench.remote.server import SECRET
from core.secrets import Secret
from providers import http
from providers.contracts import (
    Artifact,
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Done,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    Running,
    Spent,
    WirePlan,
)
from providers.errors import (
    BadSignature,
    Overloaded,
    ProviderError,
    ProviderFailed,
    RateLimited,
    TransientBeforeSend,
    UnknownOutcome,
)
from providers.faults import by_status
from providers.wire import Reply

COST_USD_MICROS = 4_000
_POLL_SECONDS = 1.0


class RemoteAdapter:
    """Submits and looks again later. What it lost the answer of it finds by the attempt's token."""

    kind: ClassVar[str] = "remote"
    wire_version: ClassVar[int] = 1
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "lookup"
    webhooks: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs()

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return WirePlan(payload={"prompt": request.params["prompt"], "files": revision.spec["task"] == "image"})

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        body = {"prompt": plan.payload["prompt"], "token": token, "webhook_url": ctx.webhook_url}
        reply = await http.call("POST", f"{_url()}/v1/jobs", connection=_own(), body=body, read_seconds=10.0)
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
        reply = await http.call("GET", f"{_url()}/v1/jobs/{handle.data['id']}", connection=_own(), read_seconds=10.0)
        if reply.status >= 500:
            raise Overloaded(f"status {reply.status}")
        if reply.status != 200:
            raise ProviderFailed("the provider forgot it", provider_code="lost")
        return _outcome(json.loads(reply.body), files=bool(handle.data["files"]))

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        reply = await http.call(
            "POST", f"{_url()}/v1/jobs/{handle.data['id']}/cancel", connection=_own(), read_seconds=10.0
        )
        if reply.status >= 500:
            raise TransientBeforeSend(f"status {reply.status}")
        return "cancelled" if json.loads(reply.body).get("status") == "canceled" else "too_late"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        reply = await http.call("GET", f"{_url()}/v1/jobs?token={token}", connection=_own(), read_seconds=10.0)
        if reply.status != 200:
            raise Overloaded(f"status {reply.status}")
        found = json.loads(reply.body)["data"]
        if not found:
            return None
        return Running(Handle(1, {"id": found[0]["id"], "files": True}), 0.0)

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        wanted = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, headers.get("X-Signature", "")):
            raise BadSignature
        return None

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        return by_status(reply, billable=billable)

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)


class WaitingAdapter(RemoteAdapter):
    """Of a provider that answers when it is done: the request lasts as long as the work, and nothing can be found."""

    kind: ClassVar[str] = "remote_waiting"
    resubmit: ClassVar[Resubmit] = "never"
    webhooks: ClassVar[bool] = False

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        body = {"prompt": plan.payload["prompt"], "token": token}
        reply = await http.call("POST", f"{_url()}/v1/images", connection=_own(), body=body, read_seconds=120.0)
        if reply.status != 200:
            raise ProviderFailed(f"status {reply.status}")
        return _outcome(json.loads(reply.body), files=bool(plan.payload["files"]))


def _outcome(work: Mapping[str, Any], *, files: bool) -> Outcome:
    if work["status"] == "running":
        return Running(Handle(1, {"id": work["id"], "files": files}), _POLL_SECONDS)
    if work["status"] != "succeeded":
        raise ProviderFailed(f"it {work['status']}", provider_code=work["status"])
    made = (Artifact("image/png", bytes.fromhex(work["result"]["png"])),) if files else ()
    return Done(made, Spent(usd_micros=work.get("cost_usd_micros", COST_USD_MICROS)))


def _own() -> Connection:
    return Connection(UUID(int=0), "remote", "bench", _url(), Secret())


def _url() -> str:
    return os.environ["BENCH_PROVIDER_URL"]
