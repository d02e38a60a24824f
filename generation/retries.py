"""A budget for second tries: while much fails, trying again adds little to what a provider is asked anyway.

Of an adapter's calls in the last minute a tenth may be tries after a failure, and a few at any time. What is beyond is
not refused: it waits longer. Lives in Redis and may be lost; while Redis is away only the pauses of each step hold.
"""

from collections.abc import Mapping
from contextlib import suppress

import redis

from core import queueing

_SHARE = 0.1
# So many a minute are free, and may come at once.
_FLOOR = 30
_LONGEST_MS = 60_000
_CALLED = """
local minute = math.floor(redis.call('TIME')[1] / 60)
local key = KEYS[1] .. ':' .. minute
redis.call('INCRBY', key, ARGV[1])
redis.call('EXPIRE', key, 180)
"""
# The time at which the next try is due moves on by an interval with each; it may lie a burst behind.
_RETRY = """
local time = redis.call('TIME')
local now, minute = time[1] * 1000 + math.floor(time[2] / 1000), math.floor(time[1] / 60)
local calls = math.max(tonumber(redis.call('GET', KEYS[1] .. ':' .. minute) or 0),
    tonumber(redis.call('GET', KEYS[1] .. ':' .. (minute - 1)) or 0))
local interval = 60000 / math.max(tonumber(ARGV[1]), calls * tonumber(ARGV[2]))
local due = math.max(tonumber(redis.call('GET', KEYS[1] .. ':due') or 0), now - tonumber(ARGV[1]) * interval)
redis.call('SET', KEYS[1] .. ':due', string.format('%d', due + interval), 'PX', 600000)
return math.floor(math.max(0, due + interval - now))
"""


def called(calls: Mapping[str, int]) -> None:
    """Counts first and later tries by adapter."""
    if calls:
        queueing.hint(*[("EVAL", _CALLED, 1, _key(adapter), number) for adapter, number in calls.items()])


def pause_seconds(adapter: str) -> float:
    """Takes a second try from the budget; how long it has to wait for that, at most a minute."""
    with suppress(redis.RedisError, OSError):
        waits_ms = int(queueing.client().eval(_RETRY, 1, _key(adapter), _FLOOR, _SHARE))
        return min(waits_ms, _LONGEST_MS) / 1000
    return 0.0


def _key(adapter: str) -> str:
    return f"wm:calls:{adapter}"
