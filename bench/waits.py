"""`python -m bench.waits [--jobs N] [--seconds S] [--json PATH]`: many jobs at once against a slow provider.

All are accepted while the conductor stands still, and then let go. The provider takes `--seconds` for each, as many at
once as come, so the ideal is that long for all of them together. Two kinds of provider: one whose request lasts as long
as the work, and one that takes the job and tells by webhook that it is done.
"""

import argparse
import importlib
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import redis

from bench.chaos.site import CONDUCTORS, PROVIDER, RUNNERS, WEB, Site, opened
from bench.measure import Goal, Result, Row, Spent, percentile
from bench.stand import Stand, StandProblem

_PEOPLE = 50
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.2
RUNNER, CONDUCTOR = RUNNERS[0], CONDUCTORS[0]


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        with opened() as stand:
            result = run(stand, jobs=options.jobs, seconds=options.seconds)
    except StandProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    print(result.show())
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return 0


def run(stand: Stand, *, jobs: int, seconds: float) -> Result:
    """Both kinds of provider, one after the other, on a site without a worker for our own processors."""
    more = {RUNNER: {"WILDMIND_RUNNER_SLOTS": str(max(500, jobs))}}
    site = Site(stand, "waits", seconds=seconds, more=more)
    submit_all = importlib.import_module("bench.inside").submit_remote
    people = importlib.import_module("bench.people")
    people.use_database(site.database)
    callers = people.make(_PEOPLE)
    site.start(PROVIDER, WEB, RUNNER, CONDUCTOR)
    stand.wait(lambda: site.answers("/readyz"), "the site answers")
    with redis.Redis.from_url(stand.redis_url) as client:
        stand.wait(lambda: bool(client.hlen("wm:workers")), "the runner announced itself")
    rows = []
    for model in ("remote-waiting", "remote"):
        # Every process has run something before.
        _round(site, callers, submit_all, model, 20)
        rows.append(_round(site, callers, submit_all, model, jobs))
    site.stop_all()
    goals = [
        Goal(f"{row['provider']}: makespan over the provider's time", row["makespan s"] / seconds, 1.3) for row in rows
    ] + [
        Goal("memory of the runner, MB", max(row["runner MB"] for row in rows), 250)
    ]  # fmt: skip
    return Result("waits", f"{jobs} jobs at once, {seconds:g} s each at the provider", rows, goals, [], rows)


def _round(site: Site, callers: list[Any], submit: Any, model: str, jobs: int) -> Row:
    """Submits while the conductor stands still, and lets it go."""
    site.stand.hold(CONDUCTOR)
    for number in range(jobs):
        submit(callers[number % len(callers)], model, str(uuid4()))
    roots = {"runner": site.stand.running[RUNNER].pid, "conductor": site.stand.running[CONDUCTOR].pid,
             "web": site.stand.running[WEB].pid, "pg": site.stand.running["postgres"].pid}  # fmt: skip
    memory = _Memory(site)
    with psycopg.connect(site.environ["DATABASE_URL"], autocommit=True) as connection:
        spent, began = Spent(roots), _now(connection)
        site.stand.release(CONDUCTOR)
        memory.begin()
        site.stand.wait(lambda: _left(connection) == 0, "every job ended", seconds=_PATIENCE_SECONDS)
        micros = spent.micros(jobs)
        most = memory.end()
        rows = connection.execute(
            "SELECT j.state, extract(epoch FROM j.completed_at)::float - %s, "
            "extract(epoch FROM a.finished_at - a.started_at)::float "
            "FROM generation_job j JOIN generation_step s ON s.job_id = j.id JOIN generation_attempt a "
            "ON a.step_id = s.id WHERE extract(epoch FROM j.completed_at) > %s",
            [began, began],
        ).fetchall()
    if len(rows) != jobs or {state for state, _, _ in rows} != {"succeeded"}:
        causes = _causes(site)
        raise StandProblem(f"{len(rows)} of {jobs} ended, as {sorted({state for state, _, _ in rows})}: {causes}")
    added = sorted((took - site.seconds) * 1000 for _, _, took in rows)
    return {
        "provider": model, "jobs": jobs, "makespan s": max(ended for _, ended, _ in rows),
        "added p50 ms": percentile(added, 0.5), "added p99 ms": percentile(added, 0.99), "runner MB": most,
        "runner µs": micros["runner"], "conductor µs": micros["conductor"], "web µs": micros["web"],
        "pg µs": micros["pg"],
    }  # fmt: skip


@dataclass
class _Memory:
    """The most that the runner's processes used together: their own pages, and their share of common ones."""

    site: Site
    most_bytes: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> float:
        self._over.set()
        return self.most_bytes / 1e6

    def _look(self) -> None:
        while not self._over.is_set():
            self.most_bytes = max(self.most_bytes, sum(_pss_bytes(pid) for pid in self.site.below(RUNNER)))
            time.sleep(_LOOK_SECONDS)


def _pss_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _causes(site: Site) -> dict[str, int]:
    with psycopg.connect(site.environ["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT coalesce(nullif(error_code, ''), outcome) || ' ' || detail, count(*) FROM generation_attempt "
            "WHERE outcome <> 'done' GROUP BY 1"
        ).fetchall()
    return {str(cause): int(count) for cause, count in rows}


def _now(connection: "psycopg.Connection[Any]") -> float:
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float").fetchone()
    return float(row[0]) if row else 0.0


def _left(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT count(*) FROM generation_job WHERE completed_at IS NULL").fetchone()
    return int(row[0]) if row else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.waits")
    parser.add_argument("--jobs", type=int, default=500, help="how many at once (default 500)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long the provider takes (default 3)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
