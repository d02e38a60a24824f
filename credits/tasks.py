from celery import shared_task
from django.utils import timezone

from credits import expiry


@shared_task(name="credits.expire_lots", ignore_result=True)
def expire_lots(**_: object) -> None:
    expiry.expire_due(at=timezone.now())
