"""The rate card: dated prices that are only ever added to."""

from pathlib import Path

from django.db import migrations, models

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("credits", "0004_ledger_verbs")]

    operations = [
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "model",
                    models.CharField(help_text="The model's id in the catalogue, without its pin.", max_length=80),
                ),
                (
                    "unit",
                    models.CharField(
                        choices=[
                            ("image", "Image"),
                            ("megapixel", "Megapixel"),
                            ("second", "Second"),
                            ("1k_tokens", "1,000 tokens"),
                            ("1k_characters", "1,000 characters"),
                            ("call", "Call"),
                        ],
                        max_length=13,
                    ),
                ),
                ("credits", models.DecimalField(decimal_places=4, help_text="For one unit.", max_digits=12)),
                (
                    "expression",
                    models.CharField(
                        blank=True, help_text="A multiplier over measures; empty means 1.", max_length=300
                    ),
                ),
                (
                    "minimum",
                    models.PositiveIntegerField(default=1, help_text="Whole credits that a step costs at least."),
                ),
                (
                    "cost_usd_micros",
                    models.PositiveBigIntegerField(default=0, help_text="What the provider charges us for one unit."),
                ),
                ("effective_from", models.DateTimeField()),
                (
                    "source",
                    models.CharField(choices=[("catalogue", "Catalogue"), ("operator", "Operator")], max_length=9),
                ),
                ("actor", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["model", "-effective_from"], name="credits_price_of_model")],
                "constraints": [
                    models.UniqueConstraint(fields=("model", "unit", "effective_from"), name="credits_price_once"),
                    models.CheckConstraint(
                        condition=models.Q(("model", ""), _negated=True), name="credits_price_names_its_model"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("credits__gt", 0), ("credits__lte", 1000000)),
                        name="credits_price_credits_within_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("minimum__gte", 1), ("minimum__lte", 1000000)),
                        name="credits_price_minimum_within_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("unit__in", ["image", "megapixel", "second", "1k_tokens", "1k_characters", "call"])
                        ),
                        name="credits_price_unit_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["catalogue", "operator"])), name="credits_price_source_known"
                    ),
                ],
            },
        ),
        sqlfiles.run(
            _SQL / "prices.sql",
            undo="DROP TRIGGER credits_price_append_only ON credits_price;"
            "DROP TRIGGER credits_price_keep ON credits_price;"
            "DROP FUNCTION credits_price_refuse_change;",
        ),
    ]
