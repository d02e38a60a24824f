"""The error table, row by row, from a provider's answer to the person's credits: what is tried again, what goes another
way, what is final, and that nobody pays for what was not delivered or for the same thing twice.
"""

from dataclasses import dataclass

import pytest

from credits import selectors as credits_of
from generation.models import Attempt, Step
from providers import results
from tests.flows.test_fallback import finished
from tests.generation.test_runner import submit

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Row:
    """A failure of a model's provider, and what it comes to. `billed`: submissions that reached the first provider;
    `codes`: the attempts' errors in order."""

    model: str
    fault: str
    end: tuple[str, int]
    reason: str
    billed: int
    codes: list[str]
    cousin: int = 0


MADE_ELSEWHERE = ("succeeded", 7)
ROWS = [
    # Final: nobody else is asked.
    Row("painter", "refused_4xx", ("blocked", 0), "refused_after", 1, ["content_refused"]),
    Row("painter", "empty", ("blocked", 0), "refused_after", 1, ["content_refused"]),
    Row("painter-later", "content_moderated", ("blocked", 0), "refused_after", 1, ["content_refused"]),
    Row("painter", "invalid", ("failed", 0), "invalid_input", 1, ["invalid_params"]),
    # Waited for, and with the last try made elsewhere.
    Row("painter", "rate_limited", MADE_ELSEWHERE, "delivered", 3, ["rate_limited"] * 3 + [""], 1),
    Row("painter", "overloaded", MADE_ELSEWHERE, "delivered", 3, ["overloaded"] * 3 + [""], 1),
    # Our account there: no waiting helps.
    Row("painter", "unauthorized", MADE_ELSEWHERE, "delivered", 1, ["provider_auth", ""], 1),
    Row("painter", "quota", MADE_ELSEWHERE, "delivered", 1, ["provider_quota", ""], 1),
    Row("painter", "gone", MADE_ELSEWHERE, "delivered", 1, ["model_gone", ""], 1),
    # Perhaps taken: never ordered again there.
    Row("painter", "server_error", MADE_ELSEWHERE, "delivered", 1, ["unknown_outcome", ""], 1),
    Row("painter", "cut", MADE_ELSEWHERE, "delivered", 1, ["unknown_outcome", ""], 1),
    Row("painter", "slow", MADE_ELSEWHERE, "delivered", 1, ["unknown_outcome", ""], 1),
    # Taken, and not delivered.
    Row("painter", "wrong_mime", MADE_ELSEWHERE, "delivered", 2, ["bad_output", "bad_output", ""], 1),
    Row("painter", "truncated", MADE_ELSEWHERE, "delivered", 2, ["bad_output", "bad_output", ""], 1),
    Row("painter-later", "failed", MADE_ELSEWHERE, "delivered", 2, ["provider_failed", "provider_failed", ""], 1),
    Row("painter-later", "foreign_host", MADE_ELSEWHERE, "delivered", 2, ["bad_output", "bad_output", ""], 1),
    Row("painter-later", "file_redirect", MADE_ELSEWHERE, "delivered", 2, ["bad_output", "bad_output", ""], 1),
    Row("painter-later", "file_404", MADE_ELSEWHERE, "delivered", 2, ["bad_output", "bad_output", ""], 1),
    # Looking fails, and nothing is wrong with the work.
    Row("painter-later", "poll_server_error_twice", ("succeeded", 10), "delivered", 1, [""]),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.model}-{row.fault}" for row in ROWS])
def test_each_row_of_it(row, person, houses, monkeypatch):
    monkeypatch.setattr(results, "_AGAIN_SECONDS", (0.01, 0.01))
    before = person.available()
    server = houses.later if row.model == "painter-later" else houses.first
    if row.fault.endswith("_twice"):
        server.fault(row.fault.removesuffix("_twice"), times=2)
    else:
        server.always(row.fault, value=6.0)
    job = finished(submit(person, model=row.model))
    assert (job.state, job.captured, job.charge_reason) == (*row.end, row.reason)
    assert len(server.billed) == row.billed
    assert len(houses.cousin.billed) == row.cousin
    attempts = Attempt.objects.filter(step__job=job).order_by("no")
    assert [attempt.error_code for attempt in attempts] == row.codes
    assert Step.objects.get(job=job).state in {"done", "failed"}
    assert person.available() == before - row.end[1]
    assert person.held() == 0
    assert credits_of.violations() == []
