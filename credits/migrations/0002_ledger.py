"""The ledger's functions, guards and invariants, from their readable sources."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("credits", "0001_initial")]

    operations = [
        sqlfiles.run(
            _SQL / "ledger.sql",
            undo="DROP FUNCTION ledger_hold; DROP FUNCTION ledger_settle;",
        ),
        sqlfiles.run(
            _SQL / "guards.sql",
            undo="DROP TRIGGER credits_entry_append_only ON credits_entry;"
            "DROP TRIGGER credits_entry_keep ON credits_entry;"
            "DROP TRIGGER credits_posting_append_only ON credits_posting;"
            "DROP TRIGGER credits_posting_keep ON credits_posting;"
            "DROP TRIGGER credits_posting_balances ON credits_posting;"
            "DROP TRIGGER credits_entry_balances ON credits_entry;"
            "DROP FUNCTION ledger_refuse_change; DROP FUNCTION ledger_check_posting;",
        ),
        sqlfiles.run(_SQL / "violations.sql", undo="DROP VIEW credits_violation;"),
    ]
