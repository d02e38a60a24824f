"""The functions that move jobs again: they hold for somebody, meter what was used and read the refund matrix."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0003_step_quantity"), ("credits", "0004_ledger_verbs")]

    operations = [
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("accept", "start", "previous", "finish", "stop")),
            undo=migrations.RunSQL.noop,
        )
    ]
