"""What a wallet's owners are told, and how a wallet is watched for it."""

import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0005_price"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("low_balance", "Low Balance"),
                            ("expiring_week", "Expiring Week"),
                            ("expiring_day", "Expiring Day"),
                        ],
                        max_length=15,
                    ),
                ),
                ("amount", models.BigIntegerField(help_text="What was left, or would expire, when it was raised.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("dropped", "Dropped"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                ("raised_at", models.DateTimeField()),
                ("next_try_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                (
                    "wallet",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="credits.wallet",
                    ),
                ),
                (
                    "low_below",
                    models.PositiveBigIntegerField(
                        blank=True, help_text="Empty is the site's default; 0 is off.", null=True
                    ),
                ),
                ("by_mail", models.BooleanField(default=True)),
                ("armed", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name="notice",
            name="lot",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.lot",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="credits.wallet"
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["next_try_at"], name="credits_notice_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lot__isnull", False)), fields=("lot", "kind"), name="credits_notice_once_for_a_lot"
            ),
        ),
    ]
