"""Where the time goes: one process, no server, no load; CPU of ours and of PostgreSQL, and cProfile's view."""

import cProfile
import pstats
import time
from collections.abc import Callable
from io import StringIO
from itertools import count
from uuid import UUID

from django.test import Client
from django.utils import timezone

from bench import noop, people
from bench.measure import Result, Row, Spent, medians
from bench.people import Caller
from bench.stand import Stand, StandProblem
from bench.submit import BODY, PATH
from core.idempotency import Once
from generation import dispatch, execution, presenter, submission
from generation.submission import Order

NAME = "inside"
_SHOWN = 28
_numbers = count()


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    amount = 100 if smoke else 1000
    callers = people.make(20)
    # In a lane of their own: nobody is to paint what they order.
    painters = people.make(20, lane="pro")
    clients = [Client(headers={"authorization": f"Bearer {each.secret}", "host": "127.0.0.1"}) for each in painters]

    def http() -> None:
        number = next(_numbers)
        answer = clients[number % len(clients)].post(
            PATH, BODY, content_type="application/json", headers={"idempotency-key": str(number)}
        )
        if answer.status_code != 201:
            raise StandProblem(f"{answer.status_code}: {answer.content[:300]!r}")

    def verb() -> None:
        number = next(_numbers)
        order = Order(pipeline=noop.PIPELINE, model=noop.MODEL, input={"prompt": "nothing"})
        submit_noop(callers[number % len(callers)], order, str(number))

    # Plans made for empty tables are not those of a site in use.
    for _ in range(amount):
        http()
        verb()
    drain()
    stand.admin("ANALYZE", database=NAME)
    rows: list[list[Row]] = [[], [], []]
    for _ in range(rounds):
        rows[0].append(_timed(stand, "POST /generations through WSGI", http, amount))
        rows[1].append(_timed(stand, "submit_job alone", verb, amount))
        rows[2].append(_drained(stand))
    print(_profiled(http, amount // 2), _profiled(_drainer(verb, amount // 2), 1), sep="\n")
    return Result(
        NAME, "in one process", [medians(found) for found in rows], [], [], [row for found in rows for row in found]
    )


def submit_noop(caller: Caller, order: Order, key: str) -> None:
    """A no-op job, as the API's door would submit it."""
    submission.submit_job(
        caller=caller.principal, order=order, once=Once(submission.ROUTE, key, key), render=presenter.encoded,
        at=timezone.now(),
    )  # fmt: skip


def submit_remote(caller: Caller, model: str, key: str) -> None:
    """A picture of the remote provider's, as the API's door would submit it."""
    order = Order(pipeline="image", model=model, input={"prompt": f"a fox, {key}", "n": 1})
    submit_noop(caller, order, key)


def _timed(stand: Stand, name: str, deed: Callable[[], None], amount: int) -> Row:
    for _ in range(20):
        deed()
    spent, began = Spent(stand.roots()), time.process_time()
    for _ in range(amount):
        deed()
    own = (time.process_time() - began) * 1e6 / amount
    return _row(name, amount, own, spent.micros(amount))


def _drained(stand: Stand) -> Row:
    spent, began = Spent(stand.roots()), time.process_time()
    done = drain()
    own = (time.process_time() - began) * 1e6 / done
    return _row("claim and run a no-op job", done, own, spent.micros(done))


def _row(name: str, amount: int, own: float, servers: dict[str, float]) -> Row:
    return {
        "what": name, "n": amount, "own µs": own, "pg µs": servers["pg"], "valkey µs": servers["valkey"],
        "total µs": own + servers["total"],
    }  # fmt: skip


def drain() -> int:
    """Runs every no-op job there is in this process, in messages as the conductor would make them."""
    done = 0
    while claimed := dispatch.claim(placement="cpu", lane="free", limit=200, owner="bench"):
        for start in range(0, len(claimed), 50):
            batch: list[tuple[UUID, int]] = [(step.id, step.attempt_no) for step in claimed[start : start + 50]]
            execution.run_batch(batch=batch)
            done += len(batch)
    return done


def _drainer(verb: Callable[[], None], amount: int) -> Callable[[], None]:
    for _ in range(amount):
        verb()
    return lambda: _ignore(drain())


def _ignore(_: int) -> None:
    return None


def _profiled(deed: Callable[[], None], amount: int) -> str:
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(amount):
        deed()
    profile.disable()
    out = StringIO()
    stats = pstats.Stats(profile, stream=out).strip_dirs()
    stats.sort_stats("cumulative").print_stats(_SHOWN)
    stats.sort_stats("tottime").print_stats(_SHOWN)
    return out.getvalue()
