"""`GET /queue`: how deep it is and where the caller stands, and nobody else."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.ids import to_public
from generation import execution, service
from tests.factories import outlook as told
from tests.factories.generation import claim, submit

pytestmark = pytest.mark.django_db


class TestQueue:
    def test_shows_depths_slots_and_the_callers_own_places(self, person, stranger, api):
        submit(stranger, n=2)
        mine = submit(person)
        execution.begin(batch=claim(limit=1), owner="w", at=timezone.now())
        told.slots(1)
        told.look(timezone.now())
        found = api.get("/queue").json()
        assert found["service"] == {"level": 0, "message": "All work is taken."}
        assert {lane["lane"]: lane["depth"] for lane in found["lanes"]} == {"enterprise": 0, "pro": 0, "free": 2}
        assert found["slots"] == {"used": 1, "allowed": person.principal.entitlements.max_running, "waiting": 0}
        assert [(item["id"], item["queue"]["position"]) for item in found["generations"]] == [
            (to_public("gen", mine), 1)
        ]
        assert found["generations"][0]["queue"]["starts_in_s"]["p50"] >= 0

    def test_counts_the_jobs_that_hold_a_place_as_slots_in_use(self, person, api):
        person.limit(max_running=2)
        for _ in range(3):
            submit(person)
        slots = api.get("/queue").json()["slots"]
        assert (slots["used"], slots["allowed"], slots["waiting"]) == (2, 2, 1)

    def test_keeps_sandbox_and_live_apart(self, person):
        submit(person)
        assert person.api(sandbox=True).get("/queue").json()["generations"] == []

    def test_needs_the_scope(self, person):
        assert person.api(scopes=("wallet:read",)).get("/queue").status_code == 403

    def test_answers_without_a_leader(self, person, api):
        submit(person, n=2)
        found = api.get("/queue").json()
        assert found["generations"][0]["queue"]["reason"] == "unknown"
        assert next(lane["depth"] for lane in found["lanes"] if lane["lane"] == "free") == 2

    def test_asks_no_more_for_many_jobs(self, person, api):
        person.limit(max_queued=50)
        asked = []
        for more in (1, 15):
            for _ in range(more):
                submit(person)
            service.forget()
            api.get("/queue")
            service.forget()
            with CaptureQueriesContext(connection) as queries:
                api.get("/queue")
            asked.append(len(queries))
        assert asked[0] == asked[1]

    def test_moves_the_tag_of_a_generation_with_its_place(self, person, stranger, api):
        submit(stranger)
        path = f"/generations/{to_public('gen', submit(person))}"
        first = api.get(path)["ETag"]
        assert api.get(path, **{"If-None-Match": first}).status_code == 304
        execution.begin(batch=claim(limit=1), owner="w", at=timezone.now())
        assert api.get(path, **{"If-None-Match": first}).status_code == 200
