from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_audit_append_only"),
        ("assets", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("state", "trashed")), fields=["workspace", "-trashed_at"], name="assets_asset_trash"
            ),
        ),
    ]
