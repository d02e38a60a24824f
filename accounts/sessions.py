"""Sessions in PostgreSQL with a copy in the cache. While the cache is away the table answers alone."""

from typing import Any
from uuid import UUID

import redis
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db

from accounts.models import Membership


class SessionStore(cached_db.SessionStore):
    """Django's own, which fails when it has read a session and cannot put the copy back."""

    def load(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = super().load()
        except (redis.RedisError, OSError):
            kept = self._get_session_from_db()  # type: ignore[attr-defined]  # of the db backend
            found = self.decode(kept.session_data) if kept else {}
        return found


def stands(*, session_key: str | None, user_id: UUID, workspace_id: UUID) -> bool:
    """Whether a session is still this person's, and the person active and a member of the workspace."""
    if SessionStore(session_key).load().get(SESSION_KEY) != str(user_id):
        return False
    return Membership.objects.filter(user_id=user_id, user__is_active=True, workspace_id=workspace_id).exists()
