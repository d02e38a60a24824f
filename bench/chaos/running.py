"""One fault on a site of its own, from the first job to the proof. Needs Django set up for the stand."""

import random
import statistics
import time

import psycopg

from bench import people
from bench.chaos import proof
from bench.chaos.crowd import Crowd
from bench.chaos.faults import Fault, Tally
from bench.chaos.proof import Report
from bench.chaos.site import LEASE_SECONDS, Site
from bench.measure import Row, percentile
from bench.stand import Stand

_PATIENCE_SECONDS, _KNOWN_SECONDS = 300.0, 20.0
_TICK_SECONDS = 0.2
_FIRST_PAUSE = (1.0, 2.5)


def run(stand: Stand, fault: Fault, *, jobs: int, seed: int) -> Report:
    """Raises StandProblem when the site itself does not start."""
    dice = random.Random(f"{seed}:{fault.name}")  # noqa: S311 - no secret
    report, tally = Report(fault.name, jobs, seed), Tally()
    site = Site(stand, f"{fault.name}", more=fault.more(dice), instead=fault.instead(stand))
    people.use_database(site.database)
    crowd = Crowd(site.url, jobs, seed)
    try:
        site.start_all(*fault.extra)
        site.misbehave(**fault.provider)
        began = time.monotonic()
        crowd.begin()
        _break(site, fault, dice, tally, crowd)
        report.figures["seconds"] = round(_settled(site, crowd, report) - began, 1)
        crowd.end()
        proof.examine(site, crowd, report)
    finally:
        crowd.end()
        site.stop_all()
    report.figures |= {"acts": tally.acts, "recoveries": _recoveries(tally)}
    return report


def _break(site: Site, fault: Fault, dice: random.Random, tally: Tally, crowd: Crowd) -> None:
    """Lets the fault act while jobs are on their way, so often as it may."""
    while fault.act is not None and tally.acts < fault.most:
        # The first time soon, so that a short run has something to stand too.
        time.sleep(dice.uniform(*(fault.pause if tally.acts else _FIRST_PAUSE)))
        if crowd.done_submitting and not _unfinished(site):
            return
        fault.act(site, dice, tally)
        tally.acts += 1


def _settled(site: Site, crowd: Crowd, report: Report) -> float:
    """Waits until all jobs have ended and everybody knows; gives when the last one ended."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not crowd.done_submitting or _unfinished(site):
        if time.monotonic() > until:
            report.wrong.append(f"{_unfinished(site)} jobs did not end within {_PATIENCE_SECONDS:g} s")
            break
        time.sleep(_TICK_SECONDS)
    ended = time.monotonic()
    until = ended + _KNOWN_SECONDS
    while time.monotonic() < until and any(person.live() for person in crowd.people):
        time.sleep(_TICK_SECONDS)
    report.figures["known_after_seconds"] = round(time.monotonic() - ended, 1)
    return ended


def _unfinished(site: Site) -> int:
    try:
        return proof.unfinished(site)
    except psycopg.OperationalError:
        return 1


def _recoveries(tally: Tally) -> Row:
    """Beside row 15 of the goals: a lease and a second."""
    took = sorted(tally.recoveries)
    if not took:
        return {}
    return {"steps": len(took), "p50": round(statistics.median(took), 2), "p95": round(percentile(took, 0.95), 2),
            "most": round(took[-1], 2), "lease": LEASE_SECONDS}  # fmt: skip
