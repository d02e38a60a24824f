"""Who works: each worker says every few seconds which queues it reads and how many slots it has.

Lives in Redis and rebuilds itself; a worker that is silent for a while does not count.
"""

from contextlib import suppress
from dataclasses import dataclass
from threading import Event

import orjson
import redis

from core import queueing

_KEY = "wm:workers"
ANNOUNCE_SECONDS = 2.0
_SILENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Worker:
    """`seen` is Redis's own clock in seconds, so workers' clocks do not matter."""

    name: str
    queues: tuple[str, ...]
    slots: int
    seen: float


def announce(*, name: str, queues: tuple[str, ...], slots: int) -> None:
    """Says that a worker lives."""
    now = _now()
    queueing.client().hset(_KEY, name, orjson.dumps({"queues": queues, "slots": slots, "seen": now}))


def leave(*, name: str) -> None:
    """Says that a worker takes nothing more."""
    queueing.hint(("HDEL", _KEY, name))


def workers() -> list[Worker]:
    """Those who were heard of lately. Raises redis.RedisError when Redis is away."""
    now = _now()
    found = []
    for name, raw in queueing.client().hgetall(_KEY).items():
        data = orjson.loads(raw)
        if now - data["seen"] <= _SILENT_SECONDS:
            found.append(
                Worker(
                    str(name, "utf-8") if isinstance(name, bytes) else name,
                    tuple(data["queues"]),
                    data["slots"],
                    data["seen"],
                )
            )
        elif now - data["seen"] > 60 * _SILENT_SECONDS:
            queueing.hint(("HDEL", _KEY, name))
    return found


def slots_by_queue() -> dict[str, int]:
    """Slots that read each queue. A worker with several queues counts in each of them."""
    total: dict[str, int] = {}
    for worker in workers():
        for queue in worker.queues:
            total[queue] = total.get(queue, 0) + worker.slots
    return total


def _now() -> float:
    seconds, micros = queueing.client().time()
    return float(seconds) + float(micros) / 1e6


def heartbeat(*, name: str, queues: tuple[str, ...], slots: int, stop: Event) -> None:
    """Announces until `stop` is set, and says then that the worker takes nothing more: nobody else could be sure to be
    the last to speak. Runs in a thread of its own; a Redis that is away is waited for."""
    while not stop.is_set():
        with suppress(redis.RedisError, OSError):
            announce(name=name, queues=queues, slots=slots)
        stop.wait(ANNOUNCE_SECONDS)
    leave(name=name)
