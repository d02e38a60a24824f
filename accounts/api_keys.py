"""Keys: made once, shown once, looked up by hash on every call."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.db import connection, transaction

from accounts import audit
from accounts.current import Principal
from accounts.entitlements import Entitlements
from accounts.models import ApiKey
from accounts.scopes import DEFAULT_SCOPES, SCOPES
from core.errors import FieldsRejected, NotFound, Unauthenticated
from core.ids import uuid7

_LIVE, _TEST = "wm_live_", "wm_test_"
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. The secret exists only here."""

    id: UUID
    secret: str
    prefix: str


@transaction.atomic
def create(  # noqa: PLR0913 - each is a column that somebody must decide
    *, workspace_id: UUID, user_id: UUID | None, name: str, scopes: Iterable[str] = DEFAULT_SCOPES,
    sandbox: bool, actor: str, at: datetime, expires_at: datetime | None = None,
) -> NewKey:  # fmt: skip
    """Makes a key with some of SCOPES. The caller shows the secret once and forgets it."""
    wanted = tuple(dict.fromkeys(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        reason = f"{unknown[0]!r} is not a scope" if unknown else "name at least one scope"
        raise FieldsRejected([{"field": "scopes", "reason": reason}])
    secret = (_TEST if sandbox else _LIVE) + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        id=uuid7(), workspace_id=workspace_id, created_by_id=user_id, name=name, prefix=secret[:12],
        secret_hash=_hash(secret), scopes=list(wanted), sandbox=sandbox, created_at=at, expires_at=expires_at,
    )  # fmt: skip
    audit.record(action="api_key.created", actor=actor, at=at, workspace_id=workspace_id, target=f"key:{key.id}")
    return NewKey(key.id, secret, key.prefix)


@transaction.atomic
def revoke(*, workspace_id: UUID, key_id: UUID, actor: str, at: datetime) -> None:
    """Ends a key at once. Revoking twice changes nothing."""
    changed = ApiKey.objects.filter(id=key_id, workspace_id=workspace_id, revoked_at=None).update(revoked_at=at)
    if changed:
        audit.record(action="api_key.revoked", actor=actor, at=at, workspace_id=workspace_id, target=f"key:{key_id}")
    elif not ApiKey.objects.filter(id=key_id, workspace_id=workspace_id).exists():
        raise NotFound


def list_for(*, workspace_id: UUID) -> list[ApiKey]:
    """All keys of a workspace, newest first, revoked ones too."""
    return list(ApiKey.objects.filter(workspace_id=workspace_id).order_by("-id"))


def names(*, workspace_id: UUID) -> dict[UUID, str]:
    """What each key of a workspace is called, revoked ones too."""
    return dict(ApiKey.objects.filter(workspace_id=workspace_id).values_list("id", "name"))


def authenticate(*, secret: str, at: datetime) -> Principal:
    """The caller behind a secret, in one indexed statement. Raises Unauthenticated.

    Nothing is cached: a revoked key ends with the next call.
    """
    if not secret.startswith((_LIVE, _TEST)) or not secret.isascii() or len(secret) > 100:
        raise Unauthenticated("The API key does not have the form of one.")
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, [_hash(secret)])
        row = cursor.fetchone()
    if row is None:
        raise Unauthenticated("There is no such API key.")
    (key_id, workspace_id, workspace_name, user_id, email, scopes, sandbox, expires_at, revoked_at, used_at,
     plan, plan_name, limits) = row  # fmt: skip
    if revoked_at is not None or (expires_at is not None and expires_at <= at):
        raise Unauthenticated("The API key was revoked." if revoked_at else "The API key has expired.")
    if used_at is None or at - used_at > _USED_EVERY:
        ApiKey.objects.filter(id=key_id).update(last_used_at=at)
    return Principal(
        user_id=user_id, email=email or "", workspace_id=workspace_id, workspace_name=workspace_name, role="key",
        sandbox=sandbox, scopes=frozenset(scopes), key_id=key_id,
        entitlements=Entitlements.read(plan=plan, plan_name=plan_name, limits=orjson.loads(limits)),
    )  # fmt: skip


def stands(*, key_id: UUID, at: datetime) -> bool:
    """Whether a key that was accepted before would be accepted now."""
    key = ApiKey.objects.filter(id=key_id, revoked_at=None, created_by__is_active=True).values("expires_at").first()
    return key is not None and (key["expires_at"] is None or key["expires_at"] > at)


_LOOK_UP = """
SELECT k.id, k.workspace_id, w.name, k.created_by_id, u.email, k.scopes, k.sandbox, k.expires_at, k.revoked_at,
       k.last_used_at, p.slug, p.name, p.limits || e.overrides
FROM accounts_apikey k
JOIN accounts_workspace w ON w.id = k.workspace_id
JOIN accounts_entitlement e ON e.workspace_id = k.workspace_id
JOIN accounts_plan p ON p.slug = e.plan
JOIN accounts_user u ON u.id = k.created_by_id AND u.is_active
WHERE k.secret_hash = %s
"""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
