"""What a step is metered by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0002_jobs"),
    ]

    operations = [
        migrations.AddField(
            model_name="step",
            name="quantity",
            field=models.DecimalField(
                decimal_places=4, default=0, help_text="What is metered, in `unit`.", max_digits=14
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="unit",
            field=models.CharField(blank=True, max_length=20),
        ),
    ]
