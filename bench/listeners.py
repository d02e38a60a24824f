"""The readers: many sockets in one process, of the site or straight of Redis, that note how late each message is.

Reads a JSON order from standard input, says `ready` when all are listening, and after a second line one JSON line.
A message carries `"at":` with the sender's monotonic clock, which all processes of a machine share (clock_gettime(2)).
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench.measure import percentile

_HOST = "127.0.0.1"
_AT = re.compile(rb'"seq":(\d+).{0,60}?"at":([\d.]+)')
_AT_ONCE = 50
_LAST_SECONDS = 1.0


@dataclass(slots=True)
class Tally:
    wanted: int
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    listening: int = 0
    closed: int = 0
    delays: list[float] = field(default_factory=list)
    disordered: int = 0


class Reader(asyncio.Protocol):
    """One connection. What is said first in answer means that it listens."""

    def __init__(self, tally: Tally, hello: bytes, listens: bytes) -> None:
        self.tally = tally
        self.hello, self.listens = hello, listens
        self.buffer = b""
        self.listening = False
        self.last = 0

    def connection_made(self, transport: Any) -> None:
        transport.write(self.hello)

    def connection_lost(self, exc: Exception | None) -> None:
        self.tally.closed += 1

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.buffer += data
        if not self.listening:
            if self.listens not in self.buffer:
                return
            self.listening, self.buffer = True, b""
            self.tally.listening += 1
            if self.tally.listening == self.tally.wanted:
                self.tally.ready.set()
            return
        end = 0
        for found in _AT.finditer(self.buffer):
            seq, at = int(found[1]), float(found[2])
            self.tally.delays.append(now - at)
            self.tally.disordered += seq <= self.last
            self.last, end = seq, found.end()
        # A message may be cut anywhere; what is kept of it is shorter than one.
        self.buffer = self.buffer[max(end, len(self.buffer) - 400) :]


def _of_site(port: int, cookie: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws/generations/ HTTP/1.1\r\nHost: {_HOST}:{port}\r\nOrigin: http://{_HOST}:{port}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Cookie: wildmind_session={cookie}\r\n\r\n"
    ).encode()


def _of_redis(password: str, channel: str) -> bytes:
    return f"AUTH {password}\r\nSUBSCRIBE {channel}\r\n".encode()


async def run(order: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    tally = Tally(len(order["names"]))
    site = order["kind"] == "site"
    began = time.monotonic()
    waiting = []
    for name in order["names"]:
        hello = _of_site(order["port"], name) if site else _of_redis(order["password"], name)
        reader = Reader(tally, hello, b'"snapshot"' if site else b"subscribe\r\n")
        waiting.append(loop.create_connection(lambda one=reader: one, _HOST, order["port"]))  # type: ignore[misc]
    for start in range(0, len(waiting), _AT_ONCE):
        await asyncio.gather(*waiting[start : start + _AT_ONCE])
    await tally.ready.wait()
    took = time.monotonic() - began
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.sleep(_LAST_SECONDS)
    ordered = sorted(tally.delays)
    return {
        "heard": len(ordered), "disordered": tally.disordered, "closed": tally.closed,
        "connects": len(order["names"]) / took,
        **{f"p{share}": percentile(ordered, share / 100) for share in (50, 95, 99)},
    }  # fmt: skip


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _say(json.dumps(uvloop.run(run(json.loads(sys.stdin.readline())))))
