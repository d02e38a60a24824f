"""What must hold when all is over, asked of the database, the files, the provider and the people themselves."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.utils import timezone

from assets import rendering
from bench import people
from bench.chaos.crowd import Crowd
from bench.chaos.site import Site
from bench.measure import percentile
from core.ids import to_public

_RENDITIONS_SECONDS = 60.0
# Sees each job's steps, files and events beside what its row says.
_JOBS = """
SELECT j.id, j.state, j.captured, j.quoted, j.released, j.seq, j.created_at, j.completed_at, j.charge_reason,
    h.state, h.captured, s.earned, s.done, s.open, s.steps, e.first, e.last, e.events, e.dones, e.says,
    (SELECT count(*) FROM assets_asset a WHERE a.source_id = j.id),
    (SELECT count(*) FROM jsonb_array_elements(j.outputs) o WHERE o ->> 'status' = 'succeeded'),
    (SELECT count(*) FROM credits_posting p WHERE p.kind = 'capture' AND p.subject = 'job:' || j.id)
FROM generation_job j JOIN credits_hold h ON h.id = j.hold_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(price) FILTER (WHERE state = 'done'), 0) AS earned,
        count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state NOT IN ('done', 'failed', 'skipped', 'canceled')) AS open, count(*) AS steps
    FROM generation_step WHERE job_id = j.id
) s
CROSS JOIN LATERAL (
    SELECT min(seq) AS first, max(seq) AS last, count(*) AS events, count(*) FILTER (WHERE type = 'done') AS dones,
        (array_agg(data ->> 'status' ORDER BY seq DESC))[1] AS says
    FROM generation_event WHERE job_id = j.id
) e
"""
_FIELDS = (
    "id", "state", "captured", "quoted", "released", "seq", "created_at", "completed_at", "reason", "hold",
    "hold_captured", "earned", "done", "open", "steps", "first", "last", "events", "dones", "says", "assets", "shown",
    "captures",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """A fault's outcome. `wrong` is empty when every promise held; at most a few of each kind are listed."""

    fault: str
    jobs: int
    seed: int
    wrong: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"fault": self.fault, "jobs": self.jobs, "seed": self.seed, "wrong": self.wrong,
                "states": self.states, **self.figures}  # fmt: skip


def unfinished(site: Site) -> int:
    with psycopg.connect(site.environ["DATABASE_URL"], connect_timeout=5) as connection:
        row = connection.execute("SELECT count(*) FROM generation_job WHERE completed_at IS NULL").fetchone()
    return int(row[0]) if row else 0


def examine(site: Site, crowd: Crowd, report: Report) -> None:
    """Adds to the report what does not hold, and the figures."""
    _await_renditions(site, report)
    with psycopg.connect(site.environ["DATABASE_URL"]) as connection:
        rows = [dict(zip(_FIELDS, row, strict=True)) for row in connection.execute(_JOBS.encode()).fetchall()]
        for look in ("SELECT * FROM credits_violation", "SELECT * FROM generation_violation"):
            report.wrong += [f"violation: {row}" for row in connection.execute(look.encode()).fetchmany(5)]
        tries = connection.execute(
            "SELECT outcome, count(*) FROM generation_attempt WHERE finished_at IS NULL GROUP BY 1"
        ).fetchall()
        report.wrong += [f"{count} attempts never ended: {outcome}" for outcome, count in tries]
        keys = connection.execute("SELECT storage_key FROM assets_asset UNION ALL SELECT storage_key "
                                  "FROM assets_rendition").fetchall()  # fmt: skip
        causes = connection.execute("SELECT error_code, count(*) FROM generation_attempt WHERE error_code <> '' "
                                    "GROUP BY 1").fetchall()  # fmt: skip
    report.figures["causes"] = dict(causes)
    for row in rows:
        _examine_job(row, report)
    report.states = Counter(row["state"] for row in rows)
    report.figures["reasons"] = Counter(row["reason"] for row in rows)
    _examine_people(rows, crowd, report)
    _examine_files({key for (key,) in keys}, site, report)
    _examine_provider(site, sum(row["done"] for row in rows), report)
    report.figures["waits"] = _waits(rows)


