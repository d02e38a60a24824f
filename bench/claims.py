"""Benchmark 7: claims a second in fair order over backlogs and tenants, beside a bare SKIP LOCKED batch.

Backlogs are rows made by one INSERT each; statistics are fresh. Ours is the product's statement, as a conductor's
connection prepares it; the floor an UPDATE of a small table's oldest rows, with no order but the row's number.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection

from bench import crowd, noop, people
from bench.ideals import Ask, Member
from bench.measure import Goal, Result, Row, Spent, median_ratio, medians, percentile
from bench.stand import Stand
from generation import dispatch
from generation.throttle import Group

NAME = "claims"
OURS, LIMITED, RAW = "wildmind", "wildmind, a model at its limit", "bare SKIP LOCKED batch"
_BATCHES = (10, 100)
_IDLE_TURNS = 200
_SIZES = ((1_000, 1), (1_000, 1_000), (100_000, 1_000), (1_000_000, 1), (1_000_000, 1_000), (1_000_000, 50_000))
_SMOKE = ((1_000, 1), (20_000, 1_000))
# Each tenant's jobs in turn, so that fair order is not the order of the rows.
_FILL = """
INSERT INTO generation_step (id, job_id, name, kind, position, depends_on, optional, revision_id, placement, lane,
    params, price, unit, quantity, settled, state, vtag, cost, attempt_no, tries, lost_leases, lease_owner)
SELECT gen_random_uuid(), %(job)s, 'n' || n, 'gen:noop', 1, '{}', false, %(revision)s, 'cpu', 'free', '{}', 1, 'call',
    1, 0, 'ready', (n / %(tenants)s + 1) * 1000 + n * 7919::bigint %% 1000, 1, 0, 0, 0, ''
FROM generate_series(1, %(rows)s) n
"""
_RAW_TABLE = """
DROP TABLE IF EXISTS raw_queue;
CREATE TABLE raw_queue (id bigint PRIMARY KEY, payload jsonb, state text, attempt_no integer, lease_owner text,
    lease_expires_at timestamptz);
CREATE INDEX raw_ready ON raw_queue (id) WHERE state = 'ready';
"""
_RAW_FILL = "INSERT INTO raw_queue SELECT n, '{}', 'ready', 0, '', NULL FROM generate_series(1, %(rows)s) n"
_RAW_CLAIM = """
UPDATE raw_queue SET state = 'claimed', attempt_no = attempt_no + 1, lease_owner = 'bench',
    lease_expires_at = now() + interval '15 seconds'
