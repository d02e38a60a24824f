"""The functions that move jobs, from their readable source, and the lanes."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial"), ("credits", "0002_ledger"), ("core", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO generation_lane (name, v) VALUES ('enterprise', 0), ('pro', 0), ('free', 0)",
            "DELETE FROM generation_lane",
        ),
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("accept", "start", "previous", "finish", "stop")),
            undo="DROP TRIGGER generation_job_terminal ON generation_job;"
            "DROP FUNCTION generation_accept; DROP FUNCTION generation_begin; DROP FUNCTION generation_start;"
            "DROP FUNCTION generation_await; DROP FUNCTION generation_doubt; DROP FUNCTION generation_park;"
            "DROP FUNCTION generation_keep; DROP FUNCTION generation_wake; DROP FUNCTION generation_reflect;"
            "DROP FUNCTION generation_finish;"
            "DROP FUNCTION generation_stop; DROP FUNCTION generation_conclude; DROP FUNCTION generation_emit;"
            "DROP FUNCTION generation_keep_terminal; DROP FUNCTION IF EXISTS generation_finish_many;"
            "DROP FUNCTION IF EXISTS generation_finish_plain; DROP FUNCTION IF EXISTS generation_conclude_many;"
            "DROP FUNCTION IF EXISTS generation_endings; DROP FUNCTION IF EXISTS generation_close;",
        ),
    ]
