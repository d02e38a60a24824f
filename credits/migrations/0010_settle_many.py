"""Holds captured whole by one statement."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("credits", "0009_plain_answers")]

    operations = [sqlfiles.run(_SQL / "holds.sql", undo="DROP FUNCTION ledger_settle_many;")]
