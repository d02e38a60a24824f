"""How much more work a queue takes. Workers read several queues and have their slots once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from generation.fleet import Worker

# Steps that may wait in the broker beyond what runs: enough that a worker finds its next message.
_SPARE_SLOTS = 1
# Work that a slot may have before it when steps are so short that counting them would leave it idle.
_WINDOW_MS = 60


@dataclass(frozen=True, slots=True)
class Busy:
    """What a queue has under way: steps, and their expected slot-milliseconds."""

    steps: int = 0
    work_ms: int = 0

    def __add__(self, other: "Busy") -> "Busy":
        return Busy(self.steps + other.steps, self.work_ms + other.work_ms)


_NOTHING = Busy()


def slots_of(crew: Iterable[Worker], *queues: str) -> int:
    """Slots of the workers that read any of these queues."""
    return sum(worker.slots for worker in crew if not set(queues).isdisjoint(worker.queues))


def room(*, queue: str, crew: Sequence[Worker], busy: Mapping[str, Busy], mean_ms: float) -> int:
    """How many more steps of about `mean_ms` to send to a queue.

    The least of what it and any others have left together, since they may share workers. While no slot is free and more
    than half of the window is under way it is nothing: else every end would be answered by a message of two steps.
    """
    own = busy.get(queue, _NOTHING)
    return max(0, min(_left(own, slots, others, mean_ms) for slots, others in _together(queue, crew, busy)))


def _together(queue: str, crew: Sequence[Worker], busy: Mapping[str, Busy]) -> Iterator[tuple[int, Busy]]:
    """For each set of queues that this one is in: their slots, and what the others keep busy of them."""
    others = [name for name in busy if name != queue]
    for number in range(len(others) + 1):
        for names in combinations(others, number):
            kept = _NOTHING
            for name in names:
                # What was sent to workers that are gone keeps nobody busy.
                slots = slots_of(crew, name)
                kept += Busy(min(busy[name].steps, slots), min(busy[name].work_ms, slots * _WINDOW_MS))
            yield slots_of(crew, queue, *names), kept


def _left(own: Busy, slots: int, others: Busy, mean_ms: float) -> int:
    if not slots:
        return 0
    free = slots + _SPARE_SLOTS - own.steps - others.steps
    window, work = slots * _WINDOW_MS, own.work_ms + others.work_ms
    if free <= 0 and 2 * work > window:
        return 0
    return max(free, int((window - work) / max(1.0, mean_ms)))
