import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="modelcard",
            name="credits_override",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Credits per unit instead of the catalogue's price.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(1000000)],
            ),
        ),
    ]
