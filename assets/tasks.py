"""Celery's doors. Each may run twice, late or in several processes at once."""

from uuid import UUID

from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone

from assets import rendering


@shared_task(name="assets.make_renditions", acks_late=True, ignore_result=True)
def make_renditions(*, asset_ids: list[str], **_: object) -> None:
    try:
        rendering.render(asset_ids=[UUID(text) for text in asset_ids])
    finally:
        close_old_connections()


@shared_task(name="assets.mend_renditions", ignore_result=True)
def mend_renditions(**_: object) -> None:
    rendering.mend(at=timezone.now())
