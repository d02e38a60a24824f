"""Workspaces with a key and more credits than a benchmark can spend. Needs Django set up."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from accounts import api_keys, workspaces
from accounts.current import Principal
from credits import ledger
from credits.ledger import Terms

_PLENTY = 100_000_000
_MOST_QUEUED = 30_000


@dataclass(frozen=True, slots=True)
class Caller:
    secret: str
    principal: Principal


@transaction.atomic
def make(count: int, *, lane: str = "free") -> list[Caller]:
    """New callers, each with a workspace of their own that may queue as much as there is."""
    now = timezone.now()
    made: list[tuple[UUID, str]] = []
    for _ in range(count):
        user_id, workspace_id = workspaces.ensure_person(email=f"{uuid4().hex}@example.com", at=now)
        key = api_keys.create(
            workspace_id=workspace_id, user_id=user_id, name="bench", sandbox=False, actor="bench", at=now
        )
        ledger.grant(
            workspace_id=workspace_id, amount=_PLENTY, terms=Terms("goodwill"),
                reference=f"bench:{workspace_id}", at=now,
        )  # fmt: skip
        made.append((workspace_id, key.secret))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_entitlement SET overrides = jsonb_build_object('max_queued', %s::int, "
            "'max_running', %s::int, 'lane', %s::text) WHERE workspace_id = ANY(%s)",
            [_MOST_QUEUED, _MOST_QUEUED, lane, [workspace_id for workspace_id, _ in made]],
        )
    return [Caller(secret, api_keys.authenticate(secret=secret, at=now)) for _, secret in made]


def use_database(name: str) -> None:
    """Lets this process speak to another database of the stand, as Django's test runner does."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend
    connection.settings_dict["NAME"] = name
