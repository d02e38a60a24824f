"""The socket of a signed-in page: a snapshot of what is under way, then what happens to it.

It joins its group before it reads the snapshot, so nothing falls between the two; a page that sees a gap or
loses the socket asks again.
"""

import asyncio
from typing import Any
from uuid import UUID

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore

from accounts import current
from accounts.current import Principal, is_active
from core import push
from core.errors import DomainError
from core.ids import to_public
from generation import selectors

_PING_SECONDS = 20.0
UNAUTHENTICATED = 4401


class GenerationsConsumer(AsyncWebsocketConsumer):
    """Needs the session cookie; hears its own workspace and nothing else."""

    group: str | None = None
    user_id: UUID | None = None
    _pinging: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        caller = await self._caller()
        await self.accept()
        if caller is None:
            await self.close(code=UNAUTHENTICATED)
            return
        self.user_id = caller.user_id
        self.group = push.group_of(caller.workspace_id, sandbox=False)
        await self.channel_layer.group_add(self.group, self.channel_name)
        live = await database_sync_to_async(selectors.live_jobs)(workspace_id=caller.workspace_id, sandbox=False)
        await self._say(
            {
                "type": "snapshot",
                "generations": [{"id": to_public("gen", job), "seq": seq, "status": value} for job, seq, value in live],
            }
        )
        self._pinging = asyncio.create_task(self._ping())

    async def disconnect(self, code: int) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def push(self, message: dict[str, Any]) -> None:
        """A message of `core.push`; its `event` becomes the type that the page sees."""
        await self._say({"type": message["event"], **{k: v for k, v in message.items() if k not in {"type", "event"}}})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The page has nothing to say here."""

    async def _caller(self) -> Principal | None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        chosen = self.scope["session"].get("workspace_id")
        try:
            return await database_sync_to_async(current.of_member)(
                user_id=user.id, email=user.email, workspace_id=chosen
            )
        except DomainError:
            return None

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            if not await database_sync_to_async(self._still_signed_in)():
                await self.close(code=UNAUTHENTICATED)
                return
            await self._say({"type": "ping"})

    def _still_signed_in(self) -> bool:
        """Signing out and deactivation end a socket that was opened before, within one ping."""
        fresh = SessionStore(self.scope["session"].session_key).load()
        person = self.user_id
        return person is not None and fresh.get(SESSION_KEY) == str(person) and is_active(person)

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=orjson.dumps(message).decode())
