"""Every verb of the ledger as a stored function, and what older rows need for it."""

from pathlib import Path

from django.db import migrations

from core import sqlfiles

_SQL = Path(__file__).parent.parent / "sql"
_OLD = """
DROP FUNCTION IF EXISTS ledger_hold(uuid, boolean, bigint, text, text, uuid, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS ledger_settle(uuid, bigint, text, text, timestamptz, interval);
"""
# The journal is append-only for the application; this only adds what a posting was about.
_CARRY = """
UPDATE credits_lot SET reference = 'grant:' || reference WHERE origin <> 'grace';
UPDATE credits_hold h SET lot_captured = ARRAY(
    SELECT coalesce((
        SELECT -sum(e.amount) FROM credits_entry e JOIN credits_posting p ON p.id = e.posting_id
        WHERE p.reference = 'hold:' || h.id AND p.kind = 'capture' AND e.lot_id = t.lot), 0)
    FROM unnest(h.lot_ids) WITH ORDINALITY AS t (lot, nth) ORDER BY t.nth);
ALTER TABLE credits_posting DISABLE TRIGGER credits_posting_append_only;
UPDATE credits_posting p SET hold_id = h.id, subject = h.reference, released = h.amount - h.captured
FROM credits_hold h WHERE p.kind = 'capture' AND p.reference = 'hold:' || h.id;
ALTER TABLE credits_posting ENABLE TRIGGER credits_posting_append_only;
INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, subject, at, wallet_id, hold_id, amount,
    released, balance_after)
SELECT 'void', 'hold:' || h.id, '', 'system', h.reason, h.reference, h.closed_at, h.wallet_id, h.id, 0, h.amount,
    coalesce((SELECT p.balance_after FROM credits_posting p WHERE p.wallet_id = h.wallet_id ORDER BY p.id DESC LIMIT 1), 0)
FROM credits_hold h WHERE h.state IN ('voided', 'expired') ORDER BY h.closed_at;
"""
_NAMES = (
    "ledger_post", "ledger_draw", "ledger_uuid7",
    "ledger_digest", "ledger_negative", "ledger_repay", "ledger_give_back", "ledger_grant", "ledger_take",
    "ledger_retire", "ledger_period_start", "ledger_hold", "ledger_keep", "ledger_difference", "ledger_settle",
    "ledger_refund",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("credits", "0003_ledger_shape")]

    operations = [
        migrations.RunSQL(_OLD, migrations.RunSQL.noop),
        sqlfiles.run(_SQL / "guards.sql", undo=migrations.RunSQL.noop),
        # Not undone: the journal keeps what it was given, and the functions before are in no file any more.
        migrations.RunSQL(_CARRY),
        sqlfiles.run(_SQL / "lots.sql", undo="".join(f"DROP FUNCTION {name};" for name in _NAMES)),
        sqlfiles.run(_SQL / "holds.sql", undo=migrations.RunSQL.noop),
        sqlfiles.run(_SQL / "refund_matrix.sql", undo="DROP FUNCTION refund_matrix;"),
        sqlfiles.run(_SQL / "violations.sql", undo="DROP VIEW credits_violation;"),
    ]
