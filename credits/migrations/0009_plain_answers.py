"""What each job calls of the ledger answers without a statement for it; nothing is added to a posting that stands."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"
# They answer in another form now, which CREATE OR REPLACE refuses.
_OLD = """
DROP FUNCTION IF EXISTS ledger_hold(uuid, boolean, bigint, text, uuid, jsonb, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS ledger_settle(uuid, bigint, text, text, text, timestamptz, interval);
DROP FUNCTION IF EXISTS ledger_grant(uuid, boolean, text, text, uuid, bigint, jsonb, timestamptz);
DROP FUNCTION IF EXISTS ledger_give_back(uuid, bigint, uuid[], bigint[], text, timestamptz, interval);
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0008_rare_postings")]

    operations = [
        migrations.RunSQL(_OLD, migrations.RunSQL.noop),
        sqlfiles.run(_SQL / "guards.sql", undo=migrations.RunSQL.noop),
        sqlfiles.run(_SQL / "lots.sql", undo=migrations.RunSQL.noop),
        sqlfiles.run(_SQL / "holds.sql", undo=migrations.RunSQL.noop),
    ]
