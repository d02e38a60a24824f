-- The two hot verbs of the ledger, one round trip each. Called only by credits/ledger.py and, inside its
-- own transaction, by generation/sql. One lock order for the whole house: wallet, hold, lot.
-- Sequential scans are off in every function: their plans are cached by each connection, and one that was made while
-- a table was small would otherwise read all of it for ever after (measured: 22 ms a job instead of 1).

-- Sets credits aside. outcome: held | replayed | conflict | insufficient | in_debt | no_wallet
CREATE OR REPLACE FUNCTION ledger_hold(
    p_workspace uuid, p_sandbox boolean, p_amount bigint, p_reference text, p_pipeline text,
    p_hold uuid, p_at timestamptz, p_expires_at timestamptz
) RETURNS TABLE (outcome text, hold_id uuid, available bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    h credits_hold%ROWTYPE;
    l record;
    wanted bigint := p_amount;
    take bigint;
    ids uuid[] := '{}';
    amounts bigint[] := '{}';
    usable bigint := 0;
BEGIN
    -- A statement of its own: lots read in the same statement would be those from before the wait.
    SELECT * INTO w FROM credits_wallet WHERE workspace_id = p_workspace AND sandbox = p_sandbox FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'no_wallet'::text, NULL::uuid, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO h FROM credits_hold WHERE reference = p_reference;
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN h.wallet_id = w.id AND h.amount = p_amount THEN 'replayed' ELSE 'conflict' END,
            h.id, w.balance - w.held - w.debt;
        RETURN;
    END IF;
    IF w.debt > 0 THEN
        RETURN QUERY SELECT 'in_debt'::text, NULL::uuid, 0::bigint;
        RETURN;
    END IF;
    FOR l IN
        SELECT id, remaining FROM credits_lot
        WHERE wallet_id = w.id AND NOT closed AND effective_at <= p_at AND (expires_at IS NULL OR expires_at > p_at)
            AND (applies_to = '{}' OR p_pipeline = ANY (applies_to))
        ORDER BY priority, expires_at NULLS LAST, paid, id
    LOOP
        usable := usable + l.remaining;
        take := least(l.remaining, wanted);
        IF take > 0 THEN
            ids := ids || l.id;
            amounts := amounts || take;
            wanted := wanted - take;
        END IF;
    END LOOP;
    IF wanted > 0 THEN
        RETURN QUERY SELECT 'insufficient'::text, NULL::uuid, usable;
        RETURN;
    END IF;
    UPDATE credits_lot SET remaining = remaining - d.amount, closed = (remaining = d.amount)
    FROM unnest(ids, amounts) AS d (lot, amount) WHERE id = d.lot;
    INSERT INTO credits_hold (id, wallet_id, reference, amount, captured, state, lot_ids, lot_amounts, reason,
        created_at, expires_at)
    VALUES (p_hold, w.id, p_reference, p_amount, 0, 'held', ids, amounts, '', p_at, p_expires_at);
    UPDATE credits_wallet SET held = held + p_amount WHERE id = w.id;
    RETURN QUERY SELECT 'held'::text, p_hold, usable - p_amount;
END $$;

-- Ends a hold: p_captured is kept by the platform, the rest returns to the lots it came from, the
-- longest-lived first. outcome: closed | replayed | conflict | exceeds | no_hold. Nothing is captured
-- when p_state is voided or expired.
CREATE OR REPLACE FUNCTION ledger_settle(
    p_hold uuid, p_captured bigint, p_state text, p_reason text, p_at timestamptz, p_grace interval
) RETURNS TABLE (outcome text, captured bigint, released bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    w credits_wallet%ROWTYPE;
    h credits_hold%ROWTYPE;
    d record;
    giving bigint;
    back bigint;
    posted bigint;
    grace uuid;
BEGIN
    SELECT wallet_id INTO w.id FROM credits_hold WHERE id = p_hold;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'no_hold'::text, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    SELECT * INTO w FROM credits_wallet WHERE id = w.id FOR UPDATE;
    SELECT * INTO h FROM credits_hold WHERE id = p_hold FOR UPDATE;
    IF h.state <> 'held' THEN
        RETURN QUERY SELECT CASE WHEN h.state = p_state AND h.captured = p_captured THEN 'replayed' ELSE 'conflict' END,
            h.captured::bigint, (h.amount - h.captured)::bigint;
        RETURN;
    END IF;
    IF p_captured < 0 OR p_captured > h.amount OR (p_state <> 'captured' AND p_captured <> 0) THEN
        RETURN QUERY SELECT 'exceeds'::text, 0::bigint, h.amount::bigint;
        RETURN;
    END IF;

    IF p_captured > 0 THEN
        INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, at, wallet_id, amount, balance_after)
        VALUES ('capture', 'hold:' || p_hold, '', 'system', p_reason, p_at, w.id, -p_captured, w.balance - p_captured)
        RETURNING id INTO posted;
        INSERT INTO credits_entry (posting_id, account, amount) VALUES (posted, 'consumed', p_captured);
    END IF;
    giving := h.amount - p_captured;
    FOR d IN
        SELECT t.lot, t.amount AS drawn, l.expires_at, l.paid
        FROM unnest(h.lot_ids, h.lot_amounts) WITH ORDINALITY AS t (lot, amount, nth)
        JOIN credits_lot l ON l.id = t.lot
        ORDER BY l.expires_at DESC NULLS FIRST, t.nth DESC
    LOOP
        back := least(giving, d.drawn);
        giving := giving - back;
        IF back > 0 AND (d.expires_at IS NULL OR d.expires_at > p_at) THEN
            UPDATE credits_lot SET remaining = remaining + back, closed = false WHERE id = d.lot;
        ELSIF back > 0 THEN
            -- The lot died while the job ran: the credits live on in a lot of their own for a while.
            grace := gen_random_uuid();
            INSERT INTO credits_lot (id, wallet_id, origin, reference, priority, paid, amount, remaining, closed,
                applies_to, effective_at, expires_at, created_at)
            VALUES (grace, w.id, 'grace', 'grace:' || p_hold || ':' || d.lot, 50, d.paid, back, back, false,
                '{}', p_at, p_at + p_grace, p_at);
            WITH p AS (
                INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, at, wallet_id, amount,
                    balance_after)
                VALUES ('grace', 'grace:' || p_hold || ':' || d.lot, '', 'system', p_reason, p_at, w.id, 0,
                    w.balance - p_captured) RETURNING id
            )
            INSERT INTO credits_entry (posting_id, account, wallet_id, lot_id, amount)
            SELECT p.id, 'wallet', w.id, lot, amount
            FROM p, (VALUES (d.lot, -back), (grace, back)) AS v (lot, amount);
        END IF;
        IF d.drawn > back THEN
            INSERT INTO credits_entry (posting_id, account, wallet_id, lot_id, amount)
            VALUES (posted, 'wallet', w.id, d.lot, back - d.drawn);
        END IF;
    END LOOP;

    UPDATE credits_hold SET state = p_state, captured = p_captured, reason = p_reason, closed_at = p_at
    WHERE id = p_hold;
    UPDATE credits_wallet SET held = held - h.amount, balance = balance - p_captured WHERE id = w.id;
    RETURN QUERY SELECT 'closed'::text, p_captured, (h.amount - p_captured)::bigint;
END $$;
