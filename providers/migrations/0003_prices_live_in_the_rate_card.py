"""Prices live in the rate card of `credits`. An operator's override goes there as a price of theirs."""

from django.db import migrations

_CARRY = """
INSERT INTO credits_price (model, unit, credits, expression, minimum, cost_usd_micros, effective_from, source, actor,
    note, created_at)
SELECT c.slug, r.spec -> 'price' ->> 'unit', c.credits_override, '', 1,
    coalesce((r.spec -> 'cost' ->> 'usd_micros')::bigint, 0), now(), 'operator', 'migration', 'the override before', now()
FROM providers_modelcard c JOIN providers_modelrevision r ON r.id = c.revision_id WHERE c.credits_override IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("providers", "0002_price_override_bound"), ("credits", "0005_price")]

    operations = [
        migrations.RunSQL(_CARRY, migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="modelcard", name="providers_card_price_positive"),
        migrations.RemoveField(model_name="modelcard", name="credits_override"),
    ]
