"""Providers' servers, written from their wires (shared reference): what they accept, answer and refuse, and a journal.

A server misbehaves as it is told: `server.fault("rate_limited", times=1)` for the next requests, or by `!rate_limited`
in a prompt, which also works for a server in a process of its own.
"""

import asyncio
import contextlib
import json
import re
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

from aiohttp import web

_WORD = re.compile(r"!([a-z_0-9]+)(?:=(\d+(?:\.\d+)?))?")


@dataclass
class Call:
    """A request as it came. `body` is the JSON, or a form's fields; files are their field, name, type and bytes."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    files: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    billable: bool = False


CALL = web.RequestKey("call", Call)
# What the server does itself, for every provider.
_OWN = ("slow", "cut", "bad_json")


class Cut(Exception):
    """The connection is to end without an answer."""


class ProtocolServer:
    """A provider on loopback. A subclass has `routes`, its errors' shapes, and which calls are billable."""

    kind: ClassVar[str]
    # What the adapter must send to be known; checked on each request but files.
    secret: ClassVar[str] = "sk-test-0123456789abcdef"

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.calls: list[Call] = []
        self.faults: deque[tuple[str, float]] = deque()
        self.standing: dict[str, float] = {}
        self.works: dict[str, dict[str, Any]] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        self.url = ""

    # What a test says.

    def fault(self, name: str, *, times: int = 1, value: float = 0.0) -> None:
        """The next requests that can fail so do."""
        self.faults.extend([(name, value)] * times)

    def always(self, name: str, value: float = 0.0) -> None:
        """Every request that can fail so does, until `reset`."""
        self.standing[name] = value

    def reset(self) -> None:
        self.calls.clear()
        self.faults.clear()
        self.standing.clear()
        self.works.clear()
        self.files.clear()
        self.seconds = 0.0

    @property
    def billed(self) -> list[Call]:
        """The submissions that the provider would bill, taken or not."""
        return [call for call in self.calls if call.billable]

    # What a subclass says.

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def is_billable(self, request: web.Request) -> bool:
        return request.method == "POST"

    def authorized(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.secret}"

    def failure(self, name: str, value: float) -> web.Response | None:
        """The provider's own answer for a named failure, or None if it knows no such thing."""
        raise NotImplementedError

    # What it does.

    def application(self) -> web.Application:
        app = web.Application(client_max_size=100_000_000, middlewares=[self._middleware])
        app.add_routes([*self.routes(), web.get("/files/{name}", self._file), web.get("/__calls", self._journal)])
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith(("/files/", "/__calls")):
            return await handler(request)
        call = await self._noted(request)
        request[CALL] = call
        if not self.authorized(request):
            return self.failure("unauthorized", 0.0) or web.Response(status=401)
        try:
            answer = await self._misbehave(request, call) or await handler(request)
        except Cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        answer.headers["X-Request-Id"] = uuid4().hex
        return answer

    async def _noted(self, request: web.Request) -> Call:
        body, files = None, []
        if request.content_type == "multipart/form-data":
            body = {}
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    files.append((name, value.filename, value.content_type, value.file.read()))
                else:
                    body[name] = value
        elif request.can_read_body:
            raw = await request.read()
            with contextlib.suppress(ValueError):
                body = json.loads(raw)
        call = Call(request.method, request.path, dict(request.query), dict(request.headers), body, files,
                    self.is_billable(request))  # fmt: skip
        self.calls.append(call)
        return call

    async def _misbehave(self, request: web.Request, call: Call) -> web.StreamResponse | None:
        for name, value in self._wanted(call):
            if name == "slow":
                await asyncio.sleep(value)
            elif name == "cut" and call.billable:
                raise Cut
            elif name == "bad_json" and call.billable:
                return web.Response(text="<html>not what you think", content_type="application/json")
            elif name.startswith("poll_"):
                if not call.billable and (answer := self.failure(name.removeprefix("poll_"), value)) is not None:
                    return answer
            elif call.billable and (answer := self.failure(name, value)) is not None:
                return answer
        return None

    def _wanted(self, call: Call) -> list[tuple[str, float]]:
        """The faults of this request: what it asks for itself, what is next in line, and what stands."""
        found = [(name, float(value or 0)) for name, value in _WORD.findall(json.dumps(call.body or {}))]
        waiting = [
            item for item in self.faults if item[0].startswith("poll_") is not call.billable and self._plays(item)
        ]
        if waiting:
            self.faults.remove(waiting[0])
            found.append(waiting[0])
        return [*found, *self.standing.items()]

    def _plays(self, item: tuple[str, float]) -> bool:
        """Whether a fault is played before the handler; the others are the handler's."""
        name, value = item
        return name in _OWN or self.failure(name.removeprefix("poll_"), value) is not None

    def strikes(self, request: web.Request, name: str) -> bool:
        """Whether a fault that only the handler can play is wanted for this request. Takes it from the line."""
        call = request[CALL]
        if name in self.standing or f"!{name}" in json.dumps(call.body or {}):
            return True
        found = next((item for item in self.faults if item[0] == name), None)
        if found is not None:
            self.faults.remove(found)
        return found is not None

    def keep(self, content: bytes, media_type: str) -> str:
        """A file to be fetched; its address."""
        name = uuid4().hex
        self.files[name] = (content, media_type)
        return f"{self.url}/files/{name}"

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(Call("GET", request.path, {}, dict(request.headers), None))
        if "file_404" in self.standing or self._take("file_404"):
            return web.Response(status=404)
        if "file_redirect" in self.standing:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/secret"})
        content, media_type = self.files[request.match_info["name"]]
        if "wrong_mime" in self.standing:
            content = b"<html>sorry</html>"
        if "truncated" in self.standing:
            content = content[: len(content) // 2]
        return web.Response(body=content, content_type=media_type)

    def _take(self, name: str) -> bool:
        found = next((item for item in self.faults if item[0] == name), None)
        if found is not None:
            self.faults.remove(found)
        return found is not None

    async def _journal(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"calls": len(self.calls), "billed": len(self.billed)})


@contextlib.contextmanager
def serving(server: ProtocolServer) -> Iterator[ProtocolServer]:
    """Runs a server on a thread of its own; its address is `server.url`."""
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = site._server.sockets[0].getsockname()[:2]
        server.url = f"http://{host}:{port}"
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def png(*, width: int = 64, height: int = 64, colour: bytes = b"\x40\x80\xc0") -> bytes:
    """A plain picture that every decoder opens."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\x00" + colour * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def wav(*, seconds: float = 0.2, rate: int = 8_000) -> bytes:
    """Silence that every player plays."""
    data = b"\x00\x00" * int(seconds * rate)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", len(data))  # fmt: skip
    return head + data


def mp3(*, frames: int = 8) -> bytes:
    """Silent frames of MPEG-1 layer 3, 128 kbit/s at 44.1 kHz, mono: 26 ms each."""
    return (b"\xff\xfb\x90\xc4" + b"\x00" * 413) * frames


def mp4() -> bytes:
    """The boxes of a film's head: what tells a file of this kind by its first bytes."""
    kind = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp41")
    return kind + struct.pack(">I4s", 8, b"free") + struct.pack(">I4s", 8, b"mdat")


def now_seconds() -> int:
    return int(time.time())