def _await_renditions(site: Site, report: Report) -> None:
    """Smaller versions come after the result, and whatever became of the messages that asked for them."""
    # This process's own connections may be of before a crash.
    people.use_database(site.database)
    until = time.monotonic() + _RENDITIONS_SECONDS
    with psycopg.connect(site.environ["DATABASE_URL"], autocommit=True) as connection:
        while time.monotonic() < until:
            rendering.mend(at=timezone.now() + timedelta(minutes=2))
            time.sleep(1.0)
            row = connection.execute("SELECT count(*) FROM assets_asset WHERE render_due_at IS NOT NULL").fetchone()
            if row == (0,):
                return
    report.wrong.append(f"{row} pictures have no smaller versions")


def _examine_job(row: dict[str, Any], report: Report) -> None:
    broken = {
        "ends": row["completed_at"] is not None and row["open"] == 0,
        "pays for what was made": row["captured"] == row["hold_captured"] == row["earned"],
        "gets the rest back": row["captured"] + row["released"] == row["quoted"] and row["hold"] != "held",
        "is captured at most once": row["captures"] <= 1,
        "shows what was made": row["done"] == row["shown"] == row["assets"],
        "succeeded with all of it": (row["state"] == "succeeded") == (row["done"] == row["steps"]),
        "has events without a gap": (row["first"], row["last"], row["events"]) == (1, row["seq"], row["seq"]),
        "says its end once, and last": row["dones"] == 1 and row["says"] == row["state"],
    }
    for promise, held in broken.items():
        if not held:
            report.figures.setdefault("broken", Counter())[promise] += 1
            if report.figures["broken"][promise] <= 3:
                report.wrong.append(f"job {row['id']} {promise}: not so ({ {k: str(v) for k, v in row.items()} })")


def _examine_people(rows: list[dict[str, Any]], crowd: Crowd, report: Report) -> None:
    truth = {to_public("gen", row["id"]): row["state"] for row in rows}
    shown = crowd.states()
    if lost := set(shown) - set(truth):
        report.wrong.append(f"{len(lost)} jobs were answered with 201 and are not there")
    if unknown := set(truth) - set(shown):
        report.wrong.append(f"{len(unknown)} jobs are there that nobody was told of")
    untrue = {job: (shown[job], truth[job]) for job in set(shown) & set(truth) if shown[job] != truth[job]}
    if untrue:
        report.wrong.append(f"{len(untrue)} pages do not show the true end: {list(untrue.items())[:3]}")
    streams = {job: (said, truth.get(job)) for job, said in crowd.streams.items() if said != truth.get(job)}
    if streams:
        report.wrong.append(f"{len(streams)} streams do not end with the true end: {list(streams.items())[:3]}")
    if crowd.mistakes:
        report.wrong.append(f"the crowd itself broke: {crowd.mistakes[:3]}")
    report.figures |= {"heard": dict(crowd.heard), "refused": dict(crowd.refused)}


def _examine_files(keys: set[str], site: Site, report: Report) -> None:
    """Lets a day pass for the orphan sweep, runs it, and counts what is left."""
    before = _files(site.media)
    day_ago = time.time() - 25 * 3600
    for name in before:
        os.utime(site.media / name, (day_ago, day_ago))
    site.stand.step("manage.py", "sweep_orphans", env=site.environ)
    after = _files(site.media)
    report.figures |= {"files": len(after), "swept": len(before - after)}
    if missing := keys - after:
        report.wrong.append(f"{len(missing)} files are gone that a row names: {sorted(missing)[:3]}")
    if orphans := after - keys:
        report.wrong.append(f"{len(orphans)} files stay that no row names: {sorted(orphans)[:3]}")


def _examine_provider(site: Site, delivered: int, report: Report) -> None:
    journal = site.provider()
    twice = {token: times for token, times in journal["billed"].items() if times > 1 or not token}
    if twice:
        report.wrong.append(f"{len(twice)} orders were billed twice: {list(twice.items())[:3]}")
    report.figures |= {"billed": len(journal["billed"]), "calls": journal["calls"], "states": journal["states"],
                       "delivered": delivered}  # fmt: skip


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()


def _waits(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds from accepted to ended."""
    took = sorted(_seconds(row["created_at"], row["completed_at"]) for row in rows if row["completed_at"])
    return {"p50": percentile(took, 0.5), "p95": percentile(took, 0.95), "most": took[-1] if took else 0.0}


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
