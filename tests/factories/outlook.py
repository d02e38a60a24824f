"""A leader of the queue, its workers and their slots, without processes."""

from datetime import datetime

from generation import fleet, outlook, pace, service
from generation.lookout import Lookout
from insights import overview


def slots(number: int) -> None:
    """One worker of every queue with this many slots."""
    queues = ("generation.enterprise", "generation.pro", "generation.free", "media")
    fleet.announce(name="test-worker", queues=queues, slots=number)


def look(at: datetime, lookout: Lookout | None = None) -> Lookout:
    """What a leader that has just begun would tell now."""
    leader = lookout or Lookout()
    leader.look(at=at)
    return leader


def forget() -> None:
    """Empties what this process remembers of the queue."""
    service.forget()
    pace.forget()
    outlook.forget()
    overview.forget()
