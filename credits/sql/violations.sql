-- One row for everything in the ledger that is not as it must be; empty when all is well.
CREATE OR REPLACE VIEW credits_violation AS
SELECT 'posting_sums_to_zero' AS invariant, 'posting:' || posting_id AS subject, 0::numeric AS expected,
    sum(amount) AS actual
FROM credits_entry GROUP BY posting_id HAVING sum(amount) <> 0
UNION ALL
SELECT 'posting_has_entries', 'posting:' || p.id, 2, count(e.id)
FROM credits_posting p LEFT JOIN credits_entry e ON e.posting_id = p.id GROUP BY p.id HAVING count(e.id) < 2
UNION ALL
SELECT 'balance_equals_entries', 'wallet:' || w.id, coalesce(e.total, 0), w.balance
FROM credits_wallet w
LEFT JOIN (SELECT wallet_id, sum(amount) AS total FROM credits_entry WHERE account = 'wallet' GROUP BY wallet_id) e
    ON e.wallet_id = w.id
WHERE w.balance <> coalesce(e.total, 0)
UNION ALL
SELECT 'balance_equals_lots_and_holds', 'wallet:' || w.id, coalesce(l.total, 0) + w.held - w.debt, w.balance
FROM credits_wallet w
LEFT JOIN (SELECT wallet_id, sum(remaining) AS total FROM credits_lot GROUP BY wallet_id) l ON l.wallet_id = w.id
WHERE w.balance <> coalesce(l.total, 0) + w.held - w.debt
UNION ALL
SELECT 'held_equals_open_holds', 'wallet:' || w.id, coalesce(h.total, 0), w.held
FROM credits_wallet w
LEFT JOIN (SELECT wallet_id, sum(amount) AS total FROM credits_hold WHERE state = 'held' GROUP BY wallet_id) h
    ON h.wallet_id = w.id
WHERE w.held <> coalesce(h.total, 0)
UNION ALL
SELECT 'lot_remaining_equals_entries_less_draws', 'lot:' || l.id, coalesce(e.total, 0) - coalesce(d.total, 0), l.remaining
FROM credits_lot l
LEFT JOIN (SELECT lot_id, sum(amount) AS total FROM credits_entry WHERE account = 'wallet' GROUP BY lot_id) e
    ON e.lot_id = l.id
LEFT JOIN (
    SELECT t.lot, sum(t.amount) AS total
    FROM credits_hold h, unnest(h.lot_ids, h.lot_amounts) AS t (lot, amount) WHERE h.state = 'held' GROUP BY t.lot
) d ON d.lot = l.id
WHERE l.remaining <> coalesce(e.total, 0) - coalesce(d.total, 0)
UNION ALL
SELECT 'hold_draws_equal_amount', 'hold:' || h.id, h.amount, coalesce((SELECT sum(a) FROM unnest(h.lot_amounts) a), 0)
FROM credits_hold h WHERE h.amount <> coalesce((SELECT sum(a) FROM unnest(h.lot_amounts) a), 0)
UNION ALL
SELECT 'hold_captured_equals_consumed', 'hold:' || h.id, h.captured, coalesce(e.total, 0)
FROM credits_hold h
LEFT JOIN credits_posting p ON p.reference = 'hold:' || h.id AND p.kind = 'capture'
LEFT JOIN (SELECT posting_id, sum(amount) AS total FROM credits_entry WHERE account = 'consumed' GROUP BY posting_id) e
    ON e.posting_id = p.id
WHERE h.captured <> coalesce(e.total, 0)
UNION ALL
SELECT 'posting_amount_equals_wallet_entries', 'posting:' || p.id, coalesce(e.total, 0), p.amount
FROM credits_posting p
LEFT JOIN (SELECT posting_id, sum(amount) AS total FROM credits_entry WHERE account = 'wallet' GROUP BY posting_id) e
    ON e.posting_id = p.id
WHERE p.amount <> coalesce(e.total, 0)
UNION ALL
SELECT 'closed_lot_is_empty', 'lot:' || l.id, 0, l.remaining FROM credits_lot l WHERE l.closed AND l.remaining <> 0
UNION ALL
SELECT 'open_hold_within_its_time', 'hold:' || h.id, 0, extract(epoch FROM now() - h.expires_at)::bigint
FROM credits_hold h WHERE h.state = 'held' AND h.expires_at < now() - interval '1 hour';
