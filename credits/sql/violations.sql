-- One row for everything in the ledger that is not as it must be; empty when all is well.
CREATE OR REPLACE VIEW credits_violation AS
WITH posted AS (
    SELECT posting_id, sum(amount) AS total, count(*) AS lines,
        coalesce(sum(amount) FILTER (WHERE wallet_id IS NOT NULL), 0) AS own,
        coalesce(sum(amount) FILTER (WHERE account = 'consumed'), 0) AS consumed
    FROM credits_entry GROUP BY posting_id
), owned AS (
    SELECT wallet_id, sum(amount) AS total, coalesce(-sum(amount) FILTER (WHERE account = 'debt'), 0) AS debt
    FROM credits_entry WHERE wallet_id IS NOT NULL GROUP BY wallet_id
), in_lots AS (
    SELECT wallet_id, sum(remaining) AS total FROM credits_lot GROUP BY wallet_id
), open_holds AS (
    SELECT wallet_id, sum(amount - captured) AS total FROM credits_hold WHERE state = 'held' GROUP BY wallet_id
), of_lot AS (
    SELECT lot_id, sum(amount) AS total FROM credits_entry WHERE account = 'wallet' GROUP BY lot_id
), drawn AS (
    SELECT t.lot, sum(t.amount - t.kept) AS total
    FROM credits_hold h, unnest(h.lot_ids, h.lot_amounts, h.lot_captured) AS t (lot, amount, kept)
    WHERE h.state = 'held' GROUP BY t.lot
), of_hold AS (
    SELECT p.hold_id, coalesce(sum(e.consumed) FILTER (WHERE p.kind = 'capture'), 0) AS captured,
        coalesce(-sum(e.consumed) FILTER (WHERE p.kind = 'refund'), 0) AS refunded, sum(p.released) AS released
    FROM credits_posting p LEFT JOIN posted e ON e.posting_id = p.id WHERE p.hold_id IS NOT NULL GROUP BY p.hold_id
), counted AS (
    SELECT t.id, t.since, sum(CASE h.state WHEN 'held' THEN h.amount ELSE h.captured - h.refunded END) AS total
    FROM credits_hold h, unnest(h.limit_ids, h.limit_starts) AS t (id, since) GROUP BY t.id, t.since
)
SELECT 'posting_sums_to_zero' AS invariant, 'posting:' || posting_id AS subject, 0::numeric AS expected,
    total AS actual
FROM posted WHERE total <> 0
UNION ALL
SELECT 'posting_has_entries', 'posting:' || p.id, 2, coalesce(e.lines, 0)
FROM credits_posting p LEFT JOIN posted e ON e.posting_id = p.id
WHERE (coalesce(e.lines, 0) < 2) <> (p.kind = 'void')
UNION ALL
SELECT 'posting_amount_equals_wallet_entries', 'posting:' || p.id, coalesce(e.own, 0), p.amount
FROM credits_posting p LEFT JOIN posted e ON e.posting_id = p.id WHERE p.amount <> coalesce(e.own, 0)
UNION ALL
SELECT 'entry_names_what_exists', 'entry:' || e.id, 1, 0
FROM credits_entry e
LEFT JOIN credits_posting p ON p.id = e.posting_id
LEFT JOIN credits_wallet w ON w.id = e.wallet_id
LEFT JOIN credits_lot l ON l.id = e.lot_id
WHERE p.id IS NULL OR (e.wallet_id IS NOT NULL AND (w.id IS NULL OR e.wallet_id <> p.wallet_id))
    OR (e.lot_id IS NOT NULL AND (l.id IS NULL OR l.wallet_id <> e.wallet_id))
UNION ALL
SELECT 'hold_names_what_exists', 'hold:' || h.id, cardinality(h.lot_ids), count(l.id)
FROM credits_hold h LEFT JOIN credits_wallet w ON w.id = h.wallet_id
LEFT JOIN credits_lot l ON l.id = ANY (h.lot_ids) AND l.wallet_id = h.wallet_id
GROUP BY h.id, w.id HAVING w.id IS NULL OR count(l.id) <> cardinality(h.lot_ids)
UNION ALL
SELECT 'statement_runs_on', 'posting:' || id, before + amount, balance_after
FROM (SELECT id, amount, balance_after,
    lag(balance_after, 1, 0::bigint) OVER (PARTITION BY wallet_id ORDER BY id) AS before FROM credits_posting) p
