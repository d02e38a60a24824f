"""What is wrong with a deployment, in sentences that say how to mend it."""

from collections.abc import Iterator
from uuid import uuid4

import redis
from celery import current_app
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.utils import timezone

from core import health
from credits import selectors as credits_of
from generation import fleet, offers, selectors
from wildmind import sqs
from wildmind.local.children import QUEUES


def findings() -> Iterator[str]:
    """One sentence for each thing that is wrong; nothing when all is well."""
    broken = [check for check in health.check_all() if check.problem]
    yield from (f"{check.name}: {check.problem}" for check in broken)
    if any(check.name in {"database", "migrations"} for check in broken):
        return
    yield from _catalogue()
    yield from _broker()
    yield from _workers()
    yield from _ledger()
    yield from _storage()
    yield from _settings()


def _catalogue() -> Iterator[str]:
    now = timezone.now()
    if not offers.models(at=now):
        yield "No model is on offer: run `manage.py sync_catalog`, or enable one in the admin."
    for slug in offers.unpriced(at=now):
        yield f"{slug} has no price in force: run `manage.py sync_catalog`, or publish one with `load_rates`."


def _broker() -> Iterator[str]:
    if settings.CELERY_BROKER_URL == settings.REDIS_URL:
        return  # The probes asked it.
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            channel = connection.default_channel
            if isinstance(channel, sqs.Channel):
                yield from sqs.findings(channel, queues=QUEUES.split(","))
    except Exception as exc:  # noqa: BLE001 - whatever the broker says is the finding
        yield (
            f"The broker refuses ({type(exc).__name__}), so jobs are accepted and wait: check WILDMIND_BROKER_URL, "
            "and for SQS the region, the keys and what they may do."
        )


def _workers() -> Iterator[str]:
    try:
        slots = fleet.slots_by_queue()
    except (redis.RedisError, OSError):
        yield "Redis does not answer, so no worker can be reached. Jobs are accepted and wait."
        return
    if not slots:
        yield "No worker is up: start `celery -A wildmind.celery worker` with the queues of docs/operations/install.md."
    for placement, lane, ready, _, _ in selectors.backlog():
        queue = "media" if placement == "cpu" else f"generation.{lane}"
        if ready and not slots.get(queue):
            yield f"{ready} steps wait for the queue {queue}, and no worker reads it."


def _ledger() -> Iterator[str]:
    try:
        broken = credits_of.violations()
    except DatabaseError:
        yield "The ledger's invariants cannot be read: run `manage.py migrate`."
        return
    if broken:
        yield f"The ledger has {len(broken)} violations: run `manage.py reconcile_ledger` and see the runbook."


def _storage() -> Iterator[str]:
    key = f"doctor/{uuid4().hex}"
    try:
        default_storage.save(key, ContentFile(b"ok"))
        with default_storage.open(key) as file:
            kept = file.read() == b"ok"
        default_storage.delete(key)
    except Exception as exc:  # noqa: BLE001 - whatever the store says is the finding
        yield f"The media store refuses a small file ({type(exc).__name__}): check its bucket, keys or folder."
        return
    if not kept:
        yield "The media store gives back something else than it was given."


def _settings() -> Iterator[str]:
    if settings.SECRET_KEY.startswith("local-only") and not settings.SEED_DEMO_ALLOWED:
        yield "WILDMIND_SECRET_KEY is the local one: set a long random secret."
    if not settings.SEED_DEMO_ALLOWED and settings.SITE_URL.startswith("http://"):
        yield "WILDMIND_SITE_URL is not https: links in mails and cookies will not be safe."
