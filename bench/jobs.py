"""Benchmark 3: no-op jobs from accepted to done, beside raw Celery, Celery with the ORM, and a bare claim loop."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from bench import noop, people
from bench.inside import submit_noop
from bench.measure import Goal, Result, Row, Spent, median_ratio, medians
from bench.people import Caller
from bench.stand import Stand, StandProblem
from generation.submission import Order

NAME = "jobs"
OURS, CELERY, ORM, LOOP = "wildmind", "Celery no-op", "Celery + ORM get/save/save", "asyncpg claim loop"
_FROM, _TO = 0.10, 0.95
_TICK = 0.02
_PATIENCE_SECONDS = 180.0
_WORKSPACES = 50
_POOL = ("-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "-l", "warning")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many jobs each variant gets: enough for some seconds of the quick and not minutes of the slow."""

    ours: int
    celery: int
    orm: int
    loop: int


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    sizes = Sizes(400, 600, 200, 5_000) if smoke else Sizes(2_000, 4_000, 1_500, 30_000)
    stand.clone(NAME)
    people.use_database(NAME)
    ours, floors = _Ours(stand), _Floors(stand)
    ours.start()
    floors.start()
    # Plans made for empty tables are not those of a site in use, and every process has run something before.
    ours.round(300 if smoke else 1_000)
    stand.admin("ANALYZE", database=NAME)
    floors.celery(100)
    floors.orm(100)
    seen: dict[str, list[Row]] = {OURS: [], CELERY: [], ORM: [], LOOP: []}
    takes: list[tuple[str, Callable[[], Row]]] = [
        (OURS, lambda: ours.round(sizes.ours)), (CELERY, lambda: floors.celery(sizes.celery)),
        (ORM, lambda: floors.orm(sizes.orm)), (LOOP, lambda: floors.loop(sizes.loop)),
    ]  # fmt: skip
    for number in range(rounds):
        turn = number % len(takes)
        for name, take in [*takes[turn:], *takes[:turn]]:
            seen[name].append(take())
    ours.verify()
    stand.stop("conductor", "worker", "noop", "orm")
    return _result(seen, sizes)


class _Ours:
    """The conductor and a worker as `make run` starts them, on two processes."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.callers: list[Caller] = people.make(_WORKSPACES)
        self.watch = psycopg.connect(stand.database_url(NAME), autocommit=True)
        self.submitted = 0

    def start(self) -> None:
        env = {**self.stand.environ, "DATABASE_URL": self.stand.database_url(NAME)}
        self.stand.start("conductor", "manage.py", "conductor", env=env)
        self.stand.start(
            "worker", "-m", "celery", "-A", "wildmind.celery", "-q", "worker", *_POOL, "-Q", "media", "-n", "bench@%h",
            env=env,
        )  # fmt: skip
        with redis.Redis.from_url(self.stand.redis_url) as client:
            self.stand.wait(lambda: bool(client.hlen("wm:workers")), "the worker announced itself")

    def round(self, amount: int) -> Row:
        """Submits while the conductor stands still, and lets it go."""
        self.stand.hold("conductor")
        roots = self.stand.roots(conductor="conductor", worker="worker")
        before, began, own = Spent(roots), time.perf_counter(), time.process_time()
        order = Order(pipeline=noop.PIPELINE, model=noop.MODEL, input={"prompt": "nothing"})
        for number in range(amount):
            submit_noop(self.callers[number % len(self.callers)], order, f"{self.submitted + number}")
        took, own = time.perf_counter() - began, time.process_time() - own
        enqueued = before.micros(amount)["total"] + own * 1e6 / amount
        self.submitted += amount
        first = self._captures()
        self.stand.release("conductor")
        drained = _drain(self.stand, roots, amount, lambda: self._captures() - first)
        self.stand.wait(lambda: self._done() >= self.submitted, "every job is done", seconds=_PATIENCE_SECONDS)
        app = drained.pop("conductor") + drained.pop("worker")
        return _row(OURS, amount, amount / took, enqueued, {**drained, "app": app})

    def verify(self) -> None:
        """Every job succeeded and was paid for, and the ledger proves itself."""
        rows = self.watch.execute("SELECT state, captured, count(*) FROM generation_job GROUP BY 1, 2").fetchall()
        broken = self.watch.execute("SELECT * FROM credits_violation").fetchall()
        if rows != [("succeeded", 1, self.submitted)] or broken:
            raise StandProblem(f"Not what was ordered: {rows} {broken[:3]}")

    def _captures(self) -> int:
        """One posting for each job that ended. A sequence is read in no time, however many there are."""
        row = self.watch.execute("SELECT last_value FROM credits_posting_id_seq").fetchone()
        return int(row[0]) if row else 0

    def _done(self) -> int:
        row = self.watch.execute("SELECT count(*) FROM generation_job WHERE completed_at IS NOT NULL").fetchone()
        return int(row[0]) if row else 0


class _Floors:
    """Celery twice, with one worker each that stands still until everything is in the broker; and the loop."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.env = stand.floor_environ()
        self.broker = redis.Redis.from_url(self.env["BENCH_BROKER_URL"])

    def start(self) -> None:
        for name, module in (("noop", "celery_noop"), ("orm", "celery_orm")):
            self.stand.start(
                name, "-m", "celery", "-A", f"bench.floors.{module}", "-q", "worker", *_POOL, "-Q", name, "-n",
                f"{name}@%h", env=self.env,
            )  # fmt: skip

    def celery(self, amount: int) -> Row:
        return self._celery(CELERY, "noop", "celery_noop", amount)

    def orm(self, amount: int) -> Row:
        return self._celery(ORM, "orm", "celery_orm", amount)

    def loop(self, amount: int) -> Row:
        """The loop watches itself: it is over before anybody else could."""
        said = self.stand.step(
            "-m", "bench.floors.claim_loop", str(amount), str(self.stand.running["postgres"].pid), env=self.env
        )
        drained: dict[str, float] = json.loads(said)
        return _row(LOOP, amount, drained.pop("enqueue/s"), drained.pop("enqueue µs"), drained)

    def _celery(self, name: str, queue: str, module: str, amount: int) -> Row:
        self.stand.hold(queue)
        roots = self.stand.roots(app=queue)
        before = Spent(roots)
        produced: dict[str, Any] = json.loads(
            self.stand.step("-m", f"bench.floors.{module}", str(amount), env=self.env)
        )
        enqueued = before.micros(amount)["total"] + produced["cpu"] * 1e6 / amount
        self.stand.release(queue)
        drained = _drain(self.stand, roots, amount, lambda: amount - self._waiting(queue))
        # What was fetched last is still at work.
        time.sleep(0.3)
        return _row(name, amount, amount / produced["seconds"], enqueued, drained)

    def _waiting(self, queue: str) -> int:
        length: Any = self.broker.llen(queue)
        return int(length)


