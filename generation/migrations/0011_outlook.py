"""How long models take, what waiting jobs were told, and what the service takes now."""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0010_settle_many"),
        ("providers", "0003_prices_live_in_the_rate_card"),
    ]

    operations = [
        migrations.CreateModel(
            name="Expectation",
            fields=[
                (
                    "job",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="generation.job",
                    ),
                ),
                ("lane", models.CharField(max_length=10)),
                ("at", models.DateTimeField()),
                ("plain_ms", models.PositiveIntegerField()),
                ("least_ms", models.PositiveIntegerField()),
                ("p50_ms", models.PositiveIntegerField()),
                ("p90_ms", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Pace",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "model", "lane", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("model", models.CharField(max_length=80)),
                ("lane", models.CharField(max_length=10)),
                ("bucket", models.SmallIntegerField(help_text="Of the duration in milliseconds.")),
                ("attempts", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Punctuality",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "lane", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("lane", models.CharField(max_length=10)),
                ("bucket", models.SmallIntegerField()),
                ("jobs", models.PositiveIntegerField()),
                ("inside", models.PositiveIntegerField(help_text="Started within their band.")),
                ("late", models.PositiveIntegerField(help_text="Started after its end.")),
            ],
            options={
                "verbose_name_plural": "punctuality",
            },
        ),
        migrations.CreateModel(
            name="Service",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("level", models.PositiveSmallIntegerField(default=0)),
                ("pinned", models.PositiveSmallIntegerField(null=True)),
                ("cause", models.CharField(blank=True, max_length=200)),
                ("since", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("drain_seconds", models.PositiveIntegerField(default=0, help_text="Work that waits, for each slot.")),
                (
                    "paused_lanes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10), default=list, size=None
                    ),
                ),
                (
                    "closed_models",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80), default=list, size=None
                    ),
                ),
            ],
            options={
                "verbose_name": "service",
                "verbose_name_plural": "service",
            },
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="generation_service_one_row"),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__lte", 4), models.Q(("pinned", None), ("pinned__lte", 4), _connector="OR")),
                name="generation_service_level_known",
            ),
        ),
        sqlfiles.run(_SQL / "outlook.sql", undo="DROP FUNCTION generation_front; DROP FUNCTION generation_ahead;"),
    ]
