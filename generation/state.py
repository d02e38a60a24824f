"""The states of jobs and steps. PostgreSQL's functions in `sql/` use the same words."""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
CANCELING: Final = "canceling"
RECONCILING: Final = "reconciling"
SUCCEEDED: Final = "succeeded"
PARTIALLY_SUCCEEDED: Final = "partially_succeeded"
FAILED: Final = "failed"
CANCELED: Final = "canceled"
ABORTED: Final = "aborted"
BLOCKED: Final = "blocked"
EXPIRED: Final = "expired"

LIVE: Final = (QUEUED, RUNNING, CANCELING, RECONCILING)
TERMINAL: Final = (SUCCEEDED, PARTIALLY_SUCCEEDED, FAILED, CANCELED, ABORTED, BLOCKED, EXPIRED)
ALL: Final = (*LIVE, *TERMINAL)
CANCELABLE: Final = (QUEUED, RUNNING, RECONCILING)
RETRYABLE: Final = (FAILED, ABORTED, BLOCKED, CANCELED, PARTIALLY_SUCCEEDED)

PLACE_HELD: Final = "held"
PLACE_WANTED: Final = "wanted"
PLACE_NONE: Final = "none"
PLACE_ALL: Final = (PLACE_HELD, PLACE_WANTED, PLACE_NONE)

# Behind the workspace's own limit: its job wants a place.
STEP_QUEUED: Final = "queued"
STEP_WAITING: Final = "waiting"
STEP_READY: Final = "ready"
STEP_CLAIMED: Final = "claimed"
STEP_SUBMITTING: Final = "submitting"
STEP_AWAITING: Final = "awaiting"
STEP_COLLECTING: Final = "collecting"
STEP_PARKED: Final = "parked"
STEP_RECONCILING: Final = "reconciling"
STEP_DONE: Final = "done"
STEP_FAILED: Final = "failed"
STEP_SKIPPED: Final = "skipped"
STEP_CANCELED: Final = "canceled"

# A step that awaits or is in doubt has a lease while a worker has it, and a time in `next_run_at` while nobody has.
STEP_LEASED: Final = (STEP_CLAIMED, STEP_SUBMITTING, STEP_AWAITING, STEP_COLLECTING, STEP_RECONCILING)
STEP_TIMED: Final = (STEP_PARKED, STEP_AWAITING, STEP_RECONCILING)
STEP_ENDED: Final = (STEP_DONE, STEP_FAILED, STEP_SKIPPED, STEP_CANCELED)
STEP_ALL: Final = (
    STEP_QUEUED, STEP_WAITING, STEP_READY, STEP_CLAIMED, STEP_SUBMITTING, STEP_AWAITING, STEP_COLLECTING,
    STEP_PARKED, STEP_RECONCILING, "approval", STEP_DONE, STEP_FAILED, STEP_SKIPPED, STEP_CANCELED,
)  # fmt: skip
