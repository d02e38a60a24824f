from celery import shared_task
from django.utils import timezone

from credits import expiry, pricing


@shared_task(name="credits.expire_lots", ignore_result=True)
def expire_lots(**_: object) -> None:
    expiry.expire_due(at=timezone.now())


@shared_task(name="credits.forget_quotes", ignore_result=True)
def forget_quotes(**_: object) -> None:
    pricing.forget_expired(at=timezone.now())