WHERE id IN (SELECT id FROM raw_queue WHERE state = 'ready' ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED)
RETURNING id, attempt_no
"""


@dataclass(frozen=True, slots=True)
class Size:
    rows: int
    tenants: int


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    sizes = [Size(*size) for size in (_SMOKE if smoke else _SIZES)]
    claims = 400 if smoke else 2_000
    job, revision = _job()
    rounds = min(rounds, 3)
    seen: dict[tuple[Size, str, int], list[Row]] = {}
    plans: dict[str, Any] = {}
    idle = 0.0
    for size in sizes:
        _fill(job, revision, size)
        plans[f"{size.rows} rows, {size.tenants} tenants"] = _plan(None)
        plans[f"{size.rows} rows, {size.tenants} tenants, by model"] = _plan([(10, [revision])])
        takes: dict[str, Callable[[int], int]] = {
            OURS: _ours, LIMITED: partial(_ours, revision=revision), RAW: _raw,
        }  # fmt: skip
        for number in range(rounds):
            for batch in _BATCHES:
                names = list(takes) if number % 2 else list(reversed(takes))
                for name in names:
                    # A small backlog is claimed once over; what was claimed is ready again for the next.
                    amount = min(claims, size.rows // 2)
                    row = _timed(stand, partial(takes[name], batch), amount)
                    seen.setdefault((size, name, batch), []).append(_row(size, name, batch, row))
                    _ready_again()
        idle = _idle_share(stand)
    rows = [medians(found) for found in seen.values()]
    return _result(sizes, seen, rows, plans, idle)


def _job() -> tuple[str, str]:
    """A job that all rows belong to: a claim does not read it."""
    [who] = crowd.make(1)
    world = crowd.Crowd(slots=1, model=noop.MODEL)
    world.accept(Ask(Member(who), 0.0, 0.001))
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, revision_id FROM generation_job WHERE workspace_id = %s", [who])
        job, revision = cursor.fetchone()
    return str(job), revision


def _fill(job: str, revision: str, size: Size) -> None:
    with connection.cursor() as cursor:
        # A million rows take their time, and none of them needs its job looked up.
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("TRUNCATE generation_step CASCADE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_FILL, {"job": job, "revision": revision, "tenants": size.tenants, "rows": size.rows})
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE generation_step")
        cursor.execute(_RAW_TABLE)
        cursor.execute(_RAW_FILL, {"rows": size.rows})
        cursor.execute("VACUUM ANALYZE raw_queue")


def _ready_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE generation_step SET state = 'ready', lease_owner = '' WHERE state = 'claimed'")
        cursor.execute("UPDATE raw_queue SET state = 'ready' WHERE state = 'claimed'")
        cursor.execute("VACUUM generation_step")
        cursor.execute("VACUUM raw_queue")


def _ours(limit: int, revision: str | None = None) -> int:
    among: list[Group] | None = [(limit, [revision])] if revision else None
    return len(dispatch.claim(placement="cpu", lane="free", limit=limit, owner="bench", among=among))


def _raw(limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_RAW_CLAIM.format(limit=limit))
        return len(cursor.fetchall())


def _timed(stand: Stand, claim: Callable[[], int], amount: int) -> Row:
    for _ in range(6):
        claim()
    took, done = [], 0
    spent, began = Spent(stand.roots()), time.perf_counter()
    while done < amount:
        at = time.perf_counter()
        claimed = claim()
        took.append((time.perf_counter() - at) * 1000)
        if not claimed:
            break
        done += claimed
    seconds = time.perf_counter() - began
    took.sort()
    return {
        "claims/s": done / seconds, "p50 ms": percentile(took, 0.5), "p99 ms": percentile(took, 0.99),
        "pg µs": spent.micros(done)["pg"],
    }  # fmt: skip


def _plan(among: Any) -> Any:
    """What PostgreSQL does for a claim of ten, with what it read; undone."""
    sql, given = dispatch.claim_statement(placement="cpu", lane="free", limit=10, owner="bench", among=among)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", given)
        plan = cursor.fetchone()[0]
        cursor.execute("ROLLBACK")
    return plan


def _idle_share(stand: Stand) -> float:
    """The part of a core that PostgreSQL spends on ticks which find work but no worker, in percent."""
    conductor = dispatch.Dispatcher(name="idle")
    conductor.run_once()
    spent = Spent(stand.roots())
    for _ in range(_IDLE_TURNS):
        conductor.run_once()
    # Two ticks a second, unless somebody nudges.
    return spent.micros(_IDLE_TURNS)["total"] * 2 / 1e6 * 100


def _row(size: Size, name: str, batch: int, measured: Row) -> Row:
    return {"rows": size.rows, "tenants": size.tenants, "variant": name, "batch": batch, **measured}


def _result(
    sizes: list[Size], seen: dict[tuple[Size, str, int], list[Row]], rows: list[Row], plans: dict[str, Any], idle: float
) -> Result:
    small, large = sizes[0], sizes[-1]
    goals = []
    for batch in _BATCHES:
        least = min(median_ratio(seen[size, OURS, batch], seen[size, RAW, batch], "claims/s") for size in sizes)
        grown = median_ratio(seen[large, OURS, batch], seen[small, OURS, batch], "p50 ms")
        goals += [
            Goal(f"rate over the bare batch's, {batch} a claim, the least of all sizes", least, 0.5, at_least=True),
            Goal(f"p50 of the largest backlog over the smallest's, {batch} a claim", grown, 1.3),
        ]  # fmt: skip
    goals.append(Goal("idle conductor on the largest backlog, percent of a core, both servers", idle, 1.0))
    notes = ["one connection; the floor knows no tenants, lanes or order but that of its rows", "plans are in the JSON"]
    rounds = [*(row for found in seen.values() for row in found), {"plans": plans}]
    return Result(NAME, "Claims in fair order", rows, goals, notes, rounds)
