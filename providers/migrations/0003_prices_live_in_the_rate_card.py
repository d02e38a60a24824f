"""Prices live in the rate card of `credits`. An override made here before is not carried over: nothing was released
with it. Publish it again with `load_rates` or in the admin."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("providers", "0002_price_override_bound")]

    operations = [
        migrations.RemoveConstraint(model_name="modelcard", name="providers_card_price_positive"),
        migrations.RemoveField(model_name="modelcard", name="credits_override"),
    ]
