"""The Celery application. Tasks are found in the apps' `tasks.py`; web processes never load those."""

import os
import threading
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wildmind.settings.dev")

app = Celery("wildmind")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery would set up its own; Django's is already in place."""


@worker_ready.connect
def _announce(sender: Any, **_: Any) -> None:
    from generation import fleet  # noqa: PLC0415 - needs Django set up

    queues = tuple(sender.app.amqp.queues.consume_from)
    arguments = {"name": sender.hostname, "queues": queues, "slots": int(sender.controller.concurrency)}
    threading.Thread(target=fleet.heartbeat_forever, kwargs=arguments, name="fleet", daemon=True).start()


@worker_shutting_down.connect
def _leave(sender: Any, **_: Any) -> None:
    from generation import fleet  # noqa: PLC0415 - needs Django set up

    fleet.leave(name=str(sender))
