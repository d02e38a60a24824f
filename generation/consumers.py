"""The socket of a signed-in page: a snapshot of what is under way, then what happens to it.

It follows before it reads the snapshot, so nothing falls between the two. A page that lost the socket says what it
knows, and is told how that stands now.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error
from django.utils import timezone

from accounts import current, sessions
from accounts.current import Principal
from core.errors import DomainError
from core.ids import from_public, to_public
from generation import following, selectors
from generation.following import Follower, Overflowed
from generation.selectors import Standing
from generation.state import LIVE

_PING_SECONDS = 20.0
# What a page may know at once.
_MOST_KNOWN, _MOST_BYTES = 500, 64 * 1024
UNAUTHENTICATED, TOO_SLOW = 4401, 4408
_FAILED, _LATER = 1011, 1013


class GenerationsConsumer(AsyncWebsocketConsumer):
    """Needs the session cookie; hears its own workspace and nothing else.

    A page may say `{"resume": {"gen_…": seq}}` at any time: a snapshot answers, which has these jobs and newer ones
    too if they have ended.
    """

    _follower: Follower
    _caller: Principal
    _telling: asyncio.Task[None] | None = None
    _gone = False
    # What the page said it knows and has no answer to yet; None when it waits for nothing.
    _asked: dict[UUID, int] | None = None

    async def connect(self) -> None:
        caller = await self._signed_in()
        await self.accept()
        if caller is None:
            await self.close(code=UNAUTHENTICATED)
            return
        self._caller = caller
        self._follower = Follower(workspace_id=caller.workspace_id, sandbox=False)
        self._asked = {}
        following.desk().follow(self._follower)
        self._telling = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        self._gone = True
        if self._telling is not None:
            following.desk().leave(self._follower)
            self._telling.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """What the page knows; anything else is not for us."""
        if self._telling is not None and text_data is not None and len(text_data) <= _MOST_BYTES:
            known = _known(text_data)
            if known is not None:
                self._asked = {**(self._asked or {}), **known}
                self._follower.wake()

    async def _tell(self) -> None:
        code = _FAILED
        try:
            code = await self._tell_on()
        except Overflowed:
            code = TOO_SLOW
        except Error:
            code = _LATER
        except OSError:
            # The page is gone, and we hear of it here first.
            self._gone = True
        finally:
            following.desk().leave(self._follower)
            if not self._gone:
                await self.close(code=code)

    async def _tell_on(self) -> int:
        """Tells until there is nobody to tell; gives the reason as the socket's code."""
        desk = following.desk()
        ping_at = time.monotonic() + _PING_SECONDS
        while True:
            if self._asked is not None:
                known, self._asked = self._asked, None
                await self._snapshot(known)
            for told in await self._follower.next(desk, within_seconds=ping_at - time.monotonic()):
                await self.send(text_data=told.text)
            if time.monotonic() >= ping_at:
                if not await following.in_thread(self._still_signed_in):
                    return UNAUTHENTICATED
                await self._say({"type": "ping"})
                ping_at = time.monotonic() + _PING_SECONDS

    async def _snapshot(self, known: Mapping[UUID, int]) -> None:
        """All that is under way, and how what the page knows has ended. What is told from here on is newer."""
        space, since = self._caller.workspace_id, following.recent(timezone.now())
        found = await following.in_thread(
            lambda: selectors.standing(workspace_id=space, sandbox=False, known=known.keys(), since=since)
        )
        # What ended a moment ago is in its place too, though the page did not ask: it is no news to be told again.
        self._follower.place(found)
        shown = [
            {"id": to_public("gen", job.job_id), "seq": job.seq, "status": job.state}
            for job in found
            if job.state in LIVE or _is_news(job, known)
        ]
        await self._say({"type": "snapshot", "generations": shown})

    async def _signed_in(self) -> Principal | None:
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

    def _still_signed_in(self) -> bool:
        """Signing out, deactivation and leaving the workspace end a socket within one ping."""
        key, person = self.scope["session"].session_key, self._caller.user_id
        return person is not None and sessions.stands(
            session_key=key, user_id=person, workspace_id=self._caller.workspace_id
        )

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=orjson.dumps(message).decode())


def _is_news(job: Standing, known: Mapping[UUID, int]) -> bool:
    """Whether a job that has ended since is news to a page that knows these; one that knows none asked for none."""
    if job.job_id in known:
        return job.seq > known[job.job_id]
    return bool(known) and job.job_id > max(known)


def _known(text: str) -> dict[UUID, int] | None:
    """Jobs and the seq of each that a page knows; None when the text says something else."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    given = said.get("resume") if isinstance(said, dict) else None
    if not isinstance(given, dict):
        return None
    pairs = [(from_public("gen", name), seq) for name, seq in list(given.items())[:_MOST_KNOWN]]
    return {job_id: seq for job_id, seq in pairs if job_id is not None and isinstance(seq, int)}
