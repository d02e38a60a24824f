"""A step says which way it goes: the model that makes it now, the connection, and what that way may cost. A job says
whether another model may step in."""

from pathlib import Path

from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0016_honest_places")]

    operations = [
        migrations.AddField(
            model_name="step",
            name="connection_id",
            field=models.UUIDField(help_text="The connection of its last attempt, or that it must take.", null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="route_reason",
            field=models.CharField(blank=True, default="", help_text="Why it goes another way.", max_length=40),
        ),
        migrations.AddField(
            model_name="step",
            name="charge",
            field=models.PositiveBigIntegerField(help_text="What it may cost at most on its present way.", null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="tries_elsewhere",
            field=models.PositiveSmallIntegerField(default=0, help_text="Tries on the ways before this one."),
        ),
        migrations.AddField(
            model_name="attempt",
            name="connection_id",
            field=models.UUIDField(help_text="Empty for what computes here.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="allow_fallback",
            field=models.BooleanField(default=True, help_text="May a like model make it when this one cannot."),
        ),
        # Rows of the release before are written without these for a while.
        migrations.RunSQL(
            "ALTER TABLE generation_step ALTER route_reason SET DEFAULT '', ALTER tries_elsewhere SET DEFAULT 0;"
            "ALTER TABLE generation_job ALTER allow_fallback SET DEFAULT true;",
            migrations.RunSQL.noop,
        ),
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("accept", "start", "previous", "routes")), undo=migrations.RunSQL.noop
        ),
    ]
