"""What the move of limits into documents does to workspaces that existed before it."""

from importlib import import_module

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db
move = import_module("accounts.migrations.0004_limits_become_documents")

# Temporary tables hide the real ones: the statements of the migration run on the tables as they were then.
_AS_BEFORE = """
CREATE TEMPORARY TABLE accounts_plan (slug varchar(40) PRIMARY KEY, name varchar(60), position smallint, limits jsonb,
    is_default boolean, created_at timestamptz, updated_at timestamptz) ON COMMIT DROP;
CREATE TEMPORARY TABLE accounts_entitlement (workspace_id integer PRIMARY KEY, plan varchar(40), lane varchar(10),
    weight smallint, max_running smallint, max_queued smallint, overrides jsonb DEFAULT '{}') ON COMMIT DROP;
INSERT INTO accounts_entitlement VALUES (1, 'free', 'free', 1, 4, 100), (2, 'pro', 'free', 3, 16, 9),
    (3, 'Studio X', 'pro', 2, 8, 32000);
"""
_COLUMNS = "SELECT workspace_id, plan, lane, weight, max_running, max_queued FROM accounts_entitlement ORDER BY 1"


@pytest.fixture
def rows():
    with connection.cursor() as cursor:
        cursor.execute(_AS_BEFORE)
        cursor.execute(_COLUMNS)
        before = cursor.fetchall()
        for statement in (move._PLANS, move._LABELS, move._TO_OVERRIDES):
            cursor.execute(statement)
        yield cursor, before


class TestLimitsBecomeDocuments:
    def test_keeps_as_overrides_what_differs_from_the_plan(self, rows):
        import json

        cursor, _ = rows
        cursor.execute("SELECT overrides FROM accounts_entitlement ORDER BY workspace_id")
        assert [json.loads(row[0]) for row in cursor.fetchall()] == [
            {}, {"lane": "free", "weight": 3, "max_queued": 9},
            {"lane": "pro", "weight": 2, "max_running": 8, "max_queued": 32000},
        ]  # fmt: skip

    def test_makes_a_plan_of_every_label(self, rows):
        cursor, _ = rows
        cursor.execute("SELECT slug, is_default FROM accounts_plan ORDER BY position, slug")
        assert cursor.fetchall() == [("free", True), ("pro", False), ("enterprise", False), ("Studio X", False)]

    def test_can_be_undone(self, rows):
        cursor, before = rows
        cursor.execute("UPDATE accounts_entitlement SET lane = '', weight = 0, max_running = 0, max_queued = 0")
        cursor.execute(move._TO_COLUMNS)
        cursor.execute(_COLUMNS)
        assert cursor.fetchall() == before

    def test_gives_plans_that_the_schema_takes(self, rows):
        import json

        from accounts import limits

        cursor, _ = rows
        cursor.execute("SELECT limits FROM accounts_plan")
        for (raw,) in cursor.fetchall():
            assert limits.checked_plan(json.loads(raw)) == json.loads(raw)
