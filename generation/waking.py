"""A provider says that something happened to an attempt. Its word is a reason to look, and never more."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from core.errors import NotFound
from generation import events
from providers import gateway


def wake(*, token: UUID, headers: Mapping[str, str], body: bytes) -> None:
    """Makes whoever waits for this attempt look now. Raises NotFound or providers.errors.BadSignature."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT revision_id FROM generation_attempt WHERE id = %s", [token])
        found = cursor.fetchone()
        if found is None:
            raise NotFound
        gateway.verify_webhook(revision=gateway.revision(found[0]), headers=headers, body=body)
        cursor.execute("SELECT generation_wake(%s)", [token])
        (waits,) = cursor.fetchone()
    if waits:
        events.send([events.woken(token)], nudge=False)
