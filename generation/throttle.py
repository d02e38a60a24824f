"""How many steps of a model, and of an adapter's connection, may be under way. What is at its limit is not claimed.

Limits come from the model's catalogue file, from the operator, and from the provider itself: each time it says that it
takes no more, a model's limit is halved, and it grows by one for every such number of successes. What was learned lives
in Redis and may be lost; what is under way is counted from rows.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import redis
from django.conf import settings
from django.db import connection

from core import queueing
from providers import catalog, gateway
from providers.contracts import Revision
from providers.errors import Overloaded, RateLimited

_KEY = "wm:throttle"
# Many calls are refused at once; they tell of one moment.
_HALVE_EVERY_MS = 1_000
_FORGET_AFTER_MS = 600_000
_FRESH_SECONDS = 1.0
_REFUSED = """
local now = redis.call('TIME'); now = now[1] * 1000 + math.floor(now[2] / 1000)
local limit, _, at = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '(%d+) (%d+) (%d+)')
if at and now - at < tonumber(ARGV[3]) then return tonumber(limit) end
if not at or now - at > tonumber(ARGV[4]) then limit = ARGV[2] end
limit = math.max(1, math.floor(limit / 2))
redis.call('HSET', KEYS[1], ARGV[1], limit .. ' 0 ' .. string.format('%d', now))
return limit
"""
_SERVED = """
local limit, served, at = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '(%d+) (%d+) (%d+)')
if not at then return 0 end
served = served + 1
if served >= tonumber(limit) then limit = limit + 1; served = 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %d %s', limit, served, at))
return tonumber(limit)
"""


@dataclass(slots=True)
class _Copy:
    limits: dict[str, int] = field(default_factory=dict)
    read_at: float = float("-inf")


_copy = _Copy()


def report(revision: Revision, outcome: BaseException | None) -> None:
    """Tells how a call to a model ended: None is success. Only a provider that takes no more teaches anything else.

    Costs nothing for a model that was not refused lately. A Redis that is away learns nothing.
    """
    with suppress(redis.RedisError, OSError):
        if isinstance(outcome, RateLimited | Overloaded):
            queueing.client().eval(
                _REFUSED, 1, _KEY, revision.slug, _under_way(revision), _HALVE_EVERY_MS, _FORGET_AFTER_MS
            )
            _copy.read_at = float("-inf")
        elif outcome is None and revision.slug in _lately():
            queueing.client().eval(_SERVED, 1, _KEY, revision.slug)


def learned() -> dict[str, int]:
    """Limits by model, as its provider taught them lately. Raises redis.RedisError."""
    pipe = queueing.client().pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(_KEY)
    (seconds, _), found = pipe.execute()
    limits = {}
    for slug, value in found.items():
        limit, _, at_ms = map(int, value.split())
        if seconds * 1000 - at_ms <= _FORGET_AFTER_MS:
            limits[slug.decode()] = limit
        else:
            queueing.hint(("HDEL", _KEY, slug))
    return limits


def limits() -> dict[str, int]:
    """The limit in force of each model that has one: what its file says, or what its provider taught, if less."""
    found = {card.revision.slug: said for card in catalog.every() if (said := _said(card.revision))}
    with suppress(redis.RedisError, OSError):
        for slug, limit in _lately().items():
            found[slug] = min(limit, found.get(slug, limit))
    return found


def forget() -> None:
    """Makes the next reader of this process ask Redis."""
    _copy.read_at = float("-inf")


def _lately() -> dict[str, int]:
    now = time.monotonic()
    if now - _copy.read_at > _FRESH_SECONDS:
        _copy.limits, _copy.read_at = learned(), now
    return _copy.limits


def _under_way(revision: Revision) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [f"{revision.slug}@{revision.version}"])
        return int(cursor.fetchone()[0])


# A group of what may be claimed together: at most so many, of revisions or of groups within.
Group = tuple[int, list["Group | str"]]


class Headroom:
    """How many more steps of each model and adapter may begin, from what is under way by revision and which circuits
    are open."""

    def __init__(self, under_way: Mapping[str, int], learned: Mapping[str, int]) -> None:
        self._adapters: Mapping[str, int] = settings.GENERATION_ADAPTER_CONCURRENCY
        # What the catalogue says of a model now holds for its older revisions too.
        self._known = {card.revision.id: card.revision for card in catalog.every()}
        self._limits = {item.slug: said for item in self._known.values() if (said := _said(item))}
        for slug, limit in learned.items():
            self._limits[slug] = min(limit, self._limits.get(slug, limit))
        # A model whose every circuit is open gets nothing, and one that may be tried again gets one call.
        for slug, most in gateway.shut().items():
            self._limits[slug] = min(most, self._limits.get(slug, most))
        self._of_model: Counter[str] = Counter()
        self._of_adapter: Counter[str] = Counter()
        if self._limits or self._adapters:
            for revision_id, steps in under_way.items():
                self.take(revision_id, steps)

    def take(self, revision_id: str, steps: int = 1) -> None:
        """Counts steps that were just claimed."""
        if self._limits or self._adapters:
            revision = self._revision(revision_id)
            self._of_model[revision.slug] += steps
            self._of_adapter[revision.adapter] += steps

    def is_tight(self, steps: int) -> bool:
        """Whether some model or adapter might not take so many more."""
        return any(limit - self._of_model[slug] < steps for slug, limit in self._limits.items()) or any(
            limit - self._of_adapter[kind] < steps for kind, limit in self._adapters.items()
        )

    def groups(self, revision_ids: Iterable[str], steps: int) -> list[Group]:
        """What of these revisions may be claimed, at most `steps`: by adapter, within it by model."""
        found: dict[str, dict[str, list[Group | str]]] = {}
        for revision_id in revision_ids:
            revision = self._revision(revision_id)
            found.setdefault(revision.adapter, {}).setdefault(revision.slug, []).append(revision_id)
        groups: list[Group] = []
        for kind, models in found.items():
            within: list[Group | str] = []
            for slug, ids in models.items():
                left = min(steps, self._limits[slug] - self._of_model[slug]) if slug in self._limits else steps
                if left > 0:
                    within.append((left, ids))
            left = min(steps, self._adapters[kind] - self._of_adapter[kind]) if kind in self._adapters else steps
            if within and left > 0:
                groups.append((left, within))
        return groups

    def _revision(self, revision_id: str) -> Revision:
        if revision_id not in self._known:
            self._known[revision_id] = gateway.revision(revision_id)
        return self._known[revision_id]


def _said(revision: Revision) -> int | None:
    limit: int | None = revision.spec.get("limits", {}).get("concurrency")
    return limit


_COUNT = """
SELECT count(*) FROM generation_step s JOIN generation_job j ON j.id = s.job_id
WHERE s.state IN ('submitting', 'awaiting', 'collecting') AND j.model = %s
"""
