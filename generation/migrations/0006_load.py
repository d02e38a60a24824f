"""The counts of jobs under way and made today, by pipeline. 0013 brings the view of what does not agree with them.

Undone, the functions of jobs go on as they are here and miss the table: an older release runs its own files again.
"""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0005_made_good"),
        ("credits", "0004_ledger_verbs"),
        ("accounts", "0005_entitlement_of_a_plan"),
    ]

    operations = [
        migrations.CreateModel(
            name="Load",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "sandbox",
                        "pipeline",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("sandbox", models.BooleanField()),
                ("pipeline", models.CharField(max_length=20)),
                ("live", models.PositiveIntegerField(default=0)),
                ("day", models.DateField()),
                ("accepted_today", models.PositiveIntegerField(default=0)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        sqlfiles.run(_SQL / "load.sql", undo="DROP FUNCTION generation_recount;"),
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("accept", "start", "previous", "finish", "stop")),
            undo=migrations.RunSQL.noop,
        ),
    ]
