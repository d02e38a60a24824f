"""A world in which a message of endings is settled twice: all of it by one call, and one ending after another."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import orjson
from django.db import connection, transaction
from django.utils import timezone

from core.idempotency import Once
from credits import ledger, quotas
from credits.ledger import Terms
from generation import execution, presenter, submission
from generation.models import Attempt, Job, Step
from generation.submission import Order
from tests.factories.accounts import Person, make_person
from tests.factories.generation import SMALL, claim

TABLES = (
    "generation_job", "generation_step", "generation_attempt", "generation_event", "generation_load", "credits_wallet",
    "credits_lot", "credits_hold", "credits_posting", "credits_entry", "credits_usagerecord", "credits_spending",
)  # fmt: skip
LIVE = ("queued", "running", "canceling", "reconciling")
LATER = timedelta(hours=2)


@dataclass
class Kind:
    """A job and what becomes of it: one result for each step, None for a step that is still under way."""

    results: list[str | None]
    owner: int = 0
    sandbox: bool = False
    graph: str = "none"
    stop: str = ""
    hold: str = "open"
    flaw: str = ""
    outputs: bool = True
    before: str = ""
    cost: int = 0


@dataclass
class World:
    """Two workspaces of lots that end soon, late and never, under a spend limit, with jobs begun as their kinds say."""

    people: list[Person] = field(default_factory=list)
    message: list[dict[str, Any]] = field(default_factory=list)
    at: Any = None

    def settle_at_once(self) -> list[tuple[Any, ...]]:
        return self._rows(
            "SELECT place, outcome, job_state, seq FROM generation_finish_many(%s::jsonb, %s)",
            [orjson.dumps(self.message).decode(), self.at],
        )

    def settle_one_by_one(self, order: list[int]) -> list[tuple[Any, ...]]:
        return [(place, *self._finish(self.message[place - 1])) for place in order]

    def rows(self) -> dict[str, list[Any]]:
        """Everything that settling writes; numbers of the journal and ids of new lots by what they stand for."""
        found = {name: [row[0] for row in self._rows(_ALL.format(name), [])] for name in TABLES}
        read = {name: [orjson.loads(row) for row in rows] for name, rows in found.items()}
        lots = {row["id"]: row["reference"] for row in read["credits_lot"]}
        postings = {row["id"]: row["reference"] for row in read["credits_posting"]}
        for row in read["credits_entry"]:
            row.update(id=0, posting_id=postings[row["posting_id"]], lot_id=lots.get(row["lot_id"]))
        for row in [*read["credits_posting"], *read["credits_usagerecord"], *read["credits_lot"]]:
            row["id"] = 0
        read["credits_lot"].sort(key=lambda row: row["reference"])
        return read

    def _finish(self, row: dict[str, Any]) -> tuple[Any, ...]:
        given = [row["step"], row["attempt"], row["result"], row["settled"]]
        given += [None if row[name] is None else orjson.dumps(row[name]).decode()
                  for name in ("output", "error", "attempt_row")]  # fmt: skip
        return self._rows(
            "SELECT outcome, job_state, seq "
            "FROM generation_finish(%s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s)",
            [*given, row["only_expired"], self.at],
        )[0]

    def _rows(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def make(kinds: list[Kind], *, late: bool = False, debt: bool = False, shuffle: int = 0) -> World:
    """Jobs begun, and a message that ends them: `late` is after a lot of theirs ended, `debt` after a claw-back."""
    world = World(people=[_rich(), _rich()])
    now = timezone.now()
    for kind in kinds:
        world.message += _begun(world.people[kind.owner], kind)
    if debt:
        for person in world.people:
            ledger.claw_back(workspace_id=person.workspace_id, amount=400, reference=str(uuid4()), reason="", at=now)
    random.Random(shuffle).shuffle(world.message)  # noqa: S311 - an order, not a secret
    world.at = now + LATER if late else timezone.now()
    return world


def both_ways(world: World) -> tuple[list[Any], list[Any], dict[str, list[Any]], dict[str, list[Any]]]:
    """What settling at once and one by one answer and leave, from the same beginning; the latter stands."""
    savepoint = transaction.savepoint()
    answers = world.settle_at_once()
    left = world.rows()
    transaction.savepoint_rollback(savepoint)
    others = world.settle_one_by_one([row[0] for row in answers])
    return answers, others, left, world.rows()


def _rich() -> Person:
    person = make_person(credits=0)
    now = timezone.now()
    for sandbox in (False, True):
        for amount, ends in ((7, LATER / 2), (8, LATER / 4), (4, LATER * 2), (300, None)):
            person.grant(amount, sandbox=sandbox, terms=Terms("goodwill", now + ends if ends else None))
    quotas.set_limit(
        workspace_id=person.workspace_id, scope="wallet", subject="", period="month", amount=10_000, at=now
    )
    return person


def _begun(person: Person, kind: Kind) -> list[dict[str, Any]]:
    given = {"prompt": "a fox", "n": len(kind.results), "seed": 1, **SMALL}
    accepted = submission.submit_job(
        caller=replace(person.principal, sandbox=kind.sandbox), order=Order("image", "sketch-image", given),
        once=Once("test", str(uuid4()), "test"), render=presenter.encoded, at=timezone.now(),
    )  # fmt: skip
    assert accepted.job is not None
    steps = list(Step.objects.filter(job_id=accepted.job.id).order_by("position"))
    if kind.graph != "none":
        steps[0].optional = kind.graph == "optional"
        for before, step in pairwise(steps):
            step.depends_on, step.state = [before.name], "waiting"
        Step.objects.bulk_update(steps, ["optional", "depends_on", "state"])
    begun = {step.step_id: step for step in execution.begin(batch=claim(), owner="test", at=timezone.now())}
    if kind.cost:
        _lost_before(begun.values())
    rows = [
        _row(kind, begun[step.id], result)
        for step, result in zip(steps, kind.results, strict=True)
        if result and step.id in begun
    ]
    if kind.before and len(rows) > 1:
        earlier = World(message=[{**rows.pop(0), "result": kind.before}], at=timezone.now())
        earlier.settle_one_by_one([1])
    _befall(kind, accepted.job.id)
    if kind.flaw == "twice":
        rows += rows[:1]
    return rows


def _row(kind: Kind, step: Any, result: str) -> dict[str, Any]:
    fault = {"code": "timeout", "category": "timeout", "message": "Too slow.", "retryable": True}
    status = "succeeded" if result == "done" else "failed"
    return {
        "step": step.step_id, "job": step.job_id, "attempt": step.attempt_no + (kind.flaw == "overtaken"),
        "result": result, "settled": step.price, "error": fault if result == "failed" else None,
        "output": {"index": step.output_index, "status": status} if kind.outputs and result != "canceled" else None,
        "attempt_row": {"outcome": result, "error_code": "timeout" if result == "failed" else "", "provider_code": "",
                        "detail": "d", "cost_usd_micros": kind.cost, "cost_source": "provider"},
        "only_expired": kind.flaw == "leased",
    }  # fmt: skip


def _lost_before(begun: Iterable[Any]) -> None:
    """An attempt before the present one, which was lost and cost something."""
    Attempt.objects.bulk_create(
        Attempt(id=uuid4(), step_id=step.step_id, no=0, revision_id=step.revision_id, worker="lost", outcome="lost",
                cost_usd_micros=300, started_at=timezone.now()) for step in begun
    )  # fmt: skip


def _befall(kind: Kind, job_id: Any) -> None:
    job = Job.objects.get(id=job_id)
    if job.completed_at:
        return
    if kind.stop:
        submission.stop_job(workspace_id=None, job_id=job_id, cause=kind.stop, at=timezone.now())
    if kind.hold == "expired":
        ledger.expire_hold(hold_id=job.hold_id, at=timezone.now())
    elif kind.hold == "partly":
        ledger.capture(hold_id=job.hold_id, amount=2, part="first", at=timezone.now())
    if kind.flaw == "expired":
        Step.objects.filter(job_id=job_id).update(lease_expires_at=timezone.now() - LATER)


_ALL = "SELECT to_jsonb(t)::text FROM {} t ORDER BY t"
