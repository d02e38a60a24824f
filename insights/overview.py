"""How the queue stands, in one value: what the status page, the operators' page and `/metrics` show."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from generation import outlook, punctuality, service
from generation.outlook import LaneView
from generation.punctuality import GOAL, Kept
from generation.service import Stand

_FRESH_SECONDS = 5.0
# Fewer judged starts are no verdict.
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A lane with how it kept its word; `kept` is None while nobody was told a time."""

    view: LaneView
    kept: Kept | None

    @property
    def kept_percent(self) -> int | None:
        share = self.kept.share if self.kept else None
        return None if share is None else round(100 * share)

    @property
    def below_goal(self) -> bool:
        percent = self.kept_percent
        return percent is not None and self.is_known and percent < 100 * GOAL

    @property
    def is_known(self) -> bool:
        """Whether enough starts were judged to say anything."""
        return self.kept is not None and self.kept.jobs >= _ENOUGH


@dataclass(frozen=True, slots=True)
class Overview:
    """The service level and every lane, as they were at `at`."""

    at: datetime
    stand: Stand
    lanes: Sequence[LaneRow]


@dataclass(slots=True)
class _Copy:
    overview: Overview | None = None
    read_at: float = float("-inf")


_copy = _Copy()


def read(*, at: datetime) -> Overview:
    """The figures as they are. At most three statements, whatever waits."""
    kept = punctuality.kept(at=at)
    rows = [LaneRow(view, kept.get(view.lane)) for view in outlook.lanes(at=at)]
    return Overview(at, service.current(at=at), rows)


def recent(*, at: datetime) -> Overview:
    """The same, at most five seconds old, so that many who ask cost nothing."""
    now = time.monotonic()
    if _copy.overview is None or now - _copy.read_at >= _FRESH_SECONDS:
        _copy.overview, _copy.read_at = read(at=at), now
    return _copy.overview


def forget() -> None:
    """Makes the next reader of this process look anew."""
    _copy.overview = None