WHERE balance_after <> before + amount
UNION ALL
SELECT 'balance_equals_entries', 'wallet:' || w.id, coalesce(e.total, 0), w.balance
FROM credits_wallet w LEFT JOIN owned e ON e.wallet_id = w.id WHERE w.balance <> coalesce(e.total, 0)
UNION ALL
SELECT 'debt_equals_entries', 'wallet:' || w.id, coalesce(e.debt, 0), w.debt
FROM credits_wallet w LEFT JOIN owned e ON e.wallet_id = w.id WHERE w.debt <> coalesce(e.debt, 0)
UNION ALL
SELECT 'balance_equals_lots_and_holds', 'wallet:' || w.id, coalesce(l.total, 0) + w.held - w.debt, w.balance
FROM credits_wallet w LEFT JOIN in_lots l ON l.wallet_id = w.id
WHERE w.balance <> coalesce(l.total, 0) + w.held - w.debt
UNION ALL
SELECT 'held_equals_open_holds', 'wallet:' || w.id, coalesce(h.total, 0), w.held
FROM credits_wallet w LEFT JOIN open_holds h ON h.wallet_id = w.id WHERE w.held <> coalesce(h.total, 0)
UNION ALL
SELECT 'debt_is_repaid_first', 'lot:' || l.id, 0, l.remaining
FROM credits_lot l JOIN credits_wallet w ON w.id = l.wallet_id AND w.debt > 0
WHERE l.remaining > 0 AND (l.expires_at IS NULL OR l.expires_at > now())
UNION ALL
SELECT 'lot_remaining_equals_entries_less_draws', 'lot:' || l.id, coalesce(e.total, 0) - coalesce(d.total, 0),
    l.remaining
FROM credits_lot l LEFT JOIN of_lot e ON e.lot_id = l.id LEFT JOIN drawn d ON d.lot = l.id
WHERE l.remaining <> coalesce(e.total, 0) - coalesce(d.total, 0)
UNION ALL
SELECT 'closed_lot_is_empty', 'lot:' || l.id, 0, l.remaining FROM credits_lot l WHERE l.closed AND l.remaining <> 0
UNION ALL
SELECT 'hold_draws_equal_amount', 'hold:' || h.id, h.amount, coalesce((SELECT sum(a) FROM unnest(h.lot_amounts) a), 0)
FROM credits_hold h WHERE h.amount <> coalesce((SELECT sum(a) FROM unnest(h.lot_amounts) a), 0)
UNION ALL
SELECT 'hold_keeps_what_it_captured', 'hold:' || h.id, h.captured,
    coalesce((SELECT sum(a) FROM unnest(h.lot_captured) a), 0)
FROM credits_hold h WHERE h.captured <> coalesce((SELECT sum(a) FROM unnest(h.lot_captured) a), 0)
    OR cardinality(h.lot_captured) <> cardinality(h.lot_ids)
    OR EXISTS (SELECT 1 FROM unnest(h.lot_amounts, h.lot_captured) AS t (a, b) WHERE b < 0 OR b > a)
UNION ALL
SELECT 'hold_captured_equals_consumed', 'hold:' || h.id, h.captured, coalesce(p.captured, 0)
FROM credits_hold h LEFT JOIN of_hold p ON p.hold_id = h.id WHERE h.captured <> coalesce(p.captured, 0)
UNION ALL
SELECT 'hold_refunded_equals_returned', 'hold:' || h.id, h.refunded, coalesce(p.refunded, 0)
FROM credits_hold h LEFT JOIN of_hold p ON p.hold_id = h.id WHERE h.refunded <> coalesce(p.refunded, 0)
UNION ALL
SELECT 'hold_released_is_told', 'hold:' || h.id, h.amount - h.captured, coalesce(p.released, 0)
FROM credits_hold h LEFT JOIN of_hold p ON p.hold_id = h.id
WHERE h.state <> 'held' AND h.amount - h.captured <> coalesce(p.released, 0)
UNION ALL
SELECT 'spending_equals_holds', 'limit:' || coalesce(s.limit_id, c.id) || ':' || coalesce(s.period_start, c.since),
    coalesce(c.total, 0), coalesce(s.used, 0)
FROM credits_spending s FULL JOIN counted c ON c.id = s.limit_id AND c.since = s.period_start
WHERE coalesce(c.total, 0) <> coalesce(s.used, 0)
UNION ALL
SELECT 'open_hold_within_its_time', 'hold:' || h.id, 0, extract(epoch FROM now() - h.expires_at)::bigint
FROM credits_hold h WHERE h.state = 'held' AND h.expires_at < now() - interval '1 hour';
