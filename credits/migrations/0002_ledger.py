"""The ledger's guards, from their readable source. The functions and invariants need the columns of 0003."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("credits", "0001_initial")]

    operations = [
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
    ]
