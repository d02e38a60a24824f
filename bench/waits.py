"""`python -m bench.waits [--jobs N] [--seconds S] [--rounds R] [--json PATH]`: many jobs at once, a slow provider.

All are accepted while the conductor stands still, and then let go. The provider takes `--seconds` for each, as many at
once as come. Two kinds of provider: one whose request lasts as long as the work, and one that takes the job and tells
by webhook that it is done. Beside ours, in the same round: the ideal, a bare client without rows, money or files, which
this machine, with the provider on it too, cannot serve much faster either.
"""

import argparse
import importlib
import json
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import redis

from bench.chaos.site import CONDUCTORS, PROVIDER, RUNNERS, WEB, WORKER, Site, opened
from bench.measure import Goal, Result, Row, Spent, medians, percentile
from bench.stand import Stand, StandProblem

_PEOPLE = 50
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.2
# A runner's name for what waits, and a worker's two.
_ANNOUNCED = 3
RUNNER, CONDUCTOR = RUNNERS[0], CONDUCTORS[0]


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        with opened() as stand:
            result = run(stand, jobs=options.jobs, seconds=options.seconds, rounds=options.rounds)
    except StandProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    print(result.show())
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return 0


def run(stand: Stand, *, jobs: int, seconds: float, rounds: int) -> Result:
    """Both kinds of provider in each round, on a site with a runner, and a worker that makes the smaller versions."""
    more = {RUNNER: {"WILDMIND_RUNNER_SLOTS": str(max(500, jobs))}}
    site = Site(stand, "waits", seconds=seconds, more=more)
    submit_all = importlib.import_module("bench.inside").submit_remote
    people = importlib.import_module("bench.people")
    people.use_database(site.database)
    callers = people.make(_PEOPLE)
    site.start(PROVIDER, WEB, WORKER, RUNNER, CONDUCTOR)
    stand.wait(lambda: site.answers("/readyz"), "the site answers")
    with redis.Redis.from_url(stand.redis_url) as client:
        stand.wait(lambda: client.hlen("wm:workers") >= _ANNOUNCED, "the workers announced themselves")
    site.misbehave(one_webhook=1.0)
    measured: dict[str, list[Row]] = {"remote-waiting": [], "remote": []}
    for model in measured:
        # Every process has run something before.
        _round(site, callers, submit_all, model, 20)
    for _ in range(rounds):
        for model, rows in measured.items():
            bare = _bare(site, jobs=jobs, looking=model == "remote")
            rows.append({**_round(site, callers, submit_all, model, jobs), "bare client s": bare})
    site.stop_all()
    return _result(jobs, seconds, measured)


def _result(jobs: int, seconds: float, measured: Mapping[str, list[Row]]) -> Result:
    shown = [medians(rows) for rows in measured.values()]
    goals = []
    for model, rows in measured.items():
        over = sorted(row["makespan s"] / row["bare client s"] for row in rows)
        goals.append(Goal(f"{model}: makespan over the bare client's", percentile(over, 0.5), 1.3))
        goals.append(Goal(f"{model}: over {seconds:g} s", medians(rows)["makespan s"] / seconds, None))
    goals.append(Goal("memory of runner and worker, MB", max(row["workers MB"] for row in shown), 500))
    title = f"{jobs} jobs at once, {seconds:g} s each at the provider"
    return Result("waits", title, shown, goals, [], [row for rows in measured.values() for row in rows])


def _bare(site: Site, *, jobs: int, looking: bool) -> float:
    given = ["--url", site.environ["BENCH_PROVIDER_URL"], "--jobs", str(jobs), *(["--looking"] if looking else [])]
    return float(site.stand.step("-m", "bench.floors.waits", *given, env=site.environ))


def _round(site: Site, callers: list[Any], submit: Any, model: str, jobs: int) -> Row:
    """Submits while the conductor stands still, and lets it go."""
    site.stand.hold(CONDUCTOR)
    for number in range(jobs):
        submit(callers[number % len(callers)], model, str(uuid4()))
    roots = {"runner": site.stand.running[RUNNER].pid, "conductor": site.stand.running[CONDUCTOR].pid,
             "web": site.stand.running[WEB].pid, "pg": site.stand.running["postgres"].pid}  # fmt: skip
    # The smaller versions of what came before are made.
    site.stand.wait(lambda: _rendered(site), "the worker is idle", seconds=_PATIENCE_SECONDS)
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
        "added p50 ms": percentile(added, 0.5), "added p99 ms": percentile(added, 0.99), "workers MB": most,
        "runner µs": micros["runner"], "conductor µs": micros["conductor"], "web µs": micros["web"],
        "pg µs": micros["pg"],
    }  # fmt: skip


@dataclass
class _Memory:
    """The most that runner and worker used together: their processes' own pages, and their share of common ones."""

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
            pids = self.site.below(RUNNER) | self.site.below(WORKER)
            self.most_bytes = max(self.most_bytes, sum(_pss_bytes(pid) for pid in pids))
            time.sleep(_LOOK_SECONDS)


def _pss_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _rendered(site: Site) -> bool:
    with psycopg.connect(site.environ["DATABASE_URL"]) as connection:
        return not connection.execute("SELECT 1 FROM assets_asset WHERE render_due_at IS NOT NULL LIMIT 1").fetchone()


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
    parser.add_argument("--rounds", type=int, default=3, help="how often, for the median (default 3)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
