"""Celery with nothing in it. As a program: puts N tasks into the broker and says what that took."""

import os
import sys

from celery import Celery

from bench.floors.produce import produce

app = Celery("floor", broker=os.environ["BENCH_BROKER_URL"])
app.conf.update(task_ignore_result=True, task_default_queue="noop", broker_connection_retry_on_startup=True)


@app.task(name="noop", ignore_result=True)
def noop(number: int) -> None:
    """Does nothing."""


if __name__ == "__main__":
    produce(int(sys.argv[1]), noop.delay)
