"""What the same arrivals get elsewhere: in a first-in-first-out queue, and in a fluid where shares are exact."""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar
from uuid import UUID

from django.conf import settings

Key = TypeVar("Key")
_STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Member:
    """A workspace in a lane, with its weight and how many of its jobs may run at once."""

    id: UUID
    lane: str = "free"
    weight: int = 1
    most: int = 1_000


@dataclass(slots=True)
class Ask:
    """A job of one step: when it comes, what it takes, and what it was expected to. Seconds of the virtual clock."""

    who: Member
    at: float
    takes: float
    expected: float | None = None
    began: float = -1.0
    ended: float = -1.0

    @property
    def wait(self) -> float:
        return self.began - self.at


def fifo(asks: Sequence[Ask], slots: int) -> list[Ask]:
    """The same arrivals in the order in which they came: what most queues do."""
    free = [0.0] * slots
    done = []
    for ask in sorted(asks, key=lambda ask: ask.at):
        began = max(ask.at, heapq.heappop(free))
        heapq.heappush(free, began + ask.takes)
        done.append(Ask(ask.who, ask.at, ask.takes, began=began, ended=began + ask.takes))
    return done


def fifo_closed(
    waiting: Mapping[Member, int], slots: int, *, takes: Callable[[Member], float], until: float
) -> list[Ask]:
    """First in, first out where everybody asks again at each end, so that as many as at first are always there."""
    queue = deque(
        Ask(who, 0.0, takes(who)) for nth in range(max(waiting.values())) for who in waiting if nth < waiting[who]
    )
    ends: list[tuple[float, int, Ask]] = []
    done: list[Ask] = []
    numbers = count()
    now = 0.0
    while now < until:
        while queue and len(ends) < slots:
            ask = queue.popleft()
            ask.began, ask.ended = now, now + ask.takes
            heapq.heappush(ends, (ask.ended, next(numbers), ask))
        now, _, ask = heapq.heappop(ends)
        done.append(ask)
        queue.append(Ask(ask.who, now, takes(ask.who)))
    return [*done, *(ask for _, _, ask in ends)]


def fluid(asks: Sequence[Ask], slots: int) -> list[Ask]:
    """The same arrivals where every lane, and in it every workspace, has its share of all slots at every moment.

    A job never has more than one slot. `began` is its end less the time that it takes: what is left is its fair wait.
    """
    coming = deque(sorted(asks, key=lambda ask: ask.at))
    backlog: dict[Member, deque[list[float]]] = {}
    asked: dict[Member, deque[Ask]] = {}
    done: list[Ask] = []
    now = 0.0
    while coming or backlog:
        now = now if backlog else coming[0].at
        while coming and coming[0].at <= now:
            ask = coming.popleft()
            backlog.setdefault(ask.who, deque()).append([ask.takes])
            asked.setdefault(ask.who, deque()).append(ask)
        now += _STEP_SECONDS
        for who, rate in _rates({who: len(jobs) for who, jobs in backlog.items()}, slots).items():
            for _ in range(_flown(backlog[who], rate)):
                ask = asked[who].popleft()
                done.append(Ask(who, ask.at, ask.takes, began=max(ask.at, now - ask.takes), ended=now))
            if not backlog[who]:
                del backlog[who]
    return done


def _flown(jobs: deque[list[float]], rate: float) -> int:
    """Lets a workspace's jobs have `rate` slots for a moment, the first ones first; how many of them ended."""
    for left in jobs:
        left[0] -= max(0.0, min(rate, 1.0)) * _STEP_SECONDS
        rate -= 1.0
    ended = 0
    while jobs and jobs[0][0] <= 0:
        jobs.popleft()
        ended += 1
    return ended


def _rates(jobs: Mapping[Member, int], slots: int) -> dict[Member, float]:
    """Slots of each workspace: shared by lane, then by weight; what somebody cannot use goes to the others."""
    lanes: dict[str, float] = {}
    for who, number in jobs.items():
        lanes[who.lane] = lanes.get(who.lane, 0.0) + number
    shares: Mapping[str, int] = settings.GENERATION_LANE_SHARES
    rates: dict[Member, float] = {}
    for lane, part in _poured(slots, lanes, {lane: float(shares[lane]) for lane in lanes}).items():
        within = {who: float(number) for who, number in jobs.items() if who.lane == lane}
        rates.update(_poured(part, within, {who: float(who.weight) for who in within}))
    return rates


def _poured(amount: float, most: Mapping[Key, float], weights: Mapping[Key, float]) -> dict[Key, float]:
    """Shares of an amount by weight where nobody takes more than their most: the easily content first."""
    got: dict[Key, float] = {}
    total = sum(weights.values())
    for key in sorted(most, key=lambda key: most[key] / weights[key]):
        got[key] = min(most[key], amount * weights[key] / total)
        amount -= got[key]
        total -= weights[key]
    return got


def jain(values: Sequence[float]) -> float:
    """1 when all are equal, 1/n when one has everything."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def served(asks: Sequence[Ask], begin: float, end: float) -> dict[Member, float]:
    """Slot-seconds that each workspace had between two moments."""
    had: dict[Member, float] = {}
    for ask in asks:
        overlap = min(end, ask.ended) - max(begin, ask.began)
        if overlap > 0:
            had[ask.who] = had.get(ask.who, 0.0) + overlap
    return had


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
