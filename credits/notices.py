"""Telling the owners of a wallet, once each, that credits run low or will expire.

A sweep raises notices as rows, without an index on anything that the ledger's hot path writes; a task sends them.
"""

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import audit, workspaces
from core.errors import FieldsRejected
from credits import selectors
from credits.models import Notice, Wallet, Watch
from credits.queues import SEND_NOTICES
from credits.selectors import ORIGIN_LABELS

_log = structlog.get_logger(__name__)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
MOST_THRESHOLD = 1_000_000_000
_BATCH = 200
_FIRST_RETRY, _LAST_RETRY = timedelta(minutes=5), timedelta(hours=6)
_SWEEP_LOCK = 0x77_6D_6E_6F  # "wmno": one sweep at a time, so that two never lock watches in different orders
_LOW = (Notice.Kind.LOW_BALANCE,)
_EXPIRING = (Notice.Kind.EXPIRING_WEEK, Notice.Kind.EXPIRING_DAY)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a workspace wants to be told. `low_below` is in credits, 0 for never; `by_mail` is for every notice."""

    low_below: int
    by_mail: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """Credits of one lot that are about to expire; `rolls_over` if its plan may carry a part on."""

    label: str
    amount: int
    expires_at: datetime
    rolls_over: bool


def wishes(*, wallet_id: UUID) -> Wishes:
    """The workspace's own wishes, or the site's defaults."""
    watch = Watch.objects.filter(wallet_id=wallet_id).first()
    if watch is None:
        return Wishes(settings.CREDITS_LOW_BALANCE, by_mail=True)
    return Wishes(settings.CREDITS_LOW_BALANCE if watch.low_below is None else watch.low_below, watch.by_mail)


@transaction.atomic
def set_wishes(*, workspace_id: UUID, low_below: int, by_mail: bool, actor: str, at: datetime) -> None:
    """Changes them. A threshold above the present balance waits for the next fall."""
    if not 0 <= low_below <= MOST_THRESHOLD:
        raise FieldsRejected([{"field": "low_below", "reason": f"must be 0 to {MOST_THRESHOLD}"}])
    wallet = Wallet.objects.get(workspace_id=workspace_id, sandbox=False)
    Watch.objects.update_or_create(
        wallet_id=wallet.id,
        defaults={"low_below": low_below, "by_mail": by_mail, "armed": wallet.balance >= low_below},
    )
    audit.record(action="wallet.notices_changed", actor=actor, at=at, workspace_id=workspace_id,
                 target=f"wallet:{wallet.id}")  # fmt: skip


@transaction.atomic
def raise_due(*, at: datetime) -> int:
    """Raises what is due and sends for the mailer if anything waits; gives how many were raised. Sandboxes are quiet.

    Held credits count as still there, or each job that fails would be a fall and a rise.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        given: dict[str, Any] = {"at": at, "usual": settings.CREDITS_LOW_BALANCE}
        raised = 0
        for kind, nearest, farthest in ((_EXPIRING[0], DAY, WEEK), (_EXPIRING[1], timedelta(0), DAY)):
            span: dict[str, Any] = {"after": at + nearest, "until": at + farthest, "notice": farthest}
            cursor.execute(_EXPIRE, {"at": at, "kind": kind, **span})
            raised += int(cursor.rowcount)
        for change in (_ADOPT, _ARM, _FALL):
            cursor.execute(change, given)
        raised += int(cursor.rowcount)
    if Notice.objects.filter(state=Notice.State.PENDING, next_try_at__lte=at).exists():
        SEND_NOTICES.on_commit()
    return raised


def send_due(*, at: datetime) -> int:
    """Sends what waits, one mail for a wallet and occasion; gives how many mails went out.

    When the mailer is away, notices wait and are tried again, until they are no longer true.
    """
    due = Notice.objects.filter(state=Notice.State.PENDING, next_try_at__lte=at)
    mails = 0
    wallets = list(due.order_by("wallet_id").values_list("wallet_id", flat=True).distinct()[:_BATCH])
    for wallet_id in wallets:
        for kinds in (_LOW, _EXPIRING):
            claimed = _claim(wallet_id, kinds, at)
            if claimed is not None:
                mails += _deliver(*claimed, at)
    if len(wallets) == _BATCH:
        SEND_NOTICES.on_commit()
    return mails


@transaction.atomic
def _claim(
    wallet_id: UUID, kinds: Sequence[str], at: datetime
) -> tuple[list[Notice], EmailMultiAlternatives] | None:  # fmt: skip
    """Takes the notices that still hold, with the mail for them; drops those that do not."""
    found = Notice.objects.select_for_update(skip_locked=True).filter(
        wallet_id=wallet_id, kind__in=kinds, state=Notice.State.PENDING, next_try_at__lte=at
    )
    notices = list(found.order_by("id"))
    if not notices:
        return None
    wallet = Wallet.objects.get(id=wallet_id)
    owners = workspaces.owner_addresses(workspace_id=wallet.workspace_id)
    content = _low(wallet, at) if kinds == _LOW else _ending(notices, at)
    if content is None or not owners:
        _mark(notices, Notice.State.DROPPED)
        return None
    _mark(notices, Notice.State.SENDING)
    return notices, _mail(notices[0].id, owners, content)


