"""`GET /generations/{id}/events`: what happens to a job, as server-sent events.

The view answers as any other: it knows the caller, finds the job and writes how the stream opens. Where the server
speaks ASGI, `Streams` then keeps the answer open and goes on, without a thread or a connection to the database. Where
it does not, the answer ends there, and the client comes again with the last id after `retry` milliseconds.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import Error
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import api_keys, current, sessions
from accounts.current import Principal
from core.openapi import PROBLEM
from generation import events, following, presenter, selectors
from generation.api.views import job_id
from generation.following import Follower, Overflowed
from generation.selectors import JobView

_PING_SECONDS = 15.0
_RETRY_MS = 2000
_CONTENT_TYPE = "text/event-stream"
_PATH = re.compile(r"/api/v1/generations/[^/]+/events/?")
_GOES_ON = "wildmind.stream"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A stream that was opened: told up to `seq`, for as long as `stands` says that the caller may listen."""

    workspace_id: UUID
    sandbox: bool
    job_id: UUID
    seq: int
    stands: Callable[[], bool]


class Events(APIView):
    """Opens with the whole object, or after `Last-Event-ID` with what came since; ends with `done`."""

    scopes = {"GET": "generations:read"}

    @extend_schema(
        operation_id="streamGenerationEvents", summary="Follow a generation by server-sent events",
        parameters=[OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER,
                                     description="The last `seq` received: what came after it is sent first.")],
        responses={
            (200, _CONTENT_TYPE): {"type": "string", "description": "Events `snapshot`, `status`, `progress`, `output`"
                                   " and `done`; `id` is `seq`; a comment at least every 15 seconds."},
            204: OpenApiResponse(description="It has ended, and nothing came after `Last-Event-ID`; come no more."),
            **{(status, "application/problem+json"): PROBLEM for status in (401, 403, 404, 503)},
        },
    )  # fmt: skip
    def get(self, request: Request, public_id: str) -> HttpResponse:
        caller = current.principal(request)
        job = selectors.get_job(workspace_id=caller.workspace_id, job_id=job_id(public_id), sandbox=caller.sandbox)
        last = _last_event_id(request, job)
        if last == job.seq and not job.is_live:
            return HttpResponse(status=204)
        body, seq, ended = _opening(job, last)
        scope = request._request.META.get("asgi.scope")
        if not ended and scope is not None and _GOES_ON in scope and request.method == "GET":
            scope[_GOES_ON] = GoesOn(job.workspace_id, job.sandbox, job.id, seq, _standing_of(caller, request))
        # A proxy must pass each event on as it comes.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return HttpResponse(body, content_type=_CONTENT_TYPE, headers=headers)


class Streams:
    """An ASGI application around the site's own, which goes on with the streams that its view opened."""

    def __init__(self, pages: Application) -> None:
        self.pages = pages

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if not _PATH.fullmatch(scope["path"]):
            await self.pages(scope, receive, send)
            return
        own: dict[str, Any] = {**scope, _GOES_ON: None}

        async def begin(message: Message) -> None:
            if own[_GOES_ON] is not None:
                message = _left_open(message)
            await send(message)

        await self.pages(own, receive, begin)
        if own[_GOES_ON] is not None:
            await _go_on(own[_GOES_ON], receive, send)


def _left_open(message: Message) -> Message:
    if message["type"] == "http.response.start":
        headers = [(name, value) for name, value in message["headers"] if name.lower() != b"content-length"]
        return {**message, "headers": headers}
    return {**message, "more_body": True}


async def _go_on(opened: GoesOn, receive: Receive, send: Send) -> None:
    """Until the job has ended or the client is gone."""
    follower = Follower(workspace_id=opened.workspace_id, sandbox=opened.sandbox, job_id=opened.job_id, seq=opened.seq)
    desk = following.desk()
    desk.follow(follower)
    both = [asyncio.create_task(_tell(opened, follower, send)), asyncio.create_task(_until_gone(receive))]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        desk.leave(follower)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _tell(opened: GoesOn, follower: Follower, send: Send) -> None:
    # Without `done` at its end, the client comes again with the last id it has.
    with suppress(Error, Overflowed):
        await _tell_on(opened, follower, send)
    await send({"type": "http.response.body", "body": b""})


async def _tell_on(opened: GoesOn, follower: Follower, send: Send) -> None:
    desk = following.desk()
    for told in await desk.missed(opened.job_id, opened.seq):
        follower.put(told)
    ping_at = time.monotonic() + _PING_SECONDS
    while True:
        for told in await follower.next(desk, within_seconds=ping_at - time.monotonic()):
            await _write(send, _event(told.kind, told.seq, told.text))
            if told.kind == "done":
                return
        if time.monotonic() >= ping_at:
            if not await following.in_thread(opened.stands):
                return
            await _write(send, b": ping\n\n")
            ping_at = time.monotonic() + _PING_SECONDS


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _opening(job: JobView, last: int | None) -> tuple[bytes, int, bool]:
    """How the stream begins, the seq it tells up to, and whether that is all there will ever be."""
    parts = [f"retry: {_RETRY_MS}\n\n".encode()]
    if last is not None:
        seq, ended = last, False
        for told in following.told_after(job.id, last):
            parts.append(_event(told.kind, told.seq, told.text))
            seq, ended = told.seq, told.kind == "done"
        return b"".join(parts), seq, ended
    whole = presenter.generations([job], at=timezone.now())[0]
    parts.append(_event("snapshot", job.seq, orjson.dumps(whole, default=str).decode()))
    if not job.is_live:
        end = orjson.dumps(events.message(job.id, "done", job.seq, {"status": job.state})).decode()
        parts.append(_event("done", job.seq, end))
    return b"".join(parts), job.seq, not job.is_live


def _event(kind: str, seq: int, text: str) -> bytes:
    """JSON has no line breaks of its own, so it is one `data` line. Progress has no number."""
    number = f"id: {seq}\n" if seq else ""
    return f"event: {kind}\n{number}data: {text}\n\n".encode()


def _last_event_id(request: Request, job: JobView) -> int | None:
    """The header's number; None when it is none, or of something that did not happen."""
    raw = request.headers.get("Last-Event-ID", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
        return None
    return int(raw) if int(raw) <= job.seq else None


def _standing_of(caller: Principal, request: Request) -> Callable[[], bool]:
    """What asks whether this caller may still listen."""
    key_id, user_id = caller.key_id, caller.user_id
    if key_id is not None:
        return lambda: api_keys.stands(key_id=key_id, at=timezone.now())
    session_key = request._request.session.session_key
    if user_id is None or session_key is None:
        return lambda: False
    return lambda: sessions.stands(session_key=session_key, user_id=user_id, workspace_id=caller.workspace_id)
