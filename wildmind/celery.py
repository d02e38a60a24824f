"""The Celery application. Tasks are found in the apps' `tasks.py`; web processes never load those."""

import os
import threading
from typing import Any

from celery import Celery, bootsteps
from celery.signals import (
    setup_logging,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wildmind.settings.dev")

_WAITING = "/providers"
_LEAVE_SECONDS = 2.0

_leaving = threading.Event()
_hearts: list[threading.Thread] = []

app = Celery("wildmind")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class Steadfast(bootsteps.Step):
    """Keeps a worker alive whose message is over while the broker is away.

    It is acknowledged on a connection that is closed by then, and kombu's Redis transport says so with an
    AttributeError, which Celery does not count as a lost connection: it would end. The message may be lost with it.
    """

    def __init__(self, parent: Any, **_: Any) -> None:
        parent.connection_errors = (*parent.connection_errors, AttributeError)


app.steps["consumer"].add(Steadfast)


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery would set up its own; Django's is already in place."""


@worker_ready.connect
def _announce(sender: Any, **_: Any) -> None:
    from generation import fleet  # noqa: PLC0415 - needs Django set up

    for name, queues, slots in _rooms(sender):
        arguments = {"name": name, "queues": queues, "slots": slots, "stop": _leaving}
        heart = threading.Thread(target=fleet.heartbeat, kwargs=arguments, name="fleet", daemon=True)
        heart.start()
        _hearts.append(heart)


@worker_shutting_down.connect
def _leave(**_: Any) -> None:
    """At a signal: whoever announces hears it at once, and says that it was the last time."""
    _leaving.set()


@worker_shutdown.connect
@worker_process_shutdown.connect
def _land(**_: Any) -> None:
    """What waits for providers in this process goes back to the table, for another one to wait for."""
    from django.conf import settings  # noqa: PLC0415 - needs Django set up

    from generation import runner  # noqa: PLC0415 - needs Django set up

    runner.drain(within_seconds=settings.GENERATION_LANDING_SECONDS)
    for heart in _hearts:
        heart.join(_LEAVE_SECONDS)


def _rooms(sender: Any) -> list[tuple[str, tuple[str, ...], int]]:
    """Names, queues and slots: a lane's step that waits for a provider takes no thread, any other one takes one."""
    from django.conf import settings  # noqa: PLC0415 - needs Django set up

    queues, at_once = tuple(sender.app.amqp.queues.consume_from), int(sender.controller.concurrency)
    loops = at_once if "prefork" in sender.controller.pool_cls.__module__ else 1
    waiting = tuple(queue for queue in queues if queue.startswith("generation."))
    working = tuple(queue for queue in queues if queue not in waiting)
    rooms = [
        (sender.hostname, working, at_once),
        (f"{sender.hostname}{_WAITING}", waiting, settings.GENERATION_RUNNER_SLOTS * loops),
    ]
    return [room for room in rooms if room[1]]
