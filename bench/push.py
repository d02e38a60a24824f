"""Benchmark 10: from a publish to the sockets of pages, beside Redis pub/sub read straight from Redis."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model

from accounts.sessions import SessionStore
from bench import people
from bench.measure import Goal, Result, Row, Spent, medians
from bench.people import Caller
from bench.stand import ROOT, Stand, StandProblem, free_port
from bench.submit import answers
from core import push, queueing
from generation import events

NAME = "push"
OURS, RAW = "wildmind", "raw pub/sub"
_SPREAD, _FAN_OUT = "each its own", "all of one"


@dataclass(frozen=True, slots=True)
class Case:
    """So many sockets, and so many messages a second to one of them, or to all."""

    shape: str
    sockets: int
    rate: int
    seconds: float

    @property
    def reach(self) -> int:
        return self.sockets if self.shape == _FAN_OUT else 1


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    cases = _cases(smoke=smoke)
    callers = people.make(max(case.sockets for case in cases if case.shape == _SPREAD))
    cookies = [_cookie(caller) for caller in callers]
    port = free_port()
    env = {**stand.environ, "DATABASE_URL": stand.database_url(NAME), "WILDMIND_SITE_URL": f"http://127.0.0.1:{port}"}
    stand.start(
        "realtime", "-m", "uvicorn", "wildmind.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--lifespan", "off", "--no-access-log", "--log-level", "warning", "--ws-per-message-deflate", "false", env=env,
    )  # fmt: skip
    stand.wait(lambda: answers(port), "realtime answers")
    seen: dict[tuple[Case, str], list[Row]] = {}
    for number in range(rounds):
        for case in cases:
            for name in (OURS, RAW) if number % 2 == 0 else (RAW, OURS):
                row = _ours(stand, case, callers, cookies, port) if name == OURS else _raw(stand, case)
                seen.setdefault((case, name), []).append(row)
    stand.stop("realtime")
    return _result(seen)


def _cases(*, smoke: bool) -> list[Case]:
    if smoke:
        return [Case(_SPREAD, 60, 300, 2.0), Case(_FAN_OUT, 60, 10, 2.0)]
    return [Case(_SPREAD, 200, 300, 5.0), Case(_SPREAD, 2_000, 300, 5.0), Case(_FAN_OUT, 200, 10, 5.0)]


def _cookie(caller: Caller) -> str:
    user = get_user_model().objects.get(email=caller.principal.email)
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.create()
    return str(session.session_key)


def _ours(stand: Stand, case: Case, callers: Sequence[Caller], cookies: Sequence[str], port: int) -> Row:
    chosen = [0] * case.sockets if case.shape == _FAN_OUT else list(range(case.sockets))
    groups = [push.group_of(callers[index].principal.workspace_id, sandbox=False) for index in chosen]
    jobs = [uuid4() for _ in groups]

    def command(index: int, seq: int) -> tuple[Any, ...]:
        data = {"status": "running", "at": time.monotonic()}
        return push.command(groups[index], jobs[index].hex, events.message(jobs[index], "status", seq, data))

    order = {"kind": "site", "port": port, "names": [cookies[index] for index in chosen]}
    return _measured(stand, case, OURS, order, command)


def _raw(stand: Stand, case: Case) -> Row:
    channels = [f"raw:{0 if case.shape == _FAN_OUT else number}" for number in range(case.sockets)]

    def command(index: int, seq: int) -> tuple[Any, ...]:
        said = {"type": "status", "generation": "gen_00000000000000000000000000", "seq": seq, "status": "running"}
        return ("PUBLISH", channels[index], json.dumps({**said, "at": time.monotonic()}, separators=(",", ":")))

    parts = urlsplit(stand.redis_url)
    order = {"kind": "redis", "port": parts.port, "password": parts.password, "names": channels}
    return _measured(stand, case, RAW, order, command)


def _measured(stand: Stand, case: Case, name: str, order: dict[str, Any], command: Any) -> Row:
    """Publishes at the rate of the case while a process of its own listens."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.listeners"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as listeners:
        assert listeners.stdin is not None and listeners.stdout is not None  # noqa: S101 - both are pipes
        before = _memory_bytes(stand)
        listeners.stdin.write(json.dumps(order) + "\n")
        listeners.stdin.flush()
        if listeners.stdout.readline().strip() != "ready":
            raise StandProblem("The listeners did not come to listen.")
        each = (_memory_bytes(stand) - before) / case.sockets / 1024
        spent = Spent(stand.roots(app="realtime"))
        sent = _publish(case, command)
        listeners.stdin.write("end\n")
        listeners.stdin.flush()
        said = json.loads(listeners.stdout.readline())
    wanted = sent * case.reach
    micros = spent.micros(max(1, said["heard"]))
    if said["heard"] != wanted or said["disordered"] or said["closed"]:
        raise StandProblem(f"{name}, {case.sockets} sockets: {wanted} were to be heard: {said}")
    return {
        "sockets": case.sockets, "shape": case.shape, "variant": name, "heard/s": said["heard"] / case.seconds,
        **{f"p{share} ms": said[f"p{share}"] * 1000 for share in (50, 95, 99)},
        "app µs": micros["app"], "valkey µs": micros["valkey"], "KiB/socket": max(0.0, each),
        "connects/s": said["connects"],
    }  # fmt: skip


def _publish(case: Case, command: Any) -> int:
    """Sends evenly; gives how many. The socket whose turn it is gets the next `seq` of its job."""
    total = round(case.rate * case.seconds)
    began = time.monotonic()
    turns = 1 if case.shape == _FAN_OUT else case.sockets
    for number in range(total):
        wait = began + number / case.rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        queueing.hint(command(number % turns, 1 + number // turns))
    return total


def _memory_bytes(stand: Stand) -> int:
    """Resident memory of the process that holds the sockets."""
    status = Path(f"/proc/{stand.running['realtime'].pid}/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kib) * 1024


def _result(seen: dict[tuple[Case, str], list[Row]]) -> Result:
    goals = []
    for case, name in seen:
        if name != OURS:
            continue
        ours, raw = medians(seen[case, OURS]), medians(seen[case, RAW])
        share, most = ("p99 ms", 50.0) if case.shape == _FAN_OUT else ("p95 ms", 5.0)
        what = f"{case.sockets} sockets, {case.shape}"
        goals.append(Goal(f"{share}, {what}", ours[share], most, at_least=False))
        goals.append(Goal(f"{share} over raw pub/sub's, {what}", ours[share] / raw[share], None))
    notes = [
        "every message was heard by everybody it was for, once and in order; a run in which one was not is a failure",
        "app is one uvicorn process that holds all sockets; raw readers are connections of Valkey itself",
    ]
    rounds = [row for found in seen.values() for row in found]
    return Result(NAME, "From a publish to the page", [medians(found) for found in seen.values()], goals, notes, rounds)
