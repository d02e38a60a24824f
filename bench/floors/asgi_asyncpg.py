"""The least a durable submission can be in Python: a known token, parsed JSON, one INSERT. No framework."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import orjson

_INSERT = """
INSERT INTO floors_row (owner_id, prompt, model, n, width, height, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 'queued', now()) RETURNING id
"""
_JSON = [(b"content-type", b"application/json")]
_CONNECTIONS = 8
Event = dict[str, Any]


class Application:
    """Connects at the first request: both workers of the server have a pool and a copy of the tokens."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.owners: dict[str, int] = {}
        self.opening = asyncio.Lock()

    async def __call__(
        self, scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        if self.pool is None:
            await self._open()
        held = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        owner = self.owners.get(held.decode().removeprefix("Token "))
        if owner is None:
            await _answer(send, 401, b"{}")
            return
        given = orjson.loads(await _body(receive))
        row = await self.pool.fetchval(
            _INSERT, owner, given["prompt"], given["model"], given["n"], given["width"], given["height"]
        )
        await _answer(send, 201, orjson.dumps({"id": row, "status": "queued", **given}))

    async def _open(self) -> None:
        async with self.opening:
            if self.pool is not None:
                return
            pool = await asyncpg.create_pool(
                os.environ["DATABASE_URL"], min_size=_CONNECTIONS, max_size=_CONNECTIONS, reset=_keep
            )
            found = await pool.fetch("SELECT key, user_id FROM authtoken_token")
            self.owners = {row["key"]: row["user_id"] for row in found}
            self.pool = pool


async def _keep(_: Any) -> None:
    """Nothing is to be undone: the pool's own reset would be a round trip for every request."""


async def _body(receive: Callable[[], Awaitable[Event]]) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return body


async def _answer(send: Callable[[Event], Awaitable[None]], status: int, body: bytes) -> None:
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = Application()
