"""Room for part captures, refunds, debt, rollover, allowances, spend limits and metering; spare indexes and keys go."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_entitlement_of_a_plan"),
        ("credits", "0002_ledger"),
    ]

    operations = [
        # The view names columns that change here; 0004 makes it again.
        migrations.RunSQL("DROP VIEW IF EXISTS credits_violation", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("reference", models.CharField(max_length=100)),
                ("amount", models.PositiveBigIntegerField()),
                ("paid", models.BooleanField(default=False)),
                ("rollover_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("rollover_most", models.PositiveBigIntegerField(blank=True, null=True)),
                ("rollover_times", models.PositiveSmallIntegerField(default=0)),
                ("anchor_at", models.DateTimeField()),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("periods", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Spending",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "limit_id", "period_start", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("limit_id", models.UUIDField()),
                ("period_start", models.DateField()),
                ("used", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="SpendLimit",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "scope",
                    models.CharField(
                        choices=[("wallet", "Wallet"), ("key", "Key"), ("member", "Member"), ("model", "Model")],
                        max_length=6,
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True, help_text="The key's or member's id, or the model's name.", max_length=80
                    ),
                ),
                (
                    "period",
                    models.CharField(choices=[("day", "Day"), ("month", "Month"), ("total", "Total")], max_length=5),
                ),
                ("amount", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sandbox", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("job_id", models.UUIDField()),
                ("step_id", models.UUIDField(unique=True)),
                ("pipeline", models.CharField(max_length=20)),
                ("model", models.CharField(max_length=80)),
                ("unit", models.CharField(max_length=20)),
                ("quantity", models.DecimalField(decimal_places=4, max_digits=14)),
                ("credits", models.PositiveBigIntegerField()),
                ("cost_usd_micros", models.PositiveBigIntegerField()),
                ("cost_source", models.CharField(blank=True, max_length=10)),
                ("key_id", models.UUIDField(null=True)),
                ("member_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="entry",
            name="credits_entry_wallet_lines_name_their_lot",
        ),
        migrations.RemoveConstraint(
            model_name="hold",
            name="credits_hold_only_captured_captures",
        ),
        migrations.RemoveIndex(
            model_name="entry",
            name="credits_entry_of_wallet",
        ),
        migrations.AddField(
            model_name="hold",
            name="key_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="limit_ids",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name="hold",
            name="limit_starts",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name="hold",
            name="lot_captured",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=[], size=None),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="hold",
            name="member_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="model",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="hold",
            name="refunded",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="lot",
            name="generation",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="lot",
            name="parent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.lot",
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="rollover_most",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="lot",
            name="rollover_percent",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="lot",
            name="rollover_times",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="posting",
            name="hold",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.hold",
            ),
        ),
        migrations.AddField(
            model_name="posting",
            name="released",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="posting",
            name="subject",
            field=models.CharField(blank=True, max_length=160),
        ),
        migrations.AddField(
            model_name="wallet",
            name="limited",
            field=models.BooleanField(
                default=False, help_text="Whether spend limits are to be looked for at each hold."
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="account",
            field=models.CharField(
                choices=[
                    ("wallet", "Wallet"),
                    ("debt", "Debt"),
                    ("issued", "Issued"),
                    ("consumed", "Consumed"),
                    ("breakage", "Breakage"),
                    ("adjustments", "Adjustments"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="entry",
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
        migrations.AlterField(
            model_name="entry",
            name="posting",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="credits.posting",
            ),
        ),
        migrations.AlterField(
            model_name="entry",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.wallet",
            ),
        ),
        migrations.AlterField(
            model_name="hold",
            name="reference",
            field=models.CharField(max_length=160),
        ),
        migrations.AlterField(
            model_name="hold",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.wallet",
            ),
        ),
        migrations.AlterField(
            model_name="lot",
            name="reference",
            field=models.CharField(max_length=180),
        ),
        migrations.AlterField(
            model_name="lot",
            name="wallet",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="lots", to="credits.wallet"
            ),
        ),
        migrations.AlterField(
            model_name="posting",
            name="kind",
            field=models.CharField(
                choices=[
                    ("grant", "Grant"),
                    ("capture", "Capture"),
                    ("void", "Void"),
                    ("refund", "Refund"),
                    ("grace", "Grace"),
                    ("expire", "Expire"),
                    ("rollover", "Rollover"),
                    ("adjust", "Adjust"),
                    ("claw_back", "Claw Back"),
                    ("repay", "Repay"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="posting",
            name="reference",
            field=models.CharField(max_length=240),
        ),
        migrations.AlterField(
            model_name="posting",
            name="wallet",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credits.wallet",
            ),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("wallet__isnull", False)), fields=["wallet"], name="credits_entry_of_wallet_all"
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("closed", False), ("expires_at__isnull", False)),
                fields=["expires_at"],
                name="credits_lot_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("account", "wallet"), ("lot__isnull", False), ("wallet__isnull", False)),
                    models.Q(("account", "debt"), ("lot", None), ("wallet__isnull", False)),
                    models.Q(
                        models.Q(("account__in", ["wallet", "debt"]), _negated=True), ("lot", None), ("wallet", None)
                    ),
                    _connector="OR",
                ),
                name="credits_entry_names_whose_it_is",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.UniqueConstraint(fields=("reference",), name="credits_hold_once"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded__lte", models.F("captured"))),
                name="credits_hold_refunded_within_captured",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.UniqueConstraint(fields=("reference",), name="credits_lot_once"),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rollover_percent", None),
                    models.Q(("rollover_percent__gte", 1), ("rollover_percent__lte", 100)),
                    _connector="OR",
                ),
                name="credits_lot_rollover_is_a_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.UniqueConstraint(fields=("reference",), name="credits_posting_once"),
        ),
        migrations.AddField(
            model_name="allowance",
            name="wallet",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="credits.wallet"),
        ),
        migrations.AddField(
            model_name="spendlimit",
            name="wallet",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="credits.wallet"
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
            ),
        ),
        migrations.AddIndex(
            model_name="allowance",
            index=models.Index(fields=["next_at"], name="credits_allowance_due"),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.UniqueConstraint(fields=("reference",), name="credits_allowance_once"),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="credits_allowance_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="spendlimit",
            constraint=models.UniqueConstraint(
                fields=("wallet", "scope", "subject", "period"), name="credits_spendlimit_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="spendlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "wallet"), ("subject", "")),
                    models.Q(models.Q(("scope", "wallet"), _negated=True), models.Q(("subject", ""), _negated=True)),
                    _connector="OR",
                ),
                name="credits_spendlimit_names_its_subject",
            ),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["workspace", "sandbox", "-at"], name="credits_usage_of_workspace"),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["job_id"], name="credits_usage_of_job"),
        ),
    ]
