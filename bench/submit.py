"""Benchmark 1: what it costs to accept a job over HTTP, beside a bare DRF insert and a raw ASGI insert."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from django.db import connection
from django.test import Client

from bench import people
from bench.measure import Goal, Result, Row, Spent, median_ratio, medians
from bench.stand import FLOORS, ROOT, Stand, StandProblem, free_port

NAME = "submit"
OURS, DRF, ASGI = "wildmind", "bare DRF insert", "raw ASGI + asyncpg"
PATH = "/api/v1/generations"
# 190 bytes of prompt and settings, as in the floors' measurement.
BODY = json.dumps(
    {
        "pipeline": "image", "model": "sketch-image",
        "input": {"prompt": "A lighthouse on a basalt cliff at dusk, long exposure of the surf, gulls in the wind, "
                            "warm light in one window, film grain", "aspect_ratio": "3:2", "n": 1},
    }
)  # fmt: skip
_FLOOR_BODY = json.dumps(
    {"prompt": json.loads(BODY)["input"]["prompt"], "model": "sketch-image", "n": 1, "width": 1248, "height": 832}
)
_WORKSPACES = 50
_WORKERS, _THREADS = "2", "4"
# The first request of a process imports what no request has needed before.
_FIRST_SECONDS = 4.0
Tokens = Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Variant:
    """A server under test, and how to speak to it. `tokens` may give new ones to every phase."""

    name: str
    program: str
    database: str
    path: str
    scheme: str
    body: str
    keyed: bool
    tokens: Tokens


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    # The raw program reads the tokens once, when it starts.
    variants = _variants(stand, smoke=smoke)
    ports = {name: _serve(stand, name) for name in ("web", "drf", "asgi")}
    warm, seconds = (0.2, 0.6) if smoke else (0.7, 3.0)
    statements = {}
    for variant in variants:
        # Every thread of every worker has its first request behind it before anything counts.
        _phase(stand, variant, ports[variant.program], 32, _FIRST_SECONDS, 1.0)
        statements[variant.name] = _count_on_the_server(stand, variant, ports[variant.program])
    # Plans made for empty tables are not those of a site in use.
    for database in (NAME, FLOORS):
        stand.admin("ANALYZE", database=database)
    seen: dict[tuple[int, str], list[Row]] = {}
    for number in range(rounds):
        for clients in (1, 50, 200):
            # Whoever goes first meets another machine than whoever goes last: take turns.
            turn = number % len(variants)
            for variant in [*variants[turn:], *variants[:turn]]:
                row, _ = _phase(stand, variant, ports[variant.program], clients, warm, seconds)
                row["statements"] = statements[variant.name]
                seen.setdefault((clients, variant.name), []).append(row)
    stand.stop("web", "drf", "asgi")
    return _result(seen, count_statements())


def count_statements(calls: int = 21) -> tuple[int, int]:
    """Statements of one submission, counted inside this process: usual and most.

    The most includes what happens now and then: the copies of catalogue and rules that are read every few
    seconds, and the note of a key's last use once a minute.
    """
    [caller] = people.make(1)
    client = Client(headers={"authorization": f"Bearer {caller.secret}", "host": "127.0.0.1"})
    counts = []
    for number in range(calls):
        made = _Made()
        with connection.execute_wrapper(made):
            answer = client.post(
                PATH, BODY, content_type="application/json", headers={"idempotency-key": f"count-{number}"}
            )
        if answer.status_code != 201:
            raise StandProblem(f"A submission was answered {answer.status_code}: {answer.content[:300]!r}")
        counts.append(made.statements)
    return sorted(counts)[calls // 2], max(counts)


class _Made:
    """Counts the statements that Django executes."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        self.statements += 1
        return execute(*statement)


def _variants(stand: Stand, *, smoke: bool) -> list[Variant]:
    floor_tokens = _floor_people(stand)
    few = _tokens(10) if smoke else []
    return [
        Variant(OURS, "web", NAME, PATH, "Bearer", BODY, keyed=True,
                # New ones for every phase: what waits from the phase before is not to slow down the next.
                tokens=lambda: few or _tokens(_WORKSPACES)),
        Variant(DRF, "drf", FLOORS, "/rows", "Token", _FLOOR_BODY, keyed=False, tokens=lambda: floor_tokens),
        Variant(ASGI, "asgi", FLOORS, "/rows", "Token", _FLOOR_BODY, keyed=False, tokens=lambda: floor_tokens),
    ]  # fmt: skip


def _tokens(count: int) -> list[str]:
    return [caller.secret for caller in people.make(count)]


def _floor_people(stand: Stand) -> list[str]:
    """The floors' users, with a token of DRF's each."""
    with psycopg.connect(stand.database_url(FLOORS), autocommit=True) as floors:
        floors.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, "
            "is_active, date_joined) SELECT '', false, 'user' || n, '', '', '', false, true, now() "
            "FROM generate_series(1, %s) n",
            [_WORKSPACES],
        )
        floors.execute(
            "INSERT INTO authtoken_token (key, user_id, created) "
            "SELECT encode(sha256(random()::text::bytea), 'hex')::varchar(40), id, now() FROM auth_user"
        )
        floors.execute("VACUUM ANALYZE")
        return [row[0] for row in floors.execute("SELECT key FROM authtoken_token").fetchall()]


