"""Making, changing and testing the ways to providers. A secret goes in and never comes out."""

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts import audit
from core import egress, secrets
from core.errors import FieldsRejected, NotFound
from core.ids import uuid7
from core.secrets import Secret
from providers import connections, http, registry
from providers.contracts import Connection, Ctx, Health, Needs
from providers.errors import ProviderError
from providers.models import Connection as Row

_TEST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A connection as somebody describes it. `secret` None leaves the one that is stored."""

    kind: str
    name: str
    base_url: str = ""
    secret: Secret | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    result_hosts: Sequence[str] = ()
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection as its people see it: of the secret only whether there is one and how it ends."""

    id: UUID
    kind: str
    name: str
    base_url: str
    has_secret: bool
    secret_hint: str
    status: str
    checked_at: datetime | None
    checked_ok: bool | None
    checked_detail: str


def kinds() -> list[str]:
    """Adapters that go over a connection."""
    return [kind for kind in registry.kinds() if connections.needs_of(kind) not in (None, Needs())]


def of_workspace(*, workspace_id: UUID) -> list[ConnectionView]:
    """The connections that a workspace brought."""
    return [_view(row) for row in Row.objects.filter(workspace_id=workspace_id).order_by("name")]


def save(
    *,
    draft: Draft,
    workspace_id: UUID | None,
    actor: str,
    at: datetime,
    connection_id: UUID | None = None,
    untested: bool = False,
) -> ConnectionView:
    """Makes or changes a connection, once its provider has answered. Raises FieldsRejected or NotFound.

    A new address takes the stored secret away: it must be given again, so that nobody sends it elsewhere unseen.
    `untested` keeps one whose provider does not answer now.
    """
    new = Row(id=uuid7(), workspace_id=workspace_id, created_at=at)
    row = _row(connection_id, workspace_id) if connection_id else new
    _check(draft, row, workspace_id)
    moved = bool(connection_id) and draft.base_url != row.base_url
    row.kind, row.name, row.base_url = draft.kind, draft.name.strip(), draft.base_url.strip()
    row.options, row.result_hosts = dict(draft.options), list(draft.result_hosts)
    row.concurrency, row.updated_at = draft.concurrency, at
    if draft.secret is not None:
        row.sealed_secret, row.secret_hint = secrets.seal(draft.secret), draft.secret.hint()
        row.secret_env = ""
    elif moved and row.sealed_secret:
        raise FieldsRejected([{"field": "secret", "reason": "the address is another one: give the secret again"}])
    _note(row, _tried(row), at)
    if not row.checked_ok and not untested:
        raise FieldsRejected([{"field": "base_url", "reason": f"its provider did not answer: {row.checked_detail}"}])
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as exc:
        raise FieldsRejected([{"field": "name", "reason": "there is one of this name"}]) from exc
    audit.record(
        action="connection.saved", actor=actor, at=at, workspace_id=workspace_id, target=f"connection:{row.id}",
        reason=f"{row.kind} at {urlsplit(row.base_url).hostname or 'its usual address'}",
    )  # fmt: skip
    connections.forget()
    return _view(row)


def test(*, connection_id: UUID, workspace_id: UUID | None, at: datetime) -> ConnectionView:
    """Asks the provider whether it knows us, by a call that costs nothing. Raises NotFound."""
    row = _row(connection_id, workspace_id)
    _note(row, _tried(row), at)
    row.save(update_fields=["checked_at", "checked_ok", "checked_detail"])
    return _view(row)


def test_all(*, at: datetime) -> list[ConnectionView]:
    """The same for every active connection, the operator's first."""
    rows = Row.objects.filter(status=Row.Status.ACTIVE).order_by(
        F("workspace_id").asc(nulls_first=True), "kind", "name"
    )
    return [test(connection_id=row.id, workspace_id=row.workspace_id, at=at) for row in rows]


