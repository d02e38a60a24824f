"""Messages to whoever looks at a workspace: said by code without an event loop, heard by processes that hold sockets.

One pattern subscription serves all sockets and streams of a process. What is said may be lost: a listener that was
away is told so and reads the truth elsewhere.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import redis
import structlog
from django.conf import settings
from redis import asyncio as aredis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core import queueing

_log = structlog.get_logger(__name__)
_CONNECT_SECONDS = 2.0
_RETRY_SECONDS = 0.5
# A connection that says nothing for this long is asked whether it lives, and is given up after as long again.
_QUIET_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it was said: to which group, about which topic, and its JSON."""

    group: str
    topic: str
    body: bytes


def group_of(workspace_id: UUID, *, sandbox: bool) -> str:
    """The group of everybody who looks at this workspace's live or sandbox jobs."""
    return f"ws.{workspace_id.hex}.{'sandbox' if sandbox else 'live'}"


def command(group: str, topic: str, message: dict[str, Any]) -> tuple[Any, ...]:
    """The Redis command that says `message` about `topic` to `group`, for `queueing.hint`."""
    return ("PUBLISH", f"{settings.PUSH_PREFIX}{group}/{topic}", orjson.dumps(message))


def send(*commands: tuple[Any, ...]) -> None:
    """Says it now, or does not: who hears nothing finds out later."""
    if commands:
        queueing.hint(*commands)


async def hear() -> AsyncGenerator[Heard | None, None]:
    """Everything that is said to anybody, for ever; None each time that listening begins, after a gap of any length.

    Redis being away is waited out here. Close the generator to give the connection back.
    """
    was_away = False
    while True:
        try:
            async with aclosing(_heard_once()) as heard:
                async for item in heard:
                    if item is None and was_away:
                        _log.info("push.redis.back")
                        was_away = False
                    yield item
        except (redis.RedisError, OSError) as exc:
            if not was_away:
                _log.warning("push.redis.away", kind=type(exc).__name__)
            was_away = True
        # Many processes must not come back in the same moment.
        await asyncio.sleep(_RETRY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


async def _heard_once() -> AsyncGenerator[Heard | None, None]:
    """One connection's life. It never reconnects by itself: that would hide a gap."""
    client = aredis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=None, max_connections=2,
        health_check_interval=0, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    pubsub = client.pubsub()
    try:
        async with asyncio.timeout(2 * _CONNECT_SECONDS):
            await pubsub.psubscribe(f"{settings.PUSH_PREFIX}*")
            # The answer: from here on nothing that is said is missed.
            await pubsub.get_message(timeout=None)
        yield None
        while True:
            message = await _next(pubsub)
            if message["type"] == "pmessage":
                group, _, topic = message["channel"].decode().removeprefix(settings.PUSH_PREFIX).partition("/")
                yield Heard(group, topic, message["data"])
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


async def _next(pubsub: PubSub) -> dict[str, Any]:
    """The next message, or a pong. Raises when the other side answers no ping either: a peer may die in silence."""
    message = await pubsub.get_message(timeout=_QUIET_SECONDS)
    if message is None:
        await pubsub.ping()
        message = await pubsub.get_message(timeout=_QUIET_SECONDS)
    if message is None:
        raise redis.ConnectionError("no answer to a ping")
    found: dict[str, Any] = message
    return found
