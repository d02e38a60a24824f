"""The clients: many keep-alive connections in one process of its own, each with one request under way.

Reads a JSON order from standard input, says `begin` and `end` around the time that counts so that the caller
can read the servers' clocks, and ends with one JSON line.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import uvloop

from bench.measure import percentile

_HOST = "127.0.0.1"
_LENGTH = b"content-length:"
_LAST_ANSWERS_SECONDS = 0.7


@dataclass(slots=True)
class Tally:
    """What all connections saw inside the time that counts. `told` is the first answer that is no success."""

    prefix: str
    numbers: "count[int]" = field(default_factory=count)
    open: bool = False
    over: bool = False
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    told: str = ""
    answered: int = 0


class Client(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends the next."""

    def __init__(self, tally: Tally, head: bytes, body: bytes, *, keyed: bool) -> None:
        self.tally = tally
        self.head, self.body, self.keyed = head, body, keyed
        self.buffer = b""
        self.sent_at = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(_LENGTH) + len(_LENGTH)
        if at < len(_LENGTH):
            self.tally.told = self.tally.told or f"an answer without a length: {head!r}"
            self.tally.over = True
            return
        length = int(head[at : (head.find(b"\r\n", at) + 1 or len(head) + 1) - 1])
        if len(self.buffer) < end + 4 + length:
            return
        self._count(int(self.buffer[9:12]))
        self.buffer = b""
        self._send()

    def _count(self, status: int) -> None:
        tally = self.tally
        tally.answered += 1
        if status >= 300 and not tally.told:
            tally.told = self.buffer[:600].decode("utf-8", "replace")
        if tally.open:
            tally.latencies.append(time.perf_counter() - self.sent_at)
            tally.statuses[status] += 1

    def _send(self) -> None:
        if self.transport is None or self.tally.over:
            return
        key = f"Idempotency-Key: {self.tally.prefix}-{next(self.tally.numbers)}\r\n".encode() if self.keyed else b""
        self.sent_at = time.perf_counter()
        self.transport.write(self.head + key + b"\r\n" + self.body)


async def run(order: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    tally = Tally(order["prefix"])
    body = order["body"].encode()
    transports = []
    for number in range(order["clients"]):
        token = order["tokens"][number % len(order["tokens"])]
        head = (
            f"POST {order['path']} HTTP/1.1\r\nHost: {_HOST}\r\nAuthorization: {order['scheme']} {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        ).encode()
        client = Client(tally, head, body, keyed=order["keyed"])
        transport, _ = await loop.create_connection(partial(_same, client), _HOST, order["port"])
        transports.append(transport)
    await asyncio.sleep(order["warm_seconds"])
    gc.collect()
    gc.freeze()
    _say("begin")
    tally.open, began = True, time.perf_counter()
    await asyncio.sleep(order["seconds"])
    tally.open, took = False, time.perf_counter() - began
    _say("end")
    tally.over = True
    await asyncio.sleep(_LAST_ANSWERS_SECONDS)
    for transport in transports:
        transport.close()
    ordered = sorted(tally.latencies)
    return {
        "seconds": took, "done": len(ordered), "statuses": dict(tally.statuses), "told": tally.told,
        "answered": tally.answered, **{f"p{share}": percentile(ordered, share / 100) for share in (50, 95, 99)},
    }  # fmt: skip


def _same(client: Client) -> Client:
    return client


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _say(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
