"""Plans, whose limits are a document, and a place for what a workspace has of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_audit_append_only")]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("slug", models.SlugField(max_length=40, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                (
                    "position",
                    models.PositiveSmallIntegerField(default=100, help_text="Order of the plans; lower comes first."),
                ),
                ("limits", models.JSONField(default=dict)),
                ("is_default", models.BooleanField(default=False, help_text="New workspaces begin on it.")),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={"ordering": ("position", "slug")},
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("is_default",), name="accounts_plan_one_default"
            ),
        ),
        migrations.AddField(
            model_name="entitlement", name="overrides", field=models.JSONField(blank=True, default=dict)
        ),
    ]
