"""How far running steps are. Lives in Redis alone: it may be lost, and nothing depends on it."""

from collections.abc import Sequence
from uuid import UUID

import redis

from core import queueing

_KEEP_SECONDS = 3600


def _key(job_id: UUID) -> str:
    return f"wm:progress:{job_id.hex}"


def write(*, job_id: UUID, step: str, value: float, of: int) -> float:
    """Notes a step's progress (0 to 1) and gives the whole job's, which has `of` steps."""
    try:
        pipe = queueing.client().pipeline(transaction=False)
        pipe.hset(_key(job_id), step, f"{value:.3f}")
        pipe.expire(_key(job_id), _KEEP_SECONDS)
        pipe.hvals(_key(job_id))
        values = pipe.execute()[2]
    except (redis.RedisError, OSError):
        return value / of
    return min(1.0, sum(float(item) for item in values) / of)


def read(job_ids: Sequence[UUID]) -> dict[UUID, dict[str, float]]:
    """Progress by job and step, as far as it is known."""
    if not job_ids:
        return {}
    try:
        pipe = queueing.client().pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hgetall(_key(job_id))
        found = pipe.execute()
    except (redis.RedisError, OSError):
        return {}
    return {
        job_id: {name.decode(): float(value) for name, value in values.items()}
        for job_id, values in zip(job_ids, found, strict=True)
    }
