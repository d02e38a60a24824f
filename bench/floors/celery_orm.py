"""The tutorial's way: a row, a task with its id, and the task saving the row twice."""

import os
import sys

import django
from celery import Celery
from django.utils import timezone

from bench.floors.produce import produce

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.floors.settings")
app = Celery("floor", broker=os.environ["BENCH_BROKER_URL"])
app.conf.update(task_ignore_result=True, task_default_queue="orm", broker_connection_retry_on_startup=True)
django.setup()

from bench.floors.models import Row  # noqa: E402 - needs Django set up


@app.task(name="orm", ignore_result=True)
def work(row_id: int) -> None:
    """Looks the job up, marks it running, marks it done."""
    row = Row.objects.get(id=row_id)
    row.state = "running"
    row.started_at = timezone.now()
    row.save()
    row.state = "done"
    row.result = {"outputs": []}
    row.finished_at = timezone.now()
    row.save()


def submit(number: int) -> None:
    work.delay(Row.objects.create(prompt=f"nothing {number}", model="noop").pk)


if __name__ == "__main__":
    produce(int(sys.argv[1]), submit)
