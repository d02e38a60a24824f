"""The ways to providers: the operator's, from the environment or the admin, and those that workspaces brought.

Reading goes through a copy of at most two seconds' age, as with the catalogue.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from core import secrets
from core.errors import NotFound
from core.ids import uuid7
from core.secrets import Secret, SecretUnreadable
from providers import registry
from providers.contracts import Connection, Needs
from providers.errors import UnknownAdapter
from providers.models import Connection as Row

_FRESH_SECONDS = 2.0


@dataclass(slots=True)
class _Copy:
    rows: Mapping[UUID, Connection] = field(default_factory=dict)
    paused: frozenset[UUID] = frozenset()
    read_at: float = float("-inf")


_copy = _Copy()


def serving(kind: str, *, workspace_id: UUID | None = None) -> list[Connection]:
    """The connections that a workspace's work of this adapter may go to. Its own, if it brought any, and nothing else:
    its work is never put on the operator's bill unasked, and never the other way round."""
    if registry.adapter(kind).needs == Needs():
        return [local(kind)]
    of_kind = [found for found in _current().values() if found.kind == kind and found.id not in _copy.paused]
    own = [connection for connection in of_kind if workspace_id and connection.workspace_id == workspace_id]
    return own or [connection for connection in of_kind if connection.workspace_id is None]


def get(connection_id: UUID, *, kind: str) -> Connection:
    """The connection of a call that was begun, also when it was paused since: what is under way there is still asked
    about. Raises NotFound when it was taken away."""
    if connection_id == local(kind).id:
        return local(kind)
    found = _current().get(connection_id)
    if found is None:
        raise NotFound("There is no such connection.")
    return found


def is_open(connection_id: UUID) -> bool:
    """Whether a new call may go over this connection."""
    return connection_id in _current() and connection_id not in _copy.paused


def is_operators(connection_id: UUID) -> bool:
    """Whether this is a connection of the operator's, for which another of his may stand in."""
    found = _current().get(connection_id)
    return found is not None and found.workspace_id is None


def local(kind: str) -> Connection:
    """The connection of an adapter that needs none: it computes here."""
    return Connection(UUID(int=0), kind, "here", "", Secret())


def sync(*, at: datetime) -> list[str]:
    """Brings connections up to the environment: one for each adapter whose variables are set. Says what changed."""
    changes = []
    for kind in registry.kinds():
        needs = needs_of(kind)
        if needs is None:
            continue
        row = Row.objects.filter(kind=kind, managed=True).first()
        address = os.environ.get(needs.address_env, "") if needs.address_env else ""
        # A key alone leads nowhere where there is no usual address.
        secret = bool(needs.secret_env and os.environ.get(needs.secret_env)) and bool(needs.base_url)
        wanted = bool(address) or secret
        if wanted and row is None:
            Row.objects.create(
                id=uuid7(), kind=kind, name=kind, base_url=address, secret_env=needs.secret_env, managed=True,
                created_at=at, updated_at=at,
            )  # fmt: skip
            changes.append(f"connect {kind}")
        elif row is not None and (wanted != (row.status == Row.Status.ACTIVE) or (wanted and row.base_url != address)):
            row.status = Row.Status.ACTIVE if wanted else Row.Status.PAUSED
            row.base_url, row.updated_at = address if wanted else row.base_url, at
            row.save(update_fields=["status", "base_url", "updated_at"])
            changes.append(f"{'connect' if wanted else 'pause'} {kind}")
    if changes:
        forget()
    return changes


def forget() -> None:
    """Makes the next reader of this process ask the database."""
    _copy.read_at = float("-inf")


def _current() -> Mapping[UUID, Connection]:
    now = time.monotonic()
    if now - _copy.read_at > _FRESH_SECONDS:
        rows = list(Row.objects.order_by("created_at", "id"))
        _copy.rows = {row.id: found for row in rows if (found := as_connection(row)) is not None}
        _copy.paused = frozenset(row.id for row in rows if row.status != Row.Status.ACTIVE)
        _copy.read_at = now
    return _copy.rows


def needs_of(kind: str) -> Needs | None:
    """None for an adapter that this process does not have: another release has it, or a package is missing here."""
    try:
        return registry.adapter(kind).needs
    except UnknownAdapter:
        return None


def as_connection(row: Row) -> Connection | None:
    """None for one that cannot work here: its adapter is unknown to this release, or its secret cannot be read."""
    needs = needs_of(row.kind)
    if needs is None:
        return None
    try:
        secret = (
            secrets.unseal(bytes(row.sealed_secret))
            if row.sealed_secret
            else Secret(os.environ.get(row.secret_env, ""))
        )
    except SecretUnreadable:
        return None
    return Connection(
        id=row.id, kind=row.kind, name=row.name, base_url=row.base_url or needs.base_url, secret=secret,
        options=row.options, result_hosts=(*needs.result_hosts, *row.result_hosts), workspace_id=row.workspace_id,
    )  # fmt: skip
