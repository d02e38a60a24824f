"""Sending work by name, so that the domain never imports a task; and waking whoever waits.

The database is the truth of the queue. What goes through here may be lost, doubled or late.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

_log = structlog.get_logger(__name__)
_BREAK_SECONDS = 2.0
_broken_until = 0.0


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A Celery task by its name, and the queue it goes to unless another is named."""

    name: str
    queue: str

    def on_commit(self, **kwargs: Any) -> None:
        """Sends the task once the transaction is durable; a broker that is down is not an error."""
        transaction.on_commit(lambda: self._send_quietly(kwargs))

    def send(self, *, queue: str | None = None, **kwargs: Any) -> None:
        """Sends now. Raises what the broker raises."""
        current_app.send_task(self.name, kwargs=kwargs, queue=queue or self.queue)

    def _send_quietly(self, kwargs: dict[str, Any]) -> None:
        try:
            self.send(**kwargs)
        except Exception as exc:  # noqa: BLE001 - whatever the broker does, the row is safe and swept
            _log.warning("queue.send.failed", task=self.name, kind=type(exc).__name__)


@lru_cache(maxsize=1)
def client() -> "redis.Redis":
    """This process's Redis client. Short time-outs: nobody waits for a hint."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5, health_check_interval=15
    )


def hint(*commands: tuple[Any, ...]) -> bool:
    """Runs Redis commands in one round trip; False when Redis is away, without waiting for it twice.

    After a failure Redis is left alone for two seconds, so that an outage costs a request nothing.
    """
    global _broken_until
    if time.monotonic() < _broken_until:
        return False
    try:
        pipe = client().pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]
        pipe.execute()
    except (redis.RedisError, OSError) as exc:
        _broken_until = time.monotonic() + _BREAK_SECONDS
        _log.warning("redis.hint.failed", kind=type(exc).__name__)
        return False
    return True
