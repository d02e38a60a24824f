"""`python -m bench.chaos [--jobs N] [--fault NAME]... [--seed S] [--json PATH]`: each fault in turn, and the proof.

Every fault has a database, files and a seed of its own. Ends with 1 when anything did not hold.
"""

import argparse
import importlib
import json
import random
import signal
import sys
from pathlib import Path
from typing import Any

from bench.chaos.faults import FAULTS
from bench.chaos.site import opened
from bench.measure import Row, table
from bench.stand import StandProblem


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if sys.platform != "linux":
        sys.stderr.write("Chaos freezes and kills process groups found in /proc: it runs on Linux only.\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seed = options.seed if options.seed is not None else random.randrange(1 << 20)  # noqa: S311 - no secret
    reports = []
    try:
        with opened() as stand:
            run = importlib.import_module("bench.chaos.running").run
            for name in options.fault or list(FAULTS):
                reports.append(run(stand, FAULTS[name], jobs=options.jobs, seed=seed))
                print(table([_row(reports[-1])]), *reports[-1].wrong, sep="\n", flush=True)
    except StandProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        told = [report.as_json() for report in reports]
        options.json.write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")
    print("", table([_row(report) for report in reports]), sep="\n")
    return 1 if any(report.wrong for report in reports) else 0


def _row(report: Any) -> Row:
    figures = report.figures
    recovered = figures.get("recoveries") or {}
    return {
        "fault": report.fault, "jobs": sum(report.states.values()), "acts": figures.get("acts", 0),
        "s": float(figures.get("seconds", 0.0)), "p95 s": float(figures.get("waits", {}).get("p95", 0.0)),
        "succeeded": report.states["succeeded"], "canceled": report.states["canceled"],
        "failed": sum(report.states[name] for name in ("failed", "partially_succeeded", "aborted", "blocked")),
        "taken over p95 s": recovered.get("p95", ""), "wrong": len(report.wrong),
    }  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos")
    parser.add_argument("--jobs", type=int, default=1_000, help="how many jobs for each fault (default 1,000)")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), metavar="NAME",
                        help=f"only this one; may be given several times: {', '.join(FAULTS)}")  # fmt: skip
    parser.add_argument("--seed", type=int, help="of what happens when; threads and processes have a will of their own")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
