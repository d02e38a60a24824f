"""Several jobs are locked in the order in which their endings are: two workers that met could wait for each other."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0013_window")]

    operations = [
        sqlfiles.run(*(_SQL / f"{name}.sql" for name in ("start", "previous")), undo=migrations.RunSQL.noop),
    ]