def _serve(stand: Stand, program: str) -> int:
    """Starts one of the servers; all on granian with the same workers and, for WSGI, the same threads."""
    targets = {
        "web": ("wsgi", "wildmind.wsgi:application", {**stand.environ, "DATABASE_URL": stand.database_url(NAME)}),
        "drf": ("wsgi", "bench.floors.wsgi:application", {**stand.floor_environ(), "BENCH_WITH_POOL": "1"}),
        "asgi": ("asginl", "bench.floors.asgi_asyncpg:application", stand.floor_environ()),
    }
    interface, target, env = targets[program]
    port = free_port()
    threads = ("--blocking-threads", _THREADS) if interface == "wsgi" else ()
    stand.start(
        program, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port), "--workers",
        _WORKERS, *threads, "--no-ws", "--log-level", "warning", target, env=env,
    )  # fmt: skip
    # A connection goes to either worker by chance, and each needs its time to start.
    stand.wait(lambda: all(answers(port) for _ in range(12)), f"{program} answers")
    return port


def answers(port: int) -> bool:
    """Whether a worker of the server answers anything at all: the port is open long before."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as probe:
        try:
            probe.request("GET", "/healthz")
            probe.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
    return True


def _count_on_the_server(stand: Stand, variant: Variant, port: int) -> float:
    """Statements a request as PostgreSQL's log has them, and so round trips that ask for something."""
    tokens = variant.tokens()
    with stand.logged() as statements:
        _, answered = _phase(stand, replace(variant, tokens=lambda: tokens), port, 1, 0.0, 0.5)
    return len(statements) / answered


def _phase(stand: Stand, variant: Variant, port: int, clients: int, warm: float, seconds: float) -> tuple[Row, int]:
    """One variant with so many clients for some seconds: what was seen of it, and all answers including the others."""
    order = {
        "port": port, "clients": clients, "path": variant.path, "scheme": variant.scheme, "body": variant.body,
        "keyed": variant.keyed, "tokens": variant.tokens(), "prefix": f"c{clients}", "warm_seconds": warm,
        "seconds": seconds,
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin is not None and load.stdout is not None  # noqa: S101 - both are pipes
        load.stdin.write(json.dumps(order))
        load.stdin.close()
        _expect(load.stdout.readline(), "begin")
        spent = Spent(stand.roots(app=variant.program))
        _expect(load.stdout.readline(), "end")
        # Both clocks are read at once: what finished meanwhile is in neither count.
        used = spent.micros(1)
        said = load.stdout.readline()
    if not said.endswith("\n"):
        raise StandProblem(f"The load generator ended with {load.returncode} before it had said everything.")
    answer = json.loads(said)
    done = answer["done"]
    if answer["told"] or not done:
        raise StandProblem(f"{variant.name}: {answer['statuses']} {answer['told']}")
    row = {
        "clients": clients, "variant": variant.name, "req/s": done / answer["seconds"],
        **{f"p{share} ms": answer[f"p{share}"] * 1000 for share in (50, 95, 99)},
        **{f"{name} µs": used[name] / done for name in ("app", "pg", "valkey", "total")},
    }  # fmt: skip
    return row, int(answer["answered"])


def _expect(line: str, word: str) -> None:
    if line.strip() != word:
        raise StandProblem(f"The load generator said {line.strip()!r} instead of {word!r}.")


def _result(seen: Mapping[tuple[int, str], Sequence[Row]], statements: tuple[int, int]) -> Result:
    usual, most = statements
    rows = [medians(found) for _, found in sorted(seen.items(), key=lambda item: item[0][0])]
    goals = []
    for clients in (1, 50, 200):
        ours, drf, asgi = (seen[clients, name] for name in (OURS, DRF, ASGI))
        at = "1 client" if clients == 1 else f"{clients} clients"
        goals += [
            Goal(f"rate over bare DRF's, {at}", median_ratio(ours, drf, "req/s"), 3.0, at_least=True),
            Goal(f"p99 over bare DRF's, {at}", median_ratio(ours, drf, "p99 ms"), 0.5, at_least=False),
            Goal(f"CPU ms a request in all, {at}", medians(ours)["total µs"] / 1000, 1.2, at_least=False),
            Goal(f"CPU over raw ASGI's, {at}", median_ratio(ours, asgi, "total µs"), None),
        ]
    goals.append(Goal("database round trips a submission", usual, 2, at_least=False))
    notes = [
        f"statements of ours, counted in-process: {usual} usually, {most} when copies or the key's last use are due",
        f"granian, {_WORKERS} workers, for WSGI {_THREADS} threads each; {_WORKSPACES} workspaces a phase; fsync on",
    ]
    rounds = [row for found in seen.values() for row in found]
    return Result(NAME, "POST /api/v1/generations, durable", rows, goals, notes, rounds)
