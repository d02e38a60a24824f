"""What goes wrong, by name. A fault acts again and again while the jobs are on their way, from the main thread."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from bench.chaos.site import CONDUCTORS, RUNNERS, WEB, WORKER, Site, previous_release, previous_worker
from bench.stand import ROOT, Stand

_CLOCK = Path(__file__).parent / "clock"
_TEN_MINUTES = 600


@dataclass
class Fault:
    """`act` breaks something once and mends it; `provider` is how the provider is all the time; `most` acts, since a
    job whose workers die three times is given up as poison, and rightly so."""

    name: str
    act: Callable[[Site, random.Random, "Tally"], None] | None = None
    provider: Mapping[str, float] = field(default_factory=dict)
    more: Callable[[random.Random], Mapping[str, Mapping[str, str]]] = lambda _: {}
    instead: Callable[[Stand], Mapping[str, tuple[str, ...]]] = lambda _: {}
    extra: tuple[str, ...] = ()
    most: int = 4
    pause: tuple[float, float] = (2.0, 5.0)


@dataclass
class Tally:
    """`recoveries` are the seconds from a kill until each step that died with it was somebody else's."""

    acts: int = 0
    recoveries: list[float] = field(default_factory=list)


def _kill(*names: str) -> Callable[[Site, random.Random, Tally], None]:
    def act(site: Site, dice: random.Random, tally: Tally) -> None:
        name = dice.choice(names)
        orphans = _under_way(site, site.below(name))
        site.kill(name)
        killed = time.monotonic()
        time.sleep(dice.uniform(0.2, 1.5))
        site.start(name)
        tally.recoveries += _recovered(site, orphans, killed)

    return act


def _under_way(site: Site, pids: Iterable[int]) -> dict[str, int]:
    """Steps that are leased to these processes, and their attempts' numbers."""
    with psycopg.connect(site.environ["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT id::text, attempt_no FROM generation_step WHERE lease_owner <> '' AND state IN "
            "('submitting', 'awaiting', 'collecting', 'reconciling') AND split_part(lease_owner, ':', 2) = ANY(%s)",
            [[str(pid) for pid in pids]],
        ).fetchall()
    return {step: int(number) for step, number in rows}


def _recovered(site: Site, orphans: dict[str, int], killed: float, *, patience_seconds: float = 30.0) -> list[float]:
    """How long each of them stayed with the dead. What ended before it died is none of them."""
    left, took = dict(orphans), []
    with psycopg.connect(site.environ["DATABASE_URL"], autocommit=True) as connection:
        while left and time.monotonic() < killed + patience_seconds:
            held = connection.execute(
                "SELECT s.id::text FROM generation_step s JOIN unnest(%s::uuid[], %s::integer[]) AS m (id, no) "
                "ON m.id = s.id AND m.no = s.attempt_no WHERE s.lease_owner <> '' AND s.lease_expires_at IS NOT NULL "
                "AND s.state IN ('submitting', 'awaiting', 'collecting', 'reconciling')",
                [list(left), list(left.values())],
            ).fetchall()
            now = time.monotonic() - killed
            still = {step for (step,) in held}
            took += [now for step in left if step not in still]
            left = {step: number for step, number in left.items() if step in still}
            time.sleep(0.05)
    return [*took, *(patience_seconds for _ in left)]


def _stop_valkey(site: Site, dice: random.Random, tally: Tally) -> None:
    site.restart_valkey(after_seconds=dice.uniform(2.0, 5.0))


def _flush_valkey(site: Site, dice: random.Random, tally: Tally) -> None:
    with redis.Redis.from_url(site.stand.redis_url) as client, suppress(redis.RedisError):
        client.flushall()


def _freeze_valkey(site: Site, dice: random.Random, tally: Tally) -> None:
    site.freeze("valkey", 8.0)


def _crash_postgres(site: Site, dice: random.Random, tally: Tally) -> None:
    site.crash_postgres(after_seconds=dice.uniform(0.5, 3.0))


def _freeze_conductor(site: Site, dice: random.Random, tally: Tally) -> None:
    """Long enough for what it held to be taken over, and then it goes on as if nothing had been."""
    site.freeze(dice.choice(CONDUCTORS), 8.0)


def _clock(*names: str, seconds: int) -> Callable[[random.Random], Mapping[str, Mapping[str, str]]]:
    wrong = {"PYTHONPATH": f"{_CLOCK}:{ROOT}", "CHAOS_CLOCK_SECONDS": str(seconds)}
    return lambda _: dict.fromkeys(names, wrong)


def _careless(dice: random.Random) -> Mapping[str, Mapping[str, str]]:
    return {name: {"CHAOS_SEED": str(dice.randrange(1 << 30))} for name in CONDUCTORS}


_PREVIOUS = "worker-previous"
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("none"),
        Fault("kill-worker", _kill(WORKER)),
        Fault("kill-runner", _kill(*RUNNERS)),
        Fault("kill-conductor", _kill(*CONDUCTORS)),
        Fault("kill-web", _kill(WEB)),
        Fault("freeze-conductor", _freeze_conductor),
        Fault("valkey-stopped", _stop_valkey),
        Fault("valkey-flushed", _flush_valkey, most=12, pause=(0.5, 3.0)),
        Fault("valkey-frozen", _freeze_valkey, most=3),
        Fault("postgres-crash", _crash_postgres, pause=(4.0, 8.0)),
        Fault(
            "messages", more=_careless,
            instead=lambda _: dict.fromkeys(CONDUCTORS, ("-m", "bench.chaos.careless")),
        ),
        Fault("clock-ahead", more=_clock(WORKER, RUNNERS[1], seconds=_TEN_MINUTES)),
        Fault("clock-behind", more=_clock(WORKER, RUNNERS[1], seconds=-_TEN_MINUTES)),
        Fault(
            "previous-release", _kill(_PREVIOUS), extra=(_PREVIOUS,), most=2,
            more=lambda _: {_PREVIOUS: {"WILDMIND_EXTRA_ADAPTERS": "", "WILDMIND_CATALOGUE_DIRS": ""}},
            instead=lambda stand: {_PREVIOUS: previous_worker(previous_release(stand))},
        ),
        Fault("provider-throttles", provider={"status_429": 0.7}),
        Fault("provider-fails", provider={"status_500": 0.3, "hang": 0.1}),
        Fault("provider-resets", provider={"reset_before": 0.2, "reset_after": 0.2}),
        Fault("provider-lies", provider={"gone": 0.05, "garbage": 0.1, "check_500": 0.2}),
    )
}  # fmt: skip