def switch(*, connection_id: UUID, workspace_id: UUID | None, on: bool, actor: str, at: datetime) -> None:
    """Pauses a connection, or lets it serve again. What is under way on it is still asked about. Raises NotFound."""
    row = _row(connection_id, workspace_id)
    row.status, row.updated_at = Row.Status.ACTIVE if on else Row.Status.PAUSED, at
    row.save(update_fields=["status", "updated_at"])
    audit.record(
        action="connection.switched", actor=actor, at=at, workspace_id=workspace_id, target=f"connection:{row.id}",
        reason=row.status,
    )  # fmt: skip
    connections.forget()


def remove(*, connection_id: UUID, workspace_id: UUID, actor: str, at: datetime) -> None:
    """Forgets a workspace's connection and its secret. Raises NotFound."""
    row = _row(connection_id, workspace_id)
    audit.record(
        action="connection.removed", actor=actor, at=at, workspace_id=workspace_id, target=f"connection:{row.id}",
        reason=row.kind,
    )  # fmt: skip
    row.delete()
    connections.forget()


def _row(connection_id: UUID, workspace_id: UUID | None) -> Row:
    rows = Row.objects.filter(id=connection_id)
    owner = Q(workspace_id__isnull=True) if workspace_id is None else Q(workspace_id=workspace_id)
    row = rows.filter(owner).first()
    if row is None:
        raise NotFound
    return row


def _check(draft: Draft, row: Row, workspace_id: UUID | None) -> None:
    if draft.kind not in kinds():
        raise FieldsRejected([{"field": "kind", "reason": f"must be one of: {', '.join(kinds())}"}])
    needs = registry.adapter(draft.kind).needs
    if not draft.name.strip():
        raise FieldsRejected([{"field": "name", "reason": "must not be empty"}])
    if not draft.base_url and not needs.base_url:
        raise FieldsRejected([{"field": "base_url", "reason": "this kind has no usual address: give yours"}])
    if draft.base_url:
        _check_address(draft.base_url, own=workspace_id is not None)
    has_secret = draft.secret is not None or row.sealed_secret or row.secret_env
    # A server of one's own may do without.
    if needs.secret_env and not needs.address_env and not has_secret:
        raise FieldsRejected([{"field": "secret", "reason": "this kind needs one"}])


def _check_address(url: str, *, own: bool) -> None:
    """An operator may name any server of his; a workspace only what the guard lets through."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.query:
        raise FieldsRejected([{"field": "base_url", "reason": "must be an http or https address"}])
    if own:
        try:
            egress.check_url(url, secure=not _is_listed(parts.hostname))
        except egress.AddressRefused as exc:
            raise FieldsRejected([{"field": "base_url", "reason": f"{exc}: it may not be called from here"}]) from exc


def _is_listed(host: str) -> bool:
    try:
        return egress.is_listed(ipaddress.ip_address(host))
    except ValueError:
        return False


def _tried(row: Row) -> Health:
    connection = connections.as_connection(row)
    if connection is None:
        return Health(ok=False, detail="its secret cannot be read")
    return asyncio.run(_asked(connection))


async def _asked(connection: Connection) -> Health:
    ctx = Ctx(progress=lambda _: None, directives_allowed=False, connection=connection)
    try:
        async with asyncio.timeout(_TEST_SECONDS):
            return await registry.adapter(connection.kind).probe(ctx)
    except ProviderError as exc:
        return Health(ok=False, detail=str(exc))
    except TimeoutError:
        return Health(ok=False, detail=f"no answer in {_TEST_SECONDS:g} seconds")
    finally:
        await http.close()


def _note(row: Row, health: Health, at: datetime) -> None:
    row.checked_at, row.checked_ok, row.checked_detail = at, health.ok, health.detail[:200]


def _view(row: Row) -> ConnectionView:
    has_secret = bool(row.sealed_secret or row.secret_env)
    return ConnectionView(
        row.id, row.kind, row.name, row.base_url, has_secret, row.secret_hint, row.status,
        row.checked_at, row.checked_ok, row.checked_detail,
    )  # fmt: skip
