"""What a durable change and its record cost at least: pgbench with one UPDATE and one INSERT a transaction."""

import resource
import subprocess
from pathlib import Path

from bench.measure import Row, Spent, percentile
from bench.stand import FLOORS, Stand, StandProblem

_TABLES = (
    "CREATE TABLE floors_pgbench_account (id integer PRIMARY KEY, balance bigint NOT NULL)",
    "CREATE TABLE floors_pgbench_history (account integer, delta integer, at timestamptz)",
    "INSERT INTO floors_pgbench_account SELECT n, 0 FROM generate_series(1, {accounts}) n",
    "VACUUM ANALYZE floors_pgbench_account",
)
# The simple update of pgbench, without the SELECT of the balance: four round trips.
_SCRIPT = """\\set account random(1, {accounts})
BEGIN;
UPDATE floors_pgbench_account SET balance = balance + 1 WHERE id = :account;
INSERT INTO floors_pgbench_history (account, delta, at) VALUES (:account, 1, CURRENT_TIMESTAMP);
END;
"""
STATEMENTS = 4.0


def create(stand: Stand, accounts: int) -> None:
    stand.admin(*(statement.format(accounts=accounts) for statement in _TABLES), database=FLOORS)


def take(stand: Stand, *, accounts: int, clients: int, seconds: float) -> Row:
    """One run over so many accounts, each client on a connection of its own, with prepared statements."""
    program = Path(stand.program("pgbench"))
    if not program.exists():
        raise StandProblem(f"There is no {program}: pgbench comes with PostgreSQL's server programs.")
    script, log = stand.room / "pgbench.sql", stand.room / "pgbench"
    script.write_text(_SCRIPT.format(accounts=accounts), encoding="utf-8")
    spent, own = Spent({"pg": stand.running["postgres"].pid}), _children()
    done = subprocess.run(
        [program, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds))), "-l",
         f"--log-prefix={log}", "-f", script, stand.database_url(FLOORS)],
        cwd=stand.room, capture_output=True, text=True, check=False,
    )  # fmt: skip
    own, used = _children() - own, spent.micros(1)
    rate = next((line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps = ")), "")
    micros = _latencies(stand.room)
    if done.returncode or not rate or not micros:
        raise StandProblem(f"pgbench ended with {done.returncode}:\n{done.stderr[-1000:]}")
    app, pg = own * 1e6 / len(micros), used["pg"] / len(micros)
    return {
        "tx/s": float(rate), "p50 ms": percentile(micros, 0.5) / 1000, "p99 ms": percentile(micros, 0.99) / 1000,
        "app µs": app, "pg µs": pg, "total µs": app + pg, "statements": STATEMENTS,
    }  # fmt: skip


def _latencies(room: Path) -> list[int]:
    """Microseconds of every transaction, from the logs of pgbench's threads, sorted; the logs go."""
    micros: list[int] = []
    for log in room.glob("pgbench.[0-9]*"):
        micros += [int(line.split()[2]) for line in log.read_text(encoding="ascii").splitlines()]
        log.unlink()
    return sorted(micros)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
