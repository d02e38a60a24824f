"""Spend limits of a workspace, its keys, members and models. The ledger checks them under the wallet's lock."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from django.db import connection, transaction

from core.errors import FieldsRejected
from core.ids import uuid7
from credits.models import SpendLimit, Wallet

Scope = Literal["wallet", "key", "member", "model"]
Period = Literal["day", "month", "total"]
MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """A ceiling in credits, and what of it is used in the present period; open holds count in full."""

    id: UUID
    scope: str
    subject: str
    period: str
    amount: int
    used: int


@transaction.atomic
def set_limit(
    *, workspace_id: UUID, scope: Scope, subject: str, period: Period, amount: int | None, at: datetime,
    sandbox: bool = False,
) -> None:  # fmt: skip
    """Sets, changes or (with None) removes a limit. A new one counts what its period has already used.

    `subject` is the key's or member's id, the model's name, or empty for the whole wallet.
    """
    if amount is not None and not 0 <= amount <= MOST:
        raise FieldsRejected([{"field": "amount", "reason": f"must be 0 to {MOST}"}])
    if bool(subject) != (scope != "wallet"):
        raise FieldsRejected([{"field": "subject", "reason": "names a key, member or model, and no wallet"}])
    wallet = Wallet.objects.select_for_update().get(workspace_id=workspace_id, sandbox=sandbox)
    known = SpendLimit.objects.filter(wallet=wallet, scope=scope, subject=subject, period=period)
    if amount is None:
        known.delete()
    elif not known.update(amount=amount):
        limit = SpendLimit.objects.create(
            id=uuid7(), wallet=wallet, scope=scope, subject=subject, period=period, amount=amount, created_at=at
        )
        _count_past(limit, at)
    wallet.limited = SpendLimit.objects.filter(wallet=wallet).exists()
    wallet.save(update_fields=["limited"])


def limits(*, workspace_id: UUID, at: datetime, sandbox: bool = False) -> list[Limit]:
    """Every limit of a workspace with its present use."""
    with connection.cursor() as cursor:
        cursor.execute(_LIMITS, [at, workspace_id, sandbox])
        return [Limit(*row) for row in cursor.fetchall()]


def _count_past(limit: SpendLimit, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_period_start(%s, %s)", [limit.period, at])
        since: date = cursor.fetchone()[0]
        cursor.execute(
            _COUNT_PAST,
            {"limit": limit.id, "since": since, "wallet": limit.wallet_id, "scope": limit.scope,
             "subject": limit.subject},
        )  # fmt: skip


_LIMITS = """
SELECT l.id, l.scope, l.subject, l.period, l.amount, coalesce(s.used, 0)
FROM credits_spendlimit l JOIN credits_wallet w ON w.id = l.wallet_id
LEFT JOIN credits_spending s ON s.limit_id = l.id AND s.period_start = ledger_period_start(l.period, %s)
WHERE w.workspace_id = %s AND w.sandbox = %s ORDER BY l.scope, l.subject, l.period
"""
# Once for each new limit: open holds by their index, closed ones by the postings of the period.
_COUNT_PAST = """
WITH recent AS (
    SELECT h.id FROM credits_hold h WHERE h.wallet_id = %(wallet)s AND h.state = 'held'
    UNION SELECT p.hold_id FROM credits_posting p
    WHERE p.wallet_id = %(wallet)s AND p.kind = 'capture' AND p.at >= %(since)s::timestamp AT TIME ZONE 'UTC'
), counted AS (
    UPDATE credits_hold h SET limit_ids = limit_ids || %(limit)s::uuid, limit_starts = limit_starts || %(since)s::date
    FROM recent WHERE h.id = recent.id AND h.created_at >= %(since)s::timestamp AT TIME ZONE 'UTC'
        AND (%(scope)s = 'wallet' OR (%(scope)s = 'key' AND h.key_id::text = %(subject)s)
            OR (%(scope)s = 'member' AND h.member_id::text = %(subject)s)
            OR (%(scope)s = 'model' AND h.model = %(subject)s))
    RETURNING CASE h.state WHEN 'held' THEN h.amount ELSE h.captured - h.refunded END AS used
)
INSERT INTO credits_spending (limit_id, period_start, used)
SELECT %(limit)s, %(since)s, sum(used) FROM counted HAVING sum(used) IS NOT NULL
"""
