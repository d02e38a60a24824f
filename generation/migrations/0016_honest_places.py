"""A job has started when something of it was begun, not when its provider sent it away; how deep lines are is counted
up to a bound."""

from pathlib import Path

from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("generation", "0015_one_order")]

    operations = [
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("start", "previous", "stop", "outlook")), undo=migrations.RunSQL.noop
        ),
        migrations.AlterField(
            model_name="job",
            name="started_at",
            field=models.DateTimeField(
                help_text="when the first attempt began that its provider did not send away for want of room", null=True
            ),
        ),
        migrations.AlterField(
            model_name="punctuality",
            name="late",
            field=models.PositiveIntegerField(help_text="Started after its end, or ended unstarted then."),
        ),
        migrations.RemoveIndex(model_name="job", name="generation_job_start_due"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("completed_at", None), ("start_deadline_at__isnull", False), ("started_at", None)),
                fields=["start_deadline_at"],
                name="generation_job_unstarted",
            ),
        ),
    ]
