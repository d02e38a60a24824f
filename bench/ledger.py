"""Benchmark 6: what moves credits, over many wallets and on a hot one, beside pgbench and the ORM's row locks."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from bench import people
from bench.floors import pgbench
from bench.measure import Goal, Result, Row, Spent, median_ratio, medians, percentile
from bench.stand import FLOORS, ROOT, Stand, StandProblem
from credits import reconciliation

NAME = "ledger"
OURS, ORM, PGBENCH = "wildmind", "ORM select_for_update", "pgbench UPDATE + INSERT"
CAPTURE, VOID, GRANT, MIXED, CHANGE = "hold + capture", "hold + void", "grant", "mixed", "change"
MANY, HOT = "many", "hot"
_PROCESSES, _THREADS = 4, 4
_LOTS, _PLENTY = 4, 10_000_000
_LEAD_SECONDS, _STOP_SECONDS = 0.3, 10.0
# Enough for some hundred statements.
_COUNTED_SECONDS = 0.4
_WALLETS = """
WITH made AS (
    INSERT INTO accounts_workspace (id, name, kind, created_at)
    SELECT gen_random_uuid(), 'bench', 'personal', now() FROM generate_series(1, %(wallets)s) RETURNING id
), held AS (
    INSERT INTO credits_wallet (id, workspace_id, sandbox, balance, held, debt, limited, created_at)
    SELECT gen_random_uuid(), id, false, 0, 0, 0, false, now() FROM made
)
SELECT id::text FROM made
"""
# Lots as a subscriber has them: some end, some were paid for; what ends first is drawn first.
_LOTS_OF = """
SELECT count(*) FROM generate_series(1, %(lots)s) n, unnest(%(wallets)s::uuid[]) w, ledger_grant(
    w, false, 'grant', 'bench:' || w || ':' || n, ledger_uuid7(), %(amount)s, jsonb_build_object('origin', 'top_up',
    'priority', 50, 'paid', n > 2, 'applies_to', '[]'::jsonb, 'reason', '', 'actor', 'bench', 'rollover_times', 0,
    'expires_at', CASE WHEN n < 4 THEN now() + n * interval '30 days' END), now())
