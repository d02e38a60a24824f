"""Celery's doors. `**_` lets an old worker accept a message from a newer publisher during a deploy."""

import os
import signal
from uuid import UUID

from billiard import current_process
from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone

from generation import clock, execution, pace, punctuality, recovery


@shared_task(name="generation.run_steps", acks_late=True, ignore_result=True)
def run_steps(*, batch: list[tuple[str, int]], **_: object) -> None:
    try:
        clock.ask()
        overran = execution.run_batch(
            batch=[(UUID(step_id), number) for step_id, number in batch], clock=clock.now
        )  # fmt: skip
    finally:
        # Back to the pool; one that broke is thrown away, so that a restarted database is met by the next message.
        close_old_connections()
    if overran and current_process().name != "MainProcess":
        # A thread cannot be ended; its process can. The message comes again and finds nothing to do.
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="generation.forget_old_answers", ignore_result=True)
def forget_old_answers(**_: object) -> None:
    recovery.forget_old_answers(at=timezone.now())


@shared_task(name="generation.roll_up_pace", ignore_result=True)
def roll_up_pace(**_: object) -> None:
    now = timezone.now()
    pace.roll_up(at=now)
    punctuality.forget_old(at=now)
