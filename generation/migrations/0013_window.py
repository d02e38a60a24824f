"""Places: how many jobs of a workspace run at once. Virtual time apart for processors and for the wire.

Flows begin anew: they remember no more than the moment's turn. Jobs under way keep their place.
"""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

from core import sqlfiles
from generation import state

_SQL = Path(__file__).parent.parent / "sql"
_UNDO = """
DROP FUNCTION generation_true_up; DROP FUNCTION generation_advance; DROP FUNCTION generation_work;
DROP FUNCTION generation_return; DROP FUNCTION generation_set_aside; DROP FUNCTION generation_leave;
DROP FUNCTION generation_fill; DROP FUNCTION generation_admit;
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0012_recent_attempts"), ("accounts", "0005_entitlement_of_a_plan")]

    operations = [
        migrations.RenameField("lane", "v", "v_cpu"),
        migrations.AddField("lane", "v_io", models.BigIntegerField(default=0)),
        migrations.AddField("lane", "served_cpu", models.BigIntegerField(default=0)),
        migrations.AddField("lane", "served_io", models.BigIntegerField(default=0)),
        migrations.RunSQL("UPDATE generation_lane SET v_io = v_cpu", migrations.RunSQL.noop),
        migrations.DeleteModel("Flow"),
        migrations.CreateModel(
            name="Flow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "lane", "workspace_id", "sandbox", blank=True, editable=False, primary_key=True,
                        serialize=False,
                    ),
                ),
                ("lane", models.CharField(max_length=10)),
                ("sandbox", models.BooleanField()),
                ("vfin_cpu", models.BigIntegerField()),
                ("vfin_io", models.BigIntegerField()),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Window",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "sandbox", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("sandbox", models.BooleanField()),
                ("most", models.PositiveIntegerField()),
                ("weight", models.PositiveIntegerField(default=1)),
                ("admitted", models.PositiveIntegerField(default=0)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            "job",
            "place",
            models.CharField(
                choices=[(name, name) for name in state.PLACE_ALL], default=state.PLACE_HELD,
                help_text="whether it holds one of its workspace's places to run, wants one, or is parked and has none",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "job",
            "admitted_at",
            models.DateTimeField(help_text="when it first had a place; later its lane's turn counts", null=True),
        ),
        migrations.RunSQL("UPDATE generation_job SET admitted_at = created_at", migrations.RunSQL.noop),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                condition=models.Q(place__in=state.PLACE_ALL), name="generation_job_place_known"
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                fields=["workspace", "sandbox", "id"], condition=models.Q(place="wanted", completed_at=None),
                name="generation_job_wanting",
            ),
        ),
        migrations.AlterField(
            "step",
            "state",
            models.CharField(choices=[(name, name) for name in state.STEP_ALL], max_length=12),
        ),
        migrations.RemoveConstraint("step", "generation_step_state_known"),
        migrations.AddConstraint(
            "step",
            models.CheckConstraint(condition=models.Q(state__in=state.STEP_ALL), name="generation_step_state_known"),
        ),
        migrations.AddIndex(
            "step",
            models.Index(
                fields=["placement", "lane", "revision", "vtag", "id"], condition=models.Q(state="ready"),
                name="generation_step_by_model",
            ),
        ),
        sqlfiles.run(_SQL / "fairness.sql", _SQL / "window.sql", undo=_UNDO),
        sqlfiles.run(
            *(_SQL / f"{name}.sql" for name in ("accept", "start", "previous", "finish", "stop", "load")),
            undo=migrations.RunSQL.noop,
        ),
        sqlfiles.run(_SQL / "violations.sql", undo="DROP VIEW generation_violation;"),
        migrations.RunSQL("SELECT generation_recount(now())", migrations.RunSQL.noop),
    ]  # fmt: skip
