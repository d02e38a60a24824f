"""Circuit breakers by route: a connection and a model. A route that keeps failing is left alone for a while, then tried
once; what it learns is shared through Redis, and each process goes on alone while that is away.
"""

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal
from uuid import UUID

import orjson
import redis

from core import queueing
from providers.errors import AuthFailed, Breaker, ModelGone, ProviderError, QuotaExhausted

State = Literal["closed", "open", "half_open"]
_KEY = "wm:breakers"
_FRESH_SECONDS = 1.0
_BUCKET_SECONDS = 30.0
_LEAST_FAILURES, _SHARE = 5, 0.5
_FIRST_SECONDS, _LONGEST_SECONDS, _SPREAD = 15.0, 300.0, 0.2
# What no waiting of seconds mends.
_CLOSED_TO_US_SECONDS: Mapping[type[ProviderError], float] = {
    AuthFailed: 300.0, QuotaExhausted: 900.0, ModelGone: 3_600.0,
}  # fmt: skip
_MOST_TRIES = 5
_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""


@dataclass(slots=True)
class Circuit:
    """What is known of a route. Times are seconds of one clock; counts are of this half minute and the one before.

    `until` is when an open one is tried again, `opened` how often in a row it opened.
    """

    bucket: int = 0
    served: list[int] = field(default_factory=lambda: [0, 0])
    failed: list[int] = field(default_factory=lambda: [0, 0])
    until: float = 0.0
    opened: int = 0

    def state(self, now: float) -> State:
        if not self.until:
            return "closed"
        return "open" if now < self.until else "half_open"

    def succeed(self, now: float) -> None:
        """A call was served. The first after a pause closes the circuit."""
        self._turn(now)
        self.served[0] += 1
        if self.state(now) == "half_open":
            self.until, self.opened, self.failed = 0.0, 0, [0, 0]

    def fail(self, now: float, *, dice: float) -> None:
        """A call failed by the route's fault. `dice` is 0 to 1, so that processes do not come back in step."""
        self._turn(now)
        self.failed[0] += 1
        if self.state(now) == "half_open":
            self._open(now, dice)
        elif not self.until:
            failed = sum(self.failed)
            if failed >= _LEAST_FAILURES and failed >= _SHARE * (failed + sum(self.served)):
                self._open(now, dice)

    def shut(self, now: float, *, seconds: float) -> None:
        """The route is closed to us: nothing is tried before `seconds` are over."""
        self.until, self.opened = max(self.until, now + seconds), self.opened + 1

    def is_blank(self, now: float) -> bool:
        """Whether nothing is left to remember."""
        self._turn(now)
        return not self.until and not sum(self.failed)

    def _open(self, now: float, dice: float) -> None:
        pause = min(_FIRST_SECONDS * 2.0**self.opened, _LONGEST_SECONDS)
        self.until = now + pause * (1 - _SPREAD + 2 * _SPREAD * dice)
        self.opened += 1

    def _turn(self, now: float) -> None:
        bucket = int(now / _BUCKET_SECONDS)
        if bucket != self.bucket:
            near = bucket == self.bucket + 1
            self.served = [0, self.served[0] if near else 0]
            self.failed = [0, self.failed[0] if near else 0]
            self.bucket = bucket


@dataclass(slots=True)
class _Copy:
    circuits: dict[str, Circuit] = field(default_factory=dict)
    read_at: float = float("-inf")


_copy = _Copy()


def report(*, connection_id: UUID, model: str, error: ProviderError | None) -> None:
    """Tells how a call on a route ended; None is success. Costs nothing for a route that has not failed lately."""
    weight: Breaker = "none" if error is None else error.breaker
    route = _route(connection_id, model)
    if (error is None and route not in _current()) or weight == "soft" or (error is not None and weight == "none"):
        return
    try:
        _swapped(route, error)
    except (redis.RedisError, OSError):
        _told(_copy.circuits.setdefault(route, Circuit()), error, time.time())


def any_open() -> bool:
    """Whether any circuit is known that is not closed."""
    return any(circuit.until for circuit in _current().values())


def states(routes: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], State]:
    """The routes of these that are not simply closed, as circuits are when all is well."""
    now, known = time.time(), _current()
    found: dict[tuple[UUID, str], State] = {}
    for connection_id, model in routes:
        circuit = known.get(_route(connection_id, model))
        if circuit is not None and (state := circuit.state(now)) != "closed":
            found[connection_id, model] = state
    return found


def forget() -> None:
    """Makes the next reader of this process ask Redis, and forgets what it learned alone."""
    _copy.circuits, _copy.read_at = {}, float("-inf")


def _swapped(route: str, error: ProviderError | None) -> None:
    """Compare and set, so that every process's reports count. After some tries one is let go: there are many."""
    client = queueing.client()
    for _ in range(_MOST_TRIES):
        seconds, micros = client.time()
        now = seconds + micros / 1e6
        before = client.hget(_KEY, route) or b""
        circuit = _told(_read(before), error, now)
        after = b"" if circuit.is_blank(now) else orjson.dumps(asdict(circuit))
        if client.eval(_SWAP, 1, _KEY, route, before, after):
            _copy.circuits[route] = circuit
            return


def _told(circuit: Circuit, error: ProviderError | None, now: float) -> Circuit:
    if error is None:
        circuit.succeed(now)
    elif error.breaker == "open":
        circuit.shut(now, seconds=_CLOSED_TO_US_SECONDS.get(type(error), _LONGEST_SECONDS))
    else:
        circuit.fail(now, dice=random.random())  # noqa: S311 - spread
    return circuit


def _current() -> Mapping[str, Circuit]:
    now = time.monotonic()
    if now - _copy.read_at > _FRESH_SECONDS:
        _copy.read_at = now
        try:
            found = queueing.client().hgetall(_KEY)
        except (redis.RedisError, OSError):
            return _copy.circuits
        _copy.circuits = {_name(route): _read(value) for route, value in found.items()}
    return _copy.circuits


def _read(value: bytes | str) -> Circuit:
    return Circuit(**orjson.loads(value)) if value else Circuit()


def _name(route: bytes | str) -> str:
    return route.decode() if isinstance(route, bytes) else route


def _route(connection_id: UUID, model: str) -> str:
    return f"{connection_id}:{model}"
