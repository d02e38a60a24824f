"""Several rows are locked in one order wherever they are; what nobody works on any more can be ended; what never began
costs no turn in the queue; a sandbox's failures are no operator's business."""

from pathlib import Path

from django.conf import settings
from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_entitlement_of_a_plan"),
        ("credits", "0010_settle_many"),
        ("generation", "0014_lock_order"),
        ("providers", "0003_prices_live_in_the_rate_card"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("window", "fairness", "finish", "stop")), undo=migrations.RunSQL.noop
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)), fields=["parent"], name="generation_job_again"
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("state", "ready"), ("token__isnull", False)),
                fields=["placement", "lane", "vtag", "id"],
                name="generation_step_resumed",
            ),
        ),
    ]
