"""The limit of a queue in PostgreSQL: claim fifty, acknowledge fifty, nothing else. No ledger, no events, no worker.

Arguments: how many jobs, and PostgreSQL's process for its CPU time.
"""

import json
import os
import sys
import time
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import uvloop

from bench.measure import Spent

_TABLE = """
CREATE TABLE IF NOT EXISTS floors_claim (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state smallint NOT NULL DEFAULT 0, prompt text NOT NULL,
    claimed_at timestamptz, finished_at timestamptz
);
CREATE INDEX IF NOT EXISTS floors_claim_ready ON floors_claim (id) WHERE state = 0;
TRUNCATE floors_claim;
"""
_CLAIM = """
UPDATE floors_claim c SET state = 1, claimed_at = now()
FROM (SELECT id FROM floors_claim WHERE state = 0 ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED) due
WHERE c.id = due.id RETURNING c.id
"""
_ACK = "UPDATE floors_claim SET state = 2, finished_at = now() WHERE id = ANY($1)"
_FROM, _TO = 0.10, 0.95
_SINGLE = 500


async def run(amount: int, postgres: int) -> dict[str, float]:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(_TABLE)
    roots = {"app": os.getpid(), "pg": postgres}
    enqueue = Spent(roots)
    began = time.perf_counter()
    insert = await connection.prepare("INSERT INTO floors_claim (prompt) VALUES ($1)")
    for _ in range(_SINGLE):
        await insert.fetch("nothing")
    enqueued = {"enqueue/s": _SINGLE / (time.perf_counter() - began), "enqueue µs": enqueue.micros(_SINGLE)["total"]}
    await connection.execute(
        "INSERT INTO floors_claim (prompt) SELECT 'nothing' FROM generate_series(1, $1)", amount - _SINGLE
    )
    await connection.execute("VACUUM ANALYZE floors_claim")
    drained = await _drain(connection, amount, roots)
    await connection.close()
    return {**enqueued, **drained}


async def _drain(connection: Any, amount: int, roots: dict[str, int]) -> dict[str, float]:
    claim, ack = await connection.prepare(_CLAIM), await connection.prepare(_ACK)
    done, first, began = 0, 0, 0.0
    spent: Spent | None = None
    while done < _TO * amount:
        rows = await claim.fetch()
        await ack.fetch([row["id"] for row in rows])
        done += len(rows)
        if spent is None and done >= _FROM * amount:
            spent, first, began = Spent(roots), done, time.perf_counter()
    took = time.perf_counter() - began
    used = spent.micros(done - first) if spent else {}
    return {"jobs/s": (done - first) / took, **used}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(run(int(sys.argv[1]), int(sys.argv[2])))))
