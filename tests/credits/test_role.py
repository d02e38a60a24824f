"""The application's own database role runs every verb and cannot change what is past."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from credits import ledger
from tests.factories.accounts import make_person
from tests.factories.credits import publish
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db
ROLE = "wildmind_app_of_a_test"


@pytest.fixture
def as_the_application():
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE}")
        call_command("restrict_role", "--role", ROLE)
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        yield cursor
        cursor.execute("RESET ROLE")


class TestRole:
    def test_runs_jobs_and_every_verb(self, as_the_application):
        person = make_person(credits=100)
        submit(person, n=2)
        work_off()
        now, workspace_id = timezone.now(), person.workspace_id
        held = ledger.hold(workspace_id=workspace_id, amount=20, reference="x", at=now)
        ledger.capture(hold_id=held.id, amount=10, at=now)
        ledger.refund(hold_id=held.id, amount=10, reference="r", reason="r", at=now)
        ledger.adjust(workspace_id=workspace_id, amount=-5, reference="a", reason="r", actor="test", at=now)
        ledger.claw_back(workspace_id=workspace_id, amount=5, reference="c", reason="r", at=now)
        assert person.available() == 80
        assert publish(6).new is not None

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE credits_entry SET amount = amount",
            "DELETE FROM credits_entry",
            "TRUNCATE credits_entry",
            "UPDATE credits_posting SET reason = ''",
            "DELETE FROM credits_posting",
            "DELETE FROM accounts_auditevent",
            "ALTER TABLE credits_entry DISABLE TRIGGER ALL",
            "DROP TRIGGER credits_entry_append_only ON credits_entry",
            "CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "DROP TABLE credits_entry CASCADE",
        ],
    )
    def test_cannot(self, as_the_application, statement):
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
            as_the_application.execute(statement)

    def test_is_not_given_to_a_superuser(self):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {ROLE} SUPERUSER")
        with pytest.raises(CommandError, match="superuser"):
            call_command("restrict_role", "--role", ROLE)
