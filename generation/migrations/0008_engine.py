"""Attempts that outlive their worker: a token on the step, and the functions that wait, doubt and go on.

`generation_start` stays as the release before calls it (`previous.sql`); this one calls `generation_begin`.
"""

from pathlib import Path

from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0007_count_jobs"),
        ("providers", "0003_prices_live_in_the_rate_card"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="step",
            name="generation_step_leases",
        ),
        migrations.RemoveIndex(
            model_name="step",
            name="generation_step_parked",
        ),
        migrations.AddField(
            model_name="step",
            name="token",
            field=models.UUIDField(help_text="The attempt under way at a provider, to be gone on with.", null=True),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("state__in", ("claimed", "submitting", "awaiting", "collecting", "reconciling"))),
                fields=["lease_expires_at"],
                name="generation_step_leases",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(
                    ("next_run_at__isnull", False), ("state__in", ("parked", "awaiting", "reconciling"))
                ),
                fields=["next_run_at"],
                name="generation_step_timed",
            ),
        ),
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("start", "previous", "finish", "stop")), undo=migrations.RunSQL.noop
        ),
    ]
