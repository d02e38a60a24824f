"""What a workspace may use, as a value that travels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entitlements:
    """`weight` is the share inside the lane; the caps count jobs."""

    plan: str
    lane: str
    weight: int
    max_running: int
    max_queued: int
