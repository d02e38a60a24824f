"""What the leading conductor sees and tells: who is where in line, how quickly lanes move, how times turn out.

Every two seconds one ordered look at the front of each line; every ten what began since. All of it lives in this
process and in Redis for some seconds and may be lost: a new leader begins with what is declared.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from generation import bands, fleet, lines, punctuality, selectors, service
from generation.lines import Began, Line, LineView, Place, Row
from generation.queues import queue_of
from generation.service import Pressure

_LOOK_SECONDS, _LEVEL_SECONDS, _MEASURE_SECONDS = 2.0, 5.0, 10.0
# What reads all that waits, or all that ended lately, may take a fiftieth of the time at most.
_MOST_PART = 50
_REMEMBER = timedelta(minutes=5)
_LEARN = 0.3
_ASSUMED_MS = 1000.0
_EFFICIENCY_LEAST, _EFFICIENCY_MOST = 0.02, 50.0
# A job is told its first time at the look after it came. Of each lane this many at most wait to be judged.
_NEW, _JUDGED = timedelta(seconds=5), 300


@dataclass(slots=True)
class Lookout:
    """The memory of a leader. A new one begins with nothing but what is declared."""

    _due: dict[str, float] = field(default_factory=dict)
    _efficiency: dict[str, float] = field(default_factory=dict)
    _recent: deque[tuple[datetime, list[Began]]] = field(default_factory=deque)
    _measured_at: datetime | None = None
    # Whether each placement had more work than slots at every look since the last measure.
    _saturated: dict[str, bool] = field(default_factory=dict)
    _waiting: list[tuple[datetime, dict[Line, set[UUID]]]] = field(default_factory=list)
    _backlog: dict[Line, tuple[int, float]] = field(default_factory=dict)
    _slots: dict[str, int] = field(default_factory=dict)
    _outcomes: tuple[int, int] = (0, 0)
    _seen: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    def turn(self, *, at: datetime, now: float) -> None:
        """Whatever is due at `now`, a monotonic second. Raises what the database or Redis raises."""
        if self._is_due("look", now, _LOOK_SECONDS):
            self.look(at=at)
        if self._is_due("measure", now, _MEASURE_SECONDS):
            self.measure(at=at)
            punctuality.score(at=at)
            self._seen = punctuality.ratios(at=at)
        if self._is_due("level", now, _LEVEL_SECONDS):
            self.weigh(at=at)

    def look(self, *, at: datetime) -> list[LineView]:
        """One look at the fronts of all lines, told to whoever asks. Gives the lines."""
        self._rarely("backlog", self._count)
        self._slots = fleet.slots_by_queue()
        front, busy = lines.front(), lines.busy()
        views = [self._line(line, front, busy, at) for line in sorted({*front, *busy})]
        places = lines.places_of(front)
        lines.tell(views, places, at)
        self._note(front, busy, at)
        self._expect(views, front, places, at)
        return views

    def measure(self, *, at: datetime) -> None:
        """Learns from what began since the last time how much work a slot really takes."""
        since = self._measured_at or at - timedelta(seconds=_MEASURE_SECONDS)
        self._measured_at = at
        began = lines.began(since, at)
        self._recent.append((at, began))
        while self._recent and self._recent[0][0] < at - _REMEMBER:
            self._recent.popleft()
        seconds = (at - since).total_seconds()
        for placement, saturated in self._saturated.items():
            slots = self._placement_slots(placement)
            served = sum(item.cost for item in began if item.line[0] == placement)
            if saturated and slots:
                # Nothing begun although all slots are taken is news too: what runs is long.
                before = self._efficiency.get(placement, 1.0)
                self._efficiency[placement] = learned(before, served, slots=slots, seconds=seconds)
        self._saturated = {}

    def weigh(self, *, at: datetime) -> None:
        """Decides the service level from what waits and what failed lately."""
        drains = [
            sum(work for (place, _), (_, work) in self._backlog.items() if place == placement)
            / (max(1, self._placement_slots(placement)) * self._efficiency.get(placement, 1.0))
            for placement in ("cpu", "io")
        ]
        self._rarely("outcomes", lambda: self._judge(at))
        service.decide(pressure=Pressure(max(drains), *self._outcomes), at=at)

    def _line(
        self, line: Line, front: Mapping[Line, Sequence[Row]], busy: Mapping[Line, int], at: datetime
    ) -> LineView:
        placement, lane = line
        rows = front.get(line, [])
        ready, work = self._backlog.get(line, (0, 0.0))
        waits = [wait for _, began in self._recent for item in began if item.line == line for wait in item.waits]
        slots = self._slots.get(queue_of(placement=placement, lane=lane), 0)
        competing = {name for place, name in front if place == placement} | {lane}
        shares = settings.GENERATION_LANE_SHARES
        share = shares[lane] / sum(shares[name] for name in competing)
        return LineView(
            placement=placement, lane=lane, slots=slots, busy=_shared_busy(line, busy),
            running=busy.get(line, 0),
            rate=1000 * slots * share * self._efficiency.get(placement, 1.0),
            mean_ms=sum(row.cost for row in rows) / len(rows) if rows else _ASSUMED_MS,
            # The front is fresher than the count, and all there is when it is short.
            ready=len(rows) if len(rows) < lines.FRONT else max(ready, len(rows)),
            backlog_seconds=work if len(rows) >= lines.FRONT else sum(row.cost for row in rows) / 1000,
            oldest_seconds=max(((at - row.created_at).total_seconds() for row in rows), default=0.0),
            wait_p50=_share_of(waits, 0.5), wait_p90=_share_of(waits, 0.9), jain=self._jain(line, at),
            seen=self._seen.get(lane, {}),
        )  # fmt: skip

    def _jain(self, line: Line, at: datetime) -> float | None:
        """Jain's index of what workspaces got in a minute, of those that waited all through it; weights are not in."""
        fronts = [waiting.get(line, set()) for when, waiting in self._waiting if when >= at - timedelta(minutes=1)]
        if not fronts or len(always := set.intersection(*fronts)) < 2:
            return None
        got: Counter[UUID] = Counter()
        for when, began in self._recent:
            if when >= at - timedelta(minutes=1):
                for item in began:
                    if item.line == line and item.workspace_id in always:
                        got[item.workspace_id] += round(item.cost)
        return lines.jain([got[workspace] for workspace in always])

    def _note(self, front: Mapping[Line, Sequence[Row]], busy: Mapping[Line, int], at: datetime) -> None:
        for placement in ("cpu", "io"):
            slots = self._placement_slots(placement)
            working = sum(count for (place, _), count in busy.items() if place == placement)
            # One more than slots is claimed at most, to be at hand: then it waits, though no line shows it.
            full = 0 < slots < working or (0 < slots == working and any(place == placement for place, _ in front))
            self._saturated[placement] = self._saturated.get(placement, True) and full
        self._waiting.append((at, {line: {row.workspace_id for row in rows} for line, rows in front.items()}))
        self._waiting = [item for item in self._waiting if item[0] >= at - timedelta(minutes=1)]

    def _expect(
        self, views: Iterable[LineView], front: Mapping[Line, Sequence[Row]], places: Mapping[UUID, Place], at: datetime
    ) -> None:
        """Keeps what new jobs were told first, so that it can be compared."""
        paused = service.paused_lanes()
        punctuality.drop(lanes=paused)
        told = {}
        for view in views:
            line = (view.placement, view.lane)
            for row in front.get(line, ()) if view.slots and view.lane not in paused else ():
                place = places[row.job_id]
                if row.waits_to_start and place.line == line and row.created_at >= at - _NEW:
                    plain = lines.plain_ms(view, place.ahead_ms)
                    told[row.job_id] = punctuality.Told(
                        row.job_id, view.lane, plain, bands.around(plain, view.seen)
                    )  # fmt: skip
        punctuality.expect(list(told.values()), most=_JUDGED, at=at)

    def _count(self) -> None:
        self._backlog = {(place, lane): (ready, work) for place, lane, ready, _, work in selectors.backlog()}

    def _judge(self, at: datetime) -> None:
        self._outcomes = lines.outcomes(at - _REMEMBER)

    def _rarely(self, name: str, work: Callable[[], None]) -> None:
        """Does what may be long, the less often the longer it is."""
        began = time.monotonic()
        if began >= self._due.get(name, float("-inf")):
            work()
            self._due[name] = began + max(_LEVEL_SECONDS, _MOST_PART * (time.monotonic() - began))

    def _placement_slots(self, placement: str) -> int:
        """Slots of a placement. The workers of `io` read every lane, so lanes are not added up."""
        lanes = settings.GENERATION_LANE_SHARES
        return max((self._slots.get(queue_of(placement=placement, lane=lane), 0) for lane in lanes), default=0)

    def _is_due(self, name: str, now: float, every_seconds: float) -> bool:
        if now < self._due.get(name, float("-inf")):
            return False
        self._due[name] = now + every_seconds
        return True


def learned(before: float, served: float, *, slots: int, seconds: float) -> float:
    """Expected milliseconds of work that a busy millisecond of a slot really does, after one more measure of it."""
    true = served / (1000 * slots * max(seconds, 0.001))
    return min(_EFFICIENCY_MOST, max(_EFFICIENCY_LEAST, before + _LEARN * (true - before)))


def _share_of(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


def _shared_busy(line: Line, busy: Mapping[Line, int]) -> int:
    """Steps under way in the slots that this line may use: one pool for `cpu`, and for `io` as workers read all."""
    return sum(count for (placement, _), count in busy.items() if placement == line[0])
