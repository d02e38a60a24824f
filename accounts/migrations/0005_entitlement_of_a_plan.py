"""An entitlement belongs to a plan; its columns are in the plan's limits and its overrides now."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_limits_become_documents")]

    operations = [
        migrations.RemoveConstraint(model_name="entitlement", name="accounts_entitlement_weight_positive"),
        migrations.RemoveField(model_name="entitlement", name="lane"),
        migrations.RemoveField(model_name="entitlement", name="weight"),
        migrations.RemoveField(model_name="entitlement", name="max_running"),
        migrations.RemoveField(model_name="entitlement", name="max_queued"),
        migrations.AlterField(
            model_name="entitlement",
            name="plan",
            field=models.ForeignKey(
                db_column="plan",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.plan",
            ),
        ),
    ]
