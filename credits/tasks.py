"""Celery's doors. Each may run twice, late or in several processes at once."""

import structlog
from celery import shared_task
from django.utils import timezone

from credits import expiry, notices, pricing, reconciliation, renewals

_log = structlog.get_logger(__name__)


@shared_task(name="credits.expire_lots", ignore_result=True)
def expire_lots(**_: object) -> None:
    expiry.expire_due(at=timezone.now())


@shared_task(name="credits.forget_quotes", ignore_result=True)
def forget_quotes(**_: object) -> None:
    pricing.forget_expired(at=timezone.now())


@shared_task(name="credits.reconcile", ignore_result=True)
def reconcile(**_: object) -> None:
    for row in reconciliation.violations():
        _log.error("credits.ledger.broken", **row)


@shared_task(name="credits.expire_holds", ignore_result=True)
def expire_holds(**_: object) -> None:
    expiry.expire_holds(at=timezone.now())


@shared_task(name="credits.renew_allowances", ignore_result=True)
def renew_allowances(**_: object) -> None:
    renewals.renew_due(at=timezone.now())


@shared_task(name="credits.raise_notices", ignore_result=True)
def raise_notices(**_: object) -> None:
    notices.raise_due(at=timezone.now())


@shared_task(name="credits.send_notices", ignore_result=True)
def send_notices(**_: object) -> None:
    notices.send_due(at=timezone.now())
