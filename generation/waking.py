"""A provider says that something happened to an attempt. Its word is a reason to look, and never more."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import orjson
from django.db import connection

from core.errors import NotFound
from generation import events
from providers import gateway


def wake(*, token: UUID, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Makes whoever waits for this attempt look now. What the call names is adopted by an attempt whose answer was
    lost: it is asked about from now on. Raises NotFound or providers.errors.BadSignature."""
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [token])
        found = cursor.fetchone()
        if found is None:
            raise NotFound
        revision = gateway.revision(found[0])
        route = gateway.connection(revision=revision, connection_id=found[1])
        handle = gateway.verify_webhook(revision=revision, connection=route, headers=headers, body=body, at=at)
        if handle is not None:
            kept = orjson.dumps({"version": handle.version, "data": dict(handle.data)}).decode()
            cursor.execute("SELECT generation_adopt(%s, %s::jsonb)", [token, kept])
        cursor.execute("SELECT generation_wake(%s)", [token])
        (waits,) = cursor.fetchone()
    if waits:
        events.send([events.woken(token)], nudge=False)


_ASKED = """
SELECT revision_id, connection_id FROM generation_attempt WHERE id = %s
"""