"""
_FLOOR_WALLETS = """
WITH made AS (
    INSERT INTO floors_wallet (balance, held) SELECT %(lots)s * %(amount)s, 0 FROM generate_series(1, %(wallets)s)
    RETURNING id
), lots AS (
    INSERT INTO floors_lot (wallet_id, reference, amount, remaining, priority, expires_at)
    SELECT id, 'bench:' || id || ':' || n, %(amount)s, %(amount)s, 50,
        CASE WHEN n < 4 THEN now() + n * interval '30 days' END
    FROM made, generate_series(1, %(lots)s) n
)
SELECT id::text FROM made
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What one variant does in one phase: a work of `bench.spender`, over many wallets or one."""

    variant: str
    work: str
    wallets: str


PARTS = (
    Part(PGBENCH, CHANGE, MANY), Part(PGBENCH, CHANGE, HOT),
    Part(OURS, CAPTURE, MANY), Part(OURS, CAPTURE, HOT), Part(OURS, VOID, MANY), Part(OURS, GRANT, MANY),
    Part(OURS, MIXED, MANY), Part(ORM, CAPTURE, MANY), Part(ORM, CAPTURE, HOT),
)  # fmt: skip
_WORKS = {CAPTURE: "capture", VOID: "void", GRANT: "grant", MIXED: "mixed"}


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    wallets = 100 if smoke else 1_000
    warm, seconds = (0.2, 0.8) if smoke else (0.5, 3.0)
    pgbench.create(stand, wallets)
    with _callers(stand, wallets) as callers:
        for each in callers.values():
            each.wait()
            # Every thread has its connection and its plans before anything counts.
            each.take(CAPTURE, MANY, warm, seconds)
        for database in (NAME, FLOORS):
            stand.admin("VACUUM ANALYZE", database=database)
        takes: dict[Part, Callable[[], Row]] = {}
        for part in PARTS:
            if part.variant == PGBENCH:
                accounts = wallets if part.wallets == MANY else 1
                takes[part] = partial(
                    pgbench.take, stand, accounts=accounts, clients=_PROCESSES * _THREADS, seconds=seconds
                )
            else:
                takes[part] = partial(callers[part.variant].take, part.work, part.wallets, warm, seconds)
        statements = {part: callers[part.variant].statements(part) for part in PARTS if part.variant != PGBENCH}
        seen: dict[Part, list[Row]] = {part: [] for part in PARTS}
        broken = []
        for number in range(rounds):
            turn = number % len(PARTS)
            for part in (*PARTS[turn:], *PARTS[:turn]):
                row = {"statements": statements.get(part, 0.0), **takes[part]()}
                seen[part].append(_row(part, row))
            broken.append(len(reconciliation.violations()))
    return _result(seen, broken, wallets)


class _Callers:
    """Four processes of four threads, all of one variant; they wait between phases."""

    def __init__(self, stand: Stand, module: str, env: Mapping[str, str], wallets: Mapping[str, Sequence[str]]) -> None:
        self.stand = stand
        self.wallets = wallets
        self.working = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.spender", module, str(_THREADS)], cwd=ROOT, env=dict(env),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(_PROCESSES)
        ]  # fmt: skip

    def wait(self) -> None:
        """Until every process has set Django up."""
        for each in self.working:
            _expect(each, "ready")

    def take(self, work: str, wallets: str, warm: float, seconds: float) -> Row:
        """One phase: transactions a second, how long they took, and CPU of the callers and of PostgreSQL for each."""
        opens = time.monotonic() + _LEAD_SECONDS + warm
        self._order(self.working, work, wallets, _THREADS, opens, opens + seconds)
        roots = {"pg": self.stand.running["postgres"].pid, **{str(each.pid): each.pid for each in self.working}}
        _sleep_until(opens)
        spent = Spent(roots)
        _sleep_until(opens + seconds)
        used = spent.micros(1)
        micros = sorted(value for seen in self._answers(self.working) for value in seen["micros"])
        if not micros:
            raise StandProblem(f"{work}: nothing was done")
        pg = used["pg"] / len(micros)
        return {
            "tx/s": len(micros) / seconds,
            "p50 ms": percentile(micros, 0.5) / 1000, "p99 ms": percentile(micros, 0.99) / 1000,
            "app µs": used["total"] / len(micros) - pg, "pg µs": pg, "total µs": used["total"] / len(micros),
        }  # fmt: skip

    def statements(self, part: Part) -> float:
        """Statements a transaction, as PostgreSQL's log has them."""
        with self.stand.logged() as statements:
            now = time.monotonic()
            self._order(self.working[:1], part.work, part.wallets, 1, now, now + _COUNTED_SECONDS)
            [seen] = self._answers(self.working[:1])
        return len(statements) / int(seen["answered"])

    def end(self) -> None:
        for each in self.working:
            if each.stdin is not None:
                each.stdin.close()
        for each in self.working:
            try:
                each.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
            if each.stdout is not None:
                each.stdout.close()

    def _order(
        self, working: Sequence["subprocess.Popen[str]"], work: str, wallets: str, threads: int, opens: float,
        closes: float,
    ) -> None:  # fmt: skip
        for each in working:
            order = {
                "work": _WORKS[work], "wallets": self.wallets[wallets], "threads": threads, "opens": opens,
                "closes": closes, "to": str(self._to(each)),
            }  # fmt: skip
            assert each.stdin is not None  # noqa: S101 - a pipe
            each.stdin.write(json.dumps(order) + "\n")
            each.stdin.flush()

    def _answers(self, working: Sequence["subprocess.Popen[str]"]) -> Iterator[dict[str, Any]]:
        for each in working:
            _expect(each, "done")
            yield json.loads(self._to(each).read_text(encoding="utf-8"))

    def _to(self, each: "subprocess.Popen[str]") -> Path:
        return self.stand.room / f"spender-{each.pid}"


