"""Wallets that are low already when notices come are not told of: only a fall is, once they have been above."""

from django.db import migrations

_KNOWN = """
INSERT INTO credits_watch (wallet_id, low_below, by_mail, armed)
SELECT id, NULL, true, false FROM credits_wallet WHERE NOT sandbox ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0006_notices")]

    operations = [migrations.RunSQL(_KNOWN, migrations.RunSQL.noop)]
