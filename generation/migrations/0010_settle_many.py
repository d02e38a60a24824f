"""The endings of a message settled by one statement for each table."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0009_dead_letters"), ("credits", "0010_settle_many")]

    operations = [sqlfiles.run(_SQL / "finish.sql", undo=migrations.RunSQL.noop)]
