"""The provider: jobs are submitted, looked at, found by token and canceled; signed webhooks tell that one ended.

Every billable submission goes into a journal. How it misbehaves is set for the whole server (`PUT /faults`), each
fault as a share of the requests, or by `<fault>` in a prompt: reset_before, reset_after, status_500, status_429,
hang, check_500, gone, garbage, fail, silent_webhook, one_webhook, odd_id and odd_status (legal JSON that no database
takes), dear (a cost that no column holds).
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import random
import struct
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import uvloop
from aiohttp import web

SECRET = b"the provider's webhook secret"
_HANG_SECONDS = 3600.0
_ODD = "\ud83d\0"


@dataclass(slots=True)
class Work:
    """One accepted job. It is over at `done_at`, unless it was canceled before or is one that fails."""

    id: str
    token: str
    prompt: str
    done_at: float
    webhook_url: str
    fails: bool = False
    canceled: bool = False

    def status(self) -> str:
        if self.canceled:
            return "canceled"
        if time.time() < self.done_at:
            return "running"
        return "failed" if self.fails else "succeeded"


@dataclass(slots=True)
class Provider:
    seconds: float
    faults: dict[str, float] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)
    billed: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    teller: aiohttp.ClientSession | None = None

    def strikes(self, fault: str, prompt: str = "") -> bool:
        return f"<{fault}>" in prompt or random.random() < self.faults.get(fault, 0.0)  # noqa: S311 - no secret

    async def submit(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = body["prompt"]
        self.calls["submit"] += 1
        if self.strikes("reset_before", prompt):
            return self._cut(request)
        if self.strikes("status_429", prompt):
            return web.json_response({"error": "too many"}, status=429, headers={"Retry-After": "1"})
        if self.strikes("status_500", prompt):
            return web.json_response({"error": "sorry"}, status=500)
        work = self._accept(body)
        if self.strikes("reset_after", prompt):
            return self._cut(request)
        if self.strikes("hang", prompt):
            await asyncio.sleep(_HANG_SECONDS)
        told = work.id + _ODD if self.strikes("odd_id", prompt) else work.id
        return web.json_response({"id": told, "status": work.status()}, status=201)

    async def submit_and_wait(self, request: web.Request) -> web.StreamResponse:
        """The way of providers that answer at once: the request lasts as long as the work."""
        body = await request.json()
        self.calls["submit"] += 1
        self._accept(body)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        return web.json_response({"status": "succeeded", "result": {"png": _png(body["prompt"]).hex()}})

    async def check(self, request: web.Request) -> web.StreamResponse:
        self.calls["check"] += 1
        if self.strikes("check_500"):
            return web.json_response({"error": "sorry"}, status=500)
        work = self.works.get(request.match_info["id"])
        # It took the job, and even finished it, and knows nothing of it now.
        if work is None or self.strikes("gone", work.prompt):
            return web.json_response({"error": "unknown"}, status=404)
        shown = _shown(work)
        if "result" in shown and self.strikes("garbage", work.prompt):
            shown["result"] = {"png": b"no picture".hex()}
        if self.strikes("odd_status", work.prompt):
            shown["status"] = f"gone{_ODD}"
        if self.strikes("dear", work.prompt):
            shown["cost_usd_micros"] = 10**30
        return web.json_response(shown)

    async def find(self, request: web.Request) -> web.StreamResponse:
        self.calls["find"] += 1
        found = [work for work in self.works.values() if work.token == request.query["token"]]
        return web.json_response({"data": [_shown(work) for work in found]})

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self.calls["cancel"] += 1
        work = self.works.get(request.match_info["id"])
        if work is None:
            return web.json_response({"error": "unknown"}, status=404)
        if work.status() == "running":
            work.canceled = True
        return web.json_response(_shown(work))

    async def journal(self, _: web.Request) -> web.StreamResponse:
        told = {
            "billed": dict(self.billed), "calls": dict(self.calls), "most_under_way": self.most_under_way,
            "states": Counter(work.status() for work in self.works.values()),
        }  # fmt: skip
        return web.json_response(told)

    async def set_faults(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seconds = body.pop("seconds", self.seconds)
        self.faults = {name: float(share) for name, share in body.items()}
        return web.json_response(self.faults)

    def _accept(self, body: dict[str, Any]) -> Work:
        prompt = body["prompt"]
        work = Work(
            uuid4().hex, body.get("token", ""), prompt, time.time() + float(body.get("seconds", self.seconds)),
            body.get("webhook_url", ""), fails=self.strikes("fail", prompt),
        )  # fmt: skip
        self.works[work.id] = work
        self.billed[work.token] += 1
        if work.webhook_url and not self.strikes("silent_webhook", prompt):
            task = asyncio.ensure_future(self._tell(work))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return work

    async def _tell(self, work: Work) -> None:
        """Too early once, then in time, then again: as webhooks come at their worst. `one_webhook`: in time alone."""
        body = json.dumps({"id": work.id}).encode()
        signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        headers = {"X-Signature": signature, "Content-Type": "application/json"}
        times = [work.done_at] if self.strikes("one_webhook", work.prompt) else [
            work.done_at - 0.2, work.done_at, work.done_at + 0.3,
        ]  # fmt: skip
        for at in times:
            await asyncio.sleep(max(0.0, at - time.time()))
            self.teller = self.teller or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5))
            try:
                async with self.teller.post(work.webhook_url, data=body, headers=headers):
                    pass
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue

    def _cut(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def _shown(work: Work) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": work.id, "status": work.status()}
    if shown["status"] == "succeeded":
        shown["result"] = {"png": _png(work.prompt).hex()}
    return shown


def _png(prompt: str) -> bytes:
    """A plain square whose colour follows from the prompt."""
    colour = hashlib.sha256(prompt.encode()).digest()[:3]
    rows = b"".join(b"\x00" + colour * 64 for _ in range(64))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def application(provider: Provider) -> web.Application:
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/jobs", provider.submit), web.get("/v1/jobs", provider.find),
            web.get("/v1/jobs/{id}", provider.check), web.post("/v1/jobs/{id}/cancel", provider.cancel),
            web.post("/v1/images", provider.submit_and_wait), web.get("/journal", provider.journal),
            web.put("/faults", provider.set_faults),
        ]
    )  # fmt: skip
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider on loopback that misbehaves on request.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a job takes")
    options = parser.parse_args()
    # It stands on the machine that is measured: it should take as little of it as it can.
    web.run_app(
        application(Provider(options.seconds)), host="127.0.0.1", port=options.port, print=None, access_log=None,
        backlog=2048, loop=uvloop.new_event_loop(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