def _drain(stand: Stand, roots: Mapping[str, int], amount: int, done: Callable[[], int]) -> dict[str, float]:
    """Jobs a second and CPU microseconds a job between the tenth and the ninety-fifth of a hundred."""
    stand.wait(lambda: done() >= _FROM * amount, "a tenth is done", seconds=_PATIENCE_SECONDS)
    spent, first, began = Spent(roots), done(), time.perf_counter()
    stand.wait(lambda: done() >= _TO * amount, "nearly all is done", seconds=_PATIENCE_SECONDS)
    count, took = done() - first, time.perf_counter() - began
    return {"jobs/s": count / took, **spent.micros(count)}


def _row(name: str, amount: int, rate: float, enqueued: float, drained: Mapping[str, float]) -> Row:
    return {
        "variant": name, "n": amount, "enqueue/s": float(rate), "enqueue µs": float(enqueued),
        "jobs/s": drained["jobs/s"],
        **{f"{part} µs": drained.get(part, 0.0) for part in ("app", "pg", "valkey", "total")},
    }  # fmt: skip


def _result(seen: dict[str, list[Row]], sizes: Sizes) -> Result:
    rate = "jobs/s"
    goals = [
        Goal("rate over raw Celery's", median_ratio(seen[OURS], seen[CELERY], rate), 2.0, at_least=True),
        Goal("rate over Celery's with the ORM", median_ratio(seen[OURS], seen[ORM], rate), 6.0, at_least=True),
        Goal("rate over the bare claim loop's", median_ratio(seen[OURS], seen[LOOP], rate), 0.4, at_least=True),
        Goal("CPU ms a job in all", medians(seen[OURS])["total µs"] / 1000, 0.9, at_least=False),
    ]
    notes = [
        f"drained from {_FROM:.0%} to {_TO:.0%} of the jobs; µs are CPU; app is conductor and worker, or the loop",
        "enqueue µs are CPU of the producer and the servers; ours holds, prices and journals, the loop's is one INSERT",
        f"ours: {_WORKSPACES} workspaces, a credit a job; afterwards every job succeeded and the ledger proved itself",
    ]
    rounds = [row for found in seen.values() for row in found]
    return Result(
        NAME, "No-op jobs, accepted to done, durable", [medians(found) for found in seen.values()], goals, notes, rounds
    )