@contextmanager
def _callers(stand: Stand, wallets: int) -> Iterator[dict[str, _Callers]]:
    ours = {**stand.environ, "DATABASE_URL": stand.database_url(NAME)}
    orm = {**stand.floor_environ(), "BENCH_WITH_POOL": "1"}
    started = []
    try:
        started.append(_Callers(stand, "bench.ours", ours, _our_wallets(wallets)))
        started.append(_Callers(stand, "bench.floors.orm_ledger", orm, _floor_wallets(stand, wallets)))
        yield dict(zip((OURS, ORM), started, strict=True))
    finally:
        for each in started:
            each.end()


def _our_wallets(count: int) -> dict[str, list[str]]:
    """Workspaces with a wallet of four lots each, which no benchmark can spend; the last is the hot one."""
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS, {"wallets": count + 1})
        made = [row[0] for row in cursor.fetchall()]
        cursor.execute(_LOTS_OF, {"lots": _LOTS, "wallets": made, "amount": _PLENTY})
    return {MANY: made[:-1], HOT: made[-1:]}


def _floor_wallets(stand: Stand, count: int) -> dict[str, list[str]]:
    with psycopg.connect(stand.database_url(FLOORS), autocommit=True) as floors:
        rows = floors.execute(_FLOOR_WALLETS, {"wallets": count + 1, "lots": _LOTS, "amount": _PLENTY}).fetchall()
    made = [row[0] for row in rows]
    return {MANY: made[:-1], HOT: made[-1:]}


def _expect(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None  # noqa: S101 - a pipe
    if process.stdout.readline().strip() != word:
        raise StandProblem(f"A caller of the ledger ended with {process.wait()}.")


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _row(part: Part, seen: Row) -> Row:
    names = ("tx/s", "p50 ms", "p99 ms", "app µs", "pg µs", "total µs", "statements")
    return {"wallets": part.wallets, "variant": part.variant, "work": part.work, **{name: seen[name] for name in names}}


def _result(seen: Mapping[Part, list[Row]], broken: list[int], wallets: int) -> Result:
    floor = {name: seen[Part(PGBENCH, CHANGE, name)] for name in (MANY, HOT)}
    orm = {name: seen[Part(ORM, CAPTURE, name)] for name in (MANY, HOT)}
    hot = seen[Part(OURS, CAPTURE, HOT)]
    goals = [
        _over(seen[Part(OURS, work, MANY)], floor[MANY], f"{work}, rate over pgbench's", 0.5)
        for work in (CAPTURE, VOID, GRANT, MIXED)
    ]
    goals += [
        _over(hot, floor[HOT], "hold + capture of one wallet, over pgbench's of one row", 0.45),
        _over(seen[Part(OURS, CAPTURE, MANY)], orm[MANY], "hold + capture, rate over the ORM's", 2.0),
        _over(hot, orm[HOT], "hold + capture of one wallet, over the ORM's", 2.0),
        Goal("rows of the reconcile views after a round, the most", max(broken), 0, at_least=False),
    ]
    notes = [
        f"many: {wallets} wallets of {_LOTS} lots; hot: one of them; pgbench: as many rows, or one",
        f"{_PROCESSES} processes of {_THREADS} threads, or {_PROCESSES * _THREADS} clients of pgbench; fsync on",
        "a transaction is one verb: hold + capture are two. 8 of 10 held credits are captured",
        "mixed: of a hundred 70 hold + capture, 20 hold + void, 5 grants, 5 holds sent twice and voided",
        f"{_postings():,} postings in all",
    ]
    rounds = [row for found in seen.values() for row in found]
    rows = [medians(found) for found in seen.values()]
    return Result(NAME, "Moving credits, durable", rows, goals, notes, rounds)


def _over(ours: Sequence[Row], theirs: Sequence[Row], text: str, target: float) -> Goal:
    return Goal(text, median_ratio(ours, theirs, "tx/s"), target, at_least=True)


def _postings() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM credits_posting")
        return int(cursor.fetchone()[0])
