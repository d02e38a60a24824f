"""`python -m bench [NAME...] [--smoke] [--rounds N] [--json PATH]`: the benchmarks, or the named ones.

`inside` is no benchmark but a look: it runs only when it is named.
"""

import argparse
import importlib
import json
import os
import platform
import signal
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from bench import stand as stands
from bench.measure import Result
from bench.stand import Stand, StandProblem

# By name, because each needs Django, which needs the servers.
BENCHMARKS = {
    "submit": "bench.submit", "jobs": "bench.jobs", "ledger": "bench.ledger", "push": "bench.push",
    "claims": "bench.claims", "fairness": "bench.fairness", "inside": "bench.inside",
}  # fmt: skip
USUAL = ("submit", "jobs", "ledger", "push", "claims", "fairness")
_ROUNDS = 5


def main(arguments: list[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
    if sys.platform != "linux":
        sys.stderr.write("The benchmarks read CPU times from /proc: they run on Linux only.\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    try:
        with stands.opened() as stand:
            facts = _facts(stand)
            print(
                f"PostgreSQL {facts['postgres']}, fsync {facts['fsync_ms']:.2f} ms, {facts['cores']} cores", flush=True
            )
            results = _run(stand, options.names or list(USUAL), smoke=options.smoke, rounds=options.rounds)
    except StandProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    print(f"\n{len(results)} benchmarks in {time.monotonic() - began:.0f} s")
    if options.json:
        document = {**facts, "smoke": options.smoke, "benchmarks": [result.as_json() for result in results]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _run(stand: Stand, names: list[str], *, smoke: bool, rounds: int | None) -> list[Result]:
    stand.prepare()
    os.environ.clear()
    os.environ.update(stand.environ)
    django.setup()
    results = []
    for name in names:
        module = importlib.import_module(BENCHMARKS[name])
        result: Result = module.run(stand, rounds=rounds or (1 if smoke else _ROUNDS), smoke=smoke)
        print(result.show(), flush=True)
        results.append(result)
    return results


def _facts(stand: Stand) -> dict[str, Any]:
    """What the figures depend on. A disk that syncs in no time is none."""
    probe = stand.room / "probe"
    took = []
    with probe.open("wb") as file:
        for _ in range(20):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    probe.unlink()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count(),
        "python": platform.python_version(), "django": django.get_version(), "postgres": stand.postgres_version(),
        "fsync_ms": statistics.median(took),
    }  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"among: {', '.join(BENCHMARKS)}")
    parser.add_argument("--smoke", action="store_true", help="one short round: that it runs, not what it says")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds; the medians are shown (default {_ROUNDS})")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything there too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