def _deliver(notices: list[Notice], mail: EmailMultiAlternatives, at: datetime) -> int:
    ids = [notice.id for notice in notices]
    try:
        mail.send()
    except (smtplib.SMTPException, OSError) as exc:
        _log.warning("credits.notice.not_sent", wallet=str(notices[0].wallet_id), kind=type(exc).__name__)
        tries = notices[0].tries + 1
        wait = min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(tries - 1, 10))
        Notice.objects.filter(id__in=ids).update(state=Notice.State.PENDING, tries=tries, next_try_at=at + wait)
        return 0
    Notice.objects.filter(id__in=ids).update(state=Notice.State.SENT, sent_at=at)
    return 1


def _mark(notices: list[Notice], state: Notice.State) -> None:
    Notice.objects.filter(id__in=[notice.id for notice in notices]).update(state=state)


def _low(wallet: Wallet, at: datetime) -> dict[str, Any] | None:
    wanted = wishes(wallet_id=wallet.id)
    if wallet.balance >= wanted.low_below or not wanted.by_mail:
        return None
    balance = selectors.balance(workspace_id=wallet.workspace_id, sandbox=False, at=at)
    return {"template": "low_balance", "available": balance.available, "held": balance.held, "below": wanted.low_below}


def _ending(notices: list[Notice], at: datetime) -> dict[str, Any] | None:
    lots = {
        lot.id: lot for lot in selectors.ending_lots(ids=[notice.lot_id for notice in notices if notice.lot_id], at=at)
    }
    if not lots or not wishes(wallet_id=notices[0].wallet_id).by_mail:
        return None
    endings = [
        Ending(ORIGIN_LABELS[lot.origin], lot.remaining, lot.expires_at,
               lot.rollover_percent is not None and lot.generation < lot.rollover_times)
        for lot in lots.values() if lot.expires_at is not None
    ]  # fmt: skip
    return {"template": "expiring", "lots": endings, "total": sum(lot.amount for lot in endings),
            "first_at": min(lot.expires_at for lot in endings)}  # fmt: skip


def _mail(notice_id: UUID, owners: list[str], content: dict[str, Any]) -> EmailMultiAlternatives:
    context = {
        **content, "site": {"name": settings.SITE_NAME}, "wallet_url": f"{settings.SITE_URL}{reverse('wallet')}",
    }  # fmt: skip
    folder = f"emails/{content['template']}"
    mail = EmailMultiAlternatives(
        subject=" ".join(render_to_string(f"{folder}/subject.txt", context).split()),
        body=render_to_string(f"{folder}/body.txt", context), to=owners,
        # The same id each time: should a mailer fail after it had taken the mail, programs show it once.
        headers={"Message-ID": f"<notice.{notice_id}@{urlsplit(settings.SITE_URL).hostname}>",
                 "Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    mail.attach_alternative(render_to_string(f"{folder}/body.html", context), "text/html")
    return mail


# A wallet that is new here counts as armed if it was ever at its threshold: it may have come and gone between sweeps.
_ADOPT = """
INSERT INTO credits_watch (wallet_id, low_below, by_mail, armed)
SELECT w.id, NULL, true, EXISTS (
    SELECT 1 FROM credits_posting p WHERE p.wallet_id = w.id AND p.balance_after >= %(usual)s)
FROM credits_wallet w
WHERE NOT w.sandbox AND NOT EXISTS (SELECT 1 FROM credits_watch c WHERE c.wallet_id = w.id)
ON CONFLICT (wallet_id) DO NOTHING
"""
_ARM = """
UPDATE credits_watch c SET armed = true FROM credits_wallet w
WHERE w.id = c.wallet_id AND NOT c.armed AND w.balance >= coalesce(c.low_below, %(usual)s)
"""
_FALL = """
WITH fallen AS (
    UPDATE credits_watch c SET armed = false FROM credits_wallet w
    WHERE w.id = c.wallet_id AND c.armed AND w.balance < coalesce(c.low_below, %(usual)s)
    RETURNING c.wallet_id, w.balance, c.by_mail
)
INSERT INTO credits_notice (id, wallet_id, kind, lot_id, amount, state, tries, raised_at, next_try_at)
SELECT ledger_uuid7(), wallet_id, 'low_balance', NULL, balance, 'pending', 0, %(at)s, %(at)s FROM fallen WHERE by_mail
"""
# A lot that was born with less time than this is told of when it is given, and not at once again.
_EXPIRE = """
INSERT INTO credits_notice (id, wallet_id, kind, lot_id, amount, state, tries, raised_at, next_try_at)
SELECT ledger_uuid7(), l.wallet_id, %(kind)s::text, l.id, l.remaining, 'pending', 0, %(at)s, %(at)s
FROM credits_lot l JOIN credits_wallet w ON w.id = l.wallet_id AND NOT w.sandbox
LEFT JOIN credits_watch c ON c.wallet_id = l.wallet_id
WHERE NOT l.closed AND l.remaining > 0 AND l.expires_at > %(after)s AND l.expires_at <= %(until)s
    AND l.expires_at - greatest(l.created_at, l.effective_at) > %(notice)s AND l.effective_at <= %(at)s
    AND coalesce(c.by_mail, true)
    AND NOT EXISTS (SELECT 1 FROM credits_notice n WHERE n.lot_id = l.id AND n.kind = %(kind)s::text)
ON CONFLICT (lot_id, kind) WHERE lot_id IS NOT NULL DO NOTHING
"""
