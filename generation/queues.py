"""Tasks by name. The conductor chooses the queue: a lane's for waiting on providers, `media` for work on our CPUs."""

from core.queueing import TaskRef

CPU_QUEUE = "media"
RUN_STEPS = TaskRef("generation.run_steps", CPU_QUEUE)
EXPIRE_IDEMPOTENCY = TaskRef("generation.forget_old_answers", "maintenance")
ROLL_UP_PACE = TaskRef("generation.roll_up_pace", "maintenance")


def queue_of(*, placement: str, lane: str) -> str:
    """The Celery queue that carries steps of this placement and lane."""
    return CPU_QUEUE if placement == "cpu" else f"generation.{lane}"
